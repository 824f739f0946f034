package autoscale

import (
	"fmt"
	"time"

	"pgregory.net/rapid"
)

// drawState draws a small world: pools that share limits, nodes in every phase,
// open operations, and jobs of every kind.
func drawState(t *rapid.T) (State, Policy) {
	s := State{CanDrain: rapid.Bool().Draw(t, "canDrain"), CanReport: rapid.Bool().Draw(t, "canReport")}
	s.At = start
	policy := drawPolicy(t)
	drawSupply(t, &s)
	s.Demand = Demand{Use: drawUse(t, &s), Vouched: rapid.IntRange(0, 3).Draw(t, "vouched") > 0}
	s.Demand.Classes = Intern(drawJobs(t))
	drawOperations(t, &s)
	drawOfferings(t, &s)
	s.Memory.Spend = Spend{Month: rapid.SampledFrom([]string{"2026-02", "2026-03"}).Draw(t, "month"), Amount: rapid.Float64Range(0, 100).Draw(t, "spent")}
	drawTenants(t, &s)
	drawVain(t, &s)
	s.Memory.Blocked = Blocked{Job: JobID(fmt.Sprintf("j%d", rapid.IntRange(0, 3).Draw(t, "blocked"))), Since: start.Add(-time.Hour)}
	s.Memory.First = Blocked{Job: JobID(fmt.Sprintf("j%d", rapid.IntRange(0, 3).Draw(t, "first"))), Since: start.Add(-time.Hour)}
	return s, policy
}

// drawTenants draws whom an earlier plan gave nodes to: shapes that still wait, and
// one that does not.
func drawTenants(t *rapid.T, s *State) {
	shapes := []ShapeKey{1}
	for i := range s.Demand.Classes {
		shapes = append(shapes, s.Demand.Classes[i].Key)
	}
	tenants := func() (list []Tenant) {
		if rapid.Bool().Draw(t, "let") {
			list = append(list, Tenant{Shape: rapid.SampledFrom(shapes).Draw(t, "tenant"), Turn: rapid.IntRange(0, 5).Draw(t, "turn")})
		}
		return list
	}
	for i := range s.Supply.Nodes {
		m := s.Memory.Nodes[s.Supply.Nodes[i].ID]
		m.For = tenants()
		s.Memory.Nodes[s.Supply.Nodes[i].ID] = m
	}
	s.Memory.Promises = make(map[RequestID]Promise)
	for i := range s.Operations {
		if op := &s.Operations[i]; op.Kind == OperationCreate {
			s.Memory.Promises[op.Request] = Promise{For: []Wish{{Count: rapid.IntRange(1, 3).Draw(t, "wish"), Tenants: tenants()}}}
		}
	}
}

// drawVain draws removals that came to nothing.
func drawVain(t *rapid.T, s *State) {
	for i := range s.Supply.Nodes {
		if id := s.Supply.Nodes[i].ID; rapid.Bool().Draw(t, "vain") {
			m := s.Memory.Nodes[id]
			ago := time.Duration(rapid.SampledFrom([]int{0, 59, 60, 120, 1799, 1800, 9000}).Draw(t, "vainAgo")) * time.Second
			m.Vain = Vain{Tries: rapid.IntRange(0, 7).Draw(t, "tries"), Last: start.Add(-ago), Answer: "no"}
			s.Memory.Nodes[id] = m
		}
	}
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
		p.Pools[i].MaxGroups = rapid.IntRange(0, 2).Draw(t, "maxGroups")
		p.Pools[i].Priority = rapid.IntRange(0, 1).Draw(t, "priority")
		p.Pools[i].Removal = rapid.SampledFrom([]Removal{"", RemovalDeallocate, RemovalShutdown, RemovalRemove}).Draw(t, "removal")
		p.Pools[i].KeepDeallocated = rapid.IntRange(0, 2).Draw(t, "keepDeallocated")
		p.Pools[i].KeepFailed = rapid.IntRange(0, 2).Draw(t, "keepFailed")
		p.Pools[i].ReportFailed = rapid.SampledFrom([]string{"", "Resource.Hpc"}).Draw(t, "reportFailed")
		p.Pools[i].DrainTimeout = time.Duration(rapid.SampledFrom([]int{0, 0, 30}).Draw(t, "drainTimeout")) * time.Minute
		p.Pools[i].RemoveGroupsWhole = rapid.Bool().Draw(t, "wholeGroups")
		p.Pools[i].Buffer = rapid.IntRange(0, 2).Draw(t, "buffer")
		p.Pools[i].BufferPercent = rapid.SampledFrom([]int{0, 0, 10, 50}).Draw(t, "bufferPercent")
		p.Pools[i].PricePerHour = rapid.SampledFrom([]float64{0, 1, 2.5}).Draw(t, "price")
	}
	if rapid.IntRange(0, 2).Draw(t, "hasRules") == 0 {
		p.Resources = []ResourceRule{
			{Match: HasLabel(LabelNodearray, "a"), CoresFrom: CoresPCPU},
			{CoresFrom: CoresFixed, Cores: 3, Reserve: &Reserve{Bytes: GiB, Percent: rapid.Float64Range(0, 50).Draw(t, "reserve")}},
		}
	}
	p.Spot = rapid.SampledFrom([]SpotPreference{"", SpotFirst, SpotLast}).Draw(t, "spot")
	p.Prices = NewPrices([]Price{{MachineType: "f8", PerHour: 3}})
	if rapid.IntRange(0, 2).Draw(t, "hasBudget") == 0 {
		p.Budget = Budget{PerHour: rapid.Float64Range(0, 30).Draw(t, "perHour"), PerMonth: rapid.Float64Range(0, 100).Draw(t, "perMonth")}
	}
	if rapid.Bool().Draw(t, "hasTotal") {
		p.Max = rapid.IntRange(1, 12).Draw(t, "total")
	}
	p.FairShare = rapid.Bool().Draw(t, "fairShare")
	p.GangHold = time.Duration(rapid.SampledFrom([]int{0, 10}).Draw(t, "gangHold")) * time.Minute
	p.GangPatience = time.Duration(rapid.IntRange(0, 1).Draw(t, "patience")) * time.Minute
	p.Limits = []Limit{{ID: "licence/x", Kind: LimitLicence, Unit: UnitTokens, Max: 10}}
	return p
}

func drawSupply(t *rapid.T, s *State) {
	shared := Limit{ID: "family/F/cores", Kind: LimitFamily, Unit: UnitCores, Max: int64(rapid.IntRange(0, 120).Draw(t, "family"))}
	array := Limit{ID: "nodearray/a/nodes", Kind: LimitNodearray, Unit: UnitNodes, Max: int64(rapid.SampledFrom([]int{100, 8, 4, 1}).Draw(t, "array")), Used: int64(rapid.IntRange(0, 5).Draw(t, "arrayUsed"))}
	for i, name := range []string{"a", "a", "b", "c"} {
		cores := []int{4, 8, 4, 16}[i]
		pool, limits := aPool(name, fmt.Sprintf("F%d", cores), cores, rapid.IntRange(0, 12).Draw(t, "bucket"))
		pool.Draws = append(pool.Draws, Draw{shared.ID, int64(cores)})
		pool.PCPUs = rapid.SampledFrom([]int{0, cores / 2}).Draw(t, "pcpus")
		if name == "a" {
			pool.Draws = append(pool.Draws, Draw{array.ID, 1})
		}
		if rapid.Bool().Draw(t, "startsDraw") {
			pool.StartDraws = []Draw{{shared.ID, int64(cores)}}
		}
		pool.Labels[LabelSpot] = fmt.Sprint(name == "b")
		pool.GroupSize = rapid.SampledFrom([]int{0, 2, 5}).Draw(t, "groupSize")
		if rapid.IntRange(0, 9).Draw(t, "invalid") == 0 {
			pool.Invalid = "DisabledMachineType"
		}
		s.Supply.Pools = append(s.Supply.Pools, pool)
		s.Supply.Limits = append(s.Supply.Limits, limits...)
	}
	s.Supply.Limits = append(s.Supply.Limits, array, shared)
	s.Memory.Nodes = make(map[NodeID]NodeMemory)
	for i := range rapid.IntRange(0, 10).Draw(t, "nodes") {
		drawNode(t, s, i)
	}
}

func drawNode(t *rapid.T, s *State, i int) {
	pool := rapid.SampledFrom(s.Supply.Pools).Draw(t, "pool")
	phases := []Phase{PhaseReady, PhaseReady, PhaseReady, PhaseStarting, PhaseStarting, PhaseFailed, PhaseStopping, PhaseUnknown, PhaseDeallocated, PhaseDeallocated, PhaseDeallocated, PhaseGone}
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
	if n.Phase == PhaseDeallocated {
		m.Deallocated = start.Add(-time.Duration(rapid.SampledFrom([]int{0, 600, 7200}).Draw(t, "deallocated")) * time.Second)
		if rapid.IntRange(0, 3).Draw(t, "tried") == 0 {
			m.Tried = m.Deallocated.Add(time.Minute)
		}
	}
	if n.Phase == PhaseFailed {
		m.Reports, m.Reported = rapid.IntRange(0, 3).Draw(t, "reports"), rapid.IntRange(0, 2).Draw(t, "reported") == 0
	}
	if rapid.IntRange(0, 3).Draw(t, "isHeld") == 0 {
		m.Held = ago("held")
	}
	switch rapid.IntRange(0, 5).Draw(t, "drains") {
	case 0:
		m.Drain = DrainMemory{Since: ago("draining"), Marks: rapid.IntRange(0, 3).Draw(t, "marks"), Marked: ago("marked")}
	case 1:
		m.Drain = DrainMemory{Failed: rapid.IntRange(1, 3).Draw(t, "drainsFailed"), Undone: ago("undone")}
	}
	s.Memory.Nodes[n.ID] = m
}

func drawUse(t *rapid.T, s *State) map[string]HostUse {
	use := make(map[string]HostUse)
	for _, n := range s.Supply.Nodes {
		u := HostUse{Drain: rapid.SampledFrom([]Drain{NotDraining, NotDraining, NotDraining, DrainOurs, DrainForeign}).Draw(t, "drain")}
		u.Settling = u.Drain == DrainOurs && rapid.IntRange(0, 2).Draw(t, "settling") == 0
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
		if rapid.IntRange(0, 4).Draw(t, "named") == 0 {
			drawNames(t, &j.Shape)
		}
		all = append(all, j)
	}
	return all
}

// nodeNames are names that nodes of a drawn world may have, and others.
var nodeNames = []string{"n0", "n1", "n2", "n3", "N4", "a-8", "a-9", "a-10", "a-011", "b7c", "nameless"}

// drawNames makes a job name its nodes.
func drawNames(t *rapid.T, s *Shape) {
	s.Names = rapid.SliceOfNDistinct(rapid.SampledFrom(nodeNames), 1, 4, rapid.ID).Draw(t, "names")
	s.Tasks, s.TasksPerNode, s.Exclusive = len(s.Names), 0, ExclusiveTask
	s.Group = rapid.SampledFrom([]string{"", "", "g0", "g9"}).Draw(t, "namedGroup")
	s.Grouping = AnyPlace
	if s.Group != "" {
		s.Grouping = Coupled
	}
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
	case 6:
		notSpot := HasLabel(LabelSpot, "true")
		s.Selector = Selector{All: []Selector{{Not: &notSpot}, {Any: []Selector{HasLabel(LabelNodearray, "a"), HasLabel(LabelMachineType, "f4")}}}}
	case 7:
		s.Selector = Selector{Prefer: []Selector{HasLabel(LabelSpot, "true"), {}}}
	}
	return s
}

func deallocatedOf(s *State) (nodes []Node) {
	for _, n := range s.Supply.Nodes {
		if n.Phase == PhaseDeallocated {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

func drawOperations(t *rapid.T, s *State) {
	for i := range rapid.IntRange(0, 3).Draw(t, "operations") {
		op := Operation{Request: RequestID(fmt.Sprintf("r%d", i)), Intended: start.Add(-time.Minute), Phase: rapid.SampledFrom([]OperationPhase{OpIntended, OpSent, OpAbsent, OpAccepted}).Draw(t, "opPhase")}
		if parked := deallocatedOf(s); len(parked) > 0 && rapid.Bool().Draw(t, "isStart") {
			op.Kind, op.Attempts = OperationStart, rapid.IntRange(1, attemptsAtMost).Draw(t, "attempts")
			first := rapid.SampledFrom(parked).Draw(t, "start")
			op.Pool, op.Group = first.Pool, first.Group
			for _, n := range parked {
				if n.Pool == op.Pool && n.Group == op.Group {
					op.Nodes = append(op.Nodes, n.ID)
				}
			}
			op.Draws = []Draw{{"family/F/cores", 4}}
		} else if len(s.Supply.Nodes) > 0 && rapid.Bool().Draw(t, "isRemove") {
			op.Kind = OperationRemove
			op.Nodes = []NodeID{rapid.SampledFrom(s.Supply.Nodes).Draw(t, "target").ID}
		} else {
			op.Kind, op.Pool = OperationCreate, rapid.SampledFrom(s.Supply.Pools).Draw(t, "opPool").ID
			op.Count = rapid.IntRange(1, 3).Draw(t, "count")
			if rapid.IntRange(0, 2).Draw(t, "namedOp") == 0 {
				op.Names = rapid.SliceOfNDistinct(rapid.SampledFrom(nodeNames[5:]), op.Count, op.Count, rapid.ID).Draw(t, "opNames")
			}
			op.Added = rapid.IntRange(0, op.Count).Draw(t, "added")
			op.Attempts = rapid.IntRange(1, attemptsAtMost).Draw(t, "attempts")
			op.Group = rapid.SampledFrom([]string{"", "", "g0", "g2"}).Draw(t, "opGroup")
		}
		s.Operations = append(s.Operations, op)
	}
}
