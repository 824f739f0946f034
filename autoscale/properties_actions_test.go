package autoscale

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// books count what every limit has used, step by step, as the plan is carried out.
// They know the ledger's limits and the ceilings of the policy, each by a name.
type books struct {
	w         world
	used, max map[string]int64
	// standing counts the nodes of each policy that count to its min.
	standing map[string]int
}

func (w world) newBooks() *books {
	b := &books{w: w, used: make(map[string]int64), max: make(map[string]int64), standing: make(map[string]int)}
	for _, l := range w.Supply.Limits {
		b.used[string(l.ID)], b.max[string(l.ID)] = l.Used, l.Max
	}
	for _, p := range w.policy.Pools {
		b.bound("max of "+p.Name, p.Max)
		b.bound("groups of "+p.Name, p.MaxGroups)
	}
	b.bound("max of all", w.policy.Max)
	for _, n := range w.Supply.Nodes {
		p := w.managed(n.Pool)
		if p == nil || n.Phase == PhaseGone {
			continue
		}
		b.enterGroup(n.Pool, n.Group, 1)
		if n.Phase != PhaseDeallocated {
			b.used["max of "+p.Name]++
			b.used["max of all"]++
		}
		if w.standing(n) {
			b.standing[p.Name]++
		}
	}
	for _, op := range w.Operations {
		b.enter(op.Pool, op.Group, op.Expected())
	}
	for id := range w.underWay() {
		b.start(w.nodes[id])
	}
	return b
}

func (b *books) bound(name string, most int) {
	if most > 0 {
		b.max[name] = int64(most)
	}
}

// enter draws for nodes that are asked for.
func (b *books) enter(pool PoolID, group string, count int) {
	if count == 0 {
		return
	}
	for _, d := range b.w.pools[pool].Draws {
		b.used[string(d.Limit)] += d.Amount * int64(count)
	}
	p := b.w.managed(pool)
	if p == nil {
		return // it still draws on what the cloud sets
	}
	b.used["max of "+p.Name] += int64(count)
	b.used["max of all"] += int64(count)
	b.enterGroup(pool, group, count)
}

// start draws for a node that is deallocated still.
func (b *books) start(n Node) {
	draws := b.w.pools[n.Pool].StartDraws
	p := b.w.managed(n.Pool)
	if p == nil {
		draws = b.w.startDraws(n.ID)
	} else {
		b.used["max of "+p.Name]++
		b.used["max of all"]++
	}
	for _, d := range draws {
		b.used[string(d.Limit)] += d.Amount
	}
}

func (b *books) enterGroup(pool PoolID, group string, count int) {
	if group == "" {
		return
	}
	name := "group " + string(pool) + " " + group
	if b.used[name] == 0 {
		b.used["groups of "+b.w.managed(pool).Name]++
	}
	b.used[name] += int64(count)
	b.max[name] = int64(b.w.pools[pool].GroupSize)
}

// check holds every limit that a node of the pool and group draws on.
func (b *books) check(t *rapid.T, pool PoolID, group string) {
	p := b.w.managed(pool)
	names := []string{"max of " + p.Name, "max of all"}
	for _, d := range b.w.pools[pool].Draws {
		names = append(names, string(d.Limit))
	}
	if group != "" {
		names = append(names, "group "+string(pool)+" "+group)
	}
	for _, name := range names {
		if most, bounded := b.max[name]; bounded {
			require.LessOrEqual(t, b.used[name], most, "limit %s", name)
		}
	}
}

// leave takes a node away from those that count to its policy's min.
func (b *books) leave(t *rapid.T, n Node) {
	if p := b.w.managed(n.Pool); b.w.standing(n) {
		b.standing[p.Name]--
		require.GreaterOrEqual(t, b.standing[p.Name], p.Min, "min of %s", p.Name)
	}
}

// standing tells whether a node counts to the min of its policy.
func (w world) standing(n Node) bool {
	use, _ := w.use(n)
	m := w.Memory.Nodes[n.ID]
	late := n.Phase == PhaseStarting && m.Ready.IsZero() && !m.Asked.IsZero() && w.At.Sub(m.Asked) > DefaultBootTimeout
	return (n.Phase == PhaseReady || n.Phase == PhaseStarting) && !late && !w.leaving[n.ID] && n.Protected == "" && use.Drain != DrainForeign
}

// The actions are done in the order in which package loop does them, and whatever
// the moment at which that is cut short, no limit is exceeded and no pool is below
// its min by what was done: what is only asked for makes up for nothing.
func TestPropertyNoPrefixBreaksALimit(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		b := w.newBooks()
		for _, d := range w.plan.Undrain {
			use, _ := w.use(d.Node)
			sent := use.Drain == NotDraining && w.Memory.Nodes[d.Node.ID].Drain.Marks > 0
			require.True(t, sent || use.Drain == DrainOurs, "there is no mark of ours on %s", d.Node.ID)
		}
		for _, r := range w.plan.Retry {
			if op := r.Operation; op.Kind == OperationCreate {
				require.Equal(t, OpAbsent, op.Phase)
				require.Less(t, op.Attempts, attemptsAtMost)
				require.Empty(t, w.pools[op.Pool].Invalid)
				b.check(t, op.Pool, op.Group)
			}
		}
		under := w.underWay()
		for _, id := range w.begins() {
			n := w.nodes[id]
			if _, drawn := under[id]; !drawn {
				b.start(n)
			}
			for _, d := range w.pools[n.Pool].StartDraws {
				require.LessOrEqual(t, b.used[string(d.Limit)], b.max[string(d.Limit)])
			}
		}
		for _, g := range w.plan.Grow {
			opened := b.used["groups of "+w.managed(g.Pool).Name]
			b.enter(g.Pool, g.Group, g.Count)
			b.check(t, g.Pool, g.Group)
			name := "groups of " + w.managed(g.Pool).Name
			if most, bounded := b.max[name]; bounded && b.used[name] > opened {
				require.LessOrEqual(t, b.used[name], most)
			}
		}
		for _, d := range w.plan.Drain {
			use, vouched := w.use(d.Node)
			require.True(t, vouched)
			require.Equal(t, NotDraining, use.Drain)
			w.checkNobodys(t, d.Node)
			b.leave(t, d.Node)
		}
		for _, r := range w.plan.Retry {
			for _, id := range r.Operation.Nodes {
				if r.Operation.Kind == OperationRemove {
					b.leave(t, w.nodes[id])
				}
			}
		}
		for _, r := range w.plan.Remove {
			for _, n := range r.Nodes {
				require.Equal(t, r.Pool, n.Pool)
				b.leave(t, n)
			}
		}
		for _, l := range w.Supply.Limits {
			i := slices.IndexFunc(w.plan.Limits, func(told Limit) bool { return told.ID == l.ID })
			require.Equal(t, b.used[string(l.ID)], w.plan.Limits[i].Used, "the plan tells wrongly what is used of %s", l.ID)
		}
	})
}

// checkNobodys: nobody holds the node, uses it, or is to get it.
func (w world) checkNobodys(t *rapid.T, n Node) {
	use, _ := w.use(n)
	require.False(t, use.Busy(), "busy")
	require.False(t, n.KeepAlive, "kept alive")
	require.Empty(t, n.Protected)
	require.NotNil(t, w.managed(n.Pool))
	require.True(t, n.Owned || w.Memory.Nodes[n.ID].Ours, "foreign")
	require.NotEqual(t, DrainForeign, use.Drain)
	require.False(t, w.leaving[n.ID])
	require.NotContains(t, w.given(), n.ID, "the plan gave it work")
}

// A mark of ours stands only as long as the node is to go, or is down.
func TestPropertyEveryMarkIsWithdrawnOrEndsInRemoval(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		going := make(map[NodeID]bool)
		for _, r := range w.plan.Remove {
			for _, n := range r.Nodes {
				going[n.ID] = true
			}
		}
		for _, r := range w.plan.Retry {
			if r.Operation.Kind == OperationStart {
				continue
			}
			for _, id := range r.Operation.Nodes {
				going[id] = true
			}
		}
		given := w.given()
		for _, n := range w.Supply.Nodes {
			use, _ := w.use(n)
			if use.Drain != DrainOurs || w.leaving[n.ID] || slices.Contains([]Phase{PhaseGone, PhaseStopping, PhaseDeallocated, PhaseFailed}, n.Phase) {
				continue
			}
			withdrawn := slices.ContainsFunc(w.plan.Undrain, func(d Drained) bool { return d.Node.ID == n.ID })
			switch code := w.reason(n.ID).Code; {
			case code == ReasonRemovalBackoff, code == ReasonDraining && use.Settling:
				going[n.ID] = true
			}
			require.NotEqual(t, withdrawn, going[n.ID], "node %s", n.ID)
			require.False(t, given[n.ID] > 0 && !withdrawn, "node %s gets work and stays marked", n.ID)
		}
	})
}

// Whatever could not be read, or does not run, nothing is done, and all that is
// known is explained by it.
func TestPropertyNothingIsDoneBlindly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		want := ReasonClusterStopped
		switch rapid.IntRange(0, 2).Draw(t, "blind") {
		case 0:
			s.SupplyProblem, want = "down", ReasonSupplyUnknown
		case 1:
			s.DemandProblem, want = "down", ReasonDemandUnknown
		default:
			s.Supply.Stopped = "stopped"
		}
		plan := Decide(s, p)
		require.True(t, plan.Empty())
		require.Equal(t, want, plan.Hold.Code)
		for _, o := range plan.Outcomes {
			require.Empty(t, o.Served)
			require.Equal(t, want, o.Reason.Code)
		}
		for _, v := range plan.Nodes {
			require.Equal(t, want, v.Reason.Code)
		}
		require.Equal(t, s.Memory, Remember(s.Memory, plan), "what was learnt is kept")
	})
}

// Nodes are made for tasks, at least one each, or for a min or a buffer.
func TestPropertyNoNodeIsMadeForNobody(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		tasks := make([]int, len(w.plan.Grow))
		for _, o := range w.plan.Outcomes {
			for _, s := range o.Served {
				if s.Grow >= 0 {
					require.Equal(t, w.plan.Grow[s.Grow].Pool, s.Pool)
					require.Equal(t, w.plan.Grow[s.Grow].Group, s.Group)
					tasks[s.Grow] += s.Tasks
				}
			}
		}
		for i, g := range w.plan.Grow {
			if p := w.managed(g.Pool); p.Min+p.Buffer+p.BufferPercent == 0 {
				require.GreaterOrEqual(t, tasks[i], g.Count)
			}
			if tasks[i] == 0 {
				require.Contains(t, []ReasonCode{ReasonMinimum, ReasonBuffer}, g.Reason.Code)
				require.Empty(t, g.Group)
			}
		}
	})
}
