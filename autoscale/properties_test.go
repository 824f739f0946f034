package autoscale

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawState draws a small world: pools that share limits, nodes in every phase,
// open operations, and jobs of every kind.
func drawState(t *rapid.T) (State, Policy) {
	s := State{CanDrain: rapid.Bool().Draw(t, "canDrain")}
	s.At = start
	policy := drawPolicy(t)
	drawSupply(t, &s)
	s.Demand = Demand{Use: drawUse(t, &s), Vouched: rapid.IntRange(0, 3).Draw(t, "vouched") > 0}
	s.Demand.Classes = Intern(drawJobs(t))
	drawOperations(t, &s)
	drawOfferings(t, &s)
	s.Memory.Blocked = Blocked{Job: JobID(fmt.Sprintf("j%d", rapid.IntRange(0, 3).Draw(t, "blocked"))), Since: start.Add(-time.Hour)}
	return s, policy
}

func drawOfferings(t *rapid.T, s *State) {
	s.Memory.Offerings = make(map[OfferingID]Offering)
	for _, pool := range s.Supply.Pools {
		if rapid.IntRange(0, 2).Draw(t, "ranOut") > 0 {
			continue
		}
		o := Offering{Failed: start.Add(-10 * time.Minute), Budget: rapid.IntRange(1, 4).Draw(t, "budget"), Failures: rapid.IntRange(0, 3).Draw(t, "failures")}
		if rapid.Bool().Draw(t, "probed") {
			o.Probed = start.Add(-time.Duration(rapid.IntRange(0, 600).Draw(t, "probedAgo")) * time.Second)
		}
		s.Memory.Offerings[offeringOf(pool.ID, rapid.Bool().Draw(t, "groupedOffering"))] = o
	}
}

func drawPolicy(t *rapid.T) Policy {
	p := aPolicy("a", "b")
	p.Order = rapid.SampledFrom([]Order{AsListed, Cheapest, LeastWaste}).Draw(t, "order")
	for i := range p.Pools {
		p.Pools[i].Min = rapid.IntRange(0, 3).Draw(t, "min")
		if rapid.Bool().Draw(t, "hasMax") {
			p.Pools[i].Max = p.Pools[i].Min + rapid.IntRange(1, 8).Draw(t, "max")
		}
		p.Pools[i].Priority = rapid.IntRange(0, 1).Draw(t, "priority")
		p.Pools[i].PricePerHour = rapid.SampledFrom([]float64{0, 1, 2.5}).Draw(t, "price")
	}
	if rapid.Bool().Draw(t, "hasTotal") {
		p.Max = rapid.IntRange(1, 12).Draw(t, "total")
	}
	p.GangPatience = time.Duration(rapid.IntRange(0, 1).Draw(t, "patience")) * time.Minute
	p.Limits = []Limit{{ID: "licence/x", Kind: LimitLicence, Unit: UnitTokens, Max: 10}}
	return p
}

func drawSupply(t *rapid.T, s *State) {
	shared := Limit{ID: "family/F/cores", Kind: LimitFamily, Unit: UnitCores, Max: int64(rapid.IntRange(0, 120).Draw(t, "family"))}
	for i, name := range []string{"a", "a", "b", "c"} {
		cores := []int{4, 8, 4, 16}[i]
		pool, limits := aPool(name, fmt.Sprintf("F%d", cores), cores, rapid.IntRange(0, 12).Draw(t, "bucket"))
		pool.Draws = append(pool.Draws, Draw{shared.ID, int64(cores)})
		pool.GroupSize = rapid.SampledFrom([]int{0, 2, 5}).Draw(t, "groupSize")
		if rapid.IntRange(0, 9).Draw(t, "invalid") == 0 {
			pool.Invalid = "DisabledMachineType"
		}
		s.Supply.Pools = append(s.Supply.Pools, pool)
		s.Supply.Limits = append(s.Supply.Limits, limits...)
	}
	s.Supply.Limits = append(s.Supply.Limits, shared)
	s.Memory.Nodes = make(map[NodeID]NodeMemory)
	for i := range rapid.IntRange(0, 10).Draw(t, "nodes") {
		drawNode(t, s, i)
	}
}

func drawNode(t *rapid.T, s *State, i int) {
	pool := rapid.SampledFrom(s.Supply.Pools).Draw(t, "pool")
	phases := []Phase{PhaseReady, PhaseReady, PhaseReady, PhaseStarting, PhaseStarting, PhaseFailed, PhaseStopping, PhaseUnknown, PhaseDeallocated, PhaseGone}
	n := aNode(fmt.Sprintf("n%d", i), pool.ID, rapid.SampledFrom(phases).Draw(t, "phase"))
	n.Owned = rapid.IntRange(0, 4).Draw(t, "owned") > 0
	n.KeepAlive = rapid.IntRange(0, 5).Draw(t, "keepAlive") == 0
	if rapid.IntRange(0, 7).Draw(t, "protected") == 0 {
		n.Protected = "head node"
	}
	if pool.GroupSize > 0 && rapid.Bool().Draw(t, "grouped") {
		n.Group = rapid.SampledFrom([]string{"g0", "g1"}).Draw(t, "group")
	}
	s.Supply.Nodes = append(s.Supply.Nodes, n)
	ago := func(label string) time.Time {
		return start.Add(-time.Duration(rapid.IntRange(0, 3600).Draw(t, label)) * time.Second)
	}
	m := NodeMemory{Asked: ago("asked"), Ours: n.Owned, IdleReads: rapid.IntRange(0, 2).Draw(t, "idleReads")}
	if n.Phase == PhaseReady {
		m.Ready = m.Asked
	}
	s.Memory.Nodes[n.ID] = m
}

func drawUse(t *rapid.T, s *State) map[string]HostUse {
	use := make(map[string]HostUse)
	for _, n := range s.Supply.Nodes {
		u := HostUse{Drain: rapid.SampledFrom([]Drain{NotDraining, NotDraining, NotDraining, DrainOurs, DrainForeign}).Draw(t, "drain")}
		switch rapid.IntRange(0, 3).Draw(t, "busy") {
		case 0:
			u.Jobs, u.Used = []JobID{"r"}, Resources{Cores: 2}
		case 1:
			u.Jobs, u.Whole = []JobID{"r"}, true
		}
		if u.Busy() || u.Drain != NotDraining {
			use[n.Host] = u
		}
	}
	return use
}

func drawJobs(t *rapid.T) []Job {
	var all []Job
	for i := range rapid.IntRange(0, 8).Draw(t, "jobs") {
		j := Job{ID: JobID(fmt.Sprintf("j%d", i)), Priority: int64(rapid.IntRange(0, 2).Draw(t, "priority")), Submitted: start.Add(-time.Duration(rapid.IntRange(0, 5).Draw(t, "age")) * time.Minute)}
		j.Shape = drawShape(t)
		all = append(all, j)
	}
	return all
}

func drawShape(t *rapid.T) Shape {
	s := Shape{
		Tasks:        rapid.IntRange(1, 9).Draw(t, "tasks"),
		PerTask:      Resources{Cores: rapid.IntRange(0, 9).Draw(t, "cores"), Memory: Bytes(rapid.IntRange(0, 20).Draw(t, "memory")) * GiB},
		TasksPerNode: rapid.IntRange(0, 3).Draw(t, "tasksPerNode"),
		Exclusive:    rapid.SampledFrom([]Exclusive{Shared, Shared, ExclusiveJob, ExclusiveTask}).Draw(t, "exclusive"),
		Grouping:     rapid.SampledFrom([]Grouping{AnyPlace, AnyPlace, Coupled, Ungrouped}).Draw(t, "grouping"),
		Gang:         rapid.SampledFrom([]GangMode{GangDefault, GangAll, GangAtLeast, GangBestEffort}).Draw(t, "gang"),
		AtLeast:      rapid.IntRange(1, 4).Draw(t, "atLeast"),
	}
	switch rapid.IntRange(0, 9).Draw(t, "more") {
	case 0:
		s.Held = "JobHeldUser"
	case 1:
		s.DependsOn = []JobID{"x"}
	case 2:
		s.EarliestStart = start.Add(time.Hour)
	case 3:
		s.Draws = []Draw{{"licence/x", 4}}
	case 4:
		s.Selector = HasLabel(LabelNodearray, "b")
	case 5:
		s.Selector = Selector{Prefer: []Selector{HasLabel(LabelMachineType, "f8"), HasLabel(LabelMachineType, "f4")}}
	}
	return s
}

func drawOperations(t *rapid.T, s *State) {
	for i := range rapid.IntRange(0, 3).Draw(t, "operations") {
		op := Operation{Request: RequestID(fmt.Sprintf("r%d", i)), Intended: start.Add(-time.Minute), Phase: rapid.SampledFrom([]OperationPhase{OpIntended, OpSent, OpAbsent, OpAccepted}).Draw(t, "opPhase")}
		if len(s.Supply.Nodes) > 0 && rapid.Bool().Draw(t, "isRemove") {
			op.Kind = OperationRemove
			op.Nodes = []NodeID{rapid.SampledFrom(s.Supply.Nodes).Draw(t, "target").ID}
		} else {
			op.Kind, op.Pool = OperationCreate, rapid.SampledFrom(s.Supply.Pools).Draw(t, "opPool").ID
			op.Count = rapid.IntRange(1, 3).Draw(t, "count")
			op.Added = rapid.IntRange(0, op.Count).Draw(t, "added")
		}
		s.Operations = append(s.Operations, op)
	}
}

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
				gone[n.ID] = true
			}
		}
		for _, r := range w.plan.Retry {
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
	require.NotContains(t, []Phase{PhaseStopping, PhaseDeallocated, PhaseUnknown, PhaseGone}, n.Phase)
	require.NotContains(t, w.given(), n.ID, "the plan gave it work")
	if n.Phase == PhaseReady {
		require.True(t, vouched, "the queue does not vouch for it")
		if w.CanDrain {
			require.Equal(t, DrainOurs, use.Drain, "goes without being drained")
		} else {
			require.GreaterOrEqual(t, m.IdleReads, 2)
		}
		require.GreaterOrEqual(t, w.At.Sub(m.IdleSince()), DefaultIdleTime)
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
			require.NotContains(t, []Phase{PhaseFailed, PhaseStopping, PhaseGone, PhaseUnknown, PhaseDeallocated}, n.Phase)
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

func TestPropertyNodesThatExistComeFirst(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		given := w.given()
		if w.plan.Blocked != "" {
			return // nodes may be kept for a gang
		}
		for _, o := range w.plan.Outcomes {
			class := w.Demand.Classes[o.Class]
			fromNew := slices.ContainsFunc(o.Served, func(s Serving) bool { return s.Grow >= 0 })
			if !fromNew || class.Grouping == Coupled || class.PerTask.Cores == 0 {
				continue
			}
			for _, v := range w.plan.Nodes {
				n := w.nodes[v.Node]
				use, _ := w.use(n)
				pool := w.pools[n.Pool]
				_, ok := class.Selector.Match(pool.Labels)
				fits := ok && n.Phase == PhaseReady && w.managed(n.Pool) != nil && n.Protected == "" && !w.leaving[n.ID] &&
					pool.Node.Cores >= class.PerTask.Cores && pool.Node.Memory >= class.PerTask.Memory &&
					(class.Grouping != Ungrouped || n.Group == "")
				if fits && !use.Busy() && use.Drain != DrainForeign {
					require.Positive(t, given[n.ID], "node %s stands idle while new nodes are made for class %d", n.ID, o.Class)
				}
			}
		}
	})
}

func TestPropertyInputOrderPlaysNoPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		want := Decide(s, p)
		r := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "shuffle")))
		shuffled := s
		shuffled.Supply.Pools = slices.Clone(s.Supply.Pools)
		shuffled.Supply.Nodes = slices.Clone(s.Supply.Nodes)
		shuffled.Supply.Limits = slices.Clone(s.Supply.Limits)
		shuffled.Operations = slices.Clone(s.Operations)
		r.Shuffle(len(s.Supply.Pools), func(i, j int) {
			shuffled.Supply.Pools[i], shuffled.Supply.Pools[j] = shuffled.Supply.Pools[j], shuffled.Supply.Pools[i]
		})
		r.Shuffle(len(s.Supply.Nodes), func(i, j int) {
			shuffled.Supply.Nodes[i], shuffled.Supply.Nodes[j] = shuffled.Supply.Nodes[j], shuffled.Supply.Nodes[i]
		})
		r.Shuffle(len(s.Supply.Limits), func(i, j int) {
			shuffled.Supply.Limits[i], shuffled.Supply.Limits[j] = shuffled.Supply.Limits[j], shuffled.Supply.Limits[i]
		})
		r.Shuffle(len(s.Operations), func(i, j int) {
			shuffled.Operations[i], shuffled.Operations[j] = shuffled.Operations[j], shuffled.Operations[i]
		})
		require.Equal(t, want, Decide(shuffled, p))
	})
}

// A job that found no room at first may find it among nodes that were made for
// others after it, so further rounds may serve more; but where all were served,
// the first round is the last, and in any case it settles.
func TestPropertyPlanningAgainSettles(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		allServed := !slices.ContainsFunc(w.plan.Outcomes, func(o Outcome) bool {
			return slices.Contains([]ReasonCode{ReasonLimit, ReasonReserved, ReasonCapacity, ReasonPoolInvalid, ReasonPart}, o.Reason.Code)
		})
		rounds, waiting := 0, 0
		for _, o := range w.plan.Outcomes {
			waiting += (o.To - o.From) * (w.Demand.Classes[o.Class].Tasks - o.Tasks)
		}
		for again := w; ; rounds++ {
			next := applied(again)
			again = newWorld(next, w.policy)
			if again.plan.Empty() {
				break
			}
			if allServed {
				more := again.plan
				require.Empty(t, more.Grow, "all were served, and more is created")
				require.Empty(t, more.Drain)
				for _, r := range more.Retry {
					require.Equal(t, OperationRemove, r.Operation.Kind, "all were served, and more is created")
				}
				require.Empty(t, more.Undrain)
			}
			require.Less(t, rounds, 5+waiting, "each round must serve more tasks")
		}
	})
}

// applied is the world right after a plan was carried out, before anything of it
// can be seen but its operations and drain marks.
func applied(w world) State {
	next := w.State
	next.Operations = nil
	retried := make(map[RequestID]bool)
	for _, r := range w.plan.Retry {
		retried[r.Operation.Request] = true
	}
	for _, op := range w.Operations {
		if retried[op.Request] {
			op.Phase, op.Added = OpAccepted, op.Count
		}
		next.Operations = append(next.Operations, op)
	}
	for i := range w.plan.Grow {
		g := &w.plan.Grow[i]
		g.Request = RequestID(fmt.Sprintf("new%d-%d", len(w.Operations), i))
		next.Operations = append(next.Operations, Operation{
			Request: g.Request, Kind: OperationCreate, Phase: OpAccepted, Pool: g.Pool, Group: g.Group, Count: g.Count, Added: g.Count, Intended: w.At,
		})
	}
	for i, r := range w.plan.Remove {
		op := Operation{Request: RequestID(fmt.Sprintf("gone%d-%d", len(w.Operations), i)), Kind: OperationRemove, Phase: OpAccepted}
		for _, n := range r.Nodes {
			op.Nodes = append(op.Nodes, n.ID)
		}
		next.Operations = append(next.Operations, op)
	}
	next.Demand.Use = maps.Clone(w.Demand.Use)
	for _, d := range w.plan.Undrain {
		u := next.Demand.Use[d.Node.Host]
		u.Drain = NotDraining
		next.Demand.Use[d.Node.Host] = u
	}
	next.Memory = Remember(w.Memory, w.plan)
	for _, d := range w.plan.Drain {
		u := next.Demand.Use[d.Node.Host]
		u.Drain = DrainOurs
		next.Demand.Use[d.Node.Host] = u
	}
	return next
}

// Only the shared quota grows here, and each job has one task: a preferred pool
// that grows may well serve fewer jobs, where its larger nodes take more of the
// quota each, and so may the first of several jobs that takes more nodes.
func TestPropertyMoreQuotaServesNoFewer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		shape := drawShape(t)
		shape.Tasks = 1
		s.Demand.Classes = Intern(jobs("s", rapid.IntRange(1, 12).Draw(t, "n"), shape))
		before := served(Decide(s, p))
		more := s
		more.Supply.Limits = slices.Clone(s.Supply.Limits)
		shared := len(more.Supply.Limits) - 1
		more.Supply.Limits[shared].Max += int64(rapid.IntRange(1, 16).Draw(t, "more"))
		require.GreaterOrEqual(t, served(Decide(more, p)), before)
	})
}

func served(p Plan) int {
	n := 0
	for _, o := range p.Outcomes {
		if len(o.Served) > 0 {
			n += o.To - o.From
		}
	}
	return n
}
