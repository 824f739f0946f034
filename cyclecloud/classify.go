package cyclecloud

import (
	"errors"
	"strings"

	"autoscaled/autoscale"
)

// words are what CycleCloud and Azure say in messages, in lower case, and what
// class of error each tells of. Azure's codes are written in one word. The first
// that occurs counts, so the more telling ones stand before those that occur in
// them.
var words = []struct {
	class autoscale.ErrorClass
	any   []string
}{
	{autoscale.ErrorCapacity, []string{"throttlecapacity", "is throttled after a failure"}},
	{autoscale.ErrorQuota, []string{"quota", "exceeding approved", "subnetisfull", "core limit"}},
	{autoscale.ErrorThrottle, []string{"toomanyrequests", "too many requests", "throttl", "rate limit"}},
	{autoscale.ErrorCapacity, []string{
		"allocationfailed", "allocation failed", "overconstrained", "allocationtimedout",
		"skunotavailable", "capacity", "currently not available in location", "evicted",
	}},
	{autoscale.ErrorAuth, []string{
		"authorizationfailed", "authorization failed", "does not have authorization", "authenticationfailed", "authentication failed",
		"authenticationtoken", "invalidclientsecret", "aadsts", "unauthorized", "not authorized", "forbidden", "access denied",
	}},
	{autoscale.ErrorBoot, []string{
		"osprovisioning", "provisioning timed out", "vmagentstatuscommunicationerror", "vmextension", "software configuration failed",
	}},
	{autoscale.ErrorConfig, []string{
		"invalid", "notfound", "not found", "does not exist", "notactivated", "disabledmachinetype", "operationnotallowed", "not supported",
		"badrequest", "requestdisallowedbypolicy", "propertychangenotallowed", "missingsubscriptionregistration", "marketplace",
		"scopelocked", "subscriptionnotregistered", "unknown nodearray", "no such",
	}},
}

// classOfWords is what kind of trouble a message tells of. Empty: it does not say.
func classOfWords(message string) autoscale.ErrorClass {
	message = strings.ToLower(message)
	for _, w := range words {
		for _, word := range w.any {
			if strings.Contains(message, word) {
				return w.class
			}
		}
	}
	return ""
}

// classOfShort is why a create brought fewer nodes than asked: what its message
// says, else that the cloud has no more. Empty: it brought all.
func classOfShort(asked, added int, message string) autoscale.ErrorClass {
	if added >= asked {
		return ""
	}
	if class := classOfWords(message); class != "" {
		return class
	}
	return autoscale.ErrorCapacity
}

// classOfError is what kind of trouble a failed call had. The server's status
// counts before its words where it says whose fault it is; of what was refused
// otherwise the words tell more. Nothing is known of a call that got no answer.
func classOfError(err error) autoscale.ErrorClass {
	switch {
	case errors.Is(err, ErrUnauthorized):
		return autoscale.ErrorAuth
	case errors.Is(err, ErrThrottled):
		return autoscale.ErrorThrottle
	case errors.Is(err, ErrUncertain):
		return ""
	case errors.Is(err, ErrInvalidInput), errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound):
		return refusal(err)
	}
	return ""
}

// refusal is the class of a call that the server understood and refused.
func refusal(err error) autoscale.ErrorClass {
	if e, ok := errors.AsType[*Error](err); ok {
		if class := classOfWords(e.Words); class != "" {
			return class
		}
	}
	return autoscale.ErrorConfig
}

// classOfNode is what kind of trouble a node tells of that did not come up.
func classOfNode(phase autoscale.Phase, message string) autoscale.ErrorClass {
	switch phase {
	case autoscale.PhaseFailed, autoscale.PhaseStarting:
		return classOfWords(message)
	}
	return ""
}
