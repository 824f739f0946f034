package autoscale

import (
	"cmp"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// world looks things up for the checks, on paths of its own.
type world struct {
	State
	policy  Policy
	plan    Plan
	pools   map[PoolID]Pool
	nodes   map[NodeID]Node
	leaving map[NodeID]bool
}

func newWorld(s State, p Policy) world {
	w := world{State: s, policy: p, plan: Decide(s, p), pools: make(map[PoolID]Pool), nodes: make(map[NodeID]Node), leaving: make(map[NodeID]bool)}
	for _, pool := range s.Supply.Pools {
		pool.Node = p.Offer(&pool) // what jobs may use
		w.pools[pool.ID] = pool
	}
	for _, n := range s.Supply.Nodes {
		w.nodes[n.ID] = n
	}
	for _, op := range s.Operations {
		if op.Kind == OperationRemove && op.Phase != OpAbsent {
			for _, id := range op.Nodes {
				w.leaving[id] = true
			}
		}
	}
	return w
}

func (w world) managed(pool PoolID) *PoolPolicy {
	for i := range w.policy.Pools {
		if _, ok := w.policy.Pools[i].Match.Match(w.pools[pool].Labels); ok {
			return &w.policy.Pools[i]
		}
	}
	return nil
}

func (w world) use(n Node) (HostUse, bool) {
	u, listed := w.Demand.Use[n.Host]
	return u, listed || w.Demand.Vouched
}

// asked counts, by pool, the nodes under way that the observation doesn't show.
func (w world) asked() map[PoolID]int {
	out := make(map[PoolID]int)
	for _, op := range w.Operations {
		if w.managed(op.Pool) != nil {
			out[op.Pool] += op.Expected()
		}
	}
	return out
}

func check(t *testing.T, law func(t *rapid.T, w world)) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		law(t, newWorld(s, p))
	})
}

func TestPropertyNoLimitIsBroken(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		used := make(map[LimitID]int64)
		grown := make(map[LimitID]int64)
		for pool, n := range w.asked() {
			for _, d := range w.pools[pool].Draws {
				used[d.Limit] += d.Amount * int64(n)
			}
		}
		for pool, n := range w.startsUnderWay() {
			for _, d := range w.pools[pool].StartDraws {
				used[d.Limit] += d.Amount * int64(n)
			}
		}
		for pool, n := range w.startsNow() {
			for _, d := range w.pools[pool].StartDraws {
				grown[d.Limit] += d.Amount * int64(n)
			}
		}
		for _, g := range w.plan.Grow {
			require.Positive(t, g.Count)
			require.NotNil(t, w.managed(g.Pool), "grows a pool that no policy names")
			require.Empty(t, w.pools[g.Pool].Invalid)
			for _, d := range w.pools[g.Pool].Draws {
				grown[d.Limit] += d.Amount * int64(g.Count)
			}
		}
		for _, l := range w.Supply.Limits {
			if grown[l.ID] > 0 {
				require.LessOrEqual(t, l.Used+used[l.ID]+grown[l.ID], l.Max, "limit %s", l.ID)
			}
		}
		w.checkOwnMax(t)
		w.checkGroups(t)
		w.checkLicences(t)
	})
}

func TestPropertyCapacityBudgetsHold(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		gangs := make(map[int]int) // by set: the jobs served that are gangs
		for _, o := range w.plan.Outcomes {
			for _, s := range o.Served {
				if s.Grow >= 0 && w.Demand.Classes[o.Class].Required() > 1 {
					gangs[s.Grow]++
				}
			}
		}
		for i, g := range w.plan.Grow {
			id := offeringOf(g.Pool, g.Group != "")
			o, failed := w.Memory.Offerings[id]
			if !failed || gangs[i] > 0 {
				continue
			}
			require.False(t, w.At.Before(o.nextProbe()), "%s is tried before its backoff ends", id)
			pending := 0
			for _, op := range w.Operations {
				if op.Pool == g.Pool && (op.Group != "") == (g.Group != "") {
					pending += op.Expected()
				}
			}
			require.LessOrEqual(t, pending+g.Count, o.Budget, "%s has a budget of %d", id, o.Budget)
		}
	})
}

func (w world) checkOwnMax(t *rapid.T) {
	here, grown := make(map[string]int), make(map[string]int)
	total, totalGrown := 0, 0
	for _, n := range w.Supply.Nodes {
		if p := w.managed(n.Pool); p != nil && n.Phase != PhaseGone && n.Phase != PhaseDeallocated {
			here[p.Name]++
			total++
		}
	}
	for pool, n := range w.asked() {
		here[w.managed(pool).Name] += n
		total += n
	}
	for pool, n := range w.startsUnderWay() {
		here[w.managed(pool).Name] += n
		total += n
	}
	for pool, n := range w.startsNow() {
		grown[w.managed(pool).Name] += n
		totalGrown += n
	}
	for _, g := range w.plan.Grow {
		grown[w.managed(g.Pool).Name] += g.Count
		totalGrown += g.Count
	}
	for _, p := range w.policy.Pools {
		if p.Max > 0 && grown[p.Name] > 0 {
			require.LessOrEqual(t, here[p.Name]+grown[p.Name], p.Max, "max of %s", p.Name)
		}
	}
	if w.policy.Max > 0 && totalGrown > 0 {
		require.LessOrEqual(t, total+totalGrown, w.policy.Max)
	}
}

func (w world) checkGroups(t *rapid.T) {
	size := make(map[Node]int)
	key := func(pool PoolID, group string) Node { return Node{Pool: pool, Group: group} }
	for _, n := range w.Supply.Nodes {
		if n.Phase != PhaseGone {
			size[key(n.Pool, n.Group)]++
		}
	}
	for _, op := range w.Operations {
		size[key(op.Pool, op.Group)] += op.Expected()
	}
	for _, g := range w.plan.Grow {
		if g.Group != "" {
			require.LessOrEqual(t, size[key(g.Pool, g.Group)]+g.Count, w.pools[g.Pool].GroupSize)
		}
	}
	w.checkGroupCounts(t, size)
}

// checkGroupCounts: a group is opened only while its policy has fewer than it may.
func (w world) checkGroupCounts(t *rapid.T, size map[Node]int) {
	groups, opened := make(map[*PoolPolicy]int), make(map[*PoolPolicy]int)
	for at, n := range size {
		if p := w.managed(at.Pool); p != nil && at.Group != "" && n > 0 {
			groups[p]++
		}
	}
	byName := make(map[Node]bool) // groups that jobs named
	for _, g := range w.plan.Grow {
		if g.Names != nil {
			byName[Node{Pool: g.Pool, Group: g.Group}] = true
		}
	}
	names := make(map[string]PoolID)
	seen := make(map[Node]bool)
	for _, g := range w.plan.Grow {
		at := Node{Pool: g.Pool, Group: g.Group}
		if g.Group == "" || size[at] > 0 || seen[at] {
			continue
		}
		seen[at] = true
		opened[w.managed(g.Pool)]++
		if !byName[at] {
			require.NotContains(t, names, g.Group, "two new groups of one name")
			names[g.Group] = g.Pool
		}
	}
	for p, n := range opened {
		if p.MaxGroups > 0 {
			require.LessOrEqual(t, groups[p]+n, p.MaxGroups, "groups of pool %s", p.Name)
		}
	}
	for at, n := range size {
		if pool, new := names[at.Group]; new && n > 0 {
			require.Equal(t, pool, at.Pool, "a new group has the name of one that another pool has")
		}
	}
}

func (w world) checkLicences(t *rapid.T) {
	var taken int64
	for _, o := range w.plan.Outcomes {
		for _, d := range w.Demand.Classes[o.Class].Draws {
			if len(o.Served) > 0 {
				taken += d.Amount * int64(o.To-o.From)
			}
		}
	}
	require.LessOrEqual(t, taken, int64(10))
}

func TestPropertyRemovesOnlyWhatMayGo(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		gone := make(map[NodeID]bool)
		for _, r := range w.plan.Remove {
			require.NotEmpty(t, r.Nodes)
			for _, n := range r.Nodes {
				require.False(t, gone[n.ID], "removed twice")
				w.checkHow(t, r, n)
				gone[n.ID] = true
			}
		}
		for _, r := range w.plan.Retry {
			if r.Operation.Kind == OperationStart {
				continue
			}
			for _, id := range r.Operation.Nodes {
				require.False(t, gone[id], "removed twice")
				gone[id] = true
			}
		}
		for id := range gone {
			w.checkMayGo(t, w.nodes[id])
		}
		w.checkMin(t, gone)
	})
}

// checkHow: only what is up, or was, is kept on its disk.
func (w world) checkHow(t *rapid.T, r Remove, n Node) {
	how := cmp.Or(w.managed(n.Pool).Removal, RemovalTerminate)
	if n.Phase != PhaseReady && n.Phase != PhaseStopping && (how == RemovalDeallocate || how == RemovalShutdown) {
		how = RemovalTerminate
	}
	require.Equal(t, how, r.Removal)
}

func (w world) checkMayGo(t *rapid.T, n Node) {
	use, vouched := w.use(n)
	m := w.Memory.Nodes[n.ID]
	require.False(t, use.Busy(), "busy")
	require.False(t, n.KeepAlive, "kept alive")
	require.Empty(t, n.Protected)
	require.NotNil(t, w.managed(n.Pool))
	require.True(t, n.Owned || m.Ours, "foreign")
	require.NotEqual(t, DrainForeign, use.Drain)
	require.False(t, w.leaving[n.ID])
	require.NotContains(t, []Phase{PhaseUnknown, PhaseGone}, n.Phase)
	require.True(t, n.Phase != PhaseStopping || m.Vain.Tries > 0, "it is on its way out")
	if n.Phase == PhaseDeallocated {
		require.Positive(t, w.managed(n.Pool).KeepDeallocated)
	}
	require.NotContains(t, w.given(), n.ID, "the plan gave it work")
	if n.Phase == PhaseReady {
		require.True(t, vouched, "the queue does not vouch for it")
		if w.CanDrain {
			require.Equal(t, DrainOurs, use.Drain, "goes without being drained")
			require.False(t, use.Settling, "goes though work may be on its way to it")
		} else {
			require.GreaterOrEqual(t, m.IdleReads, 2)
		}
		released := w.policy.GangHold > 0 && !m.Held.IsZero() && w.At.Sub(m.Held) >= w.policy.GangHold
		require.True(t, released || w.At.Sub(m.IdleSince()) >= DefaultIdleTime, "before its time")
	}
}

// given counts the tasks that the plan gives to each node that exists.
func (w world) given() map[NodeID]int {
	given := make(map[NodeID]int)
	for _, o := range w.plan.Outcomes {
		for _, s := range o.Served {
			left, skip := s.Tasks, s.Skip
			for _, id := range s.Nodes {
				n := min(left, s.PerNode-skip)
				given[id] += n
				left, skip = left-n, 0
			}
		}
	}
	return given
}

func (w world) checkMin(t *rapid.T, gone map[NodeID]bool) {
	standing, removed := make(map[string]int), make(map[string]int)
	for _, n := range w.Supply.Nodes {
		p := w.managed(n.Pool)
		if p == nil || n.Phase != PhaseReady && n.Phase != PhaseStarting || w.leaving[n.ID] || n.Protected != "" {
			continue
		}
		if m := w.Memory.Nodes[n.ID]; n.Phase == PhaseStarting && m.Ready.IsZero() && !m.Asked.IsZero() && w.At.Sub(m.Asked) > DefaultBootTimeout {
			continue
		}
		if use, _ := w.use(n); use.Drain == DrainForeign {
			continue
		}
		standing[p.Name]++
		if gone[n.ID] {
			removed[p.Name]++
		}
	}
	for _, op := range w.Operations {
		if p := w.managed(op.Pool); p != nil && op.Phase != OpAbsent {
			standing[p.Name] += op.Expected()
		}
	}
	for _, g := range w.plan.Grow {
		standing[w.managed(g.Pool).Name] += g.Count
	}
	for _, r := range w.plan.Retry {
		if p := w.managed(r.Operation.Pool); p != nil {
			standing[p.Name] += r.Operation.Expected()
		}
	}
	for _, p := range w.policy.Pools {
		if removed[p.Name] > 0 {
			require.GreaterOrEqual(t, standing[p.Name]-removed[p.Name], p.Min, "pool %s", p.Name)
		}
	}
}
