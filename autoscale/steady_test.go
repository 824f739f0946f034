package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Two pools share a quota. One was taken out of the config while nodes of it are
// on their way: they still draw on the quota, and serve nobody.
func TestAskedNodesOfAnUnmanagedPoolDrawOnLimits(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	z, lz := aPool("z", "F4", 4, 100)
	family := Limit{ID: "family", Kind: LimitFamily, Unit: UnitCores, Max: 40}
	a.Draws, z.Draws = append(a.Draws, Draw{family.ID, 4}), append(z.Draws, Draw{family.ID, 4})
	s := State{Observation: observe(start, Supply{Pools: []Pool{a, z}, Limits: append(append(la, lz...), family)}, jobs("j", 10, wholeNodes(1)), nil)}
	s.Operations = []Operation{{Request: "r", Kind: OperationCreate, Phase: OpAccepted, Pool: z.ID, Count: 8, Added: 8}}
	require.Equal(t, map[PoolID]int{a.ID: 2}, created(Decide(s, aPolicy("a"))))
}

// A group is full with the nodes that are asked for and not yet seen.
func TestAskedNodesCountInTheirGroup(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	a.GroupSize = 4
	gang := wholeNodes(2)
	gang.Grouping = Coupled
	s := State{Observation: observe(start, Supply{Pools: []Pool{a}, Limits: la}, jobs("j", 3, gang), nil)}
	s.Operations = []Operation{{Request: "r", Kind: OperationCreate, Phase: OpSent, Pool: a.ID, Group: "g", Count: 4}}
	plan := Decide(s, aPolicy("a"))
	require.Len(t, plan.Grow, 1)
	require.NotEqual(t, "g", plan.Grow[0].Group)
	require.Equal(t, 2, plan.Grow[0].Count)
}

// A tick that can't plan forgets nothing of whom nodes are for, or the plan after it
// would place jobs anew and want more nodes.
func TestBlindTickKeepsWhomNodesAreFor(t *testing.T) {
	for name, blind := range map[string]func(*Observation){
		"cloud":   func(o *Observation) { o.Supply, o.SupplyProblem = Supply{}, "down" },
		"queue":   func(o *Observation) { o.Demand, o.DemandProblem = Demand{}, "down" },
		"stopped": func(o *Observation) { o.Supply.Stopped = "cluster demo is Terminated" },
	} {
		a, la := aPool("a", "F4", 4, 100)
		m := Memory{
			Nodes:    map[NodeID]NodeMemory{"n": {Asked: start, Ours: true, For: []Tenant{{Shape: 7}}}},
			Promises: map[RequestID]Promise{"r": {For: []Wish{{Count: 2, Tenants: []Tenant{{Shape: 7}}}}}},
		}
		o := observe(start.Add(time.Minute), Supply{Pools: []Pool{a}, Limits: la, Nodes: []Node{aNode("n", a.ID, PhaseStarting)}}, nil, nil)
		blind(&o)
		ops := []Operation{{Request: "r", Kind: OperationCreate, Phase: OpSent, Pool: a.ID, Count: 2}}
		m = Advance(m, o, ops, aPolicy("a"))
		m = Remember(m, Decide(State{Observation: o, Operations: ops, Memory: m}, aPolicy("a")))
		require.NotEmpty(t, m.Promises["r"].For, name)
		require.NotEmpty(t, m.Nodes["n"].For, name)
	}
}

func TestUnreadableQueueBreaksARowOfIdleReads(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	n := aNode("n", a.ID, PhaseReady)
	m := idleFor(start, time.Hour, n)
	o := observe(start, Supply{Pools: []Pool{a}, Limits: la, Nodes: []Node{n}}, nil, nil)
	down := o
	down.Demand, down.DemandProblem = Demand{}, "down"
	m = Advance(Advance(m, down, nil, aPolicy("a")), o, nil, aPolicy("a"))
	require.Empty(t, removed(Decide(State{Observation: o, Memory: m}, aPolicy("a"))))
	m = Advance(m, o, nil, aPolicy("a"))
	require.Len(t, removed(Decide(State{Observation: o, Memory: m}, aPolicy("a"))), 1)
}

// One side says full names and the other short ones.
func TestHostsAreFoundByFullAndByShortName(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	for _, c := range []struct{ cloud, queue string }{
		{"ip-0A000004", "ip-0a000004.internal.cloudapp.net"},
		{"IP-0A000004.internal.cloudapp.net", "ip-0a000004"},
	} {
		n := aNode("n", a.ID, PhaseReady)
		n.Host = c.cloud
		o := observe(start, Supply{Pools: []Pool{a}, Limits: la, Nodes: []Node{n}}, nil, map[string]HostUse{c.queue: {Jobs: []JobID{"r"}, Whole: true}})
		require.Empty(t, removed(Decide(State{Observation: o, Memory: idleFor(start, time.Hour, n)}, aPolicy("a"))), "%s runs a job as %s", c.cloud, c.queue)
	}
	require.Equal(t, "10.0.0.4", ShortHost("10.0.0.4"))
}

// Of two hosts with one short name the one that works counts.
func TestShortNameOfTwoHosts(t *testing.T) {
	d := Demand{Vouched: true, Use: map[string]HostUse{"n1.a": {Drain: DrainOurs}, "n1.b": {Whole: true}, "n1.c": {Drain: DrainOurs}}}
	use, known := newHosts(&d, nil).useOf(&Node{Host: "N1"})
	require.True(t, known)
	require.True(t, use.Whole)
}

// The clock was a day ahead, and was set right while the daemon was down.
func TestClockSetBackDoesNotKeepIdleNodes(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	n := aNode("n", a.ID, PhaseReady)
	m := idleFor(start.Add(24*time.Hour), 0, n)
	var at time.Time
	for at = start; at.Before(start.Add(time.Hour)); at = at.Add(time.Minute) {
		o := observe(at, Supply{Pools: []Pool{a}, Limits: la, Nodes: []Node{n}}, nil, nil)
		m = Advance(m, o, nil, aPolicy("a"))
		plan := Decide(State{Observation: o, Memory: m}, aPolicy("a"))
		if m = Remember(m, plan); len(plan.Remove) > 0 {
			break
		}
	}
	require.Equal(t, DefaultIdleTime, at.Sub(start))
}

// What is only planned may be refused: it does not let the last node go.
func TestMinimumCountsNodesThatAreThere(t *testing.T) {
	small, ls := aPool("a", "F4", 4, 100)
	large, ll := aPool("a", "F8", 8, 100)
	n := aNode("n", small.ID, PhaseReady)
	p := aPolicy("a")
	p.Pools[0].Min = 1
	s := State{Observation: observe(start, Supply{Pools: []Pool{small, large}, Limits: append(ls, ll...), Nodes: []Node{n}}, jobs("j", 1, tasksOf(1, 8)), nil), Memory: idleFor(start, time.Hour, n)}
	plan := Decide(s, p)
	require.Len(t, plan.Grow, 1)
	require.Empty(t, removed(plan))
}

// A mark of ours is withdrawn from a node whose pool no policy names any more.
func TestMarkIsWithdrawnWhenThePolicyGoes(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	n := aNode("n", a.ID, PhaseReady)
	s := State{CanDrain: true, Observation: observe(start, Supply{Pools: []Pool{a}, Limits: la, Nodes: []Node{n}}, nil, map[string]HostUse{"host-n": {Drain: DrainOurs}}), Memory: idleFor(start, time.Minute, n)}
	require.Len(t, Decide(s, aPolicy("b")).Undrain, 1)
}

func TestLimitToldTwiceIsTheTighter(t *testing.T) {
	l := newLedger([]Limit{{ID: "x", Max: 10, Used: 2}, {ID: "x", Max: 12, Used: 7}})
	require.Equal(t, 3, l.room(l.claims([]Draw{{"x", 1}})))
}

// A node that is to go and does not show it yet serves no job, and does not count to
// min: the other one stays.
func TestNodesOnTheirWayOutAreNoSupply(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	nodes := []Node{aNode("goes", a.ID, PhaseReady), aNode("stays", a.ID, PhaseReady)}
	m := idleFor(start, time.Hour, nodes...)
	ops := []Operation{{Request: "r", Kind: OperationRemove, Phase: OpAccepted, Pool: a.ID, Count: 1, Nodes: []NodeID{"goes"}}}
	p := aPolicy("a")
	p.Pools[0].Min = 1
	decide := func(waiting []Job) Plan {
		o := observe(start, Supply{Pools: []Pool{a}, Limits: la, Nodes: nodes}, waiting, nil)
		return Decide(State{Observation: o, Operations: ops, Memory: m}, p)
	}
	plan := decide(nil)
	require.Empty(t, removed(plan))
	require.Empty(t, plan.Grow)
	require.Equal(t, map[PoolID]int{a.ID: 1}, created(decide(jobs("j", 2, wholeNodes(1)))))
}
