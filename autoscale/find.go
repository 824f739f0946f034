package autoscale

import (
	"cmp"
	"slices"
)

// find looks for room for tasks on nodes that exist or are asked for, in one
// place only if at is given. It changes nothing, and returns how many tasks found
// none. Nearer nodes come first; among equally near ones, those that an earlier
// plan gave to this shape, then those given to nobody, then the others.
func (b *board) find(c *classState, tasks int, at *place) (takes []take, left int) {
	f := finder{board: b, class: c, at: at, left: tasks}
	for s := sourceReady; s < sources && f.left > 0; s++ {
		if !b.lots.let[s] {
			f.search(s, func(*lot) bool { return true })
			continue
		}
		f.searchOwn(s)
		f.search(s, func(x *lot) bool { return len(x.before) == 0 })
		f.search(s, func(x *lot) bool { return len(x.before) > 0 && c.turn(x) < 0 })
	}
	return f.takes, f.left
}

// turn is when an earlier plan gave the lot to this class; -1: it did not.
func (c *classState) turn(x *lot) int {
	for _, t := range x.before {
		if t.Shape == c.Key {
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

// search goes through the lots of a source that are to be considered, pool by
// pool as the class prefers them.
func (f *finder) search(s source, consider func(*lot) bool) {
	f.each(s, func(i int) {
		if consider(&f.board.lots.all[i]) {
			f.try(i)
		}
	})
}

// searchOwn goes through the lots that an earlier plan gave to this class, in
// the order in which it did.
func (f *finder) searchOwn(s source) {
	var own []int
	f.each(s, func(i int) {
		if f.class.turn(&f.board.lots.all[i]) >= 0 {
			own = append(own, i)
		}
	})
	slices.SortStableFunc(own, func(x, y int) int {
		return cmp.Compare(f.class.turn(&f.board.lots.all[x]), f.class.turn(&f.board.lots.all[y]))
	})
	for _, i := range own {
		if f.left == 0 {
			return
		}
		f.try(i)
	}
}

// each visits the lots of a source while tasks are left, and unlinks those that
// are full.
func (f *finder) each(s source, visit func(i int)) {
	l := &f.board.lots
	for _, pool := range f.class.order {
		if f.at != nil && f.at.pool != pool {
			continue
		}
		prev, list := -1, l.list(s, pool)
		for i := l.head[list]; i >= 0 && f.left > 0; i = l.all[i].next {
			if l.all[i].full {
				l.unlink(list, prev, i)
				continue
			}
			prev = i
			visit(i)
		}
	}
}

// try takes what fits of one lot.
func (f *finder) try(i int) {
	x := &f.board.lots.all[i]
	fit := f.board.fit(f.class, x, f.at)
	if fit == 0 {
		return
	}
	nodes := min(x.count, ceilDiv(f.left, fit))
	n := min(f.left, nodes*fit)
	f.takes = append(f.takes, take{lot: i, place: place{x.pool, x.group}, nodes: nodes, perNode: fit, tasks: n})
	f.left -= n
}
