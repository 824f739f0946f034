package autoscale

import "slices"

// take is a part of a lot, or of a pool's room, that a job is to get.
type take struct {
	lot     int // -1: new nodes of place, or nodes to start there
	place   place
	nodes   int
	perNode int
	tasks   int
	// start: they are deallocated nodes, those in lots.order from first on, of
	// which the first drawn have drawn on limits already.
	start        bool
	first, drawn int
}

// placeJobs gives every job what it needs, portion by portion. ok is false if a
// portion was placed as if there were plenty and there was not: then all is void.
func (b *board) placeJobs(p *portions) (ok bool) {
	for i, strict := range p.strict {
		p.until(i, b.classes)
		if !b.placePortion(!strict) {
			p.void(i, b.classes, b.fair())
			return false
		}
	}
	return true
}

// placePortion gives the jobs of a portion what they need, in strict order or by turns:
// nodes that exist first, then new ones. Room only shrinks while a plan is made, so where a
// job finds none, no later job of its shape will, and the class is done.
//
// Order matters where something is scarce. With plenty given, it is taken to
// matter only for nodes that exist: a class that needs new ones steps aside, and
// gets them for all of its jobs at once when all others are through. If anything
// then proves scarce after all, the placement is void and ok is false.
func (b *board) placePortion(plenty bool) (ok bool) {
	b.plenty = plenty
	order := b.newTurns(plenty || !b.fair())
	var aside []*classState
	for {
		c, to, more := order.next()
		if !more {
			break
		}
		served := b.placeMembers(c, to)
		switch {
		case plenty && (!served || c.short):
			return false
		case !served:
			order.drop()
		case plenty && c.needsNew && to < c.until:
			order.drop()
			c.next = to
			aside = append(aside, c)
		default:
			order.advance(c, to)
		}
	}
	for _, c := range aside {
		if !b.placeMembers(c, c.until) || c.short {
			return false
		}
		c.next = c.until
	}
	return true
}

// placeMembers places the next members of a class up to to. Where one finds no
// room, it and all that come after it are explained, and served is false: the class
// is done.
func (b *board) placeMembers(c *classState, to int) (served bool) {
	from := c.next
	c.short = false
	placed, why := b.placeRun(c, from, to)
	if why.Code != "" && from+placed < to && b.recall(c, from+placed) {
		placed++
		var more int
		more, why = b.placeRun(c, from+placed, to)
		placed += more
	}
	if why.Code != "" {
		b.wait(c, from+placed, why)
		c.next = len(c.Members)
	}
	return why.Code == ""
}

// placeRun places the members from up to to and returns how many of them it
// could, and why not more.
func (b *board) placeRun(c *classState, from, to int) (placed int, why Reason) {
	if c.bulk {
		return b.placeBulk(c, from, to)
	}
	for m := from; m < to; m++ {
		if why, ok := b.placeOne(c, m); !ok {
			return m - from, why
		}
	}
	return to - from, Reason{}
}

// placeBulk places many jobs whose tasks are all alike and each for itself.
func (b *board) placeBulk(c *classState, from, to int) (placed int, why Reason) {
	jobs := to - from
	if len(c.claims) > 0 {
		jobs = min(jobs, b.ledger.room(c.claims))
	}
	takes, left := b.find(c, jobs*c.Tasks, nil)
	takes, left = b.findStarts(c, takes, left)
	takes, left = b.findNew(c, c.order, takes, left)
	c.needsNew = b.usesNew(takes)
	got := jobs*c.Tasks - left
	switch {
	case left > 0:
		why = b.whyNot(c, c.Tasks-got%c.Tasks)
	case jobs < to-from:
		why = b.noLicence(c, jobs)
	}
	b.ledger.take(c.claims, ceilDiv(got, c.Tasks))
	b.explainServed(c, from, got, b.commit(c, takes), why)
	return ceilDiv(got, c.Tasks), why
}

// usesNew tells whether any of the takes are nodes that this plan creates.
func (b *board) usesNew(takes []take) bool {
	return slices.ContainsFunc(takes, func(t take) bool {
		return t.lot < 0 || b.lots.all[t.lot].source == sourceNew
	})
}

// placeOne places one job that stands or falls as a whole, or whose tasks keep
// to themselves.
func (b *board) placeOne(c *classState, member int) (why Reason, ok bool) {
	b.probing = b.probing[:0]
	if len(c.claims) > 0 && b.ledger.room(c.claims) == 0 {
		return b.noLicence(c, 0), false
	}
	if len(c.Names) > 0 {
		return b.placeNamed(c, member)
	}
	takes, left := b.findFor(c)
	got := c.Tasks - left
	if got < c.required {
		b.giveBack(takes)
		return b.whyNot(c, c.required), false
	}
	if left > 0 {
		why = b.whyNot(c, left)
		c.short = true
	}
	b.passOverAll(c, takes)
	b.ledger.take(c.claims, 1)
	b.explainServed(c, member, got, b.commit(c, takes), why)
	return Reason{}, true
}

// findFor looks for room for one job. The pools that it prefers may use up a limit
// of which others draw less: a gang that they can't hold is tried with each of the
// others as the first, and at last in its own order again.
func (b *board) findFor(c *classState) (takes []take, left int) {
	b.probing = b.probing[:0]
	if c.Grouping == Coupled {
		return b.findCoupled(c)
	}
	seen, lack := b.find(c, c.Tasks, nil)
	seen, lack = b.findStarts(c, seen, lack)
	seen = slices.Clip(seen)
	takes, left = b.findNew(c, c.order, seen, lack)
	for first := 1; first <= len(c.order) && left < lack && c.Tasks-left < c.Required(); first++ {
		b.giveBack(takes[len(seen):])
		takes, left = b.findNew(c, slices.Concat(c.order[first:], c.order[:first]), seen, lack)
	}
	return takes, left
}

// fit is how many tasks of the class a node of the lot takes. In bulk, tasks are
// all of different jobs as far as a node is concerned.
func (b *board) fit(c *classState, x *lot, at *place) int {
	if c.Exclusive != Shared && !x.empty {
		return 0
	}
	if at != nil && (at.pool != x.pool || at.group != x.group) {
		return 0
	}
	if c.Grouping == Ungrouped && x.group != "" {
		return 0
	}
	return c.share(x.free.fits(c.needs))
}

// share is how many tasks go on a node with room for fit: of one job, or of any
// number of jobs in bulk.
func (c *classState) share(fit int) int {
	if c.bulk && c.Exclusive == Shared {
		return fit
	}
	return c.capped(fit)
}

// findNew looks for room for new nodes in pools, in this order, and draws on the
// limits for them.
func (b *board) findNew(c *classState, order []int, takes []take, left int) ([]take, int) {
	for _, pool := range order {
		if left == 0 {
			break
		}
		if b.perNode(c, pool) == 0 {
			continue
		}
		at := place{pool: pool}
		takes, left = b.drawNew(c, takes, left, at, b.roomFor(c, at))
		if left > 0 && c.required <= 1 {
			b.passOver(c, at, left)
		}
	}
	return takes, left
}

// drawNew takes up to room new nodes at a place for left tasks.
func (b *board) drawNew(c *classState, takes []take, left int, at place, room int) ([]take, int) {
	if left == 0 || room <= 0 {
		return takes, left
	}
	perNode := c.share(b.pools[at.pool].full.fits(c.needs))
	nodes := min(room, ceilDiv(left, perNode))
	tasks := min(left, nodes*perNode)
	b.exceedRates(c)
	b.ledger.take(b.offerAt(at).claims, nodes)
	return append(takes, take{lot: -1, place: at, nodes: nodes, perNode: perNode, tasks: tasks}), left - tasks
}

// giveBack undoes what drawNew and drawStart drew.
func (b *board) giveBack(takes []take) {
	for _, t := range takes {
		switch {
		case t.start:
			b.returnStock(t)
		case t.lot < 0:
			b.ledger.take(b.offerAt(t.place).claims, -t.nodes)
		}
	}
}

// commit gives the takes to the class: nodes are wanted, room is used, and new
// nodes become lots that later jobs find.
func (b *board) commit(c *classState, takes []take) []Serving {
	served := b.servings.make(len(takes))
	for i, t := range takes {
		switch {
		case t.start:
			t.lot = b.startNodes(t)
		case t.lot < 0:
			t.lot = b.grow(t.place, t.nodes)
		}
		served[i] = b.consume(c, t)
	}
	return served
}

// grow plans new nodes, in the one set of their pool and group that is for jobs.
func (b *board) grow(at place, nodes int) (lotIndex int) {
	i, known := b.growOf[at]
	if !known {
		i = len(b.plan.Grow)
		b.growOf[at] = i
		b.plan.Grow = append(b.plan.Grow, Grow{Pool: b.pools[at.pool].ID, Group: at.group, Draws: b.pools[at.pool].draws, Single: b.pools[at.pool].Single})
	}
	b.plan.Grow[i].Count += nodes
	b.enterGroup(at, nodes)
	return b.lots.append(lot{source: sourceNew, pool: at.pool, group: at.group, free: b.pools[at.pool].full, empty: true, count: nodes, grow: i})
}

// consume takes a part of a lot. All its nodes get perNode tasks but the last,
// which gets what remains.
func (b *board) consume(c *classState, t take) Serving {
	b.lots.split(t.lot, t.nodes)
	if b.lots.all[t.lot].empty {
		b.give(c, t.nodes)
	}
	serving := b.serving(t)
	b.want(t.lot)
	b.fill(c, t, c.Key)
	return serving
}

// fill uses up what the tasks of a take need of its lot, for a shape of jobs.
func (b *board) fill(c *classState, t take, whose ShapeKey) {
	rest := t.tasks % t.perNode
	switch {
	case rest == 0:
		b.use(c, t.lot, t.perNode, whose)
	case t.nodes == 1:
		b.use(c, t.lot, rest, whose)
	default:
		b.lots.split(t.lot, t.nodes-1)
		b.use(c, t.lot, t.perNode, whose)
		b.use(c, b.lots.all[t.lot].next, rest, whose)
	}
}

// use lowers what is free on each node of a lot by n tasks, and notes whose it is.
func (b *board) use(c *classState, i, n int, whose ShapeKey) {
	b.lots.take(i, whose)
	x := &b.lots.all[i]
	x.empty = false
	if c.Exclusive != Shared {
		x.full = true
		return
	}
	x.free = b.vectors.copy(x.free) // which lots that were split share
	x.free.take(c.needs, n)
	x.full = x.free[dimCores] == 0
}

// want marks what the lot's nodes come from as wanted.
func (b *board) want(i int) {
	x := &b.lots.all[i]
	switch x.source {
	case sourceReady, sourceStarting:
		b.wantNodes(x)
	case sourceAsked, sourceAbsent:
		if x.empty {
			b.inFlight[x.flight].used += x.count
		}
	case sourceNew:
		if x.started {
			b.wantNodes(x)
		}
	}
}

func (b *board) wantNodes(x *lot) {
	for _, n := range b.lots.order[x.first : x.first+x.count] {
		b.nodes[n].wanted = true
	}
}

// serving tells the reader of the plan which nodes a take is.
func (b *board) serving(t take) Serving {
	x := &b.lots.all[t.lot]
	s := Serving{Grow: -1, Pool: b.pools[x.pool].ID, Group: x.group, Count: t.nodes, PerNode: t.perNode, Tasks: t.tasks, source: x.source}
	switch x.source {
	case sourceReady, sourceStarting:
		s.Nodes = b.lots.ids[x.first : x.first+t.nodes : x.first+t.nodes]
	case sourceAsked, sourceAbsent:
		s.Request = b.inFlight[x.flight].operation.Request
	case sourceNew:
		if x.started {
			s.Nodes = b.lots.ids[x.first : x.first+t.nodes : x.first+t.nodes]
			s.Start, s.start = true, x.grow
		} else {
			s.Grow = x.grow
		}
	}
	return s
}
