package autoscale

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// templates is a cluster whose pools want the same Macs: a node of any takes one slot.
type templates struct {
	State
	policy Policy
	jobs   []Job
}

// newTemplates has so many slots, and pools of one policy each, named a, b, and so on.
func newTemplates(slots, pools int) *templates {
	w := &templates{policy: Policy{FairShare: true}}
	w.Supply.Limits = []Limit{{ID: "macs", Kind: LimitMacs, Unit: UnitNodes, Max: int64(slots)}}
	for i := range pools {
		name := string(rune('a' + i))
		pool, limits := aPool(name, "m2", 4, math.MaxInt32)
		pool.Draws = append(pool.Draws, Draw{"macs", 1})
		w.Supply.Pools = append(w.Supply.Pools, pool)
		w.Supply.Limits = append(w.Supply.Limits, limits...)
		w.policy.Pools = append(w.policy.Pools, aPolicy(name).Pools...)
	}
	w.Demand.Use, w.Demand.Vouched, w.At = make(map[string]HostUse), true, start
	w.Memory.Nodes = make(map[NodeID]NodeMemory)
	return w
}

// node adds one to the nth pool.
func (w *templates) node(pool int, busy bool) {
	n := aNode(fmt.Sprint("n", len(w.Supply.Nodes)), w.Supply.Pools[pool].ID, PhaseReady)
	w.Supply.Nodes = append(w.Supply.Nodes, n)
	w.Supply.Limits[0].Used++
	w.Demand.Use[n.Host] = HostUse{Whole: busy}
	w.Memory.Nodes[n.ID] = NodeMemory{Asked: start.Add(-time.Hour), Ready: start.Add(-time.Hour), Busy: start, Ours: true}
}

// submit adds jobs of one node each, after all that there are. kind tells shapes apart.
func (w *templates) submit(pool, count, kind int, priority int64) {
	w.add(pool, count, kind, priority)
	w.Demand.Classes = Intern(w.jobs)
}

func (w *templates) add(pool, count, kind int, priority int64) {
	shape := wholeNodes(1)
	shape.Selector = HasLabel(LabelNodearray, w.policy.Pools[pool].Name)
	shape.PerTask.Memory = Bytes(kind) * MiB
	for range count {
		w.jobs = append(w.jobs, Job{ID: JobID(fmt.Sprint("j", len(w.jobs))), Priority: priority, Submitted: start.Add(time.Duration(len(w.jobs)) * time.Second), Shape: shape})
	}
}

// served counts by pool the jobs that a plan serves, and those of them on new nodes.
func (w *templates) served(p Plan) (all, fresh []int) {
	all, fresh = make([]int, len(w.Supply.Pools)), make([]int, len(w.Supply.Pools))
	index := make(map[PoolID]int)
	for i := range w.Supply.Pools {
		index[w.Supply.Pools[i].ID] = i
	}
	for _, o := range p.Outcomes {
		for _, s := range o.Served {
			all[index[s.Pool]] += s.Tasks
			if s.Grow >= 0 {
				fresh[index[s.Pool]] += s.Tasks
			}
		}
	}
	return all, fresh
}

func TestStarvedTemplateGetsTheNextSlot(t *testing.T) {
	w := newTemplates(4, 2)
	for range 4 {
		w.node(0, true)
	}
	w.submit(0, 5*portionAtLeast, 0, 0)
	w.submit(1, 1, 0, 0)
	require.Empty(t, Decide(w.State, w.policy).Grow, "there is no slot")
	w.Supply.Limits[0].Used--
	w.Supply.Nodes = w.Supply.Nodes[:3]
	require.Equal(t, map[PoolID]int{"b/m2": 1}, created(Decide(w.State, w.policy)))
	w.policy.FairShare = false
	require.Equal(t, map[PoolID]int{"a/m2": 1}, created(Decide(w.State, w.policy)))
}

// Of three groups the third begins where the second has caught up with it, long before
// the first.
func TestEachGroupIsHeldAgainstTheNext(t *testing.T) {
	w := newTemplates(10, 3)
	for pool, n := range []int{5, 0, 1} {
		for range n {
			w.node(pool, true)
		}
		w.submit(pool, 10, 0, 0)
	}
	require.Equal(t, map[PoolID]int{"b/m2": 3, "c/m2": 1}, created(Decide(w.State, w.policy)))
}

// Priorities come first, whatever the shares.
func TestPriorityComesBeforeTurns(t *testing.T) {
	w := newTemplates(3, 2)
	w.node(0, true)
	w.submit(0, 5, 0, 1)
	w.submit(1, 5, 0, 0)
	require.Equal(t, map[PoolID]int{"a/m2": 2}, created(Decide(w.State, w.policy)))
	w.submit(1, 1, 0, 2)
	require.Equal(t, map[PoolID]int{"a/m2": 1, "b/m2": 1}, created(Decide(w.State, w.policy)))
}

// A job that a licence keeps waiting costs its group no turn.
func TestJobsThatGetNothingCostNoTurn(t *testing.T) {
	w := newTemplates(6, 2)
	w.submit(0, 100, 0, 0)
	for i := range w.jobs {
		w.jobs[i].Draws = []Draw{{"licence", 1}}
	}
	w.submit(1, 100, 0, 0)
	w.submit(0, 100, 1, 0)
	w.policy.Limits = []Limit{{ID: "licence", Max: 1}}
	require.Equal(t, map[PoolID]int{"a/m2": 3, "b/m2": 3}, created(Decide(w.State, w.policy)))
}

// Nodes that tasks share count once, and jobs that need many count all.
func TestTurnsAreCountedInNodes(t *testing.T) {
	w := newTemplates(8, 2)
	small, gang := tasksOf(1, 1), tasksOf(2, 4)
	gang.Gang = GangAll
	small.Selector, gang.Selector = HasLabel(LabelNodearray, "a"), HasLabel(LabelNodearray, "b")
	w.jobs = append(jobs("a", 100, small), jobs("b", 100, gang)...)
	w.Demand.Classes = Intern(w.jobs)
	require.Equal(t, map[PoolID]int{"a/m2": 4, "b/m2": 4}, created(Decide(w.State, w.policy)))
}

// drawTemplates draws pools with nodes at work and idle ones, jobs of several shapes, and
// a few free slots.
func drawTemplates(t *rapid.T) *templates {
	pools := rapid.IntRange(1, 4).Draw(t, "pools")
	w := newTemplates(0, pools)
	for i := range pools {
		for range rapid.IntRange(0, 5).Draw(t, "busy") {
			w.node(i, true)
		}
		for range rapid.IntRange(0, 3).Draw(t, "idle") {
			w.node(i, false)
		}
	}
	for range rapid.IntRange(0, 8).Draw(t, "batches") {
		w.submit(rapid.IntRange(0, pools-1).Draw(t, "pool"), rapid.IntRange(1, 9).Draw(t, "jobs"), rapid.IntRange(0, 2).Draw(t, "kind"), 0)
	}
	w.Supply.Limits[0].Max = w.Supply.Limits[0].Used + int64(rapid.IntRange(0, 12).Draw(t, "slots"))
	return w
}

// While a job of one group waits for a slot, no other group gets one with which it would
// have two nodes more; as many jobs are served as by strict order; and a plan that is
// made again, of what became of it, changes nothing.
func TestPropertyTurnsAreFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawTemplates(t)
		plan := Decide(w.State, w.policy)
		all, fresh := w.served(plan)
		unserved, waits := waiting(plan, w.Demand), make([]bool, len(all))
		for i, name := range w.policy.Pools {
			for _, j := range w.jobs {
				_, is := unserved[j.ID]
				waits[i] = waits[i] || is && j.Selector.In[0] == name.Name
			}
		}
		share := func(pool int) (n int) {
			for _, node := range w.Supply.Nodes {
				n += boolRank(node.Pool == w.Supply.Pools[pool].ID && w.Demand.Use[node.Host].Busy())
			}
			return n + all[pool]
		}
		for i := range all {
			for k := range all {
				if waits[i] && fresh[k] > 0 {
					require.LessOrEqual(t, share(k), share(i)+1, "%s waits, and %s got %d", w.policy.Pools[i].Name, w.policy.Pools[k].Name, fresh[k])
				}
			}
		}
		strict := w.policy
		strict.FairShare = false
		require.GreaterOrEqual(t, served(plan), served(Decide(w.State, strict)))
		again := applied(newWorld(w.State, w.policy))
		require.Empty(t, Decide(again, w.policy).Grow)
	})
}

// With plenty for all, and where there is but one group, turns change nothing at all.
func TestPropertyTurnsMatterOnlyWhereNodesAreScarce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawTemplates(t)
		if len(w.Supply.Pools) > 1 {
			w.Supply.Limits[0].Max = math.MaxInt32
		}
		strict := w.policy
		strict.FairShare = false
		require.Equal(t, Decide(w.State, strict), Decide(w.State, w.policy))
	})
}

// One slot after the other comes free as jobs end: each group gets its turn, and once a
// job has begun, what its group has is what it had.
func TestTurnsGoOnFromPlanToPlan(t *testing.T) {
	w := newTemplates(6, 3)
	w.submit(0, 100, 0, 0)
	w.submit(1, 100, 0, 0)
	w.submit(2, 1, 0, 0)
	require.Equal(t, map[PoolID]int{"a/m2": 3, "b/m2": 2, "c/m2": 1}, created(Decide(w.State, w.policy)))
	for i, n := range []int{3, 2, 1} {
		for range n {
			w.node(i, true)
		}
	}
	w.jobs = append(w.jobs[3:100:100], w.jobs[102:200]...)
	w.Demand.Classes = Intern(w.jobs)
	require.Empty(t, Decide(w.State, w.policy).Grow)
	for _, want := range []PoolID{"b/m2", "a/m2", "b/m2", "a/m2"} {
		w.Supply.Limits[0].Max++
		require.Equal(t, map[PoolID]int{want: 1}, created(Decide(w.State, w.policy)))
		w.node(int(want[0]-'a'), true)
		for i := range w.jobs { // its first job begins
			if w.jobs[i].Selector.In[0] == string(want[:1]) {
				w.jobs = append(w.jobs[:i:i], w.jobs[i+1:]...)
				break
			}
		}
		w.Demand.Classes = Intern(w.jobs)
	}
}
