package autoscale

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPropertyEveryJobIsExplainedOnce(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		seen := make(map[JobID]int)
		for r := range w.plan.Jobs(w.Demand) {
			seen[r.ID]++
			require.NotEmpty(t, r.Reason.Code, "job %s", r.ID)
			require.NotEqual(t, string(r.Reason.Code), r.Reason.String(), "no sentence for %s", r.Reason.Code)
			require.Equal(t, r.Tasks > 0, len(r.ServedBy) > 0)
		}
		require.Len(t, seen, w.Demand.Jobs())
		for id, n := range seen {
			require.Equal(t, 1, n, "job %s", id)
		}
		for _, n := range w.Supply.Nodes {
			i := slices.IndexFunc(w.plan.Nodes, func(v NodeVerdict) bool { return v.Node == n.ID })
			require.Equal(t, n.Phase != PhaseGone, i >= 0, "node %s", n.ID)
		}
	})
}

func TestPropertyGangsAreWholeAndTogether(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		for _, o := range w.plan.Outcomes {
			class := w.Demand.Classes[o.Class]
			if len(o.Served) == 0 {
				continue
			}
			if o.Tasks < class.Tasks {
				require.Equal(t, ReasonPart, o.Reason.Code, "a silent downgrade")
				require.NotEqual(t, GangAll, class.Mode())
			}
			require.GreaterOrEqual(t, o.Tasks, class.Required())
			require.Empty(t, class.Held)
			require.Empty(t, class.DependsOn)
			require.False(t, class.EarliestStart.After(w.At))
			for _, s := range o.Served {
				switch class.Grouping {
				case Coupled:
					require.NotEmpty(t, s.Group)
					require.Equal(t, o.Served[0].Pool, s.Pool)
					require.Equal(t, o.Served[0].Group, s.Group)
				case Ungrouped:
					require.Empty(t, s.Group)
				}
				_, ok := class.Selector.Match(w.pools[s.Pool].Labels)
				require.True(t, ok, "pool %s was not allowed", s.Pool)
			}
		}
	})
}

func TestPropertyNoNodeIsOverfilled(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		cores, memory := make(map[NodeID]int), make(map[NodeID]Bytes)
		owners := make(map[NodeID]map[JobID]bool)
		exclusive := make(map[NodeID]bool)
		newCores := make(map[int]int)
		for _, o := range w.plan.Outcomes {
			class := w.Demand.Classes[o.Class]
			if len(class.Names) > 0 {
				continue // such jobs run on their nodes, whatever else does
			}
			per := class.PerTask
			if per.Cores == 0 && per.Memory == 0 {
				per.Cores = 1
			}
			for _, s := range o.Served {
				if s.Grow >= 0 {
					newCores[s.Grow] += s.Tasks * per.Cores
				}
				require.Equal(t, ceilDiv(s.Skip+s.Tasks, s.PerNode), s.Count)
				if class.TasksPerNode > 0 && o.To-o.From == 1 && class.Tasks > 1 {
					require.LessOrEqual(t, s.PerNode, class.TasksPerNode)
				}
				left, skip := s.Tasks, s.Skip
				for _, id := range s.Nodes {
					n := min(left, s.PerNode-skip)
					left, skip = left-n, 0
					cores[id] += n * per.Cores
					memory[id] += Bytes(n) * per.Memory
					if owners[id] == nil {
						owners[id] = make(map[JobID]bool)
					}
					owners[id][JobID(fmt.Sprint(o.Class, o.From))] = true
					exclusive[id] = exclusive[id] || class.Exclusive != Shared
					if class.Exclusive == ExclusiveTask {
						require.Equal(t, 1, n)
					}
				}
			}
		}
		for id := range owners {
			n := w.nodes[id]
			use, _ := w.use(n)
			require.False(t, use.Whole)
			require.NotContains(t, []Phase{PhaseFailed, PhaseStopping, PhaseGone, PhaseUnknown}, n.Phase)
			require.True(t, n.Phase != PhaseDeallocated || w.comingUp()[id], "node %s is deallocated, and not being started", id)
			require.LessOrEqual(t, cores[id]+use.Used.Cores, w.pools[n.Pool].Node.Cores)
			require.LessOrEqual(t, memory[id]+use.Used.Memory, w.pools[n.Pool].Node.Memory)
			if exclusive[id] {
				require.Len(t, owners[id], 1, "an exclusive node is shared")
				require.False(t, use.Busy())
			}
		}
		for g, n := range newCores {
			require.LessOrEqual(t, n, w.plan.Grow[g].Count*w.pools[w.plan.Grow[g].Pool].Node.Cores)
		}
	})
}

// Those marked for drain by us are among them: they are unmarked, and no node is made
// in their stead.
func TestPropertyNodesThatExistComeFirst(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		given := w.given()
		if w.plan.Blocked != "" {
			return // nodes may be kept for a gang
		}
		for _, o := range w.plan.Outcomes {
			class := w.Demand.Classes[o.Class]
			fromNew := slices.ContainsFunc(o.Served, func(s Serving) bool { return s.Grow >= 0 })
			if !fromNew || class.Grouping == Coupled || len(class.Names) > 0 || class.PerTask.Cores == 0 {
				continue
			}
			for _, v := range w.plan.Nodes {
				n := w.nodes[v.Node]
				use, _ := w.use(n)
				pool := w.pools[n.Pool]
				_, ok := class.Selector.Match(pool.Labels)
				fits := ok && w.standing(n) && w.managed(n.Pool) != nil &&
					pool.Node.Cores >= class.PerTask.Cores && pool.Node.Memory >= class.PerTask.Memory &&
					(class.Grouping != Ungrouped || n.Group == "")
				held := v.Reason.Code == ReasonGangHeld
				if fits && !held && !w.named()[lower(n.Name)] && !use.Busy() && use.Drain != DrainForeign {
					require.Positive(t, given[n.ID], "node %s stands idle while new nodes are made for class %d", n.ID, o.Class)
				}
			}
		}
	})
}
