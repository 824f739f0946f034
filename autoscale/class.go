package autoscale

import (
	"cmp"
	"math"
	"slices"
)

// classState is a class as the planner sees it: what a task needs, which pools
// would do and in which order, and how far its members are placed.
type classState struct {
	*Class
	index int
	needs []need
	// perNode is how many tasks of one job an empty node of each pool holds.
	// 0: the pool won't do.
	perNode []int
	// order lists the pools that would do, the best first; those where the
	// cloud makes no new nodes come last.
	order []int
	// claims are what one job draws on limits that are not bound to nodes.
	claims []claim
	// needsNew: no node that exists has room for the class any more.
	needsNew bool
	// short: some job got only a part.
	short bool
	// dry, ownDry and, by list, passed are how far the class has gone through
	// lots that have no room for it.
	dry    [sourceNew][sides][leases]dryness
	ownDry [sources]int
	passed map[int]int
	// next is the first member that is not placed yet.
	next int
}

// addClasses compiles the classes. One that is no demand, or that no pool can
// ever serve, is explained here and takes no further part.
func (b *board) addClasses() {
	for i := range b.state.Demand.Classes {
		class := &b.state.Demand.Classes[i]
		if len(class.Members) == 0 {
			continue
		}
		c := classState{Class: class, index: i}
		reason, wanted := b.notDemand(class)
		if wanted {
			reason, wanted = b.compile(&c)
		}
		if !wanted {
			b.plan.Outcomes = append(b.plan.Outcomes, Outcome{Class: i, To: len(class.Members), Reason: reason})
			continue
		}
		b.classes = append(b.classes, c)
	}
}

// notDemand is why a class is no demand now, if so.
func (b *board) notDemand(class *Class) (Reason, bool) {
	switch {
	case class.Held != "":
		return Reason{Code: ReasonHeld, Detail: class.Held}, false
	case len(class.DependsOn) > 0:
		return Reason{Code: ReasonDependency, Subject: string(class.DependsOn[0])}, false
	case class.EarliestStart.After(b.state.At):
		return Reason{Code: ReasonNotYet, For: class.EarliestStart.Sub(b.state.At)}, false
	}
	return Reason{}, true
}

// compile finds the pools that would do, or why none ever will.
func (b *board) compile(c *classState) (Reason, bool) {
	c.needs = b.dims.vector(c.PerTask).needs()
	c.perNode = make([]int, len(b.pools))
	c.claims = b.ledger.claims(c.Draws)
	rank := make([]int, len(b.pools))
	var matching []int
	for i := range b.pools {
		r, ok := c.Selector.Match(b.pools[i].Labels)
		if !ok || b.pools[i].policy < 0 {
			continue
		}
		matching = append(matching, i)
		rank[i] = r
		c.perNode[i] = c.capped(b.pools[i].full.fits(c.needs))
		if c.perNode[i] > 0 {
			c.order = append(c.order, i)
		}
	}
	switch {
	case len(matching) == 0:
		return Reason{Code: ReasonNoPool}, false
	case len(c.order) == 0:
		return b.tooLarge(c, matching), false
	}
	b.sortPools(c, rank)
	if c.Grouping == Coupled {
		return b.compileCoupled(c)
	}
	return Reason{}, true
}

// capped is how many tasks of one job a node holds that has room for fit.
func (c *classState) capped(fit int) int {
	if c.Exclusive == ExclusiveTask {
		return min(fit, 1)
	}
	if c.TasksPerNode > 0 {
		fit = min(fit, c.TasksPerNode)
	}
	return min(fit, max(c.Tasks, 1))
}

// tooLarge explains a task that no machine type can hold: by the first resource
// of which none has enough, else by all of them together.
func (b *board) tooLarge(c *classState, matching []int) Reason {
	for _, x := range c.needs {
		var largest int64
		for _, i := range matching {
			largest = max(largest, b.pools[i].full[x.dim])
		}
		if largest >= x.amount {
			continue
		}
		r := Reason{Code: ReasonTooLarge, Have: largest, Want: x.amount, Unit: b.dims.name(x.dim)}
		if x.dim == dimMemory {
			r.Have, r.Want = r.Have/int64(MiB), r.Want/int64(MiB)
		}
		return r
	}
	return Reason{Code: ReasonNoMachine, Detail: c.PerTask.String()}
}

// compileCoupled drops the pools whose groups can't hold what the job requires.
func (b *board) compileCoupled(c *classState) (Reason, bool) {
	all := slices.Clone(c.order)
	c.order = slices.DeleteFunc(c.order, func(i int) bool {
		return ceilDiv(c.Required(), c.perNode[i]) > b.pools[i].GroupSize
	})
	if len(c.order) > 0 {
		return Reason{}, true
	}
	c.order = all
	return b.groupTooSmall(c), false
}

// groupTooSmall explains a coupled job by the pool with the largest groups.
func (b *board) groupTooSmall(c *classState) Reason {
	largest := slices.MaxFunc(c.order, func(x, y int) int {
		return cmp.Compare(b.pools[x].GroupSize, b.pools[y].GroupSize)
	})
	size := b.pools[largest].GroupSize
	if size == 0 {
		return Reason{Code: ReasonNoGroups}
	}
	return Reason{Code: ReasonGroupTooSmall, Have: int64(size), Want: int64(ceilDiv(c.Tasks, c.perNode[largest]))}
}

// sortPools puts the pools that would do in the order in which they are tried:
// the job's preferences, then the pools' priorities, then the policy's order.
// b.pools is sorted as listed already, and the sort keeps that.
func (b *board) sortPools(c *classState, rank []int) {
	score := make([]float64, len(b.pools))
	for _, i := range c.order {
		score[i] = b.score(c, i)
	}
	slices.SortStableFunc(c.order, func(x, y int) int {
		return cmp.Or(
			cmp.Compare(boolRank(b.pools[x].Invalid != ""), boolRank(b.pools[y].Invalid != "")),
			cmp.Compare(rank[x], rank[y]),
			cmp.Compare(-b.priority(b.pools[x]), -b.priority(b.pools[y])),
			cmp.Compare(score[x], score[y]))
	})
}

// score is what the policy's order compares, the least first: the price of the
// whole work, or the share of cores that it would leave unused. The work is one
// job, or all jobs of the class where they share nodes.
func (b *board) score(c *classState, pool int) float64 {
	tasks := c.Tasks
	if c.bulk() {
		tasks *= len(c.Members)
	}
	nodes := float64(ceilDiv(tasks, c.share(b.pools[pool].full.fits(c.needs))))
	switch b.policy.Order {
	case Cheapest:
		price := b.policy.Pools[b.pools[pool].policy].PricePerHour
		if !(price > 0) || math.IsInf(price, 1) { // also NaN: not known, so last
			return math.MaxFloat64
		}
		return price * nodes
	case LeastWaste:
		if cores := float64(b.pools[pool].full[dimCores]); cores > 0 {
			return 1 - float64(tasks)*float64(c.PerTask.Cores)/(nodes*cores)
		}
	}
	return 0
}

// bulk tells whether jobs of the class can be placed many at a time: each task
// for itself, with nothing that tells tasks of one job from those of another.
func (c *classState) bulk() bool {
	if c.Grouping == Coupled || c.Required() > 1 || c.Exclusive == ExclusiveJob {
		return false
	}
	return c.Tasks == 1 || c.TasksPerNode == 0 || c.Exclusive == ExclusiveTask
}

func ceilDiv(n, by int) int { return (n + by - 1) / by }
