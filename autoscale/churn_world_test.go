package autoscale

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// churn is a world in which everything comes and goes: jobs, nodes, requests and
// answers. One tick is a minute of its own time, and the same seed makes the same
// world.
type churn struct {
	random   *rand.Rand
	at       time.Time
	policy   Policy
	canDrain bool
	pools    []Pool
	limits   []Limit
	nodes    []*churnNode
	jobs     []*churnJob
	asked    []*churnRequest
	memory   Memory
	count    int
	// faults: the cloud fails now and then.
	faults bool
}

type churnNode struct {
	Node
	// ready is when it comes up. Zero: never.
	ready time.Time
	// gone is when it ends. Zero: it stays.
	gone time.Time
	// parks: it is deallocated then, and does not end.
	parks   bool
	drained bool
	runs    []*churnJob
}

type churnJob struct {
	Job
	// left is how long it has yet to run.
	left time.Duration
	on   []*churnNode // with one entry a task
}

// churnRequest is what was asked of the cloud, and whether it has come there.
type churnRequest struct {
	Operation
	arrived bool
}

func newChurn(seed uint64) *churn {
	c := &churn{random: rand.New(rand.NewPCG(seed, 1)), at: start, policy: aPolicy("a", "b")}
	c.canDrain = c.random.IntN(2) == 0
	c.limits = []Limit{{ID: "family/F/cores", Kind: LimitFamily, Unit: UnitCores, Max: int64(40 + 8*c.random.IntN(12))}}
	for _, p := range []struct {
		nodearray string
		cores     int
	}{{"a", 4}, {"a", 8}, {"b", 4}} {
		pool, limits := aPool(p.nodearray, fmt.Sprintf("F%d", p.cores), p.cores, 3+c.random.IntN(10))
		pool.Draws = append(pool.Draws, Draw{"family/F/cores", int64(p.cores)})
		pool.StartDraws = pool.Draws
		pool.GroupSize = 4 * c.random.IntN(2)
		c.pools, c.limits = append(c.pools, pool), append(c.limits, limits...)
	}
	c.policy.Order = []Order{AsListed, LeastWaste, Cheapest}[c.random.IntN(3)]
	c.policy.AbsentFor, c.policy.GangPatience = 10*time.Minute, time.Duration(c.random.IntN(2))*10*time.Minute
	c.policy.RemovalsPerTick = 3 * c.random.IntN(2)
	c.policy.CreatesPerTick = 2 * c.random.IntN(3)
	if c.random.IntN(3) == 0 {
		c.policy.Budget.PerHour = float64(10 + c.random.IntN(20))
	}
	c.policy.GangHold = time.Duration(c.random.IntN(2)) * 10 * time.Minute
	c.policy.Max = (15 + c.random.IntN(10)) * c.random.IntN(2)
	for i := range c.policy.Pools {
		p := &c.policy.Pools[i]
		p.Removal = []Removal{RemovalTerminate, RemovalDeallocate}[c.random.IntN(2)]
		p.KeepDeallocated = c.random.IntN(3)
		p.Min, p.Buffer, p.MaxGroups = c.random.IntN(3), max(0, c.random.IntN(5)-2), c.random.IntN(4)
		p.RemoveGroupsWhole = c.random.IntN(3) == 0
		p.PricePerHour = float64(1 + i)
		p.BootTimeout = 10 * time.Minute
	}
	return c
}

// chance is true in so many of a hundred cases, as long as there are faults.
func (c *churn) chance(percent int) bool { return c.faults && c.random.IntN(100) < percent }

func (c *churn) name(prefix string) string {
	c.count++
	return fmt.Sprint(prefix, c.count)
}

// arrive submits a job.
func (c *churn) arrive() {
	s := tasksOf(1+c.random.IntN(6), 1+c.random.IntN(4))
	switch c.random.IntN(6) {
	case 0:
		s.Exclusive = ExclusiveTask
	case 1:
		s.Exclusive = ExclusiveJob
	case 2:
		s.Exclusive, s.Grouping = ExclusiveTask, Coupled
	case 3:
		s.Exclusive, s.Gang = ExclusiveTask, GangAll
	case 4:
		s.Selector = HasLabel(LabelNodearray, "b")
	}
	id := JobID(c.name("j"))
	c.jobs = append(c.jobs, &churnJob{Job: Job{ID: id, Priority: int64(c.random.IntN(2)), Submitted: c.at, Shape: s}, left: time.Duration(1+c.random.IntN(20)) * time.Minute})
}

// pass lets nodes come and go, and jobs run for a while.
func (c *churn) pass(d time.Duration) {
	for _, n := range slices.Clone(c.nodes) {
		over := !n.gone.IsZero() && !n.gone.After(c.at)
		switch {
		case c.chance(1), over && !n.parks:
			c.lose(n)
			continue
		case over:
			n.Phase, n.gone, n.drained = PhaseDeallocated, time.Time{}, false
		}
		if n.Phase == PhaseStarting && !n.ready.IsZero() && !n.ready.After(c.at) {
			n.Phase = PhaseReady
			if c.chance(5) {
				n.Phase = PhaseFailed
			}
		}
	}
	for _, j := range slices.Clone(c.jobs) {
		if len(j.on) == 0 {
			continue
		}
		if j.left -= d; j.left <= 0 {
			c.stop(j)
			c.jobs = slices.DeleteFunc(c.jobs, func(x *churnJob) bool { return x == j })
		}
	}
}

// lose takes a node away: it was removed, or evicted. Its jobs wait again.
func (c *churn) lose(n *churnNode) {
	for _, j := range slices.Clone(n.runs) {
		c.stop(j)
	}
	c.nodes = slices.DeleteFunc(c.nodes, func(x *churnNode) bool { return x == n })
}

func (c *churn) stop(j *churnJob) {
	for _, n := range j.on {
		n.runs = slices.DeleteFunc(n.runs, func(x *churnJob) bool { return x == j })
	}
	j.on = nil
}

// schedule starts what fits on nodes that are up, in strict order, but lets later
// jobs pass those that don't fit.
func (c *churn) schedule() {
	slices.SortFunc(c.jobs, func(x, y *churnJob) int { return serveOrder(memberOf(&x.Job), memberOf(&y.Job)) })
	for _, j := range c.jobs {
		if len(j.on) > 0 {
			continue
		}
		var on []*churnNode
		for _, group := range c.groupsFor(j) {
			if on = c.roomFor(j, group); len(on) >= j.Required() {
				break
			}
		}
		if len(on) == 0 || len(on) < j.Required() {
			continue
		}
		j.on = on
		for _, n := range on {
			n.runs = append(n.runs, j)
		}
	}
}

// groupsFor lists where a coupled job may run; for others it is one nameless place.
func (c *churn) groupsFor(j *churnJob) (groups []place) {
	if j.Grouping != Coupled {
		return []place{{pool: -1}}
	}
	for _, n := range c.nodes {
		if at := (place{c.poolOf(n.Pool), n.Group}); n.Group != "" && !slices.Contains(groups, at) {
			groups = append(groups, at)
		}
	}
	return groups
}

func (c *churn) poolOf(id PoolID) int {
	return slices.IndexFunc(c.pools, func(p Pool) bool { return p.ID == id })
}

func (c *churn) roomFor(j *churnJob, at place) (on []*churnNode) {
	for _, n := range c.nodes {
		pool := c.poolOf(n.Pool)
		_, allowed := j.Selector.Match(c.pools[pool].Labels)
		if n.Phase != PhaseReady || n.drained || !allowed || at.group != "" && at != (place{pool, n.Group}) || j.Exclusive != Shared && len(n.runs) > 0 {
			continue
		}
		free, exclusive := c.free(n)
		for range free / j.PerTask.Cores {
			if len(on) < j.Tasks && !exclusive {
				on = append(on, n)
			}
			if j.Exclusive == ExclusiveTask {
				break
			}
		}
	}
	return on
}

// free is how many cores nobody uses, and whether the node is somebody's alone.
func (c *churn) free(n *churnNode) (cores int, exclusive bool) {
	cores = c.pools[c.poolOf(n.Pool)].Node.Cores
	for _, j := range n.runs {
		cores -= j.PerTask.Cores
		exclusive = exclusive || j.Exclusive != Shared
	}
	return cores, exclusive
}

// observation is what the daemon sees, if it sees anything.
func (c *churn) observation() Observation {
	o := Observation{At: c.at}
	if o.Supply = c.supply(); c.chance(3) {
		o.Supply, o.SupplyProblem = Supply{}, "down"
	}
	o.Demand = c.demand()
	if c.chance(3) {
		o.Demand, o.DemandProblem = Demand{}, "down"
	}
	return o
}

func (c *churn) supply() Supply {
	s := Supply{Pools: slices.Clone(c.pools), Limits: c.used()}
	for _, n := range c.nodes {
		s.Nodes = append(s.Nodes, n.Node)
	}
	return s
}

// used are the limits with what the nodes that are there draw on them.
func (c *churn) used() []Limit {
	limits := slices.Clone(c.limits)
	for _, n := range c.nodes {
		if n.Phase == PhaseDeallocated {
			continue
		}
		for _, d := range c.pools[c.poolOf(n.Pool)].Draws {
			i := slices.IndexFunc(limits, func(l Limit) bool { return l.ID == d.Limit })
			limits[i].Used += d.Amount
		}
	}
	return limits
}

func (c *churn) demand() Demand {
	d := Demand{Vouched: true, Use: make(map[string]HostUse)}
	var waiting []Job
	for _, j := range c.jobs {
		if len(j.on) == 0 {
			waiting = append(waiting, j.Job)
		}
	}
	d.Classes = Intern(waiting)
	for _, n := range c.nodes {
		var use HostUse
		for _, j := range n.runs {
			use.Jobs = append(use.Jobs, j.ID)
			use.Used.Cores += j.PerTask.Cores
			use.Whole = use.Whole || j.Exclusive != Shared
		}
		if n.drained {
			use.Drain = DrainOurs
		}
		if n.Phase == PhaseReady {
			d.Use[n.Host] = use
		}
	}
	return d
}
