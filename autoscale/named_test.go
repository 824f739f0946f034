package autoscale

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func lower(name string) string { return strings.ToLower(name) }

// namingNodes is the shape of a job that waits for nodes of these names.
func namingNodes(names ...string) Shape {
	s := wholeNodes(len(names))
	s.Names = names
	return s
}

// named are the names, in lower case, that jobs ask for which are demand now.
func (w world) named() map[string]bool {
	list := make(map[string]bool)
	for _, c := range w.Demand.Classes {
		if c.Held != "" || len(c.DependsOn) > 0 || c.EarliestStart.After(w.At) {
			continue
		}
		for _, name := range c.Names {
			list[lower(name)] = true
		}
	}
	return list
}

// taken are the names that a record has, or that an open request brings.
func (w world) taken() map[string]bool {
	taken := make(map[string]bool)
	for _, n := range w.Supply.Nodes {
		taken[lower(n.Name)] = true
	}
	for _, op := range w.Operations {
		if op.Phase == OpAbsent || w.managed(op.Pool) == nil {
			continue
		}
		for _, name := range op.Names[:min(len(op.Names), op.Expected())] {
			taken[lower(name)] = true
		}
	}
	return taken
}

func TestPropertyNamesAreAskedForOnce(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		named, taken := w.named(), w.taken()
		for _, g := range w.plan.Grow {
			if g.Names == nil {
				continue
			}
			require.Len(t, g.Names, g.Count)
			for i, name := range g.Names {
				require.True(t, named[lower(name)], "nobody asked for %s", name)
				require.False(t, taken[lower(name)], "%s is taken", name)
				taken[lower(name)] = true
				if i > 0 {
					before, _ := splitName(g.Names[i-1])
					now, ok := splitName(name)
					require.True(t, ok && before.precedes(now), "%v is no run", g.Names)
				}
			}
		}
		for _, r := range w.plan.Retry {
			for _, name := range r.Operation.Names {
				require.False(t, taken[lower(name)] && w.created(name), "%s is asked for anew and again", name)
			}
		}
	})
}

// created tells whether the plan asks for the name anew.
func (w world) created(name string) bool {
	return slices.ContainsFunc(w.plan.Grow, func(g Grow) bool { return slices.Contains(g.Names, name) })
}

// What is named goes to those who name it, and to nobody else.
func TestPropertyNamedNodesAreForWhoNamesThem(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		named := w.named()
		byRequest := make(map[RequestID]Operation)
		for _, op := range w.Operations {
			byRequest[op.Request] = op
		}
		for _, o := range w.plan.Outcomes {
			class := w.Demand.Classes[o.Class]
			tasks := 0
			for _, s := range o.Served {
				tasks += s.Tasks
				if len(class.Names) == 0 {
					for _, id := range s.Nodes {
						require.False(t, named[lower(w.nodes[id].Name)], "%s is for others", id)
					}
					require.Empty(t, byRequest[s.Request].Names)
					require.True(t, s.Grow < 0 || w.plan.Grow[s.Grow].Names == nil)
					continue
				}
				require.Equal(t, s.Count, s.Tasks)
				require.GreaterOrEqual(t, w.matching(class.Names, s, byRequest), s.Count, "%+v does not bring %v", s, class.Names)
				require.True(t, class.Group == "" || s.Group == class.Group)
			}
			require.True(t, len(class.Names) == 0 || tasks == o.Tasks)
		}
	})
}

// matching counts the names that a serving stands for.
func (w world) matching(names []string, s Serving, byRequest map[RequestID]Operation) int {
	var brought []string
	switch {
	case s.Nodes != nil:
		for _, id := range s.Nodes {
			brought = append(brought, w.nodes[id].Name)
		}
	case s.Request != "":
		brought = byRequest[s.Request].Names
	default:
		brought = w.plan.Grow[s.Grow].Names
	}
	n := 0
	for _, name := range names {
		if slices.ContainsFunc(brought, func(b string) bool { return lower(b) == lower(name) }) {
			n++
		}
	}
	return n
}

// A gang of named nodes, one of whose names is taken: the name is waited for, then
// all lacking ones are asked for once, and nothing more while they come up, whatever
// the order. In between its other node stays, though it is idle for long.
func TestNamedNodesAreAskedForOnceWhileTheyBoot(t *testing.T) {
	pool, limits := aPool("hpc", "H", 44, 20)
	pool.GroupSize = 8
	gang := namingNodes("hpc-1", "hpc-2", "hpc-3", "hpc-4")
	gang.Grouping, gang.Group = Coupled, "pg0"
	idle, leaving := aNode("hpc-1", pool.ID, PhaseReady), aNode("hpc-3", pool.ID, PhaseStopping)
	idle.Group, leaving.Group = "pg0", "pg0"
	supply := Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{idle, leaving}}
	policy := aPolicy("hpc")
	policy.Pools[0].IdleTime = time.Second
	memory := idleFor(start, time.Hour, idle, leaving)
	var ops []Operation
	at := start
	tick := func() Plan {
		at = at.Add(time.Minute)
		o := observe(at, supply, jobs("j", 1, gang), nil)
		memory = Advance(memory, o, ops, policy)
		plan := Decide(State{Observation: o, Operations: ops, Memory: memory}, policy)
		for i := range plan.Grow {
			g := &plan.Grow[i]
			g.Request = RequestID(fmt.Sprintf("r%d", len(ops)))
			ops = append(ops, Operation{Request: g.Request, Kind: OperationCreate, Phase: OpAccepted, Pool: g.Pool, Group: g.Group, Count: g.Count, Names: g.Names, Added: g.Count, Intended: at})
		}
		memory = Remember(memory, plan)
		return plan
	}
	for range 3 {
		plan := tick()
		require.True(t, plan.Empty())
		require.Equal(t, ReasonNameTaken, plan.Outcomes[0].Reason.Code)
	}
	supply.Nodes = supply.Nodes[:1]
	plan := tick()
	require.Len(t, plan.Grow, 1)
	require.Equal(t, []string{"hpc-2", "hpc-3", "hpc-4"}, plan.Grow[0].Names)
	require.Equal(t, "pg0", plan.Grow[0].Group)
	require.True(t, tick().Empty(), "nothing is seen yet")
	for _, name := range []string{"hpc-4", "hpc-2", "hpc-3"} {
		node := aNode(name, pool.ID, PhaseStarting)
		node.Group, node.Request = "pg0", ops[0].Request
		supply.Nodes = append(supply.Nodes, node)
		ops[0].Nodes = append(ops[0].Nodes, node.ID)
		require.True(t, tick().Empty(), name)
	}
	for i := range supply.Nodes {
		supply.Nodes[i].Phase = PhaseReady
		require.True(t, tick().Empty())
	}
	supply.Nodes = supply.Nodes[1:] // evicted
	require.Equal(t, []string{"hpc-1"}, tick().Grow[0].Names)
}

// Of fewer than were asked for the cloud makes the first; the others are asked for
// again, unless the request is still in doubt.
func TestNamesOfAShortRequest(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 20)
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, jobs("j", 1, namingNodes("a-3", "a-4", "a-5")), nil)}
	op := Operation{Request: "r", Kind: OperationCreate, Phase: OpAccepted, Pool: pool.ID, Count: 3, Names: []string{"a-3", "a-4", "a-5"}, Added: 1}
	s.Operations = []Operation{op}
	require.Equal(t, []string{"a-4", "a-5"}, Decide(s, aPolicy("a")).Grow[0].Names)

	for _, phase := range []OperationPhase{OpIntended, OpSent} {
		op.Phase, op.Added = phase, 0
		s.Operations = []Operation{op}
		require.True(t, Decide(s, aPolicy("a")).Empty(), phase)
	}
	op.Phase, op.Attempts = OpAbsent, 1
	s.Operations = []Operation{op}
	plan := Decide(s, aPolicy("a"))
	require.Len(t, plan.Retry, 1, "sent again as it was")
	require.Empty(t, plan.Grow)
	s.Demand.Classes = Intern(jobs("j", 1, namingNodes("a-3")))
	plan = Decide(s, aPolicy("a"))
	require.Empty(t, plan.Retry, "not all of it is wanted any more")
	require.Equal(t, []string{"a-3"}, plan.Grow[0].Names)
}

// A node that was seen and is gone is asked for again; those that are to come are not.
func TestNameOfANodeThatCameAndWent(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 20)
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, jobs("j", 1, namingNodes("a-3", "a-4", "a-5")), nil)}
	s.Operations = []Operation{{Request: "r", Kind: OperationCreate, Phase: OpAccepted, Pool: pool.ID, Count: 3, Names: []string{"a-3", "a-4", "a-5"}, Added: 3, Nodes: []NodeID{"gone"}}}
	plan := Decide(s, aPolicy("a"))
	require.Len(t, plan.Grow, 1)
	require.Equal(t, []string{"a-3"}, plan.Grow[0].Names)
}

func TestNamesAreRunsThatTheCloudCanCount(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 40)
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, []Job{
		{ID: "1", Shape: namingNodes("a-10", "a-9", "a-12", "b-13", "c-14-x", "c-15-x", "d008", "d009", "d010", "e-0", "e-1")},
		{ID: "2", Shape: namingNodes("a-11")},
	}, nil)}
	var sets [][]string
	for _, g := range Decide(s, aPolicy("a")).Grow {
		sets = append(sets, g.Names)
	}
	require.Equal(t, [][]string{{"a-9", "a-10", "a-11", "a-12"}, {"b-13"}, {"c-14-x", "c-15-x"}, {"d010"}, {"d008", "d009"}, {"e-0", "e-1"}}, sets)
	for _, bad := range []string{"", "login", "-", "a-1234567890"} {
		_, ok := splitName(bad)
		require.False(t, ok, bad)
	}
}

// A job that can do without gets the names that there is room for, in order, and
// its minimum counts them.
func TestNamedNodesWithinLimits(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 2)
	policy := aPolicy("a")
	policy.Pools[0].Min = 2
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, jobs("j", 1, namingNodes("a-3", "a-1", "a-2")), nil)}
	plan := Decide(s, policy)
	require.Len(t, plan.Grow, 1)
	require.Equal(t, []string{"a-1", "a-2"}, plan.Grow[0].Names)
	require.Equal(t, ReasonPart, plan.Outcomes[0].Reason.Code)
	require.Equal(t, 2, plan.Outcomes[0].Tasks)

	all := namingNodes("a-3", "a-1", "a-2")
	all.Gang = GangAll
	s.Demand.Classes = Intern(jobs("j", 1, all))
	plan = Decide(s, aPolicy("a"))
	require.Empty(t, plan.Grow)
	require.Equal(t, Reason{Code: ReasonLimit, Subject: "bucket/a/F4", Want: 2, Need: 3, Unit: UnitNodes}, plan.Outcomes[0].Reason)
}

// A named group with too little room, and the gang's patience.
func TestNamedGangReservesWhatItLacks(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 4)
	pool.GroupSize, pool.Groups = 3, []Group{{Name: "pg0", Active: 2}}
	gang := namingNodes("a-1", "a-2")
	gang.Grouping, gang.Group = Coupled, "pg0"
	policy := aPolicy("a")
	policy.GangPatience = time.Minute
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, append(jobs("a", 1, gang), jobs("b", 9, wholeNodes(1))...), nil)}
	plan := Decide(s, policy)
	require.Equal(t, Reason{Code: ReasonLimit, Subject: "placement group pg0", Have: 2, Want: 3, Need: 2, Unit: UnitNodes}, plan.Outcomes[0].Reason)
	require.Equal(t, map[PoolID]int{pool.ID: 4}, created(plan))
	s.Memory = Remember(s.Memory, plan)
	s.At = start.Add(time.Hour)
	require.Equal(t, map[PoolID]int{pool.ID: 3}, created(Decide(s, policy)), "one is kept for it")
}

// A deallocated node is started for who names it, within limits, and for nobody else.
func TestDeallocatedNodeIsStartedByName(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 20)
	down := aNode("a-1", pool.ID, PhaseDeallocated)
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{down}}, append(jobs("j", 2, namingNodes("a-1")), jobs("k", 1, wholeNodes(1))...), nil), Memory: idleFor(start, time.Hour, down)}
	policy := aPolicy("a")
	plan := Decide(s, policy)
	require.Len(t, plan.Start, 1)
	require.Equal(t, NodeID("a-1"), plan.Start[0].Nodes[0].ID)
	require.Equal(t, 2, plan.Start[0].JobCount)
	require.Equal(t, map[PoolID]int{pool.ID: 1}, created(plan), "the other job gets a node of its own")
	for r := range plan.Jobs(s.Demand) {
		require.NotEmpty(t, r.ServedBy, r.ID)
	}

	policy.Max = 1
	s.Supply.Nodes = append(s.Supply.Nodes, aNode("b-1", pool.ID, PhaseReady))
	s.Demand.Classes = Intern(jobs("j", 1, namingNodes("a-1")))
	plan = Decide(s, policy)
	require.Empty(t, plan.Start)
	require.Equal(t, ReasonLimit, plan.Outcomes[0].Reason.Code)
}

// The rest of a named gang comes to the pool in which its first node is, though jobs
// would now get new nodes elsewhere first, and a node elsewhere can't serve it.
func TestNamedGangStaysInOnePool(t *testing.T) {
	a, la := aPool("a", "F4", 4, 9)
	z, lz := aPool("b", "F4", 4, 9)
	a.GroupSize, z.GroupSize = 5, 5
	node := aNode("a-2", z.ID, PhaseReady)
	node.Group = "pg0"
	gang := namingNodes("a-1", "a-2", "a-3")
	gang.Grouping, gang.Group, gang.Gang = Coupled, "pg0", GangAll
	s := State{Observation: observe(start, Supply{Pools: []Pool{a, z}, Limits: append(la, lz...), Nodes: []Node{node}}, jobs("g", 1, gang), nil)}
	require.Equal(t, map[PoolID]int{z.ID: 2}, created(Decide(s, aPolicy("a", "b"))))

	other := aNode("a-3", a.ID, PhaseReady)
	other.Group = "pg0"
	s.Supply.Nodes = append(s.Supply.Nodes, other)
	plan := Decide(s, aPolicy("a", "b"))
	require.Empty(t, plan.Grow)
	require.Equal(t, Reason{Code: ReasonNameTaken, Subject: "a-3", Detail: "its node is in pool a/F4"}, plan.Outcomes[0].Reason)
}
