package autoscale

import (
	"cmp"
	"slices"
	"strings"
)

// namedJob is a job that gets new nodes by name, and its outcome in the plan.
type namedJob struct {
	class           *classState
	member, outcome int
	names           []*wantedName
}

// compileNamed checks the pool in which new nodes of the class would be made. What
// a named node has follows from its name and is not looked at.
func (b *board) compileNamed(c *classState) (Reason, bool) {
	size := b.pools[c.order[0]].GroupSize
	switch {
	case c.Group == "" || size >= c.required:
		return Reason{}, true
	case size == 0:
		return Reason{Code: ReasonNoGroups}, false
	}
	return Reason{Code: ReasonGroupTooSmall, Have: int64(size), Want: int64(c.Tasks)}, false
}

// naming is how the names of one job stand.
type naming struct {
	// at is where new ones are made: of a group, where the first of its nodes is.
	at place
	// there are nodes, coming those of open requests, and asked those of this
	// plan; down ones may be started, and free ones asked for.
	there, coming, asked, down, free []*wantedName
	// others can't be had now; stuck is why the first of them can't.
	others int
	stuck  Reason
}

// all is how many names the job has, and had how many of them stand for nodes.
func (n *naming) all() int { return n.had() + len(n.down) + len(n.free) + n.others }

func (n *naming) had() int { return len(n.there) + len(n.coming) + len(n.asked) }

// naming tells how the names of a job stand, in the order of their numbers.
func (b *board) naming(c *classState) naming {
	list := make([]string, len(c.Names))
	for i, name := range c.Names {
		list[i] = strings.ToLower(name)
	}
	slices.SortFunc(list, func(x, y string) int { return compareIDs(JobID(x), JobID(y)) })
	n, settled := naming{at: place{c.order[0], c.Group}}, c.Group == ""
	for _, key := range slices.Compact(list) {
		w := b.names.of[key]
		why := b.taken(c, w)
		if pool := b.standsIn(w); pool >= 0 && why == "" && !settled {
			n.at.pool, settled = pool, true
		} else if pool >= 0 && why == "" && c.Group != "" && pool != n.at.pool {
			why = "its node is in pool " + string(b.pools[pool].ID)
		}
		switch _, ok := splitName(w.name); {
		case why != "":
			n.lack(Reason{Code: ReasonNameTaken, Subject: w.name, Detail: why})
		case w.node >= 0 && b.startable(&b.nodes[w.node]) && !b.nodes[w.node].begun:
			n.down = append(n.down, w)
		case w.node >= 0:
			n.there = append(n.there, w)
		case w.flight >= 0:
			n.coming = append(n.coming, w)
		case w.asked:
			n.asked = append(n.asked, w)
		case ok:
			n.free = append(n.free, w)
		default:
			n.lack(Reason{Code: ReasonNameUnnumbered, Subject: w.name})
		}
	}
	return n
}

func (n *naming) lack(why Reason) {
	if n.others == 0 {
		n.stuck = why
	}
	n.others++
}

// standsIn is the pool of what stands behind a name; -1: nothing does.
func (b *board) standsIn(w *wantedName) int {
	switch {
	case w.node >= 0:
		return b.nodes[w.node].pool
	case w.flight >= 0:
		return b.inFlight[w.flight].pool
	case w.asked:
		return w.at.pool
	}
	return -1
}

// taken is why what stands behind a name can't serve the class; empty: it can, or
// nothing does. A name is taken as long as any record has it.
func (b *board) taken(c *classState, w *wantedName) string {
	switch {
	case w.node >= 0:
		return b.takenBy(c, &b.nodes[w.node])
	case w.flight >= 0:
		f := &b.inFlight[w.flight]
		return b.elsewhere(c, f.pool, f.operation.Group)
	case w.asked:
		return b.elsewhere(c, w.at.pool, w.at.group)
	}
	return ""
}

func (b *board) takenBy(c *classState, n *nodeState) string {
	switch {
	case n.supply, n.asked(), b.startable(n):
		return b.elsewhere(c, n.pool, n.node.Group)
	case n.node.Phase == PhaseGone:
		return "the record of a node that is gone has it"
	case n.leaving:
		return "its node is on its way out"
	case n.node.Protected != "":
		return "its node is never touched: " + n.node.Protected
	case n.pool < 0:
		return "no pool of the config names its node's nodearray"
	case n.use.Drain == DrainForeign:
		return "an administrator drained its node"
	case !n.takesWork():
		return "the queue gives its node no work"
	case n.overworked:
		return "its node has been busy for too long"
	case b.late(n):
		return "its node did not come up in time"
	}
	if n.node.Phase == PhaseDeallocated && b.pools[n.pool].closed() {
		return "its node is deallocated and can't be started: " + b.pools[n.pool].shut.String()
	}
	return "its node is " + string(n.node.Phase)
}

// elsewhere tells where a node of the name is, if not where the class wants it.
func (b *board) elsewhere(c *classState, pool int, group string) string {
	switch {
	case !c.allows(pool):
		return "its node is in pool " + string(b.pools[pool].ID)
	case c.Group != "" && group != c.Group:
		return "its node is not in placement group " + c.Group
	}
	return ""
}

// placeNamed places one job that names its nodes: on the nodes of these names,
// whatever runs on them, and on new ones for names that are free. While others are
// taken, a job that can't do without them waits, and its nodes are kept for it.
func (b *board) placeNamed(c *classState, member int) (why Reason, ok bool) {
	n := b.naming(c)
	up, why := b.drawDown(c, &n)
	fresh := min(len(n.free), b.roomInPlace(c, n.at))
	if fresh < len(n.free) {
		why = b.stopNames(c, n.at, len(n.free))
		b.hold(n.at.pool, why)
	}
	got := n.had() + up + fresh
	if got >= min(c.required, n.all()) {
		c.short = c.short || got < c.Tasks
		n.down = n.down[:up]
		b.serveNamed(c, member, n, fresh, why)
		return Reason{}, true
	}
	b.giveBackDown(n.down[:up])
	if up < len(n.down) || fresh < len(n.free) {
		b.block(c, member)
	} else {
		b.keepNamed(n)
	}
	return why, false
}

// drawDown draws on limits for deallocated nodes of a job, and tells how many of
// them can be started, and what keeps the job from its other names.
func (b *board) drawDown(c *classState, n *naming) (up int, why Reason) {
	for _, w := range n.down {
		x := &b.nodes[w.node]
		if x.start == nil { // else a lost request drew for it
			o := b.startOfferAt(place{x.pool, x.node.Group})
			r, held := b.ledger.binding(o.risked, 1)
			if !held {
				r, held = b.rateReason(c, 1)
			}
			if held {
				b.hold(x.pool, r)
				return up, r
			}
			b.exceedRates(c)
			b.ledger.take(o.claims, 1)
		}
		up++
	}
	return up, n.stuck
}

func (b *board) giveBackDown(list []*wantedName) {
	for _, w := range list {
		if x := &b.nodes[w.node]; x.start == nil {
			b.ledger.take(b.startOfferAt(place{x.pool, x.node.Group}).claims, -1)
		}
	}
}

// startNamed plans to start a node, in the one set of its pool and group.
func (b *board) startNamed(x *nodeState) {
	at := place{x.pool, x.node.Group}
	i, known := b.startOf[at]
	if !known {
		i = len(b.plan.Start)
		b.startOf[at] = i
		b.plan.Start = append(b.plan.Start, Start{Pool: b.pools[x.pool].ID, Group: at.group, Draws: b.pools[x.pool].startDraws})
	}
	b.plan.Start[i].Nodes = append(b.plan.Start[i].Nodes, *x.node)
	x.begun = true
	b.pools[x.pool].starting++
}

// roomInPlace is how many new nodes a place, in a group or not, can have.
func (b *board) roomInPlace(c *classState, at place) int {
	if at.group != "" {
		return b.roomInGroup(c, at)
	}
	return b.roomFor(c, at)
}

// stopNames is what keeps a place from having so many new nodes.
func (b *board) stopNames(c *classState, at place, nodes int) Reason {
	if r, held := b.stop(c, at, nodes); held {
		return r
	}
	pool := &b.pools[at.pool]
	return Reason{
		Code: ReasonLimit, Subject: "placement group " + at.group, Unit: UnitNodes,
		Have: int64(pool.groupActive[at.group]), Want: int64(pool.GroupSize), Need: int64(nodes),
	}
}

// keepNamed wants what is there of a job's nodes, and what is coming.
func (b *board) keepNamed(n naming) {
	for _, w := range n.there {
		b.nodes[w.node].wanted = true
	}
	for _, w := range n.coming {
		if !w.used {
			w.used = true
			b.inFlight[w.flight].used++
		}
	}
}

// reserveNames takes what there is for a gang of named nodes, without creating any.
func (b *board) reserveNames(c *classState) {
	n := b.naming(c)
	b.keepNamed(n)
	b.kept = []take{{lot: -1, place: n.at, nodes: min(len(n.free), b.roomInPlace(c, n.at))}}
	b.ledger.take(b.offerAt(n.at).claims, b.kept[0].nodes)
}

// serveNamed gives a job the nodes of its names, the first of the free ones new.
// Which sets ask for those is known once all jobs are placed.
func (b *board) serveNamed(c *classState, member int, n naming, fresh int, why Reason) {
	for _, w := range n.down {
		b.startNamed(&b.nodes[w.node])
	}
	n.there, n.down = slices.Concat(n.there, n.down), nil
	b.keepNamed(n)
	b.give(c, n.had()+fresh)
	b.ledger.take(c.claims, 1)
	b.ledger.take(b.offerAt(n.at).claims, fresh)
	if fresh > 0 {
		b.enterGroup(n.at, fresh)
	}
	for _, w := range n.free[:fresh] {
		w.asked, w.at = true, n.at
	}
	b.names.asked = append(b.names.asked, n.free[:fresh]...)
	fromPlan := slices.Concat(n.asked, n.free[:fresh])
	b.serve(c, member, member+1, n.had()+fresh, b.namedServings(n), why)
	if len(fromPlan) > 0 {
		b.names.served = append(b.names.served, namedJob{c, member, len(b.plan.Outcomes) - 1, fromPlan})
	}
}

// namedServings tells the reader of the plan of the nodes that are there, and of
// those that are coming, as runs of equal ones.
func (b *board) namedServings(n naming) []Serving {
	var parts []Serving
	add := func(s Serving) {
		s.Count, s.PerNode, s.Tasks, s.Grow = 1, 1, 1, -1
		if last := len(parts) - 1; last >= 0 && parts[last].like(s) {
			parts[last].Nodes = append(parts[last].Nodes, s.Nodes...)
			parts[last].Count++
			parts[last].Tasks++
			return
		}
		parts = append(parts, s)
	}
	for _, w := range n.there {
		x := &b.nodes[w.node]
		s := Serving{Nodes: []NodeID{x.node.ID}, Pool: x.node.Pool, Group: x.node.Group, source: sourceOf(x)}
		if x.begun {
			s.Start, s.start, s.source = true, b.startOf[place{x.pool, x.node.Group}], sourceNew
		}
		add(s)
	}
	for _, w := range n.coming {
		f := &b.inFlight[w.flight]
		add(Serving{Request: f.operation.Request, Pool: f.operation.Pool, Group: f.operation.Group, source: sourceAsked})
	}
	return parts
}

// like tells whether two servings differ in nothing but their nodes.
func (s Serving) like(o Serving) bool {
	return s.Pool == o.Pool && s.Group == o.Group && s.Request == o.Request && s.source == o.source && s.Start == o.Start
}

// askForNames plans the new nodes that have names: in as few sets as there are runs
// of names that the cloud can count through. Then it tells whom each set serves.
func (b *board) askForNames() {
	slices.SortFunc(b.names.asked, compareNames)
	var last numbered
	for i, w := range b.names.asked {
		next, _ := splitName(w.name) // free names have a number
		if i == 0 || w.at != b.names.asked[i-1].at || !last.precedes(next) {
			pool := &b.pools[w.at.pool]
			b.plan.Grow = append(b.plan.Grow, Grow{Pool: pool.ID, Group: w.at.group, Draws: pool.draws, Single: pool.Single})
		}
		w.grow = len(b.plan.Grow) - 1
		set := &b.plan.Grow[w.grow]
		set.Names = append(set.Names, w.name)
		set.Count++
		last = next
	}
	for i := range b.names.served {
		b.tellNamed(&b.names.served[i])
	}
}

func compareNames(x, y *wantedName) int {
	a, _ := splitName(x.name)
	c, _ := splitName(y.name)
	return cmp.Or(
		cmp.Compare(x.at.pool, y.at.pool), cmp.Compare(x.at.group, y.at.group),
		cmp.Compare(a.head, c.head), cmp.Compare(a.tail, c.tail), cmp.Compare(a.number, c.number))
}

// tellNamed adds the sets that serve a job to its outcome, and the job to the sets.
func (b *board) tellNamed(j *namedJob) {
	o := &b.plan.Outcomes[j.outcome]
	if o.Reason.Code != ReasonPart {
		o.Reason = Reason{Code: ReasonOnNew}
	}
	slices.SortFunc(j.names, compareNames)
	for i, w := range j.names {
		if i > 0 && w.grow == j.names[i-1].grow {
			s := &o.Served[len(o.Served)-1]
			s.Count++
			s.Tasks++
			continue
		}
		set := &b.plan.Grow[w.grow]
		o.Served = append(o.Served, Serving{Grow: w.grow, Pool: set.Pool, Group: set.Group, Count: 1, PerNode: 1, Tasks: 1, source: sourceNew})
		set.serve(&b.state.Demand, j.class.Members[j.member:j.member+1])
	}
}

// askedByName counts the new nodes of a policy that have names.
func (b *board) askedByName(policy int) int {
	n := 0
	for _, w := range b.names.asked {
		if b.pools[w.at.pool].policy == policy {
			n++
		}
	}
	return n
}
