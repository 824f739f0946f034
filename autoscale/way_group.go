package autoscale

import (
	"cmp"
	"slices"
)

// groupToBe is a placement group that a coupled job could be given once others made
// way for the nodes that it lacks there.
type groupToBe struct {
	place
	rank, lack int
}

// reserveGroup takes what there is for a coupled job in one placement group: the one
// that lacks the least of those for which others can make way, or, where they can't,
// the one that any plan would choose.
func (b *board) reserveGroup(c *classState, job JobID) {
	others := b.bystanders()
	for _, g := range b.groupsToBe(c) {
		w, ok := b.wayTo(g.place, g.lack, others)
		if !ok {
			continue
		}
		if g.group == "" {
			g.group = b.freshGroup(g.pool)
		}
		takes, _ := b.find(c, c.Tasks, &g.place)
		b.keepTakes(c, takes)
		b.makeWay(w, job)
		return
	}
	takes, _ := b.findFor(c)
	b.keepTakes(c, takes)
}

// groupsToBe lists the groups that could hold all that a class requires, those that
// lack the fewest nodes first.
func (b *board) groupsToBe(c *classState) (list []groupToBe) {
	have := b.roomInGroups(c)
	consider := func(at place, rank int) {
		g := groupToBe{at, rank, ceilDiv(max(0, c.required-have[at].have), b.perNode(c, at.pool))}
		if b.mayHave(c, at, g.lack) {
			list = append(list, g)
		}
	}
	for rank, pool := range c.order {
		for name := range b.pools[pool].groupActive {
			consider(place{pool, name}, rank)
		}
		consider(place{pool, ""}, rank)
	}
	slices.SortFunc(list, func(x, y groupToBe) int {
		return cmp.Or(cmp.Compare(x.lack, y.lack), cmp.Compare(x.rank, y.rank), cmp.Compare(boolRank(x.group == ""), boolRank(y.group == "")), cmp.Compare(x.group, y.group))
	})
	return list
}

// mayHave tells whether a placement group, or a new one, may have so many more nodes
// as far as its size, the number of groups and the pool go.
func (b *board) mayHave(c *classState, at place, nodes int) bool {
	active := b.pools[at.pool].groupActive[at.group]
	if at.group == "" {
		active, at.group = 0, newGroup
	}
	if nodes == 0 {
		return true
	}
	return b.pools[at.pool].GroupSize-active >= nodes && !b.tooManyGroups(at) && b.offers(c, at, nodes)
}
