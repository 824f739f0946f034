package anka_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
)

var lost = []ankatest.FaultKind{ankatest.FaultCutAfter, ankatest.FaultStatusAfter, ankatest.FaultMalformed, ankatest.FaultTruncated}

func TestALostAnswerStartsNothingTwice(t *testing.T) {
	for _, kind := range lost {
		w := newWorld(t, func(*ankatest.Config) {})
		p := w.provide(w.ios())
		w.order(ankatest.Fault{Kind: kind, Method: "POST", Path: "/api/v1/vm"})
		_, err := p.Create(w.ctx, grow("r1", "ios", 2))
		require.ErrorIs(t, err, autoscale.ErrUncertain, kind)
		r, err := p.Resolve(w.ctx, "r1")
		require.NoError(t, err)
		require.Equal(t, autoscale.ResolvedArrived, r.State)
		require.Len(t, r.Nodes, 2)
		require.True(t, strings.HasPrefix(r.CloudID, "autoscaled/r1/"))

		again, err := p.Create(w.ctx, grow("r1", "ios", 2))
		require.NoError(t, err)
		require.Equal(t, 2, again.Added)
		require.Contains(t, again.Message, "seen before")
		require.Len(t, w.server.Books().Starts, 1)
	}
}

func TestAbsentIsBelievedOnlyOnceItHasSettled(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	p := w.provide(w.ios())
	resolve := func(want autoscale.ResolutionState) {
		t.Helper()
		r, err := p.Resolve(w.ctx, "r1")
		require.NoError(t, err)
		require.Equal(t, want, r.State)
	}
	resolve(autoscale.ResolvedUnknown) // what was sent before a restart may still arrive
	w.clock.Advance(settle)
	resolve(autoscale.ResolvedAbsent)

	w.order(ankatest.Fault{Kind: ankatest.FaultCutBefore, Method: "POST", Path: "/api/v1/vm"})
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.ErrorIs(t, err, autoscale.ErrUncertain)
	w.clock.Advance(settle - time.Second)
	resolve(autoscale.ResolvedUnknown)
	_, err = p.Create(w.ctx, grow("r1", "ios", 1))
	require.ErrorIs(t, err, autoscale.ErrUncertain, "nothing is started while the first attempt may arrive")
	require.Equal(t, 1, w.server.Books().Calls["POST /api/v1/vm"])
	w.clock.Advance(time.Second)
	resolve(autoscale.ResolvedAbsent)
	receipt, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	require.Equal(t, 1, receipt.Added)
	resolve(autoscale.ResolvedArrived)
}

func TestEachAttemptHasItsOwnExternalID(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	p, seen := w.provide(w.ios()), map[string]bool{}
	for range 3 {
		r, err := p.Create(w.ctx, grow("r1", "ios", 1))
		require.NoError(t, err)
		require.False(t, seen[r.CloudID])
		seen[r.CloudID] = true
		for _, n := range w.observe(p).Nodes {
			_, err := p.Remove(w.ctx, autoscale.Remove{Nodes: []autoscale.Node{n}})
			require.NoError(t, err)
		}
		w.clock.Advance(10 * time.Minute)
	}
}

// The first attempt arrives after the second has left: what was never started
// is shown as failed, and goes before anything runs on it.
func TestALateTwinIsShownAsFailed(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	p := w.provide(w.ios())
	_, err := p.Create(w.ctx, grow("r1", "ios", 2))
	require.NoError(t, err)
	w.clock.Advance(time.Second)
	late := anka.StartRequest{
		TemplateID: w.ios().TemplateID, Tag: "v2", Count: 2, ExternalID: "autoscaled/r1/first",
		Metadata: anka.Metadata{
			anka.MetadataOwner: anka.Text("autoscaled"), anka.MetadataRequest: anka.Text("r1"), anka.MetadataPool: anka.Text("ios"),
			anka.MetadataAttempt: anka.Text("first"), anka.MetadataCount: anka.Number(2),
		},
	}
	_, err = w.client.StartInstances(w.ctx, late)
	require.NoError(t, err)
	var twins []autoscale.Node
	for _, n := range w.observe(p).Nodes {
		require.EqualValues(t, "r1", n.Request)
		require.True(t, n.Owned)
		if n.Phase == autoscale.PhaseFailed {
			require.Contains(t, n.Message, "late twin: request r1 asked for 2")
			require.Contains(t, n.Message, "attempt first")
			twins = append(twins, n)
		}
	}
	require.Len(t, twins, 2)
	_, err = p.Remove(w.ctx, autoscale.Remove{Nodes: twins})
	require.NoError(t, err)
	w.clock.Advance(5 * time.Minute)
	s := w.observe(p)
	require.Len(t, s.Nodes, 2)
	require.Equal(t, autoscale.PhaseReady, s.Nodes[0].Phase)

	_, err = w.client.StartInstances(w.ctx, late)
	require.NoError(t, err)
	w.clock.Advance(5 * time.Minute)
	for _, n := range w.observe(p).Nodes {
		require.Equal(t, autoscale.PhaseReady, n.Phase, "one that came up may have work: it is an idle node like any other")
	}
}

func TestACreateThatCannotLookStartsNothing(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {}, func(o *anka.Options) { o.Retries = -1 })
	p := w.provide(w.ios())
	for _, kind := range []ankatest.FaultKind{ankatest.FaultStatus, ankatest.FaultHTML, ankatest.FaultMalformed, ankatest.FaultTruncated} {
		w.order(ankatest.Fault{Kind: kind, Method: "GET", Path: "/api/v1/vm"})
		_, err := p.Create(w.ctx, grow("r1", "ios", 1))
		require.ErrorIs(t, err, autoscale.ErrUnavailable)
		require.NotErrorIs(t, err, autoscale.ErrUncertain)
	}
	require.Empty(t, w.server.Books().Starts)
}

func TestARemovalThatFailsHalfWayIsInDoubt(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	p := w.provide(w.ios())
	_, err := p.Create(w.ctx, grow("r1", "ios", 3))
	require.NoError(t, err)
	nodes := w.observe(p).Nodes
	for _, fault := range []ankatest.Fault{
		{Kind: ankatest.FaultCutBefore}, {Kind: ankatest.FaultStatus, Status: 429},
	} {
		fault.Method = "DELETE"
		w.order(fault)
		_, err = p.Remove(w.ctx, autoscale.Remove{Nodes: nodes})
		require.ErrorIs(t, err, autoscale.ErrUncertain)
	}
	_, err = p.Remove(w.ctx, autoscale.Remove{Nodes: nodes})
	require.NoError(t, err, "again is no harm")
	w.order(ankatest.Fault{Kind: ankatest.FaultStatus, Status: 429, Method: "DELETE", Times: -1})
	_, err = p.Remove(w.ctx, autoscale.Remove{Nodes: nodes})
	require.ErrorIs(t, err, autoscale.ErrThrottled)
	require.NotErrorIs(t, err, autoscale.ErrUncertain, "not one of them was taken")
}
