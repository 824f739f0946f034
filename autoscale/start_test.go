package autoscale

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// underWay finds the deallocated nodes that an open start is about, and whether
// the cloud is known to have it.
func (w world) underWay() map[NodeID]bool {
	known := make(map[NodeID]bool)
	for _, op := range w.Operations {
		if op.Kind != OperationStart {
			continue
		}
		for _, id := range op.Nodes {
			if w.nodes[id].Phase == PhaseDeallocated && !w.Memory.Nodes[id].Deallocated.After(op.Intended) {
				known[id] = known[id] || op.Phase != OpAbsent
			}
		}
	}
	return known
}

// startsUnderWay counts by managed pool the nodes that a start under way may bring.
func (w world) startsUnderWay() map[PoolID]int {
	out := make(map[PoolID]int)
	for id := range w.underWay() {
		if pool := w.nodes[id].Pool; w.managed(pool) != nil {
			out[pool]++
		}
	}
	return out
}

// begins lists the nodes that the plan starts, by new requests or old ones.
func (w world) begins() (ids []NodeID) {
	for _, s := range w.plan.Start {
		for _, n := range s.Nodes {
			ids = append(ids, n.ID)
		}
	}
	for _, r := range w.plan.Retry {
		if r.Operation.Kind == OperationStart {
			ids = append(ids, r.Operation.Nodes...)
		}
	}
	return ids
}

// startDraws is what the record says that a node under way draws.
func (w world) startDraws(id NodeID) []Draw {
	for _, op := range w.Operations {
		if op.Kind == OperationStart && slices.Contains(op.Nodes, id) {
			return op.Draws
		}
	}
	return nil
}

// startsNow counts by pool the nodes that the plan starts and that no start under
// way may bring anyway.
func (w world) startsNow() map[PoolID]int {
	out, under := make(map[PoolID]int), w.underWay()
	for _, id := range w.begins() {
		if _, drawn := under[id]; !drawn {
			out[w.nodes[id].Pool]++
		}
	}
	return out
}

// comingUp are the deallocated nodes that may be used: started, or being started.
func (w world) comingUp() map[NodeID]bool {
	up := make(map[NodeID]bool)
	for id, known := range w.underWay() {
		up[id] = known
	}
	for _, id := range w.begins() {
		up[id] = true
	}
	return up
}

func TestPropertyStartsOnlyWhatMayBeStarted(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		under, seen := w.underWay(), make(map[NodeID]bool)
		for _, id := range w.begins() {
			n := w.nodes[id]
			use, _ := w.use(n)
			require.False(t, seen[id], "started twice")
			seen[id] = true
			require.Equal(t, PhaseDeallocated, n.Phase)
			require.False(t, under[id], "it is being started already")
			require.False(t, w.leaving[id])
			require.NotNil(t, w.managed(n.Pool))
			require.Empty(t, w.pools[n.Pool].Invalid)
			require.Empty(t, n.Protected)
			require.False(t, n.KeepAlive)
			require.False(t, use.Busy())
			require.NotEqual(t, DrainForeign, use.Drain)
			require.True(t, n.Owned || w.Memory.Nodes[id].Ours)
		}
		for _, s := range w.plan.Start {
			require.NotEmpty(t, s.Nodes)
			require.NotEmpty(t, s.Reason.Code)
			for _, n := range s.Nodes {
				require.Equal(t, s.Pool, n.Pool)
				require.Equal(t, s.Group, n.Group)
			}
		}
		for _, r := range w.plan.Remove {
			for _, n := range r.Nodes {
				require.False(t, seen[n.ID], "started and removed")
			}
		}
	})
}

// The nodes of an offering on trial that the plan starts and creates together are no
// more than its budget, unless a gang is the probe.
func TestPropertyStartsKeepToCapacityBudgets(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		for _, o := range w.plan.Outcomes {
			if w.Demand.Classes[o.Class].Required() > 1 {
				return
			}
		}
		more := make(map[OfferingID]int)
		under := w.underWay()
		for _, id := range w.begins() {
			if _, drawn := under[id]; !drawn {
				more[offeringOf(w.nodes[id].Pool, w.nodes[id].Group != "")]++
			}
		}
		for _, g := range w.plan.Grow {
			more[offeringOf(g.Pool, g.Group != "")] += g.Count
		}
		for id, n := range more {
			if o, failed := w.Memory.Offerings[id]; failed {
				require.False(t, w.At.Before(o.nextProbe()))
				require.LessOrEqual(t, n, o.Budget, "offering %s", id)
			}
		}
	})
}

// deallocated is a world of so many deallocated nodes of one pool.
func deallocated(n int) (State, Pool) {
	pool, limits := aPool("a", "F4", 4, 100)
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, nil, nil), Memory: Memory{Nodes: make(map[NodeID]NodeMemory)}}
	for i := range n {
		node := aNode(string(rune('a'+i)), pool.ID, PhaseDeallocated)
		s.Supply.Nodes = append(s.Supply.Nodes, node)
		s.Memory.Nodes[node.ID] = NodeMemory{Asked: start.Add(-2 * time.Hour), Ours: true, Deallocated: start.Add(-time.Hour)}
	}
	return s, pool
}

func started(p Plan) (ids []NodeID) {
	for _, s := range p.Start {
		for _, n := range s.Nodes {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// A start that the cloud does not know is sent again if all of it is wanted, else
// what is wanted of it is asked anew. It counts against limits in any case.
func TestLostStart(t *testing.T) {
	s, pool := deallocated(3)
	p := aPolicy("a")
	p.Pools[0].Max = 2
	op := Operation{Request: "r", Kind: OperationStart, Phase: OpAbsent, Pool: pool.ID, Nodes: []NodeID{"b", "c"}, Count: 2, Intended: start.Add(-time.Minute), Attempts: 1}
	s.Operations = []Operation{op}
	s.Demand.Classes = Intern(jobs("j", 3, wholeNodes(1)))
	plan := Decide(s, p)
	require.Empty(t, started(plan), "max 2, and both may still arrive")
	require.Len(t, plan.Retry, 1)
	require.Equal(t, RequestID("r"), plan.Retry[0].Operation.Request)
	require.Empty(t, plan.Grow)
	require.Equal(t, map[JobID]ReasonCode{"j2": ReasonLimit}, waiting(plan, s.Demand))

	s.Demand.Classes = Intern(jobs("j", 1, wholeNodes(1)))
	plan = Decide(s, p)
	require.Empty(t, plan.Retry)
	require.Equal(t, []NodeID{"b"}, started(plan))

	s.Operations[0].Attempts = attemptsAtMost
	require.Empty(t, started(Decide(s, p)), "the third has no room while the lost ones may come")
	s.Operations[0].Phase = OpSent
	require.True(t, Decide(s, p).Empty(), "its nodes are on their way")
}

// A start from before its node was deallocated once more is over: it is not sent
// again, for it would not count as the one that brings the node.
func TestStartThatIsOverIsNotSentAgain(t *testing.T) {
	s, pool := deallocated(1)
	s.Demand.Classes = Intern(jobs("j", 1, wholeNodes(1)))
	s.Operations = []Operation{{Request: "r", Kind: OperationStart, Phase: OpAbsent, Pool: pool.ID, Nodes: []NodeID{"a"}, Count: 1, Intended: start.Add(-2 * time.Hour), Attempts: 1}}
	plan := Decide(s, aPolicy("a"))
	require.Empty(t, plan.Retry)
	require.Equal(t, []NodeID{"a"}, started(plan))
}

// A node that a start had no effect on does not stand in the way of others.
func TestNodeThatDoesNotStartIsLeftAlone(t *testing.T) {
	s, pool := deallocated(1)
	p := aPolicy("a")
	s.Demand.Classes = Intern(jobs("j", 1, wholeNodes(1)))
	require.Equal(t, []NodeID{"a"}, started(Decide(s, p)))
	for _, end := range []Operation{
		{Phase: OpShort, Nodes: []NodeID{"a"}, Ended: start},
		{Phase: OpShort, Refused: []NodeID{"a"}, Ended: start},
		{Phase: OpRejected, Nodes: []NodeID{"a"}, Ended: start},
	} {
		end.Request, end.Kind, end.Pool, end.Intended = "r", OperationStart, pool.ID, start.Add(-10*time.Minute)
		after := s
		after.Memory = Advance(s.Memory, s.Observation, []Operation{end}, p)
		require.Equal(t, 1, after.Memory.Offerings[offeringOf(pool.ID, false)].Failures, "it tells of capacity")
		plan := Decide(after, p)
		require.Empty(t, started(plan))
		require.Equal(t, ReasonStartFailed, plan.Nodes[0].Reason.Code)
		require.Equal(t, map[PoolID]int{pool.ID: 1}, created(plan), "the probe is a new node")
		after.At = start.Add(startAgainAfter)
		require.Equal(t, []NodeID{"a"}, started(Decide(after, p)))
	}
}

// What is started comes up anew: late counts from when the start was asked for.
func TestStartedNodeIsLateByItsStart(t *testing.T) {
	s, pool := deallocated(1)
	p := aPolicy("a")
	s.Memory.Nodes["a"] = NodeMemory{Asked: start.Add(-2 * time.Hour), Ready: start.Add(-time.Hour)}
	s.Memory = Advance(s.Memory, s.Observation, nil, p)
	op := Operation{Request: "r", Kind: OperationStart, Phase: OpAccepted, Pool: pool.ID, Nodes: []NodeID{"a"}, Intended: start}
	s.Supply.Nodes[0].Phase = PhaseStarting
	for age, late := range map[time.Duration]bool{DefaultBootTimeout: false, DefaultBootTimeout + time.Second: true} {
		o := s.Observation
		o.At = start.Add(age)
		after := Advance(Advance(s.Memory, s.Observation, []Operation{op}, p), o, nil, p)
		require.Equal(t, start, after.Nodes["a"].Asked)
		require.Equal(t, late, after.Nodes["a"].Late)
	}
}

// A create that was lost is not sent again into what a start under way may take.
func TestLostCreateLeavesRoomForAStartUnderWay(t *testing.T) {
	s, pool := deallocated(1)
	family := Limit{ID: "family", Kind: LimitFamily, Unit: UnitCores, Max: 4}
	s.Supply.Pools[0].Draws = append(pool.Draws, Draw{family.ID, 4})
	s.Supply.Pools[0].StartDraws = []Draw{{family.ID, 4}}
	s.Supply.Limits = append(s.Supply.Limits, family)
	s.Demand.Classes = Intern(jobs("j", 2, wholeNodes(1)))
	s.Operations = []Operation{{Request: "r", Kind: OperationCreate, Phase: OpAbsent, Pool: pool.ID, Count: 1, Intended: start}}
	plan := Decide(s, aPolicy("a"))
	require.Len(t, plan.Retry, 1, "nothing else draws on it")
	require.Empty(t, started(plan))
	s.Operations = append(s.Operations, Operation{Request: "s", Kind: OperationStart, Phase: OpSent, Pool: pool.ID, Nodes: []NodeID{"a"}, Count: 1, Intended: start})
	require.Empty(t, Decide(s, aPolicy("a")).Retry)
}
