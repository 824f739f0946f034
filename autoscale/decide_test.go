package autoscale

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPackingSharesNodes(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	supply := Supply{Pools: []Pool{pool}, Limits: limits}
	for jobCount, nodes := range map[int]int{2: 1, 6: 2, 8: 2, 9: 3} {
		o := observe(start, supply, jobs("j", jobCount, tasksOf(1, 1)), nil)
		plan := Decide(State{Observation: o}, aPolicy("htc"))
		require.Equal(t, map[PoolID]int{pool.ID: nodes}, created(plan), "%d jobs", jobCount)
		require.Empty(t, waiting(plan, o.Demand))
	}
}

func TestSharedQuotaIsReallyShared(t *testing.T) {
	f4, l4 := aPool("htc", "F4", 4, 10)
	f8, l8 := aPool("hpc", "F8", 8, 10)
	family := Limit{ID: "family/F/cores", Kind: LimitFamily, Name: "F", Unit: UnitCores, Max: 80}
	f4.Draws = append(f4.Draws, Draw{family.ID, 4})
	f8.Draws = append(f8.Draws, Draw{family.ID, 8})
	supply := Supply{Pools: []Pool{f8, f4}, Limits: append(append(l4, l8...), family)}
	o := observe(start, supply, jobs("j", 20, wholeNodes(1)), nil)
	plan := Decide(State{Observation: o}, aPolicy("htc", "hpc"))
	require.Equal(t, map[PoolID]int{f4.ID: 10, f8.ID: 5}, created(plan))
	require.Len(t, waiting(plan, o.Demand), 5)
	last := plan.Outcomes[len(plan.Outcomes)-1]
	require.Equal(t, ReasonLimit, last.Reason.Code)
}

func TestGangIsAllOrNothing(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	supply := Supply{Pools: []Pool{pool}, Limits: limits}
	gang := wholeNodes(10)
	gang.Gang = GangAll
	small := jobs("small", 1, wholeNodes(1))
	small[0].Priority = 1
	o := observe(start, supply, append(small, jobs("gang", 1, gang)...), nil)
	plan := Decide(State{Observation: o}, aPolicy("htc"))
	require.Equal(t, map[PoolID]int{pool.ID: 1}, created(plan))
	require.Equal(t, map[JobID]ReasonCode{"gang0": ReasonLimit}, waiting(plan, o.Demand))

	gang.Gang = GangBestEffort
	o = observe(start, supply, append(small, jobs("gang", 1, gang)...), nil)
	plan = Decide(State{Observation: o}, aPolicy("htc"))
	require.Equal(t, map[PoolID]int{pool.ID: 10}, created(plan))
	require.Equal(t, ReasonPart, plan.Outcomes[1].Reason.Code)
	require.Equal(t, 9, plan.Outcomes[1].Tasks)
}

func TestGroupsOfFive(t *testing.T) {
	pool, limits := aPool("hpc", "F4", 4, 100)
	pool.GroupSize = 5
	supply := Supply{Pools: []Pool{pool}, Limits: limits}
	coupled := func(tasks, perNode int) Shape {
		return Shape{Tasks: tasks, PerTask: Resources{Cores: 1}, TasksPerNode: perNode, Grouping: Coupled}
	}
	o := observe(start, supply, jobs("j", 1, coupled(10, 2)), nil)
	plan := Decide(State{Observation: o}, aPolicy("hpc"))
	require.Len(t, plan.Grow, 1)
	require.Equal(t, 5, plan.Grow[0].Count)
	require.Equal(t, "F4_pg0", plan.Grow[0].Group)

	o = observe(start, supply, jobs("j", 1, coupled(14, 2)), nil)
	plan = Decide(State{Observation: o}, aPolicy("hpc"))
	require.Empty(t, plan.Grow)
	require.Equal(t, Reason{Code: ReasonGroupTooSmall, Have: 5, Want: 7}, plan.Outcomes[0].Reason)

	three := wholeNodes(3)
	three.Grouping = Coupled
	o = observe(start, supply, jobs("j", 2, three), nil)
	plan = Decide(State{Observation: o}, aPolicy("hpc"))
	require.Len(t, plan.Grow, 2)
	for _, g := range plan.Grow {
		require.Equal(t, 3, g.Count)
	}
}

func TestPreferenceFillsInOrder(t *testing.T) {
	a, la := aPool("a", "F4", 4, 10)
	b, lb := aPool("b", "F4", 4, 10)
	supply := Supply{Pools: []Pool{a, b}, Limits: append(la, lb...)}
	for _, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
		shape := wholeNodes(1)
		shape.Selector = Selector{Prefer: []Selector{HasLabel(LabelNodearray, order[0]), HasLabel(LabelNodearray, order[1])}}
		plan := Decide(State{Observation: observe(start, supply, jobs("j", 15, shape), nil)}, aPolicy("a", "b"))
		require.Equal(t, map[PoolID]int{PoolID(order[0] + "/F4"): 10, PoolID(order[1] + "/F4"): 5}, created(plan))
	}
}

func TestAskedNodesServeBeforeNewOnes(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	supply := Supply{Pools: []Pool{pool}, Limits: limits}
	o := observe(start, supply, jobs("j", 3, wholeNodes(1)), nil)
	for _, phase := range []OperationPhase{OpIntended, OpSent, OpAccepted} {
		op := Operation{Request: "r1", Kind: OperationCreate, Phase: phase, Pool: pool.ID, Count: 3, Added: 3, Intended: start}
		plan := Decide(State{Observation: o, Operations: []Operation{op}}, aPolicy("htc"))
		require.True(t, plan.Empty(), "%s: %+v", phase, plan)
		require.Equal(t, ReasonOnStarting, plan.Outcomes[0].Reason.Code)
	}
}

func TestAbsentRequestIsRetriedOnlyIfWantedWhole(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	supply := Supply{Pools: []Pool{pool}, Limits: limits}
	op := Operation{Request: "r1", Kind: OperationCreate, Phase: OpAbsent, Pool: pool.ID, Count: 3, Intended: start}

	o := observe(start, supply, jobs("j", 4, wholeNodes(1)), nil)
	plan := Decide(State{Observation: o, Operations: []Operation{op}}, aPolicy("htc"))
	require.Len(t, plan.Retry, 1)
	require.Equal(t, map[PoolID]int{pool.ID: 1}, created(plan))

	o = observe(start, supply, jobs("j", 2, wholeNodes(1)), nil)
	plan = Decide(State{Observation: o, Operations: []Operation{op}}, aPolicy("htc"))
	require.Empty(t, plan.Retry)
	require.Equal(t, map[PoolID]int{pool.ID: 2}, created(plan))

	o = observe(start, supply, nil, nil)
	plan = Decide(State{Observation: o, Operations: []Operation{op}}, aPolicy("htc"))
	require.True(t, plan.Empty())

	op.Attempts = attemptsAtMost
	o = observe(start, supply, jobs("j", 4, wholeNodes(1)), nil)
	plan = Decide(State{Observation: o, Operations: []Operation{op}}, aPolicy("htc"))
	require.Empty(t, plan.Retry, "sent often enough")
	require.Equal(t, map[PoolID]int{pool.ID: 4}, created(plan))
}

func TestIdleNodesFirst(t *testing.T) {
	f4, l4 := aPool("htc", "F4", 4, 10)
	f16, l16 := aPool("hpc", "F16", 16, 10)
	node := aNode("n1", f16.ID, PhaseReady)
	supply := Supply{Pools: []Pool{f4, f16}, Limits: append(l4, l16...), Nodes: []Node{node}}
	o := observe(start, supply, jobs("j", 1, tasksOf(1, 1)), nil)
	plan := Decide(State{Observation: o, Memory: idleFor(start, time.Hour, node)}, aPolicy("htc", "hpc"))
	require.True(t, plan.Empty())
	require.Equal(t, ReasonOnReady, plan.Outcomes[0].Reason.Code)
	require.Equal(t, ReasonWanted, plan.Nodes[0].Reason.Code)
}

func TestBadJobAmongGood(t *testing.T) {
	pool, limits := aPool("htc", "F4", 176, 100)
	supply := Supply{Pools: []Pool{pool}, Limits: limits}
	o := observe(start, supply, append(jobs("bad", 1, tasksOf(1, 1000)), jobs("j", 50, wholeNodes(1))...), nil)
	plan := Decide(State{Observation: o}, aPolicy("htc"))
	require.Equal(t, map[PoolID]int{pool.ID: 50}, created(plan))
	require.Equal(t, map[JobID]ReasonCode{"bad0": ReasonTooLarge}, waiting(plan, o.Demand))
	require.Equal(t, "no machine type it may use has 1000 cores; the largest has 176", plan.Outcomes[0].Reason.String())
}

func TestLicencesAreShared(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 100)
	supply := Supply{Pools: []Pool{pool}, Limits: limits}
	policy := aPolicy("htc")
	policy.Limits = []Limit{{ID: "licence/x", Kind: LimitLicence, Name: "x", Unit: UnitTokens, Max: 100}}
	var all []Job
	for i, tokens := range []int64{40, 60, 20} {
		shape := wholeNodes(1)
		shape.Draws = []Draw{{"licence/x", tokens}}
		j := jobs("", 1, shape)[0]
		j.ID = JobID("abc"[i : i+1])
		all = append(all, j)
	}
	o := observe(start, supply, all, nil)
	plan := Decide(State{Observation: o}, policy)
	require.Equal(t, map[JobID]ReasonCode{"c": ReasonLimit}, waiting(plan, o.Demand))
	require.Equal(t, map[PoolID]int{pool.ID: 2}, created(plan))
}

func TestPlanTellsWhatIsLeftOfLimits(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 10)
	policy := aPolicy("htc")
	policy.Pools[0].Max, policy.Max = 4, 7
	node := aNode("n1", pool.ID, PhaseReady)
	supply := Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{node}}
	plan := Decide(State{Observation: observe(start, supply, jobs("j", 9, wholeNodes(1)), nil), Memory: idleFor(start, time.Minute, node)}, policy)
	used := make(map[LimitID][2]int64)
	for _, l := range plan.Limits {
		used[l.ID] = [2]int64{l.Used, l.Max}
	}
	require.Equal(t, map[LimitID][2]int64{"pool/htc": {4, 4}, "total": {4, 7}, "bucket/htc/F4": {3, 10}}, used)
}

// Nodes come up one by one, in any order, and no job moves to a node that was asked
// for another: nothing more is asked, and nothing goes.
func TestConstantDemandSettlesWhileNodesComeUp(t *testing.T) {
	small, limits := aPool("execute", "F4", 4, 20)
	large, more := aPool("mpi", "HC44rs", 44, 8)
	large.GroupSize = 8
	supply := Supply{Pools: []Pool{small, large}, Limits: append(limits, more...)}
	gang := wholeNodes(4)
	gang.Grouping, gang.Selector = Coupled, HasLabel(LabelNodearray, "mpi")
	waiting := append(jobs("a", 1, tasksOf(16, 1)), jobs("c", 1, gang)...)
	policy := aPolicy("execute", "mpi")
	policy.Pools[0].IdleTime = time.Second

	var ops []Operation
	var memory Memory
	tick := func(at time.Time) Plan {
		o := observe(at, supply, waiting, nil)
		memory = Advance(memory, o, ops, policy)
		plan := Decide(State{Observation: o, Operations: ops, Memory: memory}, policy)
		for i := range plan.Grow {
			g := &plan.Grow[i]
			g.Request = RequestID(fmt.Sprintf("r%d", i))
			ops = append(ops, Operation{Request: g.Request, Kind: OperationCreate, Phase: OpAccepted, Pool: g.Pool, Group: g.Group, Count: g.Count, Added: g.Count, Intended: at})
		}
		memory = Remember(memory, plan)
		return plan
	}
	require.Equal(t, map[PoolID]int{small.ID: 4, large.ID: 4}, created(tick(start)))
	for i := range ops {
		for n := range ops[i].Count {
			node := aNode(fmt.Sprintf("%s-%d", ops[i].Pool, n), ops[i].Pool, PhaseStarting)
			node.Group, node.Request = ops[i].Group, ops[i].Request
			ops[i].Nodes = append(ops[i].Nodes, node.ID)
			supply.Nodes = append(supply.Nodes, node)
		}
	}
	slices.Reverse(supply.Nodes) // the gang's come up first
	for i := range supply.Nodes {
		supply.Nodes[i].Phase = PhaseReady
		plan := tick(start.Add(time.Duration(i+1) * time.Minute))
		require.True(t, plan.Empty(), "after %d nodes: %+v", i+1, plan.Grow)
	}
}

func TestIDsAreOrderedAsPeopleCount(t *testing.T) {
	ids := []JobID{"7_10", "10", "9", "101", "11", "7_2", "a", "a01", "a1", "1"}
	slices.SortFunc(ids, compareIDs)
	require.Equal(t, []JobID{"1", "7_2", "7_10", "9", "10", "11", "101", "a", "a01", "a1"}, ids)
}

func TestActionNamesAJobOnce(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 100)
	o := observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, append(jobs("a", 1, tasksOf(1, 3)), jobs("b", 1, tasksOf(9, 1))...), nil)
	plan := Decide(State{Observation: o}, aPolicy("htc"))
	require.Len(t, plan.Grow, 1)
	require.Equal(t, []JobID{"a0", "b0"}, plan.Grow[0].Jobs)
	require.Equal(t, 2, plan.Grow[0].JobCount)
}

func TestNodesAskedOfAPoolThatIsGoneStillDraw(t *testing.T) {
	a, limits := aPool("a", "F4", 4, 100)
	family := Limit{ID: "family", Kind: LimitFamily, Unit: UnitCores, Max: 40}
	a.Draws = append(a.Draws, Draw{family.ID, 4})
	s := State{Observation: observe(start, Supply{Pools: []Pool{a}, Limits: append(limits, family)}, jobs("j", 10, wholeNodes(1)), nil)}
	s.Operations = []Operation{{Request: "r", Kind: OperationCreate, Phase: OpAccepted, Pool: "gone/F4", Count: 8, Added: 8, Draws: []Draw{{family.ID, 4}}}}
	require.Equal(t, map[PoolID]int{a.ID: 2}, created(Decide(s, aPolicy("a"))))
}
