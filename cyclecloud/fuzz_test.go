package cyclecloud_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/cyclecloud"
)

// fed is a client whose server answers everything with the same bytes.
func fed(t *testing.T, status int, body []byte) *cyclecloud.Client {
	c, err := cyclecloud.New(cyclecloud.Options{URL: "http://cyclecloud.test", Retries: -1, Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, nil
	})})
	require.NoError(t, err)
	return c
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whatever a server says of a cluster, the supply made of it keeps its promises.
func FuzzStatus(f *testing.F) {
	for _, seed := range []string{fullStatus, `{"state":"Started",` + someArray + `,"nodes":[]}`, string(manyNodes(2)), `{"nodearrays":[{}]}`, `{"nodearrays":[null]}`, `{"nodearrays":[{"name":"a","nodearray":null}]}`,
		`{"nodearrays":[{"name":"a"}],"nodes":[{"NodeId":"1"},{"NodeId":"1"}]}`,
		`{"nodearrays":[{"name":"a","buckets":[{"definition":{"machineType":"F_"},"virtualMachine":{"vcpuCount":-1,"memory":-1e9},"availableCount":-1,
		"familyQuotaCoreCount":-5,"lastCapacityFailure":1e300}]}],"nodes":[{"Template":"a"},{"Template":"A","MachineType":"F_"}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p := cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: fed(t, 200, body), Cluster: "demo", Now: func() time.Time { return start }})
		supply, err := p.Observe(t.Context())
		if err != nil {
			require.ErrorIs(t, err, autoscale.ErrMalformed)
			require.True(t, utf8.ValidString(err.Error()))
			require.NotContains(t, err.Error(), "\n")
			return
		}
		limits := map[autoscale.LimitID]bool{}
		for _, l := range supply.Limits {
			require.False(t, limits[l.ID], "limits are told once")
			limits[l.ID] = true
			require.GreaterOrEqual(t, l.Max, int64(0))
			require.GreaterOrEqual(t, l.Used, int64(0))
		}
		pools := map[autoscale.PoolID]bool{}
		for _, p := range supply.Pools {
			pools[p.ID] = true
			require.GreaterOrEqual(t, p.GroupSize, 0)
			require.GreaterOrEqual(t, p.Node.Memory, autoscale.Bytes(0))
			require.False(t, p.CapacityFailed.After(start))
			require.True(t, p.Node.Cores > 0 || p.Invalid != "")
			for _, d := range p.Draws {
				require.True(t, limits[d.Limit])
			}
		}
		for _, n := range supply.Nodes {
			require.True(t, n.Protected != "" || pools[n.Pool], "%+v", n)
		}
	})
}

// A record's known and unknown attributes together are what encoding/json reads.
func FuzzNode(f *testing.F) {
	for _, seed := range []string{`{"Name":"a","CoreCount":4,"Configuration":{"autoscale":{"enabled":false}},"X":null}`, `{"N\u0061me":"\ud800"}`,
		`{"KeepAlive":1,"Memory":"8"}`, `{}`, `null`, `[]`, `{"a":1,"a":2,"Name":3,"Name":"b"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var n cyclecloud.Node
		if n.UnmarshalJSON(raw) != nil {
			return
		}
		want := map[string]json.RawMessage{}
		if json.Unmarshal(raw, &want) != nil {
			return // encoding/json is stricter here and there
		}
		for name, value := range n.Attrs() {
			require.True(t, json.Valid(value), "%s: %s", name, value)
			require.Contains(t, want, name)
		}
		for name := range want {
			_, kept := n.Attr(name)
			require.True(t, kept || typed[name], "%q is lost", name)
		}
		var name string
		if err := json.Unmarshal(want["Name"], &name); err == nil && len(n.Odd) == 0 {
			require.Equal(t, name, n.Name)
		}
	})
}

var typed = map[string]bool{"Name": true, "NodeId": true, "Template": true, "MachineType": true, "Status": true, "State": true, "TargetState": true,
	"StatusMessage": true, "PlacementGroupId": true, "Hostname": true, "PrivateIp": true, "InstanceId": true, "Region": true, "RequestId": true,
	"ShutdownPolicy": true, "CoreCount": true, "Memory": true, "Interruptible": true, "KeepAlive": true, "Fixed": true, "AutoscaledOwner": true, "AutoscaledHost": true}

// No answer to any call makes the client panic, or an error that isn't one line.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{createAnswer, fullUsage, `[{"action":"create","startTime":"2026-06-01"}]`, `{"nodes":[{"id":"1","status":"OK"}],"operationId":"x"}`,
		`{"nodes":[],"operation":{"action":"create","startTime":null}}`, `{"operationId":"x","sets":[{"added":-1}]}`, `{"operationId":"x","sets":[null]}`,
		`{"nodes":[null]}`, `{"nodes":[{"NodeId":"1"},{"NodeId":"1"}]}`, `<html><title>x</title>`, `{"message":"no"}`, "\xff", ``} {
		f.Add(200, []byte(seed))
		f.Add(409, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 || status/100 == 3 {
			return
		}
		c, ctx := fed(t, status, body), t.Context()
		some := cyclecloud.NodeManagementRequest{RequestID: "r", IDs: []string{"1"}}
		for _, call := range []func() error{
			func() error { _, err := c.CreateNodes(ctx, "demo", oneNode()); return err },
			func() error { _, err := c.TerminateNodes(ctx, "demo", some); return err },
			func() error { _, err := c.ScaleToNodes(ctx, "demo", "a", 1); return err },
			func() error { _, err := c.Nodes(ctx, "demo", cyclecloud.NodeQuery{}); return err },
			func() error { _, err := c.Usage(ctx, "demo", cyclecloud.UsageQuery{}); return err },
			func() error { _, err := c.Operations(ctx, ""); return err },
			func() error { _, err := c.Operation(ctx, "x"); return err },
			func() error { _, err := c.LookupRequest(ctx, "demo", "r"); return err },
		} {
			if err := call(); err != nil {
				require.True(t, utf8.ValidString(err.Error()))
				require.NotContains(t, err.Error(), "\n")
				require.Less(t, len(err.Error()), 3000)
			}
		}
	})
}
