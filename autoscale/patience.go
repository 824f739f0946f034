package autoscale

import "time"

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

// everFits tells whether some pool could hold all that the gang requires, were
// nothing else there. Room kept for one that never fits would be lost to all.
func (b *board) everFits(c *classState) bool {
	for _, i := range c.order {
		perNode := b.perNode(c, i)
		if perNode == 0 {
			continue
		}
		nodes := int64(ceilDiv(c.required, perNode))
		fits := !b.pools[i].closed()
		for _, x := range b.pools[i].claims {
			fits = fits && x.amount*nodes <= b.ledger.limits[x.limit].Max
		}
		if fits {
			return true
		}
	}
	return false
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
