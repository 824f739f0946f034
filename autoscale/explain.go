package autoscale

import "slices"

// jobsNamed is how many jobs an action names; it counts the others.
const jobsNamed = 8

// explainServed records who serves the members from from on: got tasks in all,
// laid out over served in order. Members whose tasks lie in one serving become
// one outcome. why explains a last member that got only a part.
func (b *board) explainServed(c *classState, from, got int, served []Serving, why Reason) {
	for got > 0 {
		jobs := max(1, min(served[0].Tasks, got)/c.Tasks)
		tasks := min(got, jobs*c.Tasks)
		var parts []Serving
		parts, served = b.cut(served, tasks)
		b.serve(c, from, from+jobs, min(tasks, c.Tasks), parts, why)
		from, got = from+jobs, got-tasks
	}
}

// cut takes the first tasks off a row of servings.
func (b *board) cut(served []Serving, tasks int) (parts, rest []Serving) {
	whole := 0
	for whole < len(served) && served[whole].Tasks <= tasks {
		tasks -= served[whole].Tasks
		whole++
	}
	if tasks == 0 {
		return served[:whole:whole], served[whole:]
	}
	parts = b.servings.make(whole + 1)
	copy(parts, served[:whole])
	parts[whole] = served[whole].part(0, tasks)
	served[whole] = served[whole].part(tasks, served[whole].Tasks-tasks)
	return parts, served[whole:]
}

// part is the share of a serving that tasks take after the first skip.
func (s Serving) part(skip, tasks int) Serving {
	skip += s.Skip
	first, end := skip/s.PerNode, ceilDiv(skip+tasks, s.PerNode)
	if s.Nodes != nil {
		s.Nodes = s.Nodes[first:end]
	}
	s.Count, s.Tasks, s.Skip = end-first, tasks, skip%s.PerNode
	return s
}

// serve records one outcome, and in the new sets that serve it the jobs that
// they are for.
func (b *board) serve(c *classState, from, to, tasks int, parts []Serving, why Reason) {
	reason := Reason{Code: servedReason(parts)}
	if tasks < c.Tasks {
		reason = Reason{Code: ReasonPart, Have: int64(tasks), Want: int64(c.Tasks), Detail: why.String()}
	}
	b.tell(Outcome{Class: c.index, From: from, To: to, Served: parts, Tasks: tasks, Reason: reason})
	for i, s := range parts {
		same := func(p Serving) bool { return p.Grow == s.Grow && p.Start == s.Start && p.start == s.start }
		switch {
		case slices.ContainsFunc(parts[:i], same):
		case s.Start:
			b.plan.Start[s.start].serve(&b.state.Demand, c.Members[from:to])
		case s.Grow >= 0:
			b.plan.Grow[s.Grow].serve(&b.state.Demand, c.Members[from:to])
		}
	}
}

// serve records jobs that a set is for, the first of which has the highest priority of them.
func (g *Grow) serve(d *Demand, jobs []Member) {
	if first := jobs[0].Priority; g.JobCount == 0 || first > g.Priority {
		g.Priority = first
	}
	g.Jobs, g.JobCount, g.Reason = addJobs(d, g.Jobs, g.JobCount, jobs)
}

func (s *Start) serve(d *Demand, jobs []Member) {
	s.Jobs, s.JobCount, s.Reason = addJobs(d, s.Jobs, s.JobCount, jobs)
}

// addJobs adds to the jobs that an action serves: it names some, as users call them, and
// counts all.
func addJobs(d *Demand, named []JobID, count int, more []Member) ([]JobID, int, Reason) {
	for _, j := range more[:min(len(more), jobsNamed-len(named))] {
		named = append(named, d.Called(j.ID))
	}
	count += len(more)
	return named, count, Reason{Code: ReasonDemand, Have: int64(count)}
}

// tell enters an outcome. There may be as many as jobs, and they are large, so room
// for them is doubled where append would add a quarter.
func (b *board) tell(o Outcome) {
	if n := len(b.plan.Outcomes); n == cap(b.plan.Outcomes) {
		b.plan.Outcomes = slices.Grow(b.plan.Outcomes, n+1)
	}
	b.plan.Outcomes = append(b.plan.Outcomes, o)
}

// servedReason tells by the farthest of the nodes.
func servedReason(parts []Serving) ReasonCode {
	farthest, started := sourceReady, false
	for _, s := range parts {
		if s.Grow >= 0 {
			return ReasonOnNew
		}
		farthest, started = max(farthest, s.source), started || s.Start
	}
	switch {
	case started:
		return ReasonOnDeallocated
	case farthest == sourceReady:
		return ReasonOnReady
	}
	return ReasonOnStarting
}

// noteTenants records whom each node is for, so that the next plan can begin
// where this one ended.
func (b *board) noteTenants() {
	for i := range b.lots.all {
		x := &b.lots.all[i]
		tenants := b.lots.tenants(x)
		switch x.source {
		case sourceReady, sourceStarting:
			b.letNodes(x, tenants)
		case sourceNew:
			if x.started {
				b.letNodes(x, tenants)
				continue
			}
			set := &b.plan.Grow[x.grow]
			set.For = append(set.For, Wish{Count: x.count, Tenants: tenants})
		case sourceAsked, sourceAbsent:
			b.promise(b.inFlight[x.flight].operation, Wish{Count: x.count, Tenants: tenants})
		}
	}
}

func (b *board) letNodes(x *lot, tenants []Tenant) {
	for _, n := range b.lots.order[x.first : x.first+x.count] {
		b.nodes[n].tenants = tenants
	}
}

func (b *board) promise(op *Operation, wish Wish) {
	if b.plan.Promises == nil {
		b.plan.Promises = make(map[RequestID]Promise)
	}
	p := b.plan.Promises[op.Request]
	p.Seen = len(op.Nodes)
	p.For = append(p.For, wish)
	b.plan.Promises[op.Request] = p
}

// noLicence explains why a job gets none after so many others of its class: the
// licence that they leave none of.
func (b *board) noLicence(c *classState, others int) Reason {
	b.ledger.take(c.claims, others)
	defer b.ledger.take(c.claims, -others)
	r, _ := b.ledger.binding(c.claims, 1)
	return r
}

// whyNot explains why tasks of a job find no room: by what stops the best pool.
// What stops the others is noted as holds.
func (b *board) whyNot(c *classState, tasks int) Reason {
	var first Reason
	for _, i := range c.order {
		perNode := c.share(b.pools[i].full.fits(c.needs))
		if perNode == 0 {
			continue
		}
		at := place{pool: i}
		if c.Grouping == Coupled {
			at.group = newGroup
		}
		r, held := b.stop(c, at, ceilDiv(tasks, perNode))
		if !held {
			continue
		}
		b.hold(i, r)
		if first.Code == "" {
			first = r
		}
	}
	if first.Code == "" && c.Grouping == Coupled {
		return b.groupTooSmall(c)
	}
	return first
}

// stop is what keeps a place from having so many new nodes for a class, if anything
// does. The class may be nil: for nobody in particular.
func (b *board) stop(c *classState, at place, nodes int) (Reason, bool) {
	pool := &b.pools[at.pool]
	if pool.closed() {
		return pool.shut, true
	}
	r, held := b.ledger.binding(b.offerAt(at).risked, nodes)
	if !held && b.opens(at) {
		r, held = b.ledger.binding(b.groupClaims(at.pool), 1)
	}
	if !held {
		return b.rateReason(c, nodes)
	}
	limit := &b.ledger.limits[b.ledger.index[LimitID(r.Subject)]]
	switch limit.Kind {
	case LimitBreaker:
		return b.breaker.reason, true
	case LimitCapacity:
		return b.soldOut(offeringOf(pool.ID, at.group != "")), true
	}
	if job, kept := b.keptFor(limit.ID); kept {
		return Reason{Code: ReasonReserved, Subject: string(b.state.Demand.Called(job)), Detail: r.Subject}, true
	}
	r.Subject += because(limit.SetBy)
	return r, true
}
