package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLateNodeIsReplaced(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	node := aNode("n1", pool.ID, PhaseStarting)
	supply := Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{node}}
	memory := Memory{Nodes: map[NodeID]NodeMemory{node.ID: {Asked: start, Ours: true}}}
	at := func(after time.Duration) Plan {
		o := observe(start.Add(after), supply, jobs("j", 1, wholeNodes(1)), nil)
		return Decide(State{Observation: o, Memory: memory}, aPolicy("htc"))
	}
	require.True(t, at(1800*time.Second).Empty())
	late := at(1801 * time.Second)
	require.Equal(t, []NodeID{"n1"}, removed(late))
	require.Equal(t, ReasonBootTimeout, late.Remove[0].Reason.Code)
	require.Equal(t, map[PoolID]int{pool.ID: 1}, created(late))

	memory.Nodes[node.ID] = NodeMemory{Asked: start, Ready: start.Add(time.Minute), Wanted: start.Add(6999 * time.Second), Ours: true}
	require.True(t, at(7000*time.Second).Empty(), "a node that was ready is never late again")
}

func TestFailedNodeServesNobody(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	failed, busy := aNode("n1", pool.ID, PhaseFailed), aNode("n2", pool.ID, PhaseFailed)
	supply := Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{failed, busy}}
	o := observe(start, supply, jobs("j", 1, wholeNodes(1)), map[string]HostUse{"host-n2": {Jobs: []JobID{"x"}}})
	plan := Decide(State{Observation: o, Memory: idleFor(start, time.Hour, failed, busy)}, aPolicy("htc"))
	require.Equal(t, map[PoolID]int{pool.ID: 1}, created(plan))
	require.Equal(t, []NodeID{"n1"}, removed(plan))
}

func TestDrainIsUndoneBeforeCreating(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	n1, n2 := aNode("n1", pool.ID, PhaseReady), aNode("n2", pool.ID, PhaseReady)
	supply := Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{n1, n2}}
	use := map[string]HostUse{"host-n1": {Drain: DrainOurs}, "host-n2": {Drain: DrainOurs}}
	o := observe(start, supply, jobs("j", 2, wholeNodes(1)), use)
	plan := Decide(State{Observation: o, Memory: idleFor(start, time.Hour, n1, n2), CanDrain: true}, aPolicy("htc"))
	require.Len(t, plan.Undrain, 2)
	require.Empty(t, plan.Grow)
	require.Empty(t, plan.Remove)
}

func TestRemovalTakesTwoSteps(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	node := aNode("n1", pool.ID, PhaseReady)
	supply := Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{node}}
	memory := idleFor(start, time.Hour, node)
	decide := func(use map[string]HostUse) Plan {
		return Decide(State{Observation: observe(start, supply, nil, use), Memory: memory, CanDrain: true}, aPolicy("htc"))
	}
	plan := decide(nil)
	require.Len(t, plan.Drain, 1)
	require.Empty(t, plan.Remove)
	plan = decide(map[string]HostUse{"host-n1": {Drain: DrainOurs}})
	require.Equal(t, []NodeID{"n1"}, removed(plan))
	plan = decide(map[string]HostUse{"host-n1": {Drain: DrainOurs, Jobs: []JobID{"late"}}})
	require.Empty(t, plan.Remove)
	require.Len(t, plan.Undrain, 1, "a job landed in between: the mark is withdrawn")
	plan = decide(map[string]HostUse{"host-n1": {Drain: DrainOurs, Settling: true}})
	require.True(t, plan.Empty(), "a job may yet land, and nobody wants it back")
	require.Equal(t, ReasonDraining, plan.Nodes[0].Reason.Code)
	plan = decide(map[string]HostUse{"host-n1": {Drain: DrainForeign}})
	require.True(t, plan.Empty(), "an administrator's drain is never touched")
}

func TestScaleInKeepsTheMostRecentlyBusy(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	var nodes []Node
	memory := Memory{Nodes: map[NodeID]NodeMemory{}}
	for i, busy := range []time.Duration{-3 * time.Hour, -time.Hour, -2 * time.Hour} {
		n := aNode("n"+string(rune('1'+i)), pool.ID, PhaseReady)
		nodes = append(nodes, n)
		memory.Nodes[n.ID] = NodeMemory{Asked: start.Add(-4 * time.Hour), Ready: start.Add(-4 * time.Hour), Busy: start.Add(busy), Ours: true, IdleReads: 2}
	}
	policy := aPolicy("htc")
	policy.Pools[0].Min = 1
	supply := Supply{Pools: []Pool{pool}, Limits: limits, Nodes: nodes}
	plan := Decide(State{Observation: observe(start, supply, nil, nil), Memory: memory}, policy)
	require.ElementsMatch(t, []NodeID{"n1", "n3"}, removed(plan))
	require.Equal(t, ReasonMinimum, plan.Nodes[1].Reason.Code)
}

func TestUnknownIsNotZero(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	node := aNode("n1", pool.ID, PhaseReady)
	supply := Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{node}}
	policy := aPolicy("htc")
	policy.Pools[0].Min = 5
	s := State{Observation: observe(start, supply, jobs("j", 3, wholeNodes(1)), nil), Memory: idleFor(start, time.Hour, node)}
	for code, blind := range map[ReasonCode]func(*State){
		ReasonDemandUnknown:  func(s *State) { s.DemandProblem = "queue down" },
		ReasonSupplyUnknown:  func(s *State) { s.SupplyProblem = "cloud down" },
		ReasonClusterStopped: func(s *State) { s.Supply.Stopped = "cluster demo is Off" },
	} {
		s := s
		blind(&s)
		plan := Decide(s, policy)
		require.True(t, plan.Empty(), code)
		require.Equal(t, code, plan.Hold.Code)
	}
}

func TestKeepAliveStaysAndServes(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	node := aNode("n1", pool.ID, PhaseReady)
	node.KeepAlive = true
	supply := Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{node}}
	memory := idleFor(start, 24*time.Hour, node)
	plan := Decide(State{Observation: observe(start, supply, nil, nil), Memory: memory}, aPolicy("htc"))
	require.True(t, plan.Empty())
	require.Equal(t, ReasonKeepAlive, plan.Nodes[0].Reason.Code)
	plan = Decide(State{Observation: observe(start, supply, jobs("j", 1, wholeNodes(1)), nil), Memory: memory}, aPolicy("htc"))
	require.True(t, plan.Empty())
}

func TestNodesThatAreNotOursStay(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	other, _ := aPool("viz", "F4", 4, 10)
	foreign := aNode("n1", pool.ID, PhaseReady)
	foreign.Owned = false
	head := aNode("n2", "", PhaseReady)
	head.Protected = "head node"
	unmanaged := aNode("n3", other.ID, PhaseReady)
	supply := Supply{Pools: []Pool{pool, other}, Limits: limits, Nodes: []Node{foreign, head, unmanaged}}
	memory := idleFor(start, time.Hour, foreign, head, unmanaged)
	m := memory.Nodes["n1"]
	m.Ours = false
	memory.Nodes["n1"] = m
	plan := Decide(State{Observation: observe(start, supply, nil, nil), Memory: memory}, aPolicy("htc"))
	require.True(t, plan.Empty())
	codes := []ReasonCode{plan.Nodes[0].Reason.Code, plan.Nodes[1].Reason.Code, plan.Nodes[2].Reason.Code}
	require.Equal(t, []ReasonCode{ReasonForeign, ReasonProtected, ReasonUnmanaged}, codes)
}

func TestMinimumIsFilledAndKept(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	policy := aPolicy("htc")
	policy.Pools[0].Min = 3
	supply := Supply{Pools: []Pool{pool}, Limits: limits}
	plan := Decide(State{Observation: observe(start, supply, jobs("j", 2, wholeNodes(1)), nil)}, policy)
	require.Equal(t, map[PoolID]int{pool.ID: 3}, created(plan), "nodes for jobs count to the minimum")
}

func TestQueueWithoutRunningVouchesForNobody(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	node := aNode("n1", pool.ID, PhaseReady)
	o := observe(start, Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{node}}, nil, nil)
	o.Demand.Vouched = false
	plan := Decide(State{Observation: o, Memory: idleFor(start, time.Hour, node)}, aPolicy("htc"))
	require.True(t, plan.Empty())
	require.Equal(t, ReasonUseUnknown, plan.Nodes[0].Reason.Code)
}
