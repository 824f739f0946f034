package autoscale

import "slices"

// retire says of every node why it stays or goes, and plans the removals: first
// late and failed nodes, then those that nobody has wanted for their pool's idle
// time, the longest idle first, down to the pool's min and as far as the rates
// allow. Deallocated ones stay, as many as their pool keeps.
func (b *board) retire() {
	going, anchors := b.judge()
	parties := b.parties(going, anchors)
	slices.SortStableFunc(parties, compareParties)
	s, r := b.spares(going), b.newRates()
	for i := range parties {
		b.leave(&parties[i], s, &r)
	}
	b.retryRemoves()
}

// judge lists the nodes that may go by what is seen of each, and, of placement groups
// that go only whole, why they can't.
func (b *board) judge() (going []leaver, anchors map[place]Reason) {
	anchors = make(map[place]Reason)
	b.plan.Nodes = make([]NodeVerdict, 0, len(b.nodes))
	for i := range b.nodes {
		n := &b.nodes[i]
		if n.node.Phase == PhaseGone {
			continue
		}
		reason, goes := b.verdict(n)
		if goes {
			going = append(going, leaver{n, len(b.plan.Nodes), reason})
		} else {
			b.keep(n, reason)
			b.anchor(n, reason, anchors)
		}
		b.plan.Nodes = append(b.plan.Nodes, NodeVerdict{Node: n.node.ID, For: n.tenants, Held: n.holding(), Reason: reason})
	}
	return going, anchors
}

// leaver is a node that may go, with its place in Plan.Nodes and why it may.
type leaver struct {
	*nodeState
	verdict int
	reason  Reason
}

// stay keeps a node that might have gone.
func (b *board) stay(x leaver, why Reason) {
	b.keep(x.nodeState, why)
	b.plan.Nodes[x.verdict].Reason = why
}

// leave sends a party away, unless its pool keeps so many of its kind. One that
// the rates hold back is next, and keeps its drain marks.
func (b *board) leave(p *party, s spares, r *rates) {
	policy, n := b.pools[p.members[0].pool].policy, len(p.members)
	spare, kept := b.keeps(p, s)
	if spare != nil && spare[policy] < n {
		for _, x := range p.members {
			b.stay(x, kept)
		}
		return
	}
	why, ok := b.sendAway(p, r)
	if !ok {
		for _, x := range p.members {
			b.plan.Nodes[x.verdict].Reason = why
		}
		return
	}
	if spare != nil {
		spare[policy] -= n
	}
}

// keeps is how many nodes of the party's kind can be spared, by policy, and why
// others are kept. Late and failed nodes are not kept at all: nil.
func (b *board) keeps(p *party, s spares) (spare []int, why Reason) {
	first := p.members[0]
	switch {
	case first.supply:
		return s.standing, b.targetReason(b.pools[first.pool].policy)
	case first.node.Phase == PhaseDeallocated:
		return s.deallocated, b.resting(first.nodeState)
	}
	return nil, Reason{}
}

// spares are how many nodes of each kind a policy has beyond what it keeps.
type spares struct{ standing, deallocated []int }

// spares counts. Of standing nodes those that are only asked for, or planned,
// don't count: what they are to replace stays until they are there.
func (b *board) spares(going []leaver) spares {
	s := spares{standing: make([]int, len(b.policy.Pools)), deallocated: make([]int, len(b.policy.Pools))}
	for i := range b.pools {
		if p := b.pools[i].policy; p >= 0 {
			s.standing[p] += b.pools[i].alive
		}
	}
	for _, x := range going {
		if x.node.Phase == PhaseDeallocated {
			s.deallocated[b.pools[x.pool].policy]++
		}
	}
	for p := range b.policy.Pools {
		s.standing[p] -= max(b.policy.Pools[p].Min, b.headroom[p].here+b.headroom[p].buffer)
		s.deallocated[p] -= b.policy.Pools[p].KeepDeallocated
	}
	return s
}
