package autoscale

import (
	"cmp"
	"time"
)

// A gang that can't be had whole may have nodes that were asked for it: its create
// came short, or some of its nodes failed or were evicted. They are kept for it for
// the policy's GangHold, so that the rest can come to them, and then released: others
// may have them, and if nobody does they go without waiting for the idle time. A
// released node is kept for no gang again unless it was given work in between.

// wait explains the members of a class from one that finds no room on, and keeps
// for gangs what was asked for them.
func (b *board) wait(c *classState, from int, why Reason) {
	if from >= len(c.Members) {
		return
	}
	why = b.tellTurn(c, why)
	if rest := b.holdGangs(c, from, why); rest < len(c.Members) {
		b.tell(Outcome{Class: c.index, From: rest, To: len(c.Members), Pool: b.firstPool(c), Reason: why})
	}
	b.block(c, from)
}

// firstPool is the pool that a class tries first.
func (b *board) firstPool(c *classState) PoolID {
	if len(c.order) == 0 {
		return ""
	}
	return b.pools[c.order[0]].ID
}

// holdGangs keeps nodes for one gang after the other, and returns the first that
// has none.
func (b *board) holdGangs(c *classState, member int, why Reason) int {
	if b.policy.GangHold <= 0 || c.required <= 1 || len(c.Names) > 0 {
		return member
	}
	for ; member < len(c.Members); member++ {
		takes := b.askedFor(c)
		if len(takes) == 0 {
			break
		}
		reason := b.keepFor(c, c.Members[member].ID, takes)
		reason.Detail = why.String()
		b.tell(Outcome{Class: c.index, From: member, To: member + 1, Pool: b.firstPool(c), Reason: reason})
	}
	return member
}

// askedFor finds nodes that were asked for gangs of a class and not released: of
// one placement group if they are coupled, the one that has the most.
func (b *board) askedFor(c *classState) []take {
	f := finder{board: b, class: c, left: c.Tasks}
	if c.Grouping == Coupled {
		at, found := b.fullestGroup(c)
		if !found {
			return nil
		}
		f.at = &at
	}
	b.eachAsked(c, func(root int) { f.searchSplits(root) })
	return f.takes
}

// eachAsked calls f with the lots, as they were at first, that were asked for gangs
// of a class, the nearer ones first. Of a request that the cloud does not know there
// is nothing to keep.
func (b *board) eachAsked(c *classState, f func(root int)) {
	for s := sourceReady; s <= sourceAsked; s++ {
		for _, root := range b.lots.own[lessee{s, c.Key}] {
			if x := &b.lots.all[root]; !x.released && (x.group != "" || c.Grouping != Coupled) {
				f(root)
			}
		}
	}
}

// fullestGroup is the placement group that holds most of what was asked for gangs
// of a class.
func (b *board) fullestGroup(c *classState) (best place, found bool) {
	tasks := make(map[place]int)
	b.eachAsked(c, func(root int) {
		f := finder{board: b, class: c, left: c.Tasks}
		f.searchSplits(root)
		tasks[place{b.lots.all[root].pool, b.lots.all[root].group}] += c.Tasks - f.left
	})
	for at, n := range tasks {
		if n > 0 && (!found || cmp.Or(cmp.Compare(n, tasks[best]), cmp.Compare(best.pool, at.pool), cmp.Compare(best.group, at.group)) > 0) {
			best, found = at, true
		}
	}
	return best, found
}

// keepFor gives nodes to a gang that can't use them yet, and tells how many and for
// how long.
func (b *board) keepFor(c *classState, job JobID, takes []take) Reason {
	r := Reason{Code: ReasonGangWaits, Of: b.policy.GangHold}
	for _, t := range takes {
		b.lots.split(t.lot, t.nodes)
		x := &b.lots.all[t.lot]
		if x.source != sourceAsked {
			for _, i := range b.lots.order[x.first : x.first+x.count] {
				n := &b.nodes[i]
				n.keptFor, n.held = job, n.heldSince()
				r.For = max(r.For, b.state.At.Sub(n.held))
			}
		}
		r.Have += int64(t.nodes)
		b.fill(c, t, c.Key)
	}
	return r
}

// heldSince is since when the node is kept for a gang, or would be from now on: when
// it was last wanted, or asked for.
func (n *nodeState) heldSince() time.Time {
	switch {
	case !n.memory.Held.IsZero():
		return n.memory.Held
	case n.memory.Wanted.After(n.memory.Asked):
		return n.memory.Wanted
	}
	return n.memory.Asked
}

// release tells whether a node was kept for a gang for as long as it may be.
func (b *board) release(n *nodeState) bool {
	return b.policy.GangHold > 0 && !n.memory.Held.IsZero() && b.state.At.Sub(n.memory.Held) >= b.policy.GangHold
}

// holding is what is to be remembered of since when a node is kept. Whatever uses
// it ends that.
func (n *nodeState) holding() time.Time {
	switch {
	case n.wanted || n.use.Busy():
		return time.Time{}
	case n.keptFor != "":
		return n.held
	case n.released:
		return n.memory.Held
	}
	return time.Time{}
}
