package autoscale

import (
	"cmp"
	"math"
	"slices"
)

// choice is the pools that a selector allows. Classes with equal selectors share it.
type choice struct {
	// order lists the pools, the best first; those where the cloud makes no new
	// nodes come last.
	order []int
	// rank is, by pool, where the selector's preferences put it; -1: not allowed.
	rank []int
}

// allows tells whether jobs may use the pool.
func (c *choice) allows(pool int) bool { return c.rank[pool] >= 0 }

// choose finds the choice of a selector, which is made when it is met first.
func (b *board) choose(s *Selector) choice {
	b.coder.key = b.coder.key[:0]
	b.coder.selector(s)
	if known, met := b.choices[string(b.coder.key)]; met {
		return known
	}
	made := b.newChoice(s)
	b.choices[string(b.coder.key)] = made
	return made
}

// newChoice puts the managed pools that a selector allows in the order in which they
// are tried: the selector's preferences, then the pools' priorities, then
// spot or regular, then as listed. b.pools is sorted as listed already, and the sort keeps that.
func (b *board) newChoice(s *Selector) choice {
	c := choice{rank: make([]int, len(b.pools))}
	for i := range b.pools {
		rank, ok := s.Match(b.pools[i].labels)
		if !ok || b.pools[i].policy < 0 {
			c.rank[i] = -1
			continue
		}
		c.rank[i] = rank
		c.order = append(c.order, i)
	}
	slices.SortStableFunc(c.order, func(x, y int) int { return b.comparePools(&c, x, y) })
	return c
}

// comparePools compares what comes before the policy's order.
func (b *board) comparePools(c *choice, x, y int) int {
	return cmp.Or(
		cmp.Compare(boolRank(b.pools[x].closed()), boolRank(b.pools[y].closed())),
		cmp.Compare(c.rank[x], c.rank[y]),
		cmp.Compare(-b.priority(b.pools[x]), -b.priority(b.pools[y])),
		cmp.Compare(b.pools[x].spotRank, b.pools[y].spotRank))
}

// sortByScore gives a class an order of its own where the policy's order depends on
// what a job asks for.
func (b *board) sortByScore(c *classState) {
	if b.policy.Order != Cheapest && b.policy.Order != LeastWaste {
		return
	}
	score := make([]float64, len(b.pools))
	c.order = slices.DeleteFunc(slices.Clone(c.order), func(pool int) bool { return b.perNode(c, pool) == 0 })
	for _, pool := range c.order {
		score[pool] = b.score(c, pool)
	}
	slices.SortStableFunc(c.order, func(x, y int) int {
		return cmp.Or(b.comparePools(&c.choice, x, y), cmp.Compare(score[x], score[y]))
	})
}

// score is what the policy's order compares, the least first: the price of the
// whole work, or the share of cores that it would leave unused. The work is one
// job, or all jobs of the class where they share nodes.
func (b *board) score(c *classState, pool int) float64 {
	tasks := c.Tasks
	if c.bulk {
		tasks *= len(c.Members)
	}
	nodes := float64(ceilDiv(tasks, c.share(b.pools[pool].full.fits(c.needs))))
	if b.policy.Order == Cheapest {
		if !b.pools[pool].priced {
			return math.MaxFloat64 // so last
		}
		return b.pools[pool].price.Float() * nodes
	}
	if cores := float64(b.pools[pool].full[dimCores]); cores > 0 {
		return 1 - float64(tasks)*float64(c.PerTask.Cores)/(nodes*cores)
	}
	return 0
}
