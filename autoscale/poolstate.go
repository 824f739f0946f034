package autoscale

import (
	"cmp"
	"slices"
	"time"
)

// poolState is a pool with its policy and what one node of it takes.
type poolState struct {
	*Pool
	// labels are the cloud's and the policy's, by which jobs choose.
	labels map[string]string
	policy int // index in Policy.Pools; -1: not managed
	// offers is what an empty node offers to jobs, full as a vector.
	offers Resources
	full   vector
	// spotRank is the pool's place by the policy's preference of spot or regular.
	spotRank int
	// price is what a node costs an hour, if priced.
	price  Money
	priced bool
	// shut is why no new nodes are made here; without a code they are.
	shut Reason
	// paused is why nothing of it is touched at all; without a code it may be.
	paused Reason
	// draws is what a node draws on the cloud's limits and on budgets.
	draws []Draw
	// claims are what a node draws on limits; alone and grouped add what is
	// left after capacity failures.
	claims  []claim
	alone   offer
	grouped offer
	// startDraws, startClaims and the offers are the same for starting a
	// deallocated node, and stock are those that may be started.
	startDraws   []Draw
	startClaims  []claim
	startAlone   offer
	startGrouped offer
	stock        []stock
	// starting counts the deallocated nodes that are being started.
	starting int
	// alive counts the nodes that count to the policy's min.
	alive int
	// aging counts those of them that go for their age and run nothing.
	aging int
	// groupActive counts the nodes of each placement group, planned ones included.
	groupActive map[string]int
	// groups are those with room, once all that exist are counted.
	groups groupRoom
}

// addPools sorts the pools by the policy's order, so that the order in which
// the cloud lists them plays no part.
func (b *board) addPools(offers []Resources) map[PoolID]int {
	b.pools = make([]poolState, len(b.state.Supply.Pools))
	for i := range b.pools {
		b.pools[i] = b.newPool(&b.state.Supply.Pools[i], offers[i])
	}
	slices.SortFunc(b.pools, func(x, y poolState) int {
		return cmp.Or(
			cmp.Compare(-b.priority(x), -b.priority(y)),
			cmp.Compare(x.spotRank, y.spotRank),
			cmp.Compare(uint(x.policy), uint(y.policy)), // not managed ones, -1, come last
			cmp.Compare(listedRank(b.policy, x), listedRank(b.policy, y)),
			slices.Compare(x.full, y.full), // the smallest, where the policy does not say
			cmp.Compare(x.ID, y.ID))
	})
	index := make(map[PoolID]int, len(b.pools))
	for i := range b.pools {
		index[b.pools[i].ID] = i
	}
	return index
}

func (b *board) newPool(pool *Pool, offer Resources) poolState {
	p := poolState{Pool: pool, policy: policyOf(pool, b.policy), offers: offer, full: b.dims.vector(offer), spotRank: b.policy.Spot.rank(pool), draws: pool.Draws, startDraws: pool.StartDraws, groupActive: make(map[string]int)}
	for _, g := range pool.Groups {
		p.groupActive[g.Name] = g.Active
	}
	if pool.Invalid != "" {
		p.shut = Reason{Code: ReasonPoolInvalid, Subject: string(pool.ID), Detail: pool.Invalid}
	}
	p.labels = pool.Labels
	if p.policy >= 0 {
		p.labels = b.policy.Pools[p.policy].labelled(pool.Labels)
		p.price, p.priced = b.policy.priceUnder(pool, p.policy)
	}
	return p
}

func (p *poolState) closed() bool { return p.shut.Code != "" }

func (b *board) priority(p poolState) int {
	if p.policy < 0 {
		return 0
	}
	return b.policy.Pools[p.policy].Priority
}

// policyOf is the first policy that matches the pool; -1: none.
func policyOf(pool *Pool, p *Policy) int {
	for i := range p.Pools {
		if _, ok := p.Pools[i].Match.Match(pool.Labels); ok {
			return i
		}
	}
	return -1
}

// listedRank is where the policy's own match lists the pool, such as its machine
// type's place in machine_types.
func listedRank(p *Policy, pool poolState) int {
	if pool.policy < 0 {
		return 0
	}
	rank, _ := p.Pools[pool.policy].Match.Match(pool.Labels)
	return rank
}

func (b *board) bootTimeout(pool int) time.Duration {
	return b.poolPolicy(pool).bootTimeout()
}

func (b *board) idleTime(pool int) time.Duration {
	return b.poolPolicy(pool).IdleTime
}

// poolPolicy is the policy that a managed pool follows.
func (b *board) poolPolicy(pool int) *PoolPolicy { return &b.policy.Pools[b.pools[pool].policy] }
