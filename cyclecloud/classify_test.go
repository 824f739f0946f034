package cyclecloud

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// Messages as Azure and CycleCloud word them, shortened.
func TestWordsTellTheClass(t *testing.T) {
	for message, want := range map[string]autoscale.ErrorClass{
		"Code: AllocationFailed. Allocation failed. We do not have sufficient capacity for the requested VM size in this region.": autoscale.ErrorCapacity,
		"ZonalAllocationFailed: Allocation failed. We do not have sufficient capacity in this zone.":                              autoscale.ErrorCapacity,
		"OverconstrainedAllocationRequest: allocation constraints are too restrictive":                                            autoscale.ErrorCapacity,
		"SkuNotAvailable: following SKUs have failed for Capacity Restrictions: Standard_HB120rs_v3":                              autoscale.ErrorCapacity,
		"the cloud has no more capacity for Standard_F4s_v2":                                                                      autoscale.ErrorCapacity,
		"capacity of Standard_F4s_v2 is throttled after a failure":                                                                autoscale.ErrorCapacity,
		"ThrottleCapacity is set": autoscale.ErrorCapacity,
		"OperationNotAllowed: Operation could not be completed as it results in exceeding approved standardFSv2Family Cores quota. Limit: 100": autoscale.ErrorQuota,
		"QuotaExceeded": autoscale.ErrorQuota,
		"AuthorizationFailed: The client does not have authorization to perform action Microsoft.Compute/virtualMachineScaleSets/write": autoscale.ErrorAuth,
		"LinkedAuthorizationFailed: no permission to perform action join/action on the linked scope":                                    autoscale.ErrorAuth,
		"InvalidAuthenticationToken: The access token is invalid":                                                                       autoscale.ErrorAuth,
		"AADSTS7000222: The provided client secret keys are expired":                                                                    autoscale.ErrorAuth,
		"TooManyRequests: the request is being throttled":                                                                               autoscale.ErrorThrottle,
		"InvalidParameter: The value of parameter imageReference.id is invalid":                                                         autoscale.ErrorConfig,
		"PlatformImageNotFound: The platform image is not available":                                                                    autoscale.ErrorConfig,
		"InvalidResourceReference: subnet compute was not found":                                                                        autoscale.ErrorConfig,
		"RequestDisallowedByPolicy: Resource was disallowed by policy":                                                                  autoscale.ErrorConfig,
		"NotActivated": autoscale.ErrorConfig,
		"OperationNotAllowed: The server rejected it because this size is retired":           autoscale.ErrorConfig,
		"OSProvisioningTimedOut: OS Provisioning for VM did not finish in the allotted time": autoscale.ErrorBoot,
		"Software configuration failed": autoscale.ErrorBoot,
		"the weather is bad":            "",
		"":                              "",
	} {
		require.Equal(t, want, classOfWords(message), message)
	}
}

func TestShortAnswerIsCapacityUnlessItSaysOtherwise(t *testing.T) {
	require.Empty(t, classOfShort(3, 3, "quota"))
	require.Equal(t, autoscale.ErrorCapacity, classOfShort(3, 2, ""))
	require.Equal(t, autoscale.ErrorCapacity, classOfShort(3, 2, "only some"))
	require.Equal(t, autoscale.ErrorQuota, classOfShort(3, 0, "Quota reached"))
}

// What the server refuses with 4xx is a matter of configuration, unless its words
// say otherwise; a call without an answer has no class.
func TestErrorsTellTheClass(t *testing.T) {
	p := NewProvider(ProviderOptions{Cluster: "demo"})
	for _, c := range []struct {
		err  error
		want autoscale.ErrorClass
	}{
		{&Error{Status: 401, Kind: ErrUnauthorized}, autoscale.ErrorAuth},
		{&Error{Status: 403, Kind: ErrUnauthorized, Words: "no capacity"}, autoscale.ErrorAuth},
		{&Error{Status: 429, Kind: ErrThrottled}, autoscale.ErrorThrottle},
		{&Error{Status: 400, Kind: ErrInvalidInput, Words: "count must be positive"}, autoscale.ErrorConfig},
		{&Error{Status: 409, Kind: ErrInvalidInput, Words: "QuotaExceeded"}, autoscale.ErrorQuota},
		{&Error{Status: 404, Kind: ErrNotFound, Words: "no cluster demo"}, autoscale.ErrorConfig},
		{&Error{Status: 503, Kind: ErrUnavailable, Words: "quota service is down"}, ""},
		{&Error{Status: 409, Kind: ErrConflict, Uncertain: true}, ""},
		{errors.New("dial"), ""},
	} {
		got := autoscale.ClassOf(fmt.Errorf("request r: %w", p.translateAct("create", c.err)))
		require.Equal(t, c.want, got, "%v", c.err)
	}
}
