package autoscale

import (
	"slices"
	"time"
)

// classState is a class as the planner sees it: what a task needs, which pools
// would do and in which order, and how far its members are placed.
type classState struct {
	*Class
	// choice is the pools it may use. Not all of them need have nodes that are
	// large enough.
	choice
	index int
	// group is the policy of the pool that it would have first, where groups take turns.
	group int
	needs []need
	// required is the least number of tasks that must be had at once.
	required int
	// bulk: many jobs of the class can be placed at a time, each task for itself,
	// with nothing that tells tasks of one job from those of another.
	bulk bool
	// claims are what one job draws on limits that are not bound to nodes.
	claims []claim
	// needsNew: no node that exists has room for the class any more.
	needsNew bool
	// short: some job got only a part.
	short bool
	// dry, ownDry and, by pool in order and side, passed are how far the class has
	// gone through lots that have no room for it. passed counts from one.
	dry    [sourceNew][sides][leases]dryness
	ownDry [sources]int
	passed []int32
	// next is the first member that is not placed yet, and until the first that
	// the portion at hand leaves to later ones.
	next, until int
}

// addClasses compiles the classes. One that is no demand, or that no pool can
// ever serve, is explained here and takes no further part.
func (b *board) addClasses() {
	b.classes = make([]classState, 0, len(b.state.Demand.Classes))
	b.plan.Outcomes = make([]Outcome, 0, len(b.state.Demand.Classes))
	for i := range b.state.Demand.Classes {
		class := &b.state.Demand.Classes[i]
		if len(class.Members) == 0 {
			continue
		}
		reason, wanted := notDemand(class, b.state.At)
		if wanted {
			b.classes = append(b.classes, classState{Class: class, index: i})
			reason, wanted = b.compile(&b.classes[len(b.classes)-1])
			if !wanted {
				b.classes = b.classes[:len(b.classes)-1]
			}
		}
		if !wanted {
			b.tell(Outcome{Class: i, To: len(class.Members), Reason: reason})
		}
	}
}

// notDemand is why a class is no demand now, if so.
func notDemand(class *Class, at time.Time) (Reason, bool) {
	switch {
	case class.Held != "":
		return Reason{Code: ReasonHeld, Detail: class.Held}, false
	case len(class.DependsOn) > 0:
		return Reason{Code: ReasonDependency, Subject: string(class.DependsOn[0])}, false
	case class.EarliestStart.After(at):
		return Reason{Code: ReasonNotYet, For: class.EarliestStart.Sub(at)}, false
	}
	return Reason{}, true
}

// compile finds the pools that would do, or why none ever will.
func (b *board) compile(c *classState) (Reason, bool) {
	b.scratch.needs = b.dims.needs(b.scratch.needs[:0], c.PerTask)
	c.needs = b.needs.copy(b.scratch.needs)
	c.claims = b.ledger.claims(c.Draws)
	c.required = c.Required()
	c.bulk = c.inBulk()
	c.choice = b.choose(&c.Selector)
	switch {
	case len(c.order) == 0:
		return Reason{Code: ReasonNoPool}, false
	case len(c.Names) > 0:
		return b.compileNamed(c)
	case !slices.ContainsFunc(c.order, func(pool int) bool { return b.perNode(c, pool) > 0 }):
		return b.tooLarge(c), false
	}
	b.sortByScore(c)
	if c.Grouping == Coupled {
		return b.compileCoupled(c)
	}
	return Reason{}, true
}

// inBulk tells whether many jobs of the class can be placed at a time.
func (c *classState) inBulk() bool {
	if c.Grouping == Coupled || c.required > 1 || c.Exclusive == ExclusiveJob || len(c.Names) > 0 {
		return false
	}
	return c.Tasks == 1 || c.TasksPerNode == 0 || c.Exclusive == ExclusiveTask
}

// perNode is how many tasks of one job an empty node of the pool holds. 0: the
// pool won't do.
func (b *board) perNode(c *classState, pool int) int {
	return c.capped(b.pools[pool].full.fits(c.needs))
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
func (b *board) tooLarge(c *classState) Reason {
	for _, x := range c.needs {
		var largest int64
		for _, i := range c.order {
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
	var whole []int
	for _, i := range c.order {
		if n := b.perNode(c, i); n > 0 && ceilDiv(c.required, n) <= b.pools[i].GroupSize {
			whole = append(whole, i)
		}
	}
	if len(whole) == 0 {
		return b.groupTooSmall(c), false
	}
	c.order = whole
	return Reason{}, true
}

// groupTooSmall explains a coupled job by the pool with the largest groups.
func (b *board) groupTooSmall(c *classState) Reason {
	largest, size := 0, 0
	for _, i := range c.order {
		if b.pools[i].GroupSize > size && b.perNode(c, i) > 0 {
			largest, size = i, b.pools[i].GroupSize
		}
	}
	if size == 0 {
		return Reason{Code: ReasonNoGroups}
	}
	return Reason{Code: ReasonGroupTooSmall, Have: int64(size), Want: int64(ceilDiv(c.Tasks, b.perNode(c, largest)))}
}

func ceilDiv(n, by int) int { return (n + by - 1) / by }
