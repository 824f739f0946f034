package autoscale

import (
	"cmp"
	"slices"
)

// find looks for room for tasks on nodes that exist or are asked for, in one
// place only if at is given. It takes nothing yet, and returns how many tasks
// found none; the takes are good until the next search. Nodes that an earlier plan gave to this shape come first, then those
// given to nobody, then the others; among these those in no placement group, which
// coupled jobs can't use anyway, and then the nearer ones.
func (b *board) find(c *classState, tasks int, at *place) (takes []take, left int) {
	f := finder{board: b, class: c, at: at, takes: b.scratch.takes[:0], left: tasks}
	for s := sourceReady; s <= sourceAsked; s++ {
		f.searchOwn(s)
	}
	for _, l := range []lease{nobodys, others} {
		for side := range sides {
			for s := sourceReady; s <= sourceAsked; s++ {
				f.search(s, side, l)
			}
		}
	}
	for s := sourceAbsent; s <= sourceNew; s++ {
		for side := range sides {
			f.search(s, side, anybodys)
		}
	}
	b.scratch.takes = f.takes
	return f.takes, f.left
}

// lease says whom an earlier plan gave a lot to, as one class sees it.
type lease int

const (
	anybodys lease = iota // not looked at
	nobodys
	others
	own
	leases // how many there are
)

func (c *classState) leaseOf(x *lot) lease {
	switch {
	case len(x.before) == 0:
		return nobodys
	case turnOf(x, c.Key) >= 0:
		return own
	}
	return others
}

// turnOf is when an earlier plan gave the lot to a shape; -1: it did not.
func turnOf(x *lot, shape ShapeKey) int {
	for _, t := range x.before {
		if t.Shape == shape {
			return t.Turn
		}
	}
	return -1
}

// finder is one search for room.
type finder struct {
	board *board
	class *classState
	at    *place
	takes []take
	left  int
}

// search goes through the lots of a source, on one side, with such a lease, pool
// by pool as the class prefers them. Room only shrinks, so lots that had none for
// the class are not looked at again; and neither are pools, of nodes that exist.
func (f *finder) search(s source, side side, want lease) {
	switch {
	case f.left == 0, !f.board.lots.any[s][side], want == others && !f.board.lots.let[s]:
	case f.class.Grouping == Ungrouped && side == grouped, f.class.Grouping == Coupled && side == alone:
	case s == sourceNew:
		f.searchNew(side)
	default:
		f.searchSeen(s, side, want)
	}
}

func (f *finder) searchSeen(s source, side side, want lease) {
	d := &f.class.dry[s][side][want]
	passing := f.at == nil
	for n := int(d.pools); n < len(f.class.order) && f.left > 0; n++ {
		after := -1
		if n == int(d.pools) {
			after = int(d.lots) - 1
		}
		last, found := f.searchPool(f.class.order[n], f.board.lots.list(s, side, f.class.order[n]), after, want)
		switch {
		case !passing:
		case found:
			*d, passing = dryness{pools: int32(n), lots: int32(last + 1)}, false
		default:
			*d = dryness{pools: int32(n + 1)}
		}
	}
}

// dryness is how much of a source has no room for a class: so many pools in its
// order, and in the next one the lots up to number lots, counted from one.
type dryness struct{ pools, lots int32 }

// searchNew goes through the lots of this plan's own nodes. They grow in number,
// so for each list it is remembered apart how far the class has passed.
func (f *finder) searchNew(side side) {
	c := f.class
	if c.passed == nil && f.at == nil && len(c.Members) > 1 {
		c.passed = f.board.counts.make(len(c.order) * int(sides))
	}
	for n, pool := range c.order {
		list := f.board.lots.list(sourceNew, side, pool)
		if f.board.lots.head[list] < 0 {
			continue
		}
		if f.at != nil || c.passed == nil {
			f.searchPool(pool, list, -1, anybodys)
			continue
		}
		passed := &c.passed[n*int(sides)+int(side)]
		last, _ := f.searchPool(pool, list, int(*passed)-1, anybodys)
		*passed = int32(last + 1)
	}
}

// searchPool goes through a pool's list of lots after one of them. It returns the
// last that it passed before it found room.
func (f *finder) searchPool(pool, list, after int, want lease) (last int, found bool) {
	if f.at != nil && f.at.pool != pool {
		return after, false
	}
	l := &f.board.lots
	i, prev, last := l.head[list], after, after
	if after >= 0 {
		i = l.all[after].next
	}
	for ; i >= 0 && f.left > 0; i = l.all[i].next {
		if l.all[i].full && i != l.tail[list] { // the tail is where more are appended
			l.unlink(list, prev, i)
			continue
		}
		prev = i
		if want == anybodys || f.class.leaseOf(&l.all[i]) == want {
			found = f.try(i) || found
		}
		if !found {
			last = i
		}
	}
	return last, found
}

// searchOwn goes through the lots of a source that an earlier plan gave to this
// class, in the order in which it did.
func (f *finder) searchOwn(s source) {
	if !f.board.lots.let[s] {
		return
	}
	roots := f.board.lots.own[lessee{s, f.class.Key}]
	none := true
	for n := f.class.ownDry[s]; n < len(roots) && f.left > 0; n++ {
		if f.searchSplits(roots[n]) {
			none = false
		}
		if none && f.at == nil {
			f.class.ownDry[s] = n + 1
		}
	}
}

// searchSplits tries what has become of a lot as it was at first.
func (f *finder) searchSplits(root int) (found bool) {
	l := &f.board.lots
	if !f.class.allows(l.all[root].pool) {
		return false
	}
	for i := root; i >= 0 && l.all[i].root == root && f.left > 0; i = l.all[i].next {
		if f.try(i) {
			found = true
		}
	}
	return found
}

// try takes what fits of one lot.
func (f *finder) try(i int) bool {
	x := &f.board.lots.all[i]
	if x.full {
		return false
	}
	fit := f.board.fit(f.class, x, f.at)
	if fit == 0 {
		return false
	}
	nodes := min(x.count, ceilDiv(f.left, fit))
	n := min(f.left, nodes*fit)
	f.takes = append(f.takes, take{lot: i, place: place{x.pool, x.group}, nodes: nodes, perNode: fit, tasks: n})
	f.left -= n
	return true
}

// lessee is a shape that an earlier plan gave lots of a source to.
type lessee struct {
	source source
	shape  ShapeKey
}

// sortOwn puts the lots of each lessee in the order of turns.
func (l *lots) sortOwn() {
	for who, roots := range l.own {
		slices.SortStableFunc(roots, func(x, y int) int {
			return cmp.Compare(turnOf(&l.all[x], who.shape), turnOf(&l.all[y], who.shape))
		})
	}
}
