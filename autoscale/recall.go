package autoscale

import (
	"slices"
)

// Old nodes take no new work, and those of a placement group that goes only whole stay
// until the last of them is empty. That may take as long as a job runs, and so long the
// others would do nothing while jobs wait for what they draw on. So once the first job
// in order has waited for the policy's patience, it may use them.

// recall serves a job that found no room by old nodes that can't go yet, if it is the
// first in order, has waited for long enough, and they have room for all that it
// requires. It stays the first until it runs.
func (b *board) recall(c *classState, member int) (served bool) {
	job := c.Members[member].ID
	if b.plenty || b.plan.First != "" || len(c.Names) > 0 || !b.patient(b.state.Memory.First, job) {
		return false
	}
	old := b.detained()
	if len(old) == 0 {
		return false
	}
	begin := len(b.lots.all)
	for _, i := range old {
		n := &b.nodes[i]
		b.lots.order, b.lots.ids = append(b.lots.order, i), append(b.lots.ids, n.node.ID)
		b.lots.append(lot{source: sourceReady, pool: n.pool, group: n.node.Group, free: n.free, empty: true, count: 1, first: len(b.lots.order) - 1, before: n.memory.For})
	}
	c.dry, c.ownDry = [sourceNew][sides][leases]dryness{}, [sources]int{}
	if _, served = b.placeOne(c, member); served {
		b.plan.First = job
	}
	for i := begin; i < len(b.lots.all); i++ {
		if x := &b.lots.all[i]; x.source == sourceReady {
			n := &b.nodes[b.lots.order[x.first]]
			x.full = x.full || n.aging.going && !n.wanted
		}
	}
	for _, i := range old {
		if n := &b.nodes[i]; n.wanted {
			n.aging = aging{}
			b.pools[n.pool].aging--
		}
	}
	return served
}

// detained lists the old nodes that do nothing and can't go, since others of their
// placement group work.
func (b *board) detained() (old []int) {
	working := make(map[place]bool)
	for i := range b.nodes {
		if n := &b.nodes[i]; n.aging.going && n.use.Busy() && b.goesWhole(n) {
			working[place{n.pool, n.node.Group}] = true
		}
	}
	for i := range b.nodes {
		n := &b.nodes[i]
		if n.aging.going && n.supply && !n.use.Busy() && n.free[dimCores] > 0 && working[place{n.pool, n.node.Group}] {
			old = append(old, i)
		}
	}
	slices.SortFunc(old, func(x, y int) int {
		return compareSupply(&b.nodes[x], &b.nodes[y])
	})
	return old
}
