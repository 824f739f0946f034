package autoscale

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// scenario is the world of a file. Times are seconds before the observation.
type scenario struct {
	Policy struct {
		Order           Order            `yaml:"order"`
		Spot            SpotPreference   `yaml:"spot"`
		Budget          scenarioBudget   `yaml:"budget"`
		Prices          []scenarioPrice  `yaml:"prices"`
		Max             int              `yaml:"max"`
		FairShare       bool             `yaml:"fair_share"`
		Limits          []scenarioLimit  `yaml:"limits"`
		Pools           []scenarioPolicy `yaml:"pools"`
		RemovalsPerTick int              `yaml:"removals_per_tick"`
		RemovalsPerHour int              `yaml:"removals_per_hour"`
		CreatesPerTick  int              `yaml:"creates_per_tick"`
		CreatesPerHour  int              `yaml:"creates_per_hour"`
		DemandJump      int              `yaml:"demand_jump"`
		Resources       []scenarioRule   `yaml:"resources"`
		// Hold of a gang's nodes, in seconds.
		Hold int `yaml:"hold"`
		// Patience with gangs, in seconds.
		Patience int `yaml:"patience"`
	} `yaml:"policy"`
	// Spent this month before the observation.
	Spent      float64             `yaml:"spent"`
	Limits     []scenarioLimit     `yaml:"limits"`
	Pools      []scenarioPool      `yaml:"pools"`
	Nodes      []scenarioNode      `yaml:"nodes"`
	Operations []scenarioOperation `yaml:"operations"`
	Jobs       []scenarioJob       `yaml:"jobs"`
	// Unvouched: the queue does not say what runs.
	Unvouched bool `yaml:"unvouched"`
	// Releases: the queue alone says when hosts go.
	Releases  bool `yaml:"releases"`
	CanDrain  bool `yaml:"can_drain"`
	CanReport bool `yaml:"can_report"`
	// Blocked is the gang that waits, and First the first job, and for how many seconds.
	Blocked scenarioBlocked `yaml:"blocked"`
	First   scenarioBlocked `yaml:"first"`
	// Breaker is open for so many seconds after so many failed trials, the latest
	// of them as long ago as Failed says.
	Breaker struct {
		Class   ErrorClass `yaml:"class"`
		Refused bool       `yaml:"refused"`
		Open    int        `yaml:"open"`
		Failed  int        `yaml:"failed"`
		Trials  int        `yaml:"trials"`
		Detail  string     `yaml:"detail"`
	} `yaml:"breaker"`
	// Removed is how many nodes went how many seconds ago.
	Removed []struct{ Count, Ago int } `yaml:"removed"`
	// Created is how many were asked for how many seconds ago.
	Created []struct{ Count, Ago int } `yaml:"created"`
	// Paused are pools, for so many seconds already and another Left.
	Paused []struct {
		Pool      string
		For, Left int
		Why       string
	} `yaml:"paused"`
	// Surge is how many cores the queue asked for, and a jump that waits.
	Surge struct{ Accepted, Jump int64 } `yaml:"surge"`
	// Problems and states that hold everything.
	SupplyProblem string `yaml:"supply_problem"`
	DemandProblem string `yaml:"demand_problem"`
	Stopped       string `yaml:"stopped"`
}

type scenarioLimit struct {
	ID   LimitID `yaml:"id"`
	Unit Unit    `yaml:"unit"`
	Max  int64   `yaml:"max"`
	Used int64   `yaml:"used"`
}

type scenarioBlocked struct {
	Job JobID `yaml:"job"`
	For int   `yaml:"for"`
}

func (b scenarioBlocked) blocked() Blocked {
	return Blocked{Job: b.Job, Since: start.Add(-time.Duration(b.For) * time.Second)}
}

type scenarioPool struct {
	ID        PoolID            `yaml:"id"` // nodearray/machine type, or nodearray/machine type/spot
	Region    string            `yaml:"region"`
	Cores     int               `yaml:"cores"`
	GiB       int               `yaml:"gib"`
	GPUs      int               `yaml:"gpus"`
	PCPUs     int               `yaml:"pcpus"`
	Available int               `yaml:"available"`
	Used      int               `yaml:"used"` // of Available
	GroupSize int               `yaml:"group_size"`
	Groups    map[string]int    `yaml:"groups"`
	Draws     map[LimitID]int64 `yaml:"draws"`
	Invalid   string            `yaml:"invalid"`
	// FailedAgo is when the cloud last ran out of it; 0: never.
	FailedAgo int `yaml:"failed_ago"`
}

type scenarioNode struct {
	ID        string   `yaml:"id"`
	Pool      PoolID   `yaml:"pool"`
	Group     string   `yaml:"group"`
	Phase     Phase    `yaml:"phase"`
	Asked     int      `yaml:"asked"`
	Ready     int      `yaml:"ready"`
	Busy      int      `yaml:"busy"`
	BusyFor   int      `yaml:"busy_for"`
	IdleReads int      `yaml:"idle_reads"`
	Foreign   bool     `yaml:"foreign"`
	KeepAlive bool     `yaml:"keep_alive"`
	Protected string   `yaml:"protected"`
	Outdated  string   `yaml:"outdated"`
	Message   string   `yaml:"message"`
	Runs      []string `yaml:"runs"`
	UsedCores int      `yaml:"used_cores"`
	Drain     Drain    `yaml:"drain"`
	// Draining is since when, Marks how often that was marked in vain, the last time
	// Marked ago. DrainsFailed is how many drains failed, the last one Undone ago.
	Draining     int `yaml:"draining"`
	Marks        int `yaml:"marks"`
	Marked       int `yaml:"marked"`
	DrainsFailed int `yaml:"drains_failed"`
	Undone       int `yaml:"undone"`

	Listed bool `yaml:"listed"` // by the queue, though nothing runs on it
	// Missing: the queue expects it and has not heard of it, for too long if Unjoined; or not
	// any more since Lost.
	Missing, Unjoined bool
	Lost              int `yaml:"lost"`
	// For is a job that an earlier plan gave it to, Wanted when it last did, and
	// Held since when it is kept for it.
	For    JobID `yaml:"for"`
	Wanted int   `yaml:"wanted"`
	Held   int   `yaml:"held"`
	// Evicted: it was there in the last look, and is not now.
	Evicted bool `yaml:"evicted"`

	Deallocated int `yaml:"deallocated"`
	Tried       int `yaml:"tried"`
	// Reports is how often it was tried to report it.
	Reports  int  `yaml:"reports"`
	Reported bool `yaml:"reported"`
	// Vain removals, the latest of them so many seconds ago.
	Vain struct {
		Tries, Ago int
		Answer     string
	} `yaml:"vain"`
}

type scenarioOperation struct {
	Request RequestID      `yaml:"request"`
	Kind    OperationKind  `yaml:"kind"`
	Phase   OperationPhase `yaml:"phase"`
	Pool    PoolID         `yaml:"pool"`
	Group   string         `yaml:"group"`
	Count   int            `yaml:"count"`
	Added   int            `yaml:"added"`
	Nodes   []NodeID       `yaml:"nodes"`
	Names   []string       `yaml:"names"`
	// Message and Class of one that ended just now, as its phase says.
	Message string     `yaml:"message"`
	Class   ErrorClass `yaml:"class"`
}

// operation was intended a minute ago, and ended now if at all.
func (o scenarioOperation) operation() Operation {
	op := Operation{
		Request: o.Request, Kind: o.Kind, Phase: o.Phase, Pool: o.Pool, Group: o.Group, Count: o.Count, Added: o.Added, Nodes: o.Nodes, Names: o.Names,
		Message: o.Message, Class: o.Class, Intended: start.Add(-time.Minute),
	}
	if op.Phase.Final() {
		op.Ended = start
	}
	return op
}

type scenarioJob struct {
	ID           string           `yaml:"id"`
	Copies       int              `yaml:"copies"`
	Priority     int64            `yaml:"priority"`
	Tasks        int              `yaml:"tasks"`
	Nodes        int              `yaml:"nodes"` // whole nodes instead of tasks
	Cores        int              `yaml:"cores"`
	GiB          int              `yaml:"gib"`
	GPUs         int              `yaml:"gpus"`
	Custom       map[string]int64 `yaml:"custom"`
	TasksPerNode int              `yaml:"tasks_per_node"`
	Exclusive    bool             `yaml:"exclusive"`
	Coupled      bool             `yaml:"coupled"`
	Gang         string           `yaml:"gang"`
	AtLeast      int              `yaml:"at_least"`
	Prefer       []string         `yaml:"prefer"` // nodearrays
	Only         []string         `yaml:"only"`   // machine types
	Spot         *bool            `yaml:"spot"`   // only spot nodes, or only regular ones
	Held         string           `yaml:"held"`
	After        []JobID          `yaml:"after"`
	StartsIn     int              `yaml:"starts_in"`
	Names        []string         `yaml:"names"`
	Group        string           `yaml:"group"` // of the named nodes
	Licences     map[string]int64 `yaml:"licences"`
}

func (s scenario) state() State {
	st := State{CanDrain: s.CanDrain, CanReport: s.CanReport, Memory: Memory{Nodes: make(map[NodeID]NodeMemory)}}
	st.At = start
	st.SupplyProblem, st.DemandProblem = s.SupplyProblem, s.DemandProblem
	st.Supply.Stopped = s.Stopped
	for _, l := range s.Limits {
		st.Supply.Limits = append(st.Supply.Limits, l.limit())
	}
	for _, p := range s.Pools {
		p.add(&st.Supply)
	}
	st.Demand.Vouched, st.Demand.Releases = !s.Unvouched, s.Releases
	st.Demand.Use = make(map[string]HostUse)
	for _, n := range s.Nodes {
		n.add(&st)
	}
	var operations []Operation
	for _, o := range s.Operations {
		op := o.operation()
		operations = append(operations, op)
		if !op.Phase.Final() {
			st.Operations = append(st.Operations, op)
		}
	}
	var all []Job
	for _, j := range s.Jobs {
		all = append(all, j.jobs(len(all))...)
	}
	st.Demand.Classes = Intern(all)
	s.remember(&st.Memory)
	for _, n := range s.Nodes {
		n.giveTo(&st)
	}
	st.Memory.Offerings = Advance(st.Memory, st.Observation, operations, Policy{}).Offerings
	return st
}

// remember is what is remembered beside what is of single nodes.
func (s scenario) remember(m *Memory) {
	for _, r := range s.Removed {
		m.Removed = append(m.Removed, Tally{At: start.Add(-time.Duration(r.Ago) * time.Second), Count: r.Count})
	}
	for _, c := range s.Created {
		m.Created = append(m.Created, Tally{At: start.Add(-time.Duration(c.Ago) * time.Second), Count: c.Count})
	}
	for _, p := range s.Paused {
		pause := Pause{Pool: p.Pool, Since: start.Add(-time.Duration(p.For) * time.Second), Why: p.Why}
		if p.Left > 0 {
			pause.Until = start.Add(time.Duration(p.Left) * time.Second)
		}
		*m = m.WithPause(pause)
	}
	m.Surge = Surge{Accepted: s.Surge.Accepted, Jump: s.Surge.Jump}
	m.First, m.Blocked = s.First.blocked(), s.Blocked.blocked()
	m.Spend = Spend{Month: "2026-03", Amount: s.Spent}
	if b := s.Breaker; b.Class != "" {
		ago := func(seconds int) time.Time { return start.Add(-time.Duration(seconds) * time.Second) }
		m.Breaker = Breaker{Class: b.Class, Refused: b.Refused, Failures: failuresToOpen, Last: ago(b.Failed), Opened: ago(b.Open), Trials: b.Trials, Detail: b.Detail}
	}
}

func (l scenarioLimit) limit() Limit {
	return Limit{ID: l.ID, Unit: l.Unit, Max: l.Max, Used: l.Used}
}

func (p scenarioPool) add(s *Supply) {
	parts := strings.Split(string(p.ID), "/")
	pool, limits := aPool(parts[0], parts[1], p.Cores, p.Available)
	pool.ID, pool.Labels[LabelRegion], limits[0].Used = p.ID, p.Region, int64(p.Used)
	if len(parts) > 2 {
		pool.Labels[LabelSpot] = "true"
		limits[0].ID = LimitID("bucket/" + string(p.ID))
		pool.Draws[0].Limit = limits[0].ID
	}
	pool.Node.GPUs, pool.PCPUs = p.GPUs, p.PCPUs
	if p.GiB > 0 {
		pool.Node.Memory = Bytes(p.GiB) * GiB
	}
	pool.GroupSize, pool.Invalid = p.GroupSize, p.Invalid
	if p.FailedAgo > 0 {
		pool.CapacityFailed = start.Add(-time.Duration(p.FailedAgo) * time.Second)
	}
	for name, n := range p.Groups {
		pool.Groups = append(pool.Groups, Group{Name: name, Active: n})
	}
	var shared []Draw
	for _, limit := range slices.Sorted(maps.Keys(p.Draws)) {
		shared = append(shared, Draw{limit, p.Draws[limit]})
	}
	pool.Draws = append(shared, pool.Draws...) // of equal ceilings the first is blamed, and the bucket's explains least
	s.Pools = append(s.Pools, pool)
	s.Limits = append(s.Limits, limits...)
}

func (n scenarioNode) add(s *State) {
	node := aNode(n.ID, n.Pool, n.Phase)
	node.Group, node.KeepAlive, node.Protected, node.Message, node.Owned = n.Group, n.KeepAlive, n.Protected, n.Message, !n.Foreign
	node.Outdated = n.Outdated
	if !n.Evicted {
		s.Supply.Nodes = append(s.Supply.Nodes, node)
	}
	ago := func(seconds int) time.Time {
		if seconds == 0 {
			return time.Time{}
		}
		return start.Add(-time.Duration(seconds) * time.Second)
	}
	drain := DrainMemory{Since: ago(n.Draining), Marks: n.Marks, Marked: ago(n.Marked), Shown: n.Drain == DrainOurs, Failed: n.DrainsFailed, Undone: ago(n.Undone)}
	s.Memory.Nodes[node.ID] = NodeMemory{Asked: ago(n.Asked), Ready: ago(n.Ready), Busy: ago(n.Busy), BusySince: ago(n.BusyFor), Wanted: ago(n.Wanted), Held: ago(n.Held), IdleReads: n.IdleReads, Ours: node.Owned, Pool: n.Pool, Grouped: n.Group != "", Deallocated: ago(n.Deallocated), Tried: ago(n.Tried), Reports: n.Reports, Reported: n.Reported, Unjoined: n.Unjoined, Lost: ago(n.Lost), Drain: drain,
		Vain: Vain{Tries: n.Vain.Tries, Last: ago(n.Vain.Ago), Answer: n.Vain.Answer}}
	use := HostUse{Used: Resources{Cores: n.UsedCores}, Whole: len(n.Runs) > 0 && n.UsedCores == 0, Drain: n.Drain, Missing: n.Missing}
	for _, j := range n.Runs {
		use.Jobs = append(use.Jobs, JobID(j))
	}
	if use.Busy() || use.Drain != NotDraining || n.Listed || n.Missing {
		s.Demand.Use[node.Host] = use
	}
}

// giveTo remembers whom an earlier plan gave the node to; a job that is not in the
// queue had a shape of its own.
func (n scenarioNode) giveTo(s *State) {
	if n.For == "" {
		return
	}
	shape := ShapeKey(1)
	for i := range s.Demand.Classes {
		class := &s.Demand.Classes[i]
		if slices.ContainsFunc(class.Members, func(m Member) bool { return m.ID == n.For }) {
			shape = class.Key
		}
	}
	m := s.Memory.Nodes[NodeID(n.ID)]
	m.For = []Tenant{{Shape: shape}}
	s.Memory.Nodes[NodeID(n.ID)] = m
}

func (j scenarioJob) jobs(offset int) []Job {
	shape := Shape{
		Tasks: max(j.Tasks, 1), PerTask: Resources{Cores: j.Cores, Memory: Bytes(j.GiB) * GiB, GPUs: j.GPUs, Custom: j.Custom},
		TasksPerNode: j.TasksPerNode, AtLeast: j.AtLeast, Held: j.Held, DependsOn: j.After,
		Gang: map[string]GangMode{"": GangDefault, "all": GangAll, "at_least": GangAtLeast, "best_effort": GangBestEffort}[j.Gang],
	}
	if j.Nodes > 0 {
		shape.Tasks, shape.Exclusive = j.Nodes, ExclusiveTask
	}
	if len(j.Names) > 0 {
		shape.Tasks, shape.Exclusive, shape.Names, shape.Group = len(j.Names), ExclusiveTask, j.Names, j.Group
	}
	if j.Exclusive {
		shape.Exclusive = ExclusiveJob
	}
	if j.Coupled {
		shape.Grouping = Coupled
	}
	if len(j.Only) > 0 {
		shape.Selector = HasLabel(LabelMachineType, j.Only...)
	}
	if j.Spot != nil {
		shape.Selector.All = append(shape.Selector.All, HasLabel(LabelSpot, fmt.Sprint(*j.Spot)))
	}
	for _, name := range j.Prefer {
		shape.Selector.Prefer = append(shape.Selector.Prefer, HasLabel(LabelNodearray, name))
	}
	if j.StartsIn > 0 {
		shape.EarliestStart = start.Add(time.Duration(j.StartsIn) * time.Second)
	}
	for name, n := range j.Licences {
		shape.Draws = append(shape.Draws, Draw{LimitID("licence/" + name), n})
	}
	var all []Job
	for i := range max(j.Copies, 1) {
		id := j.ID
		if j.Copies > 1 {
			id = fmt.Sprintf("%s-%03d", j.ID, i+1)
		}
		all = append(all, Job{ID: JobID(id), Priority: j.Priority, Submitted: start.Add(time.Duration(offset+i-10000) * time.Second), Shape: shape})
	}
	return all
}
