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
