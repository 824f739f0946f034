package autoscale

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// outdate marks all nodes that there are as made of an image that is no longer used.
func (w *rolling) outdate() (hosts []string) {
	for i := range w.Supply.Nodes {
		w.Supply.Nodes[i].Outdated = "it has tag v1"
		hosts = append(hosts, w.Supply.Nodes[i].Host)
	}
	return hosts
}

// A new image replaces every node of a pool, without a maximum age: a tenth at a time,
// never below min, and nobody twice.
func TestOutdatedPoolIsReplaced(t *testing.T) {
	for _, canDrain := range []bool{true, false} {
		w := newRolling(20, PoolPolicy{Min: 20}, canDrain)
		w.minute(nil)
		w.minute(nil)
		w.outdate()
		var went []NodeID
		for range 20 * 15 {
			plan := w.minute(nil)
			require.GreaterOrEqual(t, w.usable(), 20, "at %s", w.At)
			require.LessOrEqual(t, len(removed(plan)), 2)
			require.Empty(t, plan.Undrain)
			if ids := removed(plan); len(ids) > 0 {
				require.Equal(t, ReasonOutdated, plan.Remove[0].Reason.Code)
				went = append(went, ids...)
			}
		}
		require.Len(t, went, 20)
		require.Equal(t, 40, w.made, "each is replaced once")
	}
}

// Idle ones go before those that work, whatever their age and their idle time; marks of
// those that work follow when no idle one is left.
func TestIdleOutdatedNodesGoFirst(t *testing.T) {
	w := newRolling(4, PoolPolicy{}, true)
	w.minute(nil)
	hosts := w.outdate()
	busy := map[string]bool{hosts[0]: true, hosts[1]: true}
	var went []NodeID
	var marked []string
	for range 20 {
		plan := w.minute(busy)
		went = append(went, removed(plan)...)
		for _, d := range plan.Drain {
			marked = append(marked, d.Node.Host)
		}
	}
	require.Equal(t, []NodeID{"n0002", "n0003"}, went)
	require.Equal(t, []string{hosts[2], hosts[3], hosts[0]}, marked)
	delete(busy, hosts[0])
	require.Equal(t, []NodeID{"n0000"}, removed(w.minute(busy)))
}

// A node that serves one job takes no other: it is not marked while it works.
func TestNodeThatServesOneJobIsNotMarkedAtWork(t *testing.T) {
	w := newRolling(2, PoolPolicy{}, true)
	w.Supply.Pools[0].Single = true
	w.minute(nil)
	hosts := w.outdate()
	plan := w.minute(map[string]bool{hosts[0]: true, hosts[1]: true})
	require.True(t, plan.Empty())
	require.Equal(t, ReasonOutdatedGoing, plan.Nodes[0].Reason.Code)
	require.Equal(t, hosts[1], w.minute(map[string]bool{hosts[0]: true}).Drain[0].Node.Host, "once idle it is")
}

// A placement group that goes whole goes for one outdated node in it, and each of its
// nodes says so.
func TestOutdatedGroupGoesWhole(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 10)
	pool.GroupSize = 5
	x, y := aNode("x", pool.ID, PhaseReady), aNode("y", pool.ID, PhaseReady)
	x.Group, y.Group, y.Outdated = "g", "g", "it has tag v1"
	p := aPolicy("a")
	p.Pools[0].RemoveGroupsWhole = true
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{x, y}}, nil, nil), Memory: idleFor(start, time.Minute, x, y)}
	plan := Decide(s, p)
	require.Equal(t, []NodeID{"x", "y"}, removed(plan))
	for _, v := range plan.Nodes {
		require.Equal(t, "a new one would be another: it has tag v1", v.Reason.String())
	}
	s.Demand.Use = map[string]HostUse{x.Host: {Jobs: []JobID{"j"}, Whole: true}}
	plan = Decide(s, p)
	require.Empty(t, removed(plan))
	require.Equal(t, ReasonOutdatedGoing, plan.Nodes[1].Reason.Code)
}

// The queue may say so too. What is to go gets no job that fits a new node.
func TestOutdatedToTheQueue(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 10)
	n := aNode("n", pool.ID, PhaseReady)
	job := Job{ID: "j", Shape: Shape{Tasks: 1, PerTask: Resources{Cores: 4}}}
	o := observe(start, Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{n}}, []Job{job}, map[string]HostUse{n.Host: {Outdated: "it has 2 cores of 4"}})
	plan := Decide(State{Observation: o, Memory: idleFor(start, time.Second, n)}, aPolicy("a"))
	require.Equal(t, []NodeID{"n"}, removed(plan))
	require.Equal(t, "a new one would be another: it has 2 cores of 4", plan.Nodes[0].Reason.String())
	require.Equal(t, 1, plan.Grow[0].Count)
}

// A paused pool's outdated nodes stay in service.
func TestOutdatedNodesOfAPausedPoolStay(t *testing.T) {
	w := newRolling(2, PoolPolicy{}, false)
	w.minute(nil)
	w.outdate()
	w.Memory = w.Memory.WithPause(Pause{Since: w.At})
	require.True(t, w.minute(nil).Empty())
}

// In worlds of any kind an outdated node that goes as such was idle, ours, in nobody's
// use, and not needed by min; one at a time of pools with up to ten nodes.
func TestPropertyOutdatedNodesGoOnlyWhenTheyMay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		for i := range s.Supply.Nodes {
			s.Supply.Nodes[i].Outdated = rapid.SampledFrom([]string{"", "it has tag v1"}).Draw(t, "outdated")
		}
		w := newWorld(s, p)
		gone := make(map[NodeID]bool)
		count := make(map[string]int)
		for _, r := range w.plan.Remove {
			for _, n := range r.Nodes {
				gone[n.ID] = true
				if r.Reason.Code != ReasonOutdated {
					continue
				}
				require.Equal(t, "it has tag v1", w.reason(n.ID).Subject)
				use, vouched := w.use(n)
				require.True(t, vouched && !use.Busy() && !n.KeepAlive && n.Owned && n.Protected == "")
				require.Zero(t, w.given()[n.ID], "an outdated node is given work")
				require.True(t, !s.CanDrain || use.Drain == DrainOurs)
				require.True(t, n.Outdated != "" || w.managed(n.Pool).RemoveGroupsWhole && n.Group != "")
				if !w.managed(n.Pool).RemoveGroupsWhole {
					count[w.managed(n.Pool).Name]++
				}
			}
		}
		for name, n := range count {
			require.LessOrEqual(t, n, 1, "pool %s", name)
		}
		w.checkMin(t, gone)
		turned := s
		turned.Supply.Nodes = slices.Clone(s.Supply.Nodes)
		slices.Reverse(turned.Supply.Nodes)
		require.Equal(t, w.plan, Decide(turned, p), "the order of nodes plays no part")
	})
}

// A node that the queue has not heard of yet was made for a job that waits for it: it is
// not exchanged for another, which would take as long to come.
func TestOutdatedNodeThatIsYetToJoinStays(t *testing.T) {
	w := newRolling(2, PoolPolicy{}, true)
	w.minute(nil)
	hosts := w.outdate()
	w.Demand.Use = map[string]HostUse{hosts[0]: {Missing: true}, hosts[1]: {}}
	drains := Decide(w.State, w.policy).Drain
	require.Len(t, drains, 1)
	require.Equal(t, hosts[1], drains[0].Node.Host, "though the other is older")
	w.Demand.Use = map[string]HostUse{hosts[0]: {Missing: true}, hosts[1]: {Whole: true}}
	for _, d := range Decide(w.State, w.policy).Drain {
		require.NotEqual(t, hosts[0], d.Node.Host)
	}
}
