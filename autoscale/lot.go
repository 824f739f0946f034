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
	sourceAsked // by an open operation, not seen yet
	sourceNew   // by this plan
	sources     // how many there are
)

// noLot marks nodes in flight that the plan must not count on.
const noLot = -2

// lot is a number of nodes that are alike to every job: same pool, group and
// free resources. Placing a job splits lots, so that the work of planning grows
// with what differs and not with what there is.
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
	// first is where existing nodes begin in board.lots.order; flight and
	// grow are what will bring others.
	first  int
	flight int
	grow   int
	next   int // the next lot of the same source; -1: none
}

// lots are linked lists of lots, one per source, in the order of use.
type lots struct {
	all  []lot
	head [sources]int
	tail [sources]int
	// order lists existing nodes in the order in which lots take them, and
	// ids their node ids.
	order []int
	ids   []NodeID
}

// append enters a lot at the end of its source's list and returns its index.
func (l *lots) append(x lot) int {
	x.next = -1
	i := len(l.all)
	l.all = append(l.all, x)
	if l.tail[x.source] < 0 {
		l.head[x.source] = i
	} else {
		l.all[l.tail[x.source]].next = i
	}
	l.tail[x.source] = i
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
	if l.tail[rest.source] == i {
		l.tail[rest.source] = len(l.all)
	}
	l.all = append(l.all, rest)
}

// unlink takes lot i out of its list; prev is the one before it, -1 for none.
func (l *lots) unlink(s source, prev, i int) {
	next := l.all[i].next
	if prev < 0 {
		l.head[s] = next
	} else {
		l.all[prev].next = next
	}
	if l.tail[s] == i {
		l.tail[s] = prev
	}
}

// addLots sorts what exists into lots: nodes that work already before empty
// ones, and among equal ones the most recently busy first, so that work is
// packed and the rest can go.
func (b *board) addLots() {
	for s := range b.lots.head {
		b.lots.head[s], b.lots.tail[s] = -1, -1
	}
	for i := range b.nodes {
		if b.nodes[i].supply {
			b.lots.order = append(b.lots.order, i)
		}
	}
	slices.SortFunc(b.lots.order, func(x, y int) int { return compareSupply(&b.nodes[x], &b.nodes[y]) })
	b.lots.ids = make([]NodeID, len(b.lots.order))
	for at, i := range b.lots.order {
		n := &b.nodes[i]
		b.lots.ids[at] = n.node.ID
		b.addToLots(at, n)
	}
	for i := range b.inFlight {
		f := &b.inFlight[i]
		if f.lot == noLot {
			continue
		}
		f.lot = b.lots.append(lot{source: sourceAsked, pool: f.pool, group: f.operation.Group, free: b.pools[f.pool].full, empty: true, count: f.count, flight: i})
	}
}

func (b *board) addToLots(at int, n *nodeState) {
	x := lot{source: sourceOf(n), pool: n.pool, group: n.node.Group, free: n.free, empty: !n.use.Busy(), count: 1, first: at}
	if last := b.lots.tail[x.source]; last >= 0 {
		prev := &b.lots.all[last]
		if prev.pool == x.pool && prev.group == x.group && prev.empty == x.empty && slices.Equal(prev.free, x.free) {
			prev.count++
			return
		}
	}
	b.lots.append(x)
}

func sourceOf(n *nodeState) source {
	if n.node.Phase == PhaseReady {
		return sourceReady
	}
	return sourceStarting
}

func compareSupply(x, y *nodeState) int {
	return cmp.Or(
		cmp.Compare(sourceOf(x), sourceOf(y)),
		cmp.Compare(boolRank(x.use.Drain == DrainOurs), boolRank(y.use.Drain == DrainOurs)),
		cmp.Compare(boolRank(!x.use.Busy()), boolRank(!y.use.Busy())),
		cmp.Compare(x.pool, y.pool),
		cmp.Compare(x.node.Group, y.node.Group),
		slices.Compare(x.free, y.free),
		y.memory.IdleSince().Compare(x.memory.IdleSince()),
		cmp.Compare(x.node.ID, y.node.ID))
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}
