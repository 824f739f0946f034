package cyclecloud_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/cyclecloud"
	"autoscaled/cyclecloud/cyclecloudtest"
)

func TestLostCreateIsResolved(t *testing.T) {
	for kind, want := range map[cyclecloudtest.FaultKind]autoscale.ResolutionState{
		cyclecloudtest.FaultCutAfter:    autoscale.ResolvedArrived,
		cyclecloudtest.FaultMalformed:   autoscale.ResolvedArrived,
		cyclecloudtest.FaultTruncated:   autoscale.ResolvedArrived,
		cyclecloudtest.FaultStatusAfter: autoscale.ResolvedArrived,
		cyclecloudtest.FaultCutBefore:   autoscale.ResolvedAbsent,
		cyclecloudtest.FaultStatus:      autoscale.ResolvedAbsent,
		cyclecloudtest.FaultHTML:        autoscale.ResolvedAbsent,
	} {
		for _, unknown := range []int{404, 400} {
			cfg := cyclecloudtest.DefaultConfig()
			cfg.UnknownRequestStatus = unknown
			w := newWorld(t, cfg)
			w.observe(t)
			require.NoError(t, w.server.Order(cyclecloudtest.Fault{Kind: kind, Path: "nodes/create"}))
			_, err := w.provider.Create(t.Context(), grow("r1", "execute/Standard_F4s_v2", 3))
			require.ErrorIs(t, err, autoscale.ErrUncertain, kind)

			got, err := w.provider.Resolve(t.Context(), "r1")
			require.NoError(t, err, kind)
			require.Equal(t, want, got.State, kind)
			if want == autoscale.ResolvedArrived {
				require.Len(t, got.Nodes, 3)
			}
			again, err := w.provider.Create(t.Context(), grow("r1", "execute/Standard_F4s_v2", 3))
			require.NoError(t, err, kind)
			require.Equal(t, 3, again.Added, kind)
			require.Len(t, w.observe(t).Nodes, 4, "one head node and three others, whatever was lost")
		}
	}
}

// A request sent again may find the first one still being handled: its nodes are yet to show.
func TestSeenRequestWithoutNodesIsUncertain(t *testing.T) {
	s := newServer(t).on("GET /clusters/demo/status?nodes=true", ok(`{"state":"Started",`+someArray+`,"nodes":[]}`)).
		on(createCall, refusal(409, "seen")).on(lookupOps, ok(`[{"action":"create"}]`)).on(lookupNodes, ok(`{"nodes":[]}`))
	p := s.provider(t)
	_, err := p.Observe(t.Context())
	require.NoError(t, err)
	_, err = p.Create(t.Context(), grow(requestID, "Execute/Standard_F4s_v2", 2))
	require.ErrorIs(t, err, autoscale.ErrUncertain, "none now does not mean none to come")

	s.on(lookupNodes, ok(`{"nodes":[{"NodeId":"1"},{"NodeId":"2"}]}`))
	got, err := p.Create(t.Context(), grow(requestID, "Execute/Standard_F4s_v2", 2))
	require.NoError(t, err)
	require.Equal(t, 2, got.Added)
}

func TestResolveWithoutAnAnswerIsUnknown(t *testing.T) {
	w := newWorld(t, cyclecloudtest.DefaultConfig())
	require.NoError(t, w.server.Order(cyclecloudtest.Fault{Kind: cyclecloudtest.FaultStatus, Method: "GET", Times: -1}))
	got, err := w.provider.Resolve(t.Context(), "r1")
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.Equal(t, autoscale.ResolvedUnknown, got.State)
}

func TestShortCreateSaysWhy(t *testing.T) {
	w := newWorld(t, cyclecloudtest.DefaultConfig())
	w.observe(t)
	got, err := w.provider.Create(t.Context(), grow("r1", "ondemand/Standard_F32s_v2", 100))
	require.NoError(t, err)
	require.Equal(t, 15, got.Added)
	require.Contains(t, got.Message, "maxCoreCount")
	require.NotEmpty(t, got.CloudID)
}

func TestCreateInAnUnknownPoolIsRejected(t *testing.T) {
	w := newWorld(t, cyclecloudtest.DefaultConfig())
	for range 2 { // before the first observation, and after it
		_, err := w.provider.Create(t.Context(), grow("r1", "execute/Standard_Z9", 1))
		require.ErrorIs(t, err, autoscale.ErrRejected)
		require.NotErrorIs(t, err, autoscale.ErrUncertain)
		w.observe(t)
	}
}

func TestRemove(t *testing.T) {
	w := newWorld(t, cyclecloudtest.DefaultConfig())
	w.observe(t)
	_, err := w.provider.Create(t.Context(), grow("r1", "execute/Standard_F4s_v2", 4))
	require.NoError(t, err)
	w.clock.Advance(time.Hour)
	nodes := w.observe(t).Nodes[1:]
	require.NoError(t, w.server.SetKeepAlive(nodes[3].Name, true))

	got, err := w.provider.Remove(t.Context(), autoscale.Remove{Request: "e1", Nodes: nodes[:1]})
	require.NoError(t, err)
	require.Empty(t, got.Refused)
	require.NotEmpty(t, got.CloudID)
	w.clock.Advance(time.Hour)

	ghost := autoscale.Node{ID: "no-such-node"}
	got, err = w.provider.Remove(t.Context(), autoscale.Remove{Request: "e2", Nodes: []autoscale.Node{nodes[0], nodes[1], nodes[3], ghost}})
	require.NoError(t, err)
	require.Len(t, got.Refused, 1, "gone already is success: %v", got.Refused)
	require.Contains(t, got.Refused[nodes[3].ID], "KeepAlive")

	_, err = w.provider.Remove(t.Context(), autoscale.Remove{Request: "e2", Nodes: nodes[1:2]})
	require.NoError(t, err, "a request id seen before is success")

	require.NoError(t, w.server.Order(cyclecloudtest.Fault{Kind: cyclecloudtest.FaultCutAfter, Path: "nodes/terminate"}))
	_, err = w.provider.Remove(t.Context(), autoscale.Remove{Request: "e3", Nodes: nodes[2:3]})
	require.ErrorIs(t, err, autoscale.ErrUncertain)
	resolved, err := w.provider.Resolve(t.Context(), "e3")
	require.NoError(t, err)
	require.Equal(t, autoscale.ResolvedArrived, resolved.State)
}

func TestRemoveWhoseEveryNodeIsGone(t *testing.T) {
	const terminate = "POST /clusters/demo/nodes/terminate"
	remove := autoscale.Remove{Request: requestID, Nodes: []autoscale.Node{{ID: "1"}, {ID: "2"}}}
	s := newServer(t).on(terminate, refusal(409, "no such nodes")).on(lookupOps, ok(`[]`)).on(lookupNodes, refusal(404, "")).
		on("GET /clusters/demo/nodes", ok(`{"nodes":[{"NodeId":"1","TargetState":"Terminated","Status":"Terminating"}]}`))
	_, err := s.provider(t).Remove(t.Context(), remove)
	require.NoError(t, err)

	s.on("GET /clusters/demo/nodes", ok(`{"nodes":[{"NodeId":"1","TargetState":"Started","Status":"Ready"}]}`))
	_, err = s.provider(t).Remove(t.Context(), remove)
	require.ErrorIs(t, err, autoscale.ErrRejected)

	s.on(terminate, accepted(`{"operationId":"o","nodes":[{"id":"2","status":"OK"}]}`))
	got, err := s.provider(t).Remove(t.Context(), remove)
	require.NoError(t, err)
	require.Contains(t, got.Refused["1"], "doesn't mention")

	s.on("GET /clusters/demo/nodes", refusal(401, ""))
	got, err = s.provider(t).Remove(t.Context(), remove)
	require.NoError(t, err)
	require.Len(t, got.Refused, 1, "what can't be checked is refused")

	_, err = s.provider(t).Remove(t.Context(), autoscale.Remove{Request: requestID})
	require.ErrorIs(t, err, autoscale.ErrRejected, "a remove of nothing is never sent")
}

func TestErrorsAreTranslated(t *testing.T) {
	all := []error{autoscale.ErrUnauthorized, autoscale.ErrNotFound, autoscale.ErrRejected, autoscale.ErrThrottled,
		autoscale.ErrUnavailable, autoscale.ErrMalformed}
	for name, test := range map[string]struct {
		answer answer
		want   error
	}{
		"wrong password":  {refusal(http.StatusUnauthorized, ""), autoscale.ErrUnauthorized},
		"no permission":   {refusal(http.StatusForbidden, ""), autoscale.ErrUnauthorized},
		"unknown cluster": {refusal(http.StatusNotFound, "no cluster demo"), autoscale.ErrNotFound},
		"bad input":       {refusal(http.StatusBadRequest, ""), autoscale.ErrRejected},
		"throttled":       {answer{status: 429, header: map[string]string{"Retry-After": "3600"}}, autoscale.ErrThrottled},
		"broken":          {refusal(http.StatusNotImplemented, ""), autoscale.ErrUnavailable},
		"HTML":            {ok("<html><title>Sign in</title></html>"), autoscale.ErrMalformed},
		"another API":     {ok(`{"status":"fine"}`), autoscale.ErrMalformed},
		"redirect":        {answer{status: 302, header: map[string]string{"Location": "https://login.example.com/?next=1"}}, autoscale.ErrUnavailable},
	} {
		s := newServer(t).on("GET /clusters/demo/status?nodes=true", test.answer)
		p := cyclecloud.NewProvider(cyclecloud.ProviderOptions{Cluster: "demo", Now: time.Now,
			Client: s.client(t, func(o *cyclecloud.Options) { o.Retries = -1 })})
		_, err := p.Observe(t.Context())
		for _, kind := range all {
			require.Equal(t, kind == test.want, errors.Is(err, kind), "%s: %v is %v", name, err, kind)
		}
		require.ErrorContains(t, err, "cluster demo: GET /clusters/demo/status", name)
		require.NotErrorIs(t, err, autoscale.ErrUncertain, name)
	}
}

// Nothing can have come of a create or remove in a cluster that isn't there.
func TestActionsInAnUnknownClusterAreRejected(t *testing.T) {
	s := newServer(t).on("GET /clusters/demo/status?nodes=true", ok(`{"state":"Started",`+someArray+`,"nodes":[]}`)).
		on(createCall, refusal(404, "no cluster demo")).
		on("POST /clusters/demo/nodes/terminate", refusal(404, "no cluster demo"))
	p := s.provider(t)
	_, err := p.Observe(t.Context())
	require.NoError(t, err)
	_, err = p.Create(t.Context(), grow(requestID, "Execute/Standard_F4s_v2", 1))
	require.ErrorIs(t, err, autoscale.ErrRejected)
	_, err = p.Remove(t.Context(), autoscale.Remove{Request: requestID, Nodes: []autoscale.Node{{ID: "1"}}})
	require.ErrorIs(t, err, autoscale.ErrRejected)
	require.NotErrorIs(t, err, autoscale.ErrUncertain)

	s.on(createCall, refusal(409, "conflict")).on(lookupOps, refusal(404, "")).on(lookupNodes, refusal(404, "no cluster demo"))
	_, err = p.Create(t.Context(), grow(requestID, "Execute/Standard_F4s_v2", 1))
	require.ErrorIs(t, err, autoscale.ErrUncertain, "an earlier request under this id may have been handled")
}
