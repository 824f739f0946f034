package autoscale

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// crowded is a world whose pools share a quota, with a job that is before all others
// and has waited for long.
func crowded(t *rapid.T) (State, Policy) {
	p := aPolicy("a", "b", "c")
	p.GangPatience = time.Minute
	if rapid.Bool().Draw(t, "hasTotal") {
		p.Max = rapid.IntRange(4, 10).Draw(t, "total")
	}
	s := State{CanDrain: true, Memory: Memory{Nodes: make(map[NodeID]NodeMemory)}}
	quota := Limit{ID: "quota", Kind: LimitRegion, Unit: UnitCores, Max: int64(rapid.IntRange(8, 60).Draw(t, "quota"))}
	var supply Supply
	for i, cores := range []int{4, 8, 4} {
		pool, limits := aPool(p.Pools[i].Name, fmt.Sprintf("F%d", cores), cores, rapid.IntRange(1, 10).Draw(t, "bucket"))
		pool.Draws, pool.GroupSize = append(pool.Draws, Draw{quota.ID, int64(cores)}), rapid.IntRange(2, 5).Draw(t, "size")
		supply.Pools, supply.Limits = append(supply.Pools, pool), append(supply.Limits, limits...)
		p.Pools[i].Min, p.Pools[i].Buffer = rapid.IntRange(0, 1).Draw(t, "min"), rapid.IntRange(0, 1).Draw(t, "buffer")
		p.Pools[i].RemoveGroupsWhole = rapid.Bool().Draw(t, "whole")
	}
	supply.Limits = append(supply.Limits, quota)
	later := wholeNodes(1)
	use := make(map[string]HostUse)
	for i := range rapid.IntRange(0, 12).Draw(t, "nodes") {
		n := aNode(fmt.Sprintf("n%02d", i), rapid.SampledFrom(supply.Pools).Draw(t, "pool").ID, PhaseReady)
		n.Group = rapid.SampledFrom([]string{"", "", "g0", "g1"}).Draw(t, "group")
		supply.Nodes = append(supply.Nodes, n)
		s.Memory.Nodes[n.ID] = NodeMemory{Asked: start.Add(-time.Hour), Ready: start.Add(-time.Hour), Wanted: start, Ours: true}
		if rapid.IntRange(0, 2).Draw(t, "busy") == 0 {
			use[n.Host] = HostUse{Jobs: []JobID{"r"}, Whole: true}
		}
	}
	first := wholeNodes(rapid.IntRange(1, 4).Draw(t, "tasks"))
	first.Gang, first.Grouping = GangAll, rapid.SampledFrom([]Grouping{0, Ungrouped, Coupled}).Draw(t, "grouping")
	first.Selector = HasLabel(LabelNodearray, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "array"))
	all := append(jobs("first", 1, first), jobs("later", rapid.IntRange(0, 8).Draw(t, "later"), later)...)
	all[0].Priority = 1
	s.Observation = observe(start, supply, all, use)
	s.Memory.First = Blocked{Job: "first0", Since: start.Add(-time.Hour)}
	s.Memory.Blocked = s.Memory.First
	counted(&s)
	return s, p
}

// counted makes the limits' use that of the nodes.
func counted(s *State) {
	s.Supply.Limits = slices.Clone(s.Supply.Limits)
	for i := range s.Supply.Limits {
		limit := &s.Supply.Limits[i]
		limit.Used = 0
		for _, n := range s.Supply.Nodes {
			pool := s.Supply.Pools[slices.IndexFunc(s.Supply.Pools, func(p Pool) bool { return p.ID == n.Pool })]
			for _, d := range pool.Draws {
				if d.Limit == limit.ID {
					limit.Used += d.Amount
				}
			}
		}
	}
}

// without is the world once some nodes are gone.
func without(s State, gone func(Node) bool) State {
	s.Supply.Nodes = slices.DeleteFunc(slices.Clone(s.Supply.Nodes), gone)
	counted(&s)
	return s
}

// makingWay are the nodes that a plan marks or removes to make way.
func makingWay(p Plan) map[NodeID]bool {
	list := make(map[NodeID]bool)
	for _, d := range p.Drain {
		if d.Reason.Code == ReasonMakesWay {
			list[d.Node.ID] = true
		}
	}
	for _, r := range p.Remove {
		for _, n := range r.Nodes {
			if r.Reason.Code == ReasonMakesWay {
				list[n.ID] = true
			}
		}
	}
	return list
}

// Nodes make way only if that serves the job, none of them without need, and down to
// min only.
func TestPropertyMakingWayIsEnoughAndNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := crowded(t)
		plan := Decide(s, p)
		going := makingWay(plan)
		if len(going) == 0 {
			return
		}
		require.Zero(t, tasksServed(plan, s.Demand)["first0"])
		left := make(map[string]int)
		for _, n := range s.Supply.Nodes {
			require.False(t, going[n.ID] && s.Demand.Use[n.Host].Busy())
			if !going[n.ID] {
				left[string(n.Pool[:1])]++
			}
		}
		for id := range going {
			pool := s.Supply.Nodes[slices.IndexFunc(s.Supply.Nodes, func(n Node) bool { return n.ID == id })].Pool
			i := slices.IndexFunc(p.Pools, func(x PoolPolicy) bool { return x.Name == string(pool[:1]) })
			require.GreaterOrEqual(t, left[p.Pools[i].Name], p.Pools[i].Min)
		}
		after := without(s, func(n Node) bool { return going[n.ID] })
		require.Positive(t, tasksServed(Decide(after, p), s.Demand)["first0"], "they went in vain")
	})
}

// A job that would be served if nothing idle were there is served, or nodes make way.
func TestPropertyIdleNodesAreNeverInTheWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := crowded(t)
		for i := range p.Pools {
			p.Pools[i].Min, p.Pools[i].RemoveGroupsWhole = 0, false
		}
		plan := Decide(s, p)
		if tasksServed(plan, s.Demand)["first0"] > 0 || len(makingWay(plan)) > 0 {
			return
		}
		alone := without(s, func(n Node) bool { return !s.Demand.Use[n.Host].Busy() })
		require.Zero(t, tasksServed(Decide(alone, p), s.Demand)["first0"], "idle nodes are in its way")
	})
}

// While they are drained, and until they are gone, the same nodes make way.
func TestPropertyTheSameMakeWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := crowded(t)
		plan := Decide(s, p)
		going := makingWay(plan)
		if len(going) == 0 {
			return
		}
		s.Demand.Use = maps.Clone(s.Demand.Use)
		for _, d := range plan.Drain {
			s.Demand.Use[d.Node.Host] = HostUse{Drain: DrainOurs}
		}
		s.Memory = Remember(s.Memory, plan)
		next := Decide(s, p)
		require.Equal(t, going, makingWay(next))
		require.Empty(t, next.Drain)
		require.Empty(t, next.Undrain)
	})
}

// Patience is counted from when the job became the first, and goes on while it is.
func TestFirstIsRemembered(t *testing.T) {
	was := Blocked{Job: "a", Since: start.Add(-time.Minute)}
	require.Equal(t, was, was.still("a", start))
	require.Equal(t, Blocked{Job: "b", Since: start}, was.still("b", start))
	require.Zero(t, was.still("", start))
}
