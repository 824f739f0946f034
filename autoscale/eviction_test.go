package autoscale

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// aSpotPool is aPool of spot nodes.
func aSpotPool(max int) (Pool, []Limit) {
	pool, limits := aPool("s", "F4", 4, max)
	pool.Labels[LabelSpot] = "true"
	return pool, limits
}

// fleet is a supply of n nodes, ready for an hour, with its memory.
func fleet(pool Pool, limits []Limit, n int) (Supply, Memory) {
	s := Supply{Pools: []Pool{pool}, Limits: limits}
	for i := range n {
		s.Nodes = append(s.Nodes, aNode(fmt.Sprintf("n%d", i), pool.ID, PhaseReady))
	}
	m := Advance(Memory{}, observe(start.Add(-time.Hour), s, nil, nil), nil, aPolicy("s", "a"))
	return s, Advance(m, observe(start, s, nil, nil), nil, aPolicy("s", "a"))
}

// A spot node that goes by itself is a failure of its offering: what comes next is
// one try, and nodes that go in its wake are the same shortage.
func TestEvictionsOfSpotNodesTellOfCapacity(t *testing.T) {
	pool, limits := aSpotPool(100)
	s, m := fleet(pool, limits, 4)
	for i := range 3 {
		s.Nodes = s.Nodes[1:]
		o := observe(start.Add(time.Duration(i+1)*time.Minute), s, jobs("j", 9, wholeNodes(1)), nil)
		require.Len(t, Evicted(m, o, nil), 1)
		m = Advance(m, o, nil, aPolicy("s"))
		offering := m.Offerings[offeringOf(pool.ID, false)]
		require.Equal(t, 1, offering.Failures)
		require.Equal(t, 1, offering.Budget)
		require.Equal(t, ErrorCapacity, offering.Class)
		plan := Decide(State{Observation: o, Memory: m}, aPolicy("s"))
		require.LessOrEqual(t, created(plan)[pool.ID], 1)
	}
}

func TestWhatIsNoEviction(t *testing.T) {
	pool, limits := aSpotPool(100)
	removal := Operation{Request: "r", Kind: OperationRemove, Phase: OpAccepted, Nodes: []NodeID{"n0"}}
	ended := removal
	ended.Phase, ended.Ended = OpConverged, start.Add(time.Minute)
	for name, c := range map[string]struct {
		change     func(*Observation, *Memory)
		operations []Operation
	}{
		"we are removing it":      {operations: []Operation{removal}},
		"we removed it":           {operations: []Operation{ended}},
		"we asked for it earlier": {change: func(_ *Observation, m *Memory) { noteRemovals(m.Nodes, []Operation{removal}) }},
		"the cloud is unreadable": {change: func(o *Observation, _ *Memory) { o.SupplyProblem = "down" }},
		"the cluster is stopped":  {change: func(o *Observation, _ *Memory) { o.Supply.Stopped = "it is Terminated" }},
		"it had failed":           {change: func(_ *Observation, m *Memory) { m.Nodes["n0"] = NodeMemory{Failed: true, Ours: true} }},
		"it is not ours":          {change: func(_ *Observation, m *Memory) { m.Nodes["n0"] = NodeMemory{Pool: pool.ID} }},
	} {
		s, m := fleet(pool, limits, 2)
		s.Nodes = s.Nodes[1:]
		o := observe(start.Add(time.Minute), s, nil, nil)
		if c.change != nil {
			c.change(&o, &m)
		}
		require.Empty(t, Evicted(m, o, c.operations), name)
		require.Empty(t, Advance(m, o, c.operations, aPolicy("s")).Offerings, name)
	}
}

// A refused removal leaves the node to us: if it goes then, it was not by us.
func TestRefusedRemovalDoesNotHideAnEviction(t *testing.T) {
	pool, limits := aSpotPool(100)
	s, m := fleet(pool, limits, 1)
	for _, phase := range []OperationPhase{OpSent, OpExpired} {
		op := Operation{Request: "r", Kind: OperationRemove, Phase: phase, Nodes: []NodeID{"n0"}}
		m = Advance(m, observe(start, s, nil, nil), []Operation{op}, aPolicy("s"))
		require.Equal(t, phase == OpSent, m.Nodes["n0"].Removing)
	}
	s.Nodes = nil
	require.Len(t, Evicted(m, observe(start, s, nil, nil), nil), 1)
}

// From a pool that is not spot a node goes because somebody removed it, or with a
// record of it that stays behind for a while.
func TestRegularNodesThatGoTellNothingOfCapacity(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 100)
	s, m := fleet(pool, limits, 2)
	s.Nodes[0].Phase = PhaseGone
	o := observe(start.Add(time.Minute), s, nil, nil)
	require.Equal(t, []NodeID{"n0"}, Evicted(m, o, nil))
	m = Advance(m, o, nil, aPolicy("a"))
	require.Empty(t, m.Offerings)
	s.Nodes = s.Nodes[1:]
	require.Empty(t, Evicted(m, observe(start.Add(2*time.Minute), s, nil, nil), nil), "its record is cleared away later")
}
