package autoscale

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A partial add sets the pool's budget to one, backs off for longer and longer as
// tries fail, and lets one node more on its way for each that came up.
func TestPartialAddsBackOffAndRecover(t *testing.T) {
	a, limits := aPool("a", "F4", 4, 100)
	b, more := aPool("b", "F4", 4, 100)
	supply := Supply{Pools: []Pool{a, b}, Limits: append(limits, more...)}
	policy := aPolicy("a", "b")
	var memory Memory
	short := func(asked, ended time.Time) {
		op := Operation{Request: "r", Kind: OperationCreate, Phase: OpShort, Pool: a.ID, Count: 10, Added: 6, Intended: asked, Ended: ended, Message: "no capacity"}
		memory = Advance(memory, observe(ended, supply, nil, nil), []Operation{op}, policy)
	}
	plan := func(at time.Time) map[PoolID]int {
		o := observe(at, supply, jobs("j", 4, wholeNodes(1)), nil)
		memory = Advance(memory, o, nil, policy)
		return created(Decide(State{Observation: o, Memory: memory}, policy))
	}

	short(start, start.Add(15*time.Second))
	require.Equal(t, map[PoolID]int{b.ID: 4}, plan(start.Add(30*time.Second)), "the next pool, in the next tick")
	require.Equal(t, map[PoolID]int{a.ID: 1, b.ID: 3}, plan(start.Add(time.Minute)), "one probe when the backoff ends")

	probed := start.Add(time.Minute)
	short(probed, probed.Add(15*time.Second))
	require.Equal(t, map[PoolID]int{b.ID: 4}, plan(probed.Add(119*time.Second)), "the second backoff is twice as long")
	require.Equal(t, map[PoolID]int{a.ID: 1, b.ID: 3}, plan(probed.Add(120*time.Second)))

	for i := range 2 {
		n := aNode(fmt.Sprintf("n%d", i), a.ID, PhaseStarting)
		seen := supply
		seen.Nodes = []Node{n}
		at := probed.Add(time.Duration(200+i) * time.Second)
		memory = Advance(memory, observe(at, seen, nil, nil), nil, aPolicy("a"))
		seen.Nodes = []Node{n}
		seen.Nodes[0].Phase = PhaseReady
		memory = Advance(memory, observe(at, seen, nil, nil), nil, aPolicy("a"))
	}
	require.Equal(t, map[PoolID]int{a.ID: 3, b.ID: 1}, plan(probed.Add(300*time.Second)), "two nodes came up")
	require.Equal(t, map[PoolID]int{a.ID: 4}, plan(probed.Add(2*time.Hour)), "old failures fade")
}

func TestOneFailureCountsOnce(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 100)
	failed := start.Add(-time.Minute)
	var memory Memory
	for i := range 10 {
		at := start.Add(time.Duration(i) * 15 * time.Second)
		pool.CapacityFailed = failed.Add(time.Duration(i%3) * time.Second) // an age in whole seconds, read late
		memory = Advance(memory, observe(at, Supply{Pools: []Pool{pool}, Limits: limits}, nil, nil), nil, aPolicy("a"))
	}
	require.Equal(t, 1, memory.Offerings[offeringOf(pool.ID, false)].Failures)
	pool.CapacityFailed = failed.Add(time.Minute)
	memory = Advance(memory, observe(start.Add(time.Hour/2), Supply{Pools: []Pool{pool}, Limits: limits}, nil, nil), nil, aPolicy("a"))
	require.Equal(t, 2, memory.Offerings[offeringOf(pool.ID, true)].Failures)
}

func TestNodesThatFailInBootTellOfCapacity(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 100)
	supply := Supply{Pools: []Pool{pool}, Limits: limits}
	for i := range 5 {
		supply.Nodes = append(supply.Nodes, aNode(fmt.Sprintf("n%d", i), pool.ID, PhaseStarting))
	}
	memory := Advance(Memory{}, observe(start, supply, nil, nil), nil, aPolicy("a"))
	for i := range supply.Nodes { // they fail one after the other: one shortage
		supply.Nodes[i].Phase = PhaseFailed
		memory = Advance(memory, observe(start.Add(time.Duration(i+1)*time.Minute), supply, nil, nil), nil, aPolicy("a"))
	}
	require.Equal(t, 1, memory.Offerings[offeringOf(pool.ID, false)].Failures)
	require.Equal(t, 1, memory.Offerings[offeringOf(pool.ID, false)].Budget)
}

func TestLateNodesTellOfCapacity(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 100)
	supply := Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{aNode("n", pool.ID, PhaseStarting)}}
	memory := Advance(Memory{}, observe(start, supply, nil, nil), nil, aPolicy("a"))
	for _, age := range []time.Duration{DefaultBootTimeout, DefaultBootTimeout + time.Second, DefaultBootTimeout + time.Hour/2} {
		memory = Advance(memory, observe(start.Add(age), supply, nil, nil), nil, aPolicy("a"))
		require.Equal(t, age > DefaultBootTimeout, memory.Offerings[offeringOf(pool.ID, false)].Failures == 1, "%s", age)
	}
}

// trial is one pool after a failure, and jobs that would like many of its nodes.
type trial struct {
	at     time.Time
	supply Supply
	memory Memory
	open   []Operation
	want   []Job
}

func newTrial(want []Job) *trial {
	pool, limits := aPool("a", "F4", 4, 1000)
	pool.GroupSize = 100
	x := &trial{at: start, supply: Supply{Pools: []Pool{pool}, Limits: limits}, want: want}
	for _, grouped := range []bool{false, true} {
		f := offerings{at: start, all: x.memory.Offerings}
		if f.all == nil {
			f.all = make(map[OfferingID]Offering)
		}
		f.fail(failure{of: offeringOf(pool.ID, grouped), at: start, asked: start.Add(-time.Minute), class: ErrorCapacity})
		x.memory.Offerings = f.all
	}
	return x
}

// tick plans, lets the cloud take what is asked, and returns how many nodes in
// how many sets.
func (x *trial) tick() (nodes, sets int) {
	o := observe(x.at, x.supply, x.want, nil)
	x.memory = Advance(x.memory, o, x.open, aPolicy("a"))
	plan := Decide(State{Observation: o, Operations: x.open, Memory: x.memory}, aPolicy("a"))
	for i := range plan.Grow {
		g := &plan.Grow[i]
		g.Request = RequestID(fmt.Sprint(x.at.Unix(), "-", i))
		x.open = append(x.open, Operation{Request: g.Request, Kind: OperationCreate, Phase: OpAccepted, Pool: g.Pool, Group: g.Group, Count: g.Count, Added: g.Count, Intended: x.at})
		nodes, sets = nodes+g.Count, sets+1
	}
	x.memory = Remember(x.memory, plan)
	x.at = x.at.Add(15 * time.Second)
	return nodes, sets
}

// comeUp shows the nodes that are under way, first starting and then ready.
func (x *trial) comeUp() {
	for _, phase := range []Phase{PhaseStarting, PhaseReady} {
		for i := range x.open {
			op := &x.open[i]
			for len(op.Nodes) < op.Count {
				n := aNode(fmt.Sprint("n", len(x.supply.Nodes)), op.Pool, PhaseStarting)
				n.Request, n.Group = op.Request, op.Group
				x.supply.Nodes = append(x.supply.Nodes, n)
				op.Nodes = append(op.Nodes, n.ID)
			}
		}
		for i := range x.supply.Nodes {
			x.supply.Nodes[i].Phase = phase
		}
		o := observe(x.at, x.supply, x.want, nil)
		x.memory = Advance(x.memory, o, x.open, aPolicy("a"))
	}
	x.open = nil
}

// As in TCP's slow start: each node that comes up lets one more try, so each round
// doubles what is risked.
func TestEachRoundThatComesUpDoublesTheBudget(t *testing.T) {
	x := newTrial(jobs("j", 500, wholeNodes(1)))
	x.at = start.Add(time.Minute)
	var rounds []int
	for range 6 {
		nodes, _ := x.tick()
		again, _ := x.tick()
		require.Zero(t, again, "what is on its way uses up the budget")
		rounds = append(rounds, nodes)
		x.comeUp()
		x.at = x.at.Add(firstBackoff)
	}
	require.Equal(t, []int{1, 2, 4, 8, 16, 32}, rounds)
}

// A gang is tried whole, one gang a backoff, whatever there is of others.
func TestOneGangIsTheProbe(t *testing.T) {
	gang := wholeNodes(10)
	gang.Grouping = Coupled
	x := newTrial(jobs("g", 5, gang))
	x.at = start.Add(time.Minute)
	nodes, sets := x.tick()
	require.Equal(t, []int{10, 1}, []int{nodes, sets})
	for range 3 {
		nodes, _ = x.tick()
		require.Zero(t, nodes, "while it is on its way")
	}
	op := x.open[0]
	op.Phase, op.Added, op.Ended = OpShort, 0, x.at
	x.open = []Operation{op}
	nodes, _ = x.tick()
	require.Zero(t, nodes, "its failure doubles the backoff")
	x.open = nil
	for x.at.Before(op.Intended.Add(2 * firstBackoff)) {
		nodes, _ = x.tick()
		require.Zero(t, nodes)
	}
	nodes, sets = x.tick()
	require.Equal(t, []int{10, 1}, []int{nodes, sets})
}

// Where a failure shows only after ten minutes, the first try ten minutes ago may
// not have shown yet: the second waits as long.
func TestNoTrySoonerThanAFailureShows(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 100)
	supply := Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{aNode("n", pool.ID, PhaseStarting)}}
	op := Operation{Request: "r", Kind: OperationCreate, Phase: OpAccepted, Pool: pool.ID, Count: 1, Added: 1, Intended: start, Nodes: []NodeID{"n"}}
	supply.Nodes[0].Request = "r"
	m := Advance(Memory{}, observe(start, supply, nil, nil), []Operation{op}, aPolicy("a"))
	supply.Nodes[0].Phase, supply.Nodes[0].Class = PhaseFailed, ErrorQuota
	failed := start.Add(10 * time.Minute)
	m = Advance(m, observe(failed, supply, nil, nil), []Operation{op}, aPolicy("a"))
	o := m.Offerings[offeringOf(pool.ID, false)]
	require.Equal(t, 10*time.Minute, o.Notice)
	require.Equal(t, ErrorQuota, o.Class)
	require.Equal(t, start.Add(10*time.Minute), o.nextProbe())
	probe := Operation{Request: "p", Kind: OperationCreate, Phase: OpShort, Pool: pool.ID, Count: 1, Intended: failed, Ended: failed.Add(time.Second)}
	m = Advance(m, observe(probe.Ended, supply, nil, nil), []Operation{probe}, aPolicy("a"))
	require.Equal(t, time.Second, m.Offerings[offeringOf(pool.ID, false)].Notice, "this one showed at once")
	require.Equal(t, failed.Add(2*time.Minute), m.Offerings[offeringOf(pool.ID, false)].nextProbe())
}

// Failures of the past hour, told by nodes one after the other, tell how long they
// take to show at the most, and never more than the longest backoff.
func TestNoticeIsBounded(t *testing.T) {
	f := offerings{at: start, all: make(map[OfferingID]Offering)}
	f.fail(failure{of: "a", at: start, asked: start.Add(-5 * time.Minute)})
	f.fail(failure{of: "a", at: start.Add(time.Minute), asked: start.Add(-5 * time.Minute)})
	require.Equal(t, 6*time.Minute, f.all["a"].Notice)
	require.Equal(t, 1, f.all["a"].Failures)
	f.fail(failure{of: "a", at: start.Add(2 * time.Minute), asked: start.Add(-24 * time.Hour)})
	require.Equal(t, lastBackoff, f.all["a"].Notice)
}

// What fell short rests for as long as the queue keeps its nodes out of service, or for its
// backoff where that is longer. One that did not boot says nothing of the others.
func TestOfferingsRest(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 100)
	for name, c := range map[string]struct {
		class ErrorClass
		rest  time.Duration
		want  time.Duration // after it failed
	}{
		"no rest":     {ErrorCapacity, 0, 45 * time.Second},
		"a long one":  {ErrorCapacity, 3 * time.Minute, 3 * time.Minute},
		"a short one": {ErrorCapacity, 10 * time.Second, 45 * time.Second},
		"of one node": {ErrorBoot, 3 * time.Minute, 45 * time.Second},
	} {
		failed := start.Add(15 * time.Second) // a minute of backoff has begun when it was asked for
		o := observe(failed, Supply{Pools: []Pool{pool}, Limits: limits}, nil, nil)
		o.Demand.Rest = c.rest
		op := Operation{Request: "r", Kind: OperationCreate, Phase: OpShort, Pool: pool.ID, Count: 10, Added: 6, Intended: start, Ended: failed, Class: c.class}
		m := Advance(Memory{}, o, []Operation{op}, aPolicy("a"))
		o.At, o.Demand.Rest = start.Add(time.Minute), 0
		m = Advance(m, o, nil, aPolicy("a"))
		require.Equal(t, failed.Add(c.want), m.Offerings["a/F4"].NextTry(), name)
	}
}
