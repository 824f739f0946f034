package autoscale

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// rolling is a pool whose nodes come up some minutes after they are asked for and go
// a minute after they are removed.
type rolling struct {
	State
	policy  Policy
	ready   map[NodeID]time.Time
	gone    map[NodeID]time.Time
	drained map[string]bool
	made    int
}

func newRolling(n int, p PoolPolicy, canDrain bool) *rolling {
	a, la := aPool("a", "F4", 4, 100)
	w := &rolling{policy: aPolicy("a"), ready: make(map[NodeID]time.Time), gone: make(map[NodeID]time.Time), drained: make(map[string]bool)}
	p.Name, p.Match, p.IdleTime, p.BootTimeout = "a", w.policy.Pools[0].Match, DefaultIdleTime, DefaultBootTimeout
	w.policy.Pools[0] = p
	w.CanDrain = canDrain
	w.Observation = observe(start, Supply{Pools: []Pool{a}, Limits: la}, nil, nil)
	w.Memory.Nodes = make(map[NodeID]NodeMemory)
	for range n {
		w.create(start)
	}
	return w
}

func (w *rolling) create(ready time.Time) {
	n := aNode(fmt.Sprintf("n%04d", w.made), w.Supply.Pools[0].ID, PhaseStarting)
	w.made++
	w.ready[n.ID] = ready
	w.Supply.Nodes = append(w.Supply.Nodes, n)
	w.Memory.Nodes[n.ID] = NodeMemory{Asked: w.At, Ours: true}
}

// minute lets a minute pass, with work on nodes by their host names, and plans.
func (w *rolling) minute(busy map[string]bool) Plan {
	w.At = w.At.Add(time.Minute)
	var nodes []Node
	w.Operations = nil
	w.Demand.Use = make(map[string]HostUse)
	for _, n := range w.Supply.Nodes {
		if gone, going := w.gone[n.ID]; going && !w.At.Before(gone) {
			continue
		} else if going {
			n.Phase = PhaseStopping
		} else if !w.At.Before(w.ready[n.ID]) {
			n.Phase = PhaseReady
		}
		use := HostUse{Whole: busy[n.Host]}
		if w.drained[n.Host] {
			use.Drain = DrainOurs
		}
		w.Demand.Use[n.Host] = use
		nodes = append(nodes, n)
	}
	w.Supply.Nodes = nodes
	w.Memory = Advance(w.Memory, w.Observation, nil, w.policy)
	plan := Decide(w.State, w.policy)
	w.Memory = Remember(w.Memory, plan)
	for _, g := range plan.Grow {
		for range g.Count {
			w.create(w.At.Add(5 * time.Minute))
		}
	}
	for _, d := range plan.Drain {
		w.drained[d.Node.Host] = true
	}
	for _, d := range plan.Undrain {
		delete(w.drained, d.Node.Host)
	}
	for _, id := range removed(plan) {
		w.gone[id] = w.At.Add(2 * time.Minute)
	}
	return plan
}

// usable counts the nodes that are up and stay.
func (w *rolling) usable() (n int) {
	for _, node := range w.Supply.Nodes {
		if _, going := w.gone[node.ID]; node.Phase == PhaseReady && !going {
			n++
		}
	}
	return n
}

// Ten nodes are all that a pool keeps. Each is replaced once in every span of its
// maximum age, one after the other, and there are ten that are up all the time.
func TestPoolIsReplacedNodeByNode(t *testing.T) {
	const age = 10 * time.Hour
	for _, canDrain := range []bool{true, false} {
		w := newRolling(10, PoolPolicy{Min: 10, MaxAge: age}, canDrain)
		w.minute(nil)
		var went []time.Duration
		for w.At.Before(start.Add(25 * time.Hour)) {
			plan := w.minute(nil)
			require.GreaterOrEqual(t, w.usable(), 10, "at %s", w.At)
			require.LessOrEqual(t, len(w.Supply.Nodes), 12)
			require.Empty(t, plan.Undrain)
			for _, id := range removed(plan) {
				went = append(went, w.At.Sub(start))
				require.Equal(t, ReasonMaxAge, plan.Remove[0].Reason.Code)
				require.Equal(t, fmt.Sprintf("n%04d", len(went)-1), string(id), "the oldest goes first")
			}
			require.LessOrEqual(t, len(removed(plan)), 1)
		}
		require.Len(t, went, 20, "each once in ten hours")
		require.Greater(t, went[0], age)
		require.Less(t, went[9], age+90*time.Minute)
		require.Greater(t, went[10], 2*age)
		require.Equal(t, 30, w.made)
	}
}

// Without room for one more than min nobody stands aside: the nodes take work as ever.
func TestOldNodesServeWhereNothingCanReplaceThem(t *testing.T) {
	w := newRolling(3, PoolPolicy{Min: 3, Max: 3, MaxAge: time.Hour}, true)
	for range 90 {
		w.minute(nil)
	}
	w.Demand.Classes = Intern(jobs("j", 3, wholeNodes(1)))
	plan := w.minute(nil)
	require.True(t, plan.Empty(), "%+v", plan)
	require.Empty(t, waiting(plan, w.Demand))
	w.Demand.Classes = nil
	for _, v := range w.minute(nil).Nodes {
		require.Equal(t, ReasonAgedKept, v.Reason.Code)
	}
	w.policy.Pools[0].Max = 4
	require.Len(t, w.minute(nil).Grow, 1)
}

// Old nodes that work are marked, a tenth of them at a time, and go once they are
// empty; one that is marked is given nothing new.
func TestOldNodesThatWorkAreDrained(t *testing.T) {
	w := newRolling(20, PoolPolicy{MaxAge: time.Hour}, true)
	busy := make(map[string]bool)
	for _, n := range w.Supply.Nodes {
		busy[n.Host] = true
	}
	var marked []string
	for range 120 {
		plan := w.minute(busy)
		require.Empty(t, removed(plan))
		require.Empty(t, plan.Undrain)
		for _, d := range plan.Drain {
			marked = append(marked, d.Node.Host)
		}
	}
	require.Equal(t, []string{"host-n0000", "host-n0001"}, marked)
	delete(busy, marked[0])
	w.Demand.Classes = Intern(jobs("j", 1, wholeNodes(1)))
	plan := w.minute(busy)
	require.Equal(t, []NodeID{"n0000"}, removed(plan))
	require.Len(t, plan.Grow, 1)
}

// In worlds of any kind, with nodes of any age: nobody goes for its age that works, is
// kept alive or not ours, or that min needs, and of all old ones only so many.
func TestPropertyOldNodesGoOnlyWhenTheyMay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		for i := range p.Pools {
			p.Pools[i].MaxAge = time.Duration(rapid.IntRange(0, 3600).Draw(t, "maxAge")) * time.Second
		}
		w := newWorld(s, p)
		gone := make(map[NodeID]bool)
		aged := make(map[string]int)
		for _, r := range w.plan.Remove {
			for _, n := range r.Nodes {
				gone[n.ID] = true
				if r.Reason.Code != ReasonMaxAge {
					continue
				}
				use, vouched := w.use(n)
				require.True(t, vouched && !use.Busy() && !n.KeepAlive && n.Owned && n.Protected == "")
				require.Greater(t, w.At.Sub(w.oldest(n)), w.managed(n.Pool).MaxAge)
				require.Zero(t, w.given()[n.ID], "an old node is given work")
				require.True(t, !s.CanDrain || use.Drain == DrainOurs)
				if !w.managed(n.Pool).RemoveGroupsWhole {
					aged[w.managed(n.Pool).Name]++
				}
			}
		}
		for name, n := range aged {
			require.LessOrEqual(t, n, 1, "pool %s has ten nodes at most", name)
		}
		w.checkMin(t, gone)
		r := slices.Clone(s.Supply.Nodes)
		slices.Reverse(r)
		turned := s
		turned.Supply.Nodes = r
		require.Equal(t, w.plan, Decide(turned, p), "the order of nodes plays no part")
	})
}

// oldest is when the oldest node was asked for of those that go with a node.
func (w world) oldest(n Node) time.Time {
	asked := w.Memory.Nodes[n.ID].Asked
	for _, x := range w.Supply.Nodes {
		if w.managed(n.Pool).RemoveGroupsWhole && n.Group != "" && x.Pool == n.Pool && x.Group == n.Group && w.Memory.Nodes[x.ID].Asked.Before(asked) {
			asked = w.Memory.Nodes[x.ID].Asked
		}
	}
	return asked
}
