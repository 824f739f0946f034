package autoscale

import (
	"slices"
	"time"
)

// Blocked is a job that found no room, and since when it has been the first of its
// kind in order that did not.
type Blocked struct {
	Job   JobID     `json:"job,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// still is the record of the job that is blocked now, whose patience goes on if it was
// blocked before.
func (was Blocked) still(job JobID, at time.Time) Blocked {
	if job == "" {
		return Blocked{}
	}
	if was.Job == job {
		return was
	}
	return Blocked{Job: job, Since: at}
}

// block notes the first job in order, and the first gang, that finds no room. Once it
// has waited for the policy's patience, what there is of room for it is kept for it, so
// that small jobs, which would take each node as it becomes free, can't starve it; and
// what is in its way makes way.
func (b *board) block(c *classState, member int) {
	first, gang := b.plan.First == "" && b.offered(c), b.plan.Blocked == "" && c.required > 1
	lacksLicence := len(c.claims) > 0 && b.ledger.room(c.claims) == 0
	if !first && !gang || lacksLicence || !b.everFits(c) {
		return
	}
	job := c.Members[member].ID
	patient := false
	if first {
		b.plan.First = job
		patient = b.patient(b.state.Memory.First, job)
	}
	if gang {
		b.plan.Blocked = job
		patient = patient || b.patient(b.state.Memory.Blocked, job)
	}
	if patient {
		b.reserve(c, job)
	}
}

// patient tells whether a job has waited for as long as the policy asks it to.
func (b *board) patient(was Blocked, job JobID) bool {
	return b.policy.GangPatience > 0 && was.Job == job && b.state.At.Sub(was.Since) >= b.policy.GangPatience
}

// offered tells whether some pool has nodes for the class, but for limits: it is open
// and has not just run out.
func (b *board) offered(c *classState) bool {
	return slices.ContainsFunc(c.order, func(pool int) bool {
		at := place{pool: pool}
		if c.Grouping == Coupled {
			at.group = newGroup
		}
		return b.perNode(c, pool) > 0 && b.offers(c, at, 1)
	})
}

// offers tells whether a place may get so many new nodes for a class, as far as
// anything but the limits goes that nodes give back.
func (b *board) offers(c *classState, at place, nodes int) bool {
	if b.pools[at.pool].closed() {
		return false
	}
	offer := b.offerAt(at)
	return b.probes(c, offer) || !slices.ContainsFunc(offer.trials, func(limit int) bool {
		return b.ledger.limits[limit].Max-b.ledger.limits[limit].Used < int64(nodes)
	})
}

// everFits tells whether the pools could hold all that the job requires, were
// nothing else there: one of them, or, unless it is coupled, all together. Room kept
// for one that never fits would be lost to all.
func (b *board) everFits(c *classState) bool {
	b.emptyOnce()
	for _, pool := range c.order {
		if b.tasksOn(c, pool, b.most[pool]) >= c.required {
			return true
		}
	}
	if c.Grouping == Coupled || c.required <= 1 {
		return false
	}
	left, used := c.required, make([]int, 0, len(c.order))
	for i := 0; i < len(c.order) && left > 0; i++ {
		claims, perNode := b.pools[c.order[i]].claims, b.perNode(c, c.order[i])
		tasks := min(left, b.tasksOn(c, c.order[i], b.empty.room(claims)))
		left -= tasks
		used = append(used, ceilDiv(tasks, max(1, perNode)))
		b.empty.take(claims, used[i])
	}
	for i, nodes := range used {
		b.empty.take(b.pools[c.order[i]].claims, -nodes)
	}
	return left <= 0
}

// tasksOn is how many tasks so many nodes of a pool take.
func (b *board) tasksOn(c *classState, pool, nodes int) int {
	if b.pools[pool].closed() {
		return 0
	}
	return nodes * b.perNode(c, pool)
}

// emptyOnce makes the ledger as if nothing were there, and what each pool could then
// have at most: once a plan, for every class that waits asks for it.
func (b *board) emptyOnce() {
	if b.most != nil {
		return
	}
	b.empty.limits = slices.Clone(b.ledger.limits)
	for i := range b.empty.limits {
		b.empty.limits[i].Used = 0
	}
	b.most = make([]int, len(b.pools))
	for i := range b.pools {
		b.most[i] = b.empty.room(b.pools[i].claims)
	}
}

// reserve takes what there is for a job, without creating anything: nodes that
// exist are kept for it, and what its new nodes would draw is drawn. Nodes that were
// asked for a gang are kept as long as GangHold says, and no longer for patience.
func (b *board) reserve(c *classState, job JobID) {
	switch {
	case len(c.Names) > 0:
		b.reserveNames(c)
	case c.Grouping == Coupled:
		b.reserveGroup(c, job)
	default:
		takes, left := b.findFor(c)
		b.keepTakes(c, takes)
		b.makeWayIn(c, job, c.Required()-(c.Tasks-left))
	}
	for _, i := range c.order {
		if b.perNode(c, i) == 0 {
			continue
		}
		for _, x := range b.pools[i].claims {
			b.reserved[x.limit] = job
		}
	}
	for _, rate := range b.createRates {
		b.reserved[rate.limit] = job
	}
}

// keepTakes keeps what a search found until the plan is made.
func (b *board) keepTakes(c *classState, takes []take) {
	b.kept = append(b.kept, takes...)
	for _, t := range takes {
		if t.lot >= 0 && !b.lots.all[t.lot].released {
			b.reserveLot(c, t)
		}
	}
}

// reserveLot takes a part of a lot. It is not noted as the gang's where it was not
// asked for it: else it would be kept for GangHold only.
func (b *board) reserveLot(c *classState, t take) {
	whose := ShapeKey(0)
	if turnOf(&b.lots.all[t.lot], c.Key) >= 0 {
		whose = c.Key
	}
	b.lots.split(t.lot, t.nodes)
	b.want(t.lot)
	b.fill(c, t, whose)
}

// keptFor is the gang that a limit's room is kept for, if any.
func (b *board) keptFor(limit LimitID) (JobID, bool) {
	job, kept := b.reserved[b.ledger.index[limit]]
	return job, kept
}
