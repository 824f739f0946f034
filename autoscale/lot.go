package autoscale

import (
	"cmp"
	"slices"
)

// source says how near the nodes of a lot are. Nearer ones are used first.
type source int

const (
	sourceReady source = iota
	sourceStarting
	sourceAsked  // by an open operation, not seen yet
	sourceAbsent // by an operation that the cloud does not know
	sourceNew    // by this plan
	sources      // how many there are
)

// side tells lots of nodes in placement groups from others.
type side int

const (
	alone side = iota
	grouped
	sides // how many there are
)

func sideOf(group string) side {
	if group == "" {
		return alone
	}
	return grouped
}

// lot is a number of nodes that are alike to every job: same pool, group, free
// resources and past. Placing a job splits lots, so that the work of planning
// grows with what differs and not with what there is.
type lot struct {
	source source
	pool   int
	group  string
	free   vector
	// empty: nothing runs on these nodes and nothing is planned for them.
	empty bool
	// full: no job can use what is left.
	full  bool
	count int
	// released: it was kept for a gang for as long as it may be.
	released bool
	// first is where existing nodes begin in lots.order; flight and grow are
	// what will bring others.
	first  int
	flight int
	grow   int
	// started: this plan starts them; they exist, and grow is the index in
	// Plan.Start.
	started bool
	// before are whom an earlier plan gave these nodes to, and taker begins
	// the chain of those whom this plan gives them to.
	before []Tenant
	taker  int
	root   int // the lot that this one was split from, or itself
	next   int // the next lot of the same source, side and pool; -1: none
}

// lots are linked lists of lots, one per source, side and pool, in the order of use.
type lots struct {
	all   []lot
	pools int
	head  []int // by source × side × pool
	tail  []int
	// any tells, by source and side, whether there are lots at all.
	any [sources][sides]bool
	// let tells, by source, whether an earlier plan gave any lot to anybody.
	let [sources]bool
	// own lists, by whom an earlier plan gave them to, the lots as they were
	// at first.
	own map[lessee][]int
	// order lists existing nodes in the order in which lots take them, and
	// ids their node ids.
	order  []int
	ids    []NodeID
	takers []taker
}

// taker is who took part of a lot. Lots that were split share the chain of those
// who came before.
type taker struct {
	shape ShapeKey
	prev  int // -1: none
}

func newLots(pools int) lots {
	l := lots{pools: pools, own: make(map[lessee][]int), head: make([]int, int(sources)*int(sides)*pools)}
	l.tail = make([]int, len(l.head))
	for i := range l.head {
		l.head[i], l.tail[i] = -1, -1
	}
	return l
}

// list is the index of the list that lots of a source, side and pool are in.
func (l *lots) list(s source, side side, pool int) int {
	return (int(s)*int(sides)+int(side))*l.pools + pool
}

func (l *lots) listOf(x *lot) int { return l.list(x.source, sideOf(x.group), x.pool) }

// append enters a lot at the end of its list and returns its index.
func (l *lots) append(x lot) int {
	i, list := len(l.all), l.listOf(&x)
	x.next, x.taker, x.root = -1, -1, i
	l.all = append(l.all, x)
	for _, t := range x.before {
		who := lessee{x.source, t.Shape}
		l.own[who] = append(l.own[who], i)
	}
	if l.tail[list] < 0 {
		l.head[list] = i
	} else {
		l.all[l.tail[list]].next = i
	}
	l.tail[list] = i
	l.any[x.source][sideOf(x.group)] = true
	l.let[x.source] = l.let[x.source] || len(x.before) > 0
	return i
}

// split cuts lot i after its first n nodes. i keeps those, and the rest becomes
// the lot after it.
func (l *lots) split(i, n int) {
	if n >= l.all[i].count {
		return
	}
	rest := l.all[i]
	rest.count -= n
	rest.first += n
	l.all[i].count = n
	l.all[i].next = len(l.all)
	if list := l.listOf(&rest); l.tail[list] == i {
		l.tail[list] = len(l.all)
	}
	l.all = append(l.all, rest)
}

// unlink takes lot i, which is not the last, out of its list; prev is the one
// before it, -1 for none. Who stands at i still finds its way on.
func (l *lots) unlink(list, prev, i int) {
	if prev < 0 {
		l.head[list] = l.all[i].next
	} else {
		l.all[prev].next = l.all[i].next
	}
}

// take notes that a shape takes part of lot i.
func (l *lots) take(i int, shape ShapeKey) {
	if last := l.all[i].taker; shape == 0 || last >= 0 && l.takers[last].shape == shape {
		return
	}
	l.takers = append(l.takers, taker{shape: shape, prev: l.all[i].taker})
	l.all[i].taker = len(l.takers) - 1
}

// tenants lists who took part of a lot, each once with its first turn.
func (l *lots) tenants(x *lot) []Tenant {
	var list []Tenant
	for i := x.taker; i >= 0; i = l.takers[i].prev {
		list = append(list, Tenant{Shape: l.takers[i].shape, Turn: i})
	}
	slices.SortFunc(list, func(x, y Tenant) int {
		return cmp.Or(cmp.Compare(x.Shape, y.Shape), cmp.Compare(x.Turn, y.Turn))
	})
	return slices.CompactFunc(list, func(x, y Tenant) bool { return x.Shape == y.Shape })
}

// compareTenants orders lists of tenants, for lots to be alike.
func compareTenants(x, y Tenant) int {
	return cmp.Or(cmp.Compare(x.Turn, y.Turn), cmp.Compare(x.Shape, y.Shape))
}

// addLots sorts what exists into lots: nodes that work already before empty
// ones, and among equal ones the most recently busy first, so that work is
// packed and the rest can go. Nodes without a free core take no part.
func (b *board) addLots() {
	b.lots = newLots(len(b.pools))
	for i := range b.nodes {
		if n := &b.nodes[i]; (n.supply || n.asked()) && !n.aging.going && n.free[dimCores] > 0 && !b.keptByName(i) {
			b.lots.order = append(b.lots.order, i)
		}
	}
	slices.SortFunc(b.lots.order, func(x, y int) int { return compareSupply(&b.nodes[x], &b.nodes[y]) })
	waiting := b.shapes()
	b.lots.ids = make([]NodeID, len(b.lots.order))
	for at, i := range b.lots.order {
		n := &b.nodes[i]
		b.lots.ids[at] = n.node.ID
		b.addToLots(at, n, waiting)
	}
	for i := range b.inFlight {
		if f := &b.inFlight[i]; !f.unwanted && !f.barred && f.operation.Names == nil {
			b.addFlightLots(i, f, waiting)
		}
	}
	b.lots.sortOwn()
}

// shapes are those that wait.
func (b *board) shapes() map[ShapeKey]bool {
	classes := b.state.Demand.Classes
	shapes := make(map[ShapeKey]bool, len(classes))
	for i := range classes {
		shapes[classes[i].Key] = true
	}
	return shapes
}

// tenantsIn are the tenants of a node if any of them still waits. What was given to
// jobs that run by now, wherever, or are gone, is nobody's: else a job in want of a
// node would as soon take one that was asked for another.
func tenantsIn(waiting map[ShapeKey]bool, tenants []Tenant) []Tenant {
	for _, t := range tenants {
		if waiting[t.Shape] {
			return tenants
		}
	}
	return nil
}

// addToLots enters a node: into the lot entered last if it is alike.
func (b *board) addToLots(at int, n *nodeState, waiting map[ShapeKey]bool) {
	x := lot{source: sourceOf(n), pool: n.pool, group: n.node.Group, free: n.free, empty: !n.use.Busy(), count: 1, released: n.released, first: at, before: tenantsIn(waiting, n.memory.For)}
	if last := b.lots.tail[b.lots.listOf(&x)]; last >= 0 {
		prev := &b.lots.all[last]
		if prev.group == x.group && prev.empty == x.empty && prev.released == x.released && slices.Equal(prev.free, x.free) && slices.Equal(prev.before, x.before) {
			prev.count++
			return
		}
	}
	b.lots.append(x)
}

// addFlightLots enters the nodes that an operation has yet to show: as its
// wishes say, those of the nodes seen already left out.
func (b *board) addFlightLots(i int, f *flight, waiting map[ShapeKey]bool) {
	from := sourceAsked
	if f.operation.Phase == OpAbsent {
		from = sourceAbsent
	}
	add := func(count int, before []Tenant) {
		if count > 0 {
			b.lots.append(lot{source: from, pool: f.pool, group: f.operation.Group, free: b.pools[f.pool].full, empty: true, count: count, flight: i, before: before})
		}
	}
	promise := b.state.Memory.Promises[f.operation.Request]
	seen, left := len(f.operation.Nodes)-promise.Seen, f.count
	for _, wish := range promise.For {
		skip := min(seen, wish.Count)
		n := min(left, wish.Count-skip)
		add(n, tenantsIn(waiting, wish.Tenants))
		seen, left = seen-skip, left-n
	}
	add(left, nil)
}

func sourceOf(n *nodeState) source {
	if n.node.Phase == PhaseReady {
		return sourceReady
	}
	return sourceStarting
}

// compareSupply keeps the nodes of one list together, so that those of one lot
// stand side by side. It is called often, so it stops at the first difference.
func compareSupply(x, y *nodeState) int {
	if c := cmp.Compare(sourceOf(x), sourceOf(y)); c != 0 {
		return c
	}
	if c := cmp.Compare(x.pool, y.pool); c != 0 {
		return c
	}
	if c := cmp.Compare(sideOf(x.node.Group), sideOf(y.node.Group)); c != 0 {
		return c
	}
	if c := cmp.Compare(handiness(x), handiness(y)); c != 0 {
		return c
	}
	if c := cmp.Compare(x.node.Group, y.node.Group); c != 0 {
		return c
	}
	if c := slices.Compare(x.free, y.free); c != 0 {
		return c
	}
	if c := slices.CompareFunc(x.memory.For, y.memory.For, compareTenants); c != 0 {
		return c
	}
	return cmp.Or(y.memory.IdleSince().Compare(x.memory.IdleSince()), cmp.Compare(x.node.ID, y.node.ID))
}

// handiness puts nodes that work already before empty ones, and those marked for
// drain last.
func handiness(n *nodeState) int {
	return 2*boolRank(n.use.Drain == DrainOurs) + boolRank(!n.use.Busy())
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}
