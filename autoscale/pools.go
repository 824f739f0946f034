package autoscale

import "slices"

// hold notes the first thing that stops a pool.
func (b *board) hold(pool int, r Reason) {
	if b.holds[pool].Code == "" {
		b.holds[pool] = r
	}
}

// passOver notes what stops a pool that had no new nodes for so many tasks of a
// class, if anything does.
func (b *board) passOver(c *classState, at place, tasks int) {
	if b.holds[at.pool].Code != "" {
		return
	}
	if r, held := b.stop(c, at, ceilDiv(tasks, c.share(b.pools[at.pool].full.fits(c.needs)))); held {
		b.hold(at.pool, r)
	}
}

// passOverAll notes it for the pools that a gang preferred to those that it got.
func (b *board) passOverAll(c *classState, takes []take) {
	if c.required <= 1 || c.Grouping == Coupled {
		return // told where they were tried
	}
	got := slices.IndexFunc(takes, func(t take) bool { return t.lot < 0 && !t.start })
	for _, pool := range c.order {
		if got < 0 || pool == takes[got].place.pool {
			return
		}
		if b.perNode(c, pool) > 0 {
			b.passOver(c, place{pool: pool}, c.Tasks)
		}
	}
}

// explainPools says of every pool what it did or what stopped it, in the order in
// which pools are tried where jobs don't prefer any.
func (b *board) explainPools() {
	did := b.whatPoolsDid()
	b.plan.Pools = make([]PoolVerdict, len(b.pools))
	for i := range b.pools {
		v := PoolVerdict{Pool: b.pools[i].ID, Offers: b.pools[i].offers, Reason: b.holds[i]}
		v.Held = v.Reason.Code != ""
		if !v.Held {
			v.Reason = b.poolReason(i, did[v.Pool])
		}
		b.plan.Pools[i] = v
	}
}

// poolReason explains a pool of which nothing was wanted that it could not give.
func (b *board) poolReason(pool int, did Reason) Reason {
	p := &b.pools[pool]
	switch {
	case p.policy < 0:
		return Reason{Code: ReasonUnmanaged}
	case did.Code != "":
		return did
	case p.closed():
		return p.shut
	}
	return Reason{Code: ReasonNotNeeded}
}

// whatPoolsDid is, by pool, what the plan does there: new nodes before nodes that
// are asked for again, and those before nodes that go.
func (b *board) whatPoolsDid() map[PoolID]Reason {
	did := make(map[PoolID]Reason)
	for i := range b.plan.Grow {
		g := &b.plan.Grow[i]
		r := did[g.Pool]
		r.Code, r.Have, r.Want = ReasonGrows, r.Have+int64(g.Count), r.Want+int64(g.JobCount)
		switch {
		case g.JobCount > 0:
			r.Detail = Reason{Code: ReasonDemand, Have: r.Want}.String()
		case r.Want > 0: // sets for no job come last
			r.Detail += "; " + g.Reason.String()
		default:
			r.Detail = g.Reason.String()
		}
		did[g.Pool] = r
	}
	for i := range b.plan.Start {
		s := &b.plan.Start[i]
		if r := did[s.Pool]; r.Code == "" || r.Code == ReasonStarts {
			did[s.Pool] = Reason{Code: ReasonStarts, Have: r.Have + int64(len(s.Nodes))}
		}
	}
	for _, retry := range b.plan.Retry {
		if op := &retry.Operation; op.Kind != OperationRemove && did[op.Pool].Code == "" {
			did[op.Pool] = retry.Reason
		}
	}
	for i := range b.plan.Remove {
		remove := &b.plan.Remove[i]
		if r := did[remove.Pool]; r.Code == "" || r.Code == ReasonShrinks {
			did[remove.Pool] = Reason{Code: ReasonShrinks, Have: r.Have + int64(len(remove.Nodes))}
		}
	}
	return did
}
