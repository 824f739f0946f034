package autoscale

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Asked for one by one, nodes are as many, of as many jobs and for the same tenants as
// in one set.
func TestSinglyLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Grow{Pool: "mac", Count: rapid.IntRange(1, 9).Draw(t, "nodes"), Single: rapid.Bool().Draw(t, "single"), Reason: Reason{Code: ReasonDemand}}
		g.JobCount = rapid.IntRange(0, 30).Draw(t, "jobs")
		for i := range min(g.JobCount, jobsNamed) {
			g.Jobs = append(g.Jobs, JobID(fmt.Sprint("job-", i)))
		}
		for left := g.Count; left > 0; {
			n := rapid.IntRange(1, left).Draw(t, "alike")
			g.For = append(g.For, Wish{Count: n, Tenants: []Tenant{{Shape: ShapeKey(left)}}})
			left -= n
		}
		serial := 0
		g.Name(func() RequestID { serial++; return RequestID(fmt.Sprint("r-", serial)) })

		var nodes, jobs int
		var named []JobID
		var tenants []Tenant
		requests := make(map[RequestID]bool)
		for _, one := range g.Singly() {
			require.False(t, one.Single && one.Count > 1)
			require.GreaterOrEqual(t, one.JobCount, len(one.Jobs))
			requests[one.Request] = true
			for i := range one.Count {
				tenants = append(tenants, (Promise{For: one.For}).of(i)...)
			}
			nodes, jobs, named = nodes+one.Count, jobs+one.JobCount, append(named, one.Jobs...)
		}
		require.Equal(t, g.Count, nodes)
		require.GreaterOrEqual(t, jobs, g.JobCount)
		require.Equal(t, g.Jobs, named)
		require.Len(t, requests, serial)
		for i := range g.Count {
			require.Equal(t, (Promise{For: g.For}).of(i)[0], tenants[i])
		}
	})
}

// A node of which the queue has heard joins in time or not by the second, at work or not.
func TestUnjoined(t *testing.T) {
	ready := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	node := Node{Phase: PhaseReady}
	m := NodeMemory{Ready: ready}
	missing := HostUse{Missing: true}
	for name, test := range map[string]struct {
		node  Node
		use   HostUse
		after time.Duration
		limit time.Duration
		want  bool
	}{
		"in time":       {node, missing, 10 * time.Minute, 10 * time.Minute, false},
		"too late":      {node, missing, 10*time.Minute + 1, 10 * time.Minute, true},
		"no limit":      {node, missing, time.Hour, 0, false},
		"heard of":      {node, HostUse{}, time.Hour, time.Minute, false},
		"at work":       {node, HostUse{Missing: true, Whole: true}, time.Hour, time.Minute, true},
		"not up":        {Node{Phase: PhaseStarting}, missing, time.Hour, time.Minute, false},
		"has gone down": {Node{Phase: PhaseFailed}, missing, time.Hour, time.Minute, false},
	} {
		require.Equal(t, test.want, unjoined(&test.node, &m, test.use, ready.Add(test.after), test.limit), name)
	}
}

// A host that falls silent has as long as a new one to be heard of again, and counts from the
// beginning each time. Then it is no capacity, and goes, but not with what it runs; and it
// tells nothing of its offering.
func TestSilentAgain(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	policy := Policy{Pools: []PoolPolicy{{JoinTimeout: 10 * time.Minute}}, Adopt: AdoptAll}
	o := Observation{
		Supply: Supply{Pools: []Pool{{ID: "p"}}, Nodes: []Node{{ID: "n", Host: "n", Pool: "p", Phase: PhaseReady}}},
		Demand: Demand{Vouched: true},
	}
	var m Memory
	step := func(after time.Duration, use HostUse) NodeVerdict {
		o.At, o.Demand.Use = at.Add(after), map[string]HostUse{"n": use}
		m = Advance(m, o, nil, policy)
		plan := Decide(State{Observation: o, Memory: m, CanDrain: true}, policy)
		return plan.Nodes[0]
	}
	silent, runs := HostUse{Missing: true}, HostUse{Missing: true, Jobs: []JobID{"1"}}
	step(0, silent)
	step(9*time.Minute, HostUse{})
	require.NotEqual(t, ReasonJoinTimeout, step(2*time.Hour, silent).Reason.Code, "all hosts are silent when a scheduler was restarted")
	step(2*time.Hour+5*time.Minute, HostUse{})
	step(3*time.Hour, silent)
	require.False(t, m.Nodes["n"].Unjoined)
	require.Equal(t, Reason{Code: ReasonSilent, Subject: "1", For: 11 * time.Minute, Of: 10 * time.Minute}, step(3*time.Hour+11*time.Minute, runs).Reason)
	require.True(t, m.Nodes["n"].Unjoined, "it takes no work")
	require.Equal(t, ReasonDraining, step(3*time.Hour+12*time.Minute, silent).Reason.Code)
	last := step(3*time.Hour+13*time.Minute, HostUse{Missing: true, Drain: DrainOurs}).Reason
	require.Equal(t, Reason{Code: ReasonJoinTimeout, For: 13 * time.Minute, Of: 10 * time.Minute}, last)
	require.Zero(t, m.Offerings["p"].Failures)
	require.NotEqual(t, ReasonJoinTimeout, step(3*time.Hour+14*time.Minute, HostUse{}).Reason.Code)
}

// What never registers is a failure of its offering: the next one is a try.
func TestUnjoinedNodesAreFailures(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	policy := Policy{Pools: []PoolPolicy{{JoinTimeout: time.Minute}}}
	o := Observation{
		Supply: Supply{Pools: []Pool{{ID: "mac"}}, Nodes: []Node{{ID: "n", Host: "n", Pool: "mac", Phase: PhaseReady}}},
		Demand: Demand{Vouched: true, Use: map[string]HostUse{"n": {Missing: true}}},
	}
	var m Memory
	for range 3 {
		o.At, at = at, at.Add(time.Minute)
		m = Advance(m, o, nil, policy)
	}
	require.True(t, m.Nodes["n"].Unjoined)
	require.Equal(t, 1, m.Offerings["mac"].Failures)
	o.At, o.Demand.Use["n"] = at, HostUse{Whole: true}
	m = Advance(m, o, nil, policy)
	require.False(t, m.Nodes["n"].Unjoined, "it came after all")
}

// A VM that does not boot, while others that were asked for with it did, is that VM's
// trouble: the pool goes on. One by itself, one that is sold out, and one of a pool whose
// nodes serve many jobs are the offering's.
func TestOneBadVMStopsNoFleet(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		single   bool
		class    ErrorClass
		other    Phase
		failures int
	}{
		"beside one that came up": {true, ErrorBoot, PhaseReady, 0},
		"no class told":           {true, "", PhaseReady, 0},
		"none came up":            {true, ErrorBoot, PhaseStarting, 1},
		"sold out":                {true, ErrorCapacity, PhaseReady, 1},
		"nodes of many jobs":      {false, ErrorBoot, PhaseReady, 1},
	} {
		o := Observation{At: at, Supply: Supply{Pools: []Pool{{ID: "mac", Single: test.single}}, Nodes: []Node{
			{ID: "bad", Pool: "mac", Phase: PhaseStarting, Owned: true}, {ID: "good", Pool: "mac", Phase: PhaseStarting, Owned: true},
		}}}
		policy := Policy{Pools: []PoolPolicy{{}}, Adopt: AdoptOwned}
		m := Advance(Memory{}, o, nil, policy)
		o.At = at.Add(2 * time.Minute)
		o.Supply.Nodes[1].Phase = test.other
		m = Advance(m, o, nil, policy)
		o.At = at.Add(5 * time.Minute)
		o.Supply.Nodes[0].Phase, o.Supply.Nodes[0].Class = PhaseFailed, test.class
		m = Advance(m, o, nil, policy)
		require.Equal(t, test.failures, m.Offerings["mac"].Failures, name)
	}
}

// That VMs come up proves nothing of runners that don't register: only another that did does.
func TestRunnersThatRegisterProveOthers(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	policy := Policy{Pools: []PoolPolicy{{JoinTimeout: 10 * time.Minute}}, Adopt: AdoptOwned}
	for _, joins := range []bool{false, true} {
		o := Observation{At: at, Supply: Supply{Pools: []Pool{{ID: "mac", Single: true}}, Nodes: []Node{
			{ID: "bad", Host: "bad", Pool: "mac", Phase: PhaseStarting, Owned: true}, {ID: "good", Host: "good", Pool: "mac", Phase: PhaseStarting, Owned: true},
		}}}
		m := Advance(Memory{}, o, nil, policy)
		o.Demand = Demand{Vouched: true, Use: map[string]HostUse{"bad": {Missing: true}, "good": {Missing: true}}}
		o.Supply.Nodes[0].Phase, o.Supply.Nodes[1].Phase = PhaseReady, PhaseReady
		o.At = at.Add(time.Minute)
		m = Advance(m, o, nil, policy)
		o.Demand.Use["good"] = HostUse{Missing: !joins}
		o.At = at.Add(2 * time.Minute)
		m = Advance(m, o, nil, policy)
		delete(o.Demand.Use, "good")
		o.Supply.Nodes = o.Supply.Nodes[:1]
		o.At = at.Add(12 * time.Minute)
		m = Advance(m, o, nil, policy)
		require.True(t, m.Nodes["bad"].Unjoined)
		require.Equal(t, !joins, m.Offerings["mac"].Failures == 1)
	}
}
