package autoscale

import (
	"slices"
	"time"
)

// Blocked is the first gang in order that found no room, and since when it has
// been that.
type Blocked struct {
	Job   JobID     `json:"job,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// block notes the first gang in order that finds no room. Once it has waited for
// the policy's patience, what there is of room for it is kept for it, so that
// small jobs, which would take each node as it becomes free, can't starve it.
func (b *board) block(c *classState, member int) {
	lacksLicence := len(c.claims) > 0 && b.ledger.room(c.claims) == 0
	if b.plan.Blocked != "" || c.required <= 1 || lacksLicence || !b.everFits(c) {
		return
	}
	job := c.Members[member].ID
	b.plan.Blocked = job
	was := b.state.Memory.Blocked
	patience := b.policy.GangPatience
	if patience > 0 && was.Job == job && b.state.At.Sub(was.Since) >= patience {
		b.reserve(c, job)
	}
}

// everFits tells whether the pools could hold all that the gang requires, were
// nothing else there: one of them, or, unless it is coupled, all together. Room kept
// for one that never fits would be lost to all.
func (b *board) everFits(c *classState) bool {
	empty := ledger{limits: slices.Clone(b.ledger.limits)}
	for i := range empty.limits {
		empty.limits[i].Used = 0
	}
	holds := func(pool, tasks int) (nodes, left int) {
		perNode := b.perNode(c, pool)
		if perNode == 0 || b.pools[pool].closed() {
			return 0, tasks
		}
		nodes = min(empty.room(b.pools[pool].claims), ceilDiv(tasks, perNode))
		return nodes, tasks - nodes*perNode
	}
	for _, pool := range c.order {
		if _, left := holds(pool, c.required); left <= 0 {
			return true
		}
	}
	left := c.required
	for i := 0; i < len(c.order) && c.Grouping != Coupled && left > 0; i++ {
		var nodes int
		nodes, left = holds(c.order[i], left)
		empty.take(b.pools[c.order[i]].claims, nodes)
	}
	return left <= 0
}

// reserve takes what there is for a gang, without creating anything: nodes that
// exist are kept for it, and what its new nodes would draw is drawn. Nodes that were
// asked for a gang are kept as long as GangHold says, and no longer for patience.
func (b *board) reserve(c *classState, job JobID) {
	if len(c.Names) > 0 {
		b.reserveNames(c)
	} else {
		b.reserveRoom(c)
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

func (b *board) reserveRoom(c *classState) {
	takes, _ := b.findFor(c)
	b.kept = takes
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
