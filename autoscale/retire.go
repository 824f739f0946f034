package autoscale

import "slices"

// retire says of every node why it stays or goes, and plans the removals: first
// late and failed nodes, then those that nobody has wanted for their pool's idle
// time, the longest idle first, down to the pool's min and as far as the rates
// allow. Deallocated and failed ones stay, as many as their pool keeps.
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
		reason, goes := b.judgeOne(n)
		if goes {
			b.reportFailed(n, reason)
			going = append(going, leaver{n, len(b.plan.Nodes), reason})
		} else {
			reason = b.stayOld(n, reason)
			b.keep(n, reason)
			reason = b.drainAged(n, reason)
			b.anchor(n, reason, anchors)
		}
		b.plan.Nodes = append(b.plan.Nodes, NodeVerdict{Node: n.node.ID, For: n.tenants, Held: n.holding(), Goes: goes || n.aging.going, Reason: reason})
	}
	return going, anchors
}

// judgeOne is the verdict on a node. One that could not be drained stays until it may
// be tried again.
func (b *board) judgeOne(n *nodeState) (reason Reason, goes bool) {
	if reason, goes = b.verdict(n); !goes {
		return reason, false
	}
	if why, rests := b.restsBefore(n, reason); rests {
		return why, false
	}
	return reason, true
}

// leaver is a node that may go, with its place in Plan.Nodes and why it may.
type leaver struct {
	*nodeState
	verdict int
	reason  Reason
}

// stay keeps a node that might have gone.
func (b *board) stay(x leaver, why Reason) {
	why = b.stayOld(x.nodeState, why)
	b.keep(x.nodeState, why)
	b.plan.Nodes[x.verdict].Reason, b.plan.Nodes[x.verdict].Goes = why, x.aging.going
}

// leave sends a party away, unless its pool keeps so many of its kind. One that
// the rates hold back, or that waits after a removal in vain, keeps its drain marks.
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
			b.plan.Nodes[x.verdict].Reason = b.stayOld(x.nodeState, why)
		}
		if b.keepable(p.members[0].nodeState) { // it is to go all the same, and not a newer one for it
			s.failed[policy] -= n
		}
		return
	}
	if spare != nil {
		spare[policy] -= n
	}
	s.went(p, policy)
}

// keeps is how many nodes of the party's kind can be spared, by policy, and why
// others are kept. Late nodes are not kept at all: nil.
func (b *board) keeps(p *party, s spares) (spare []int, why Reason) {
	first := p.members[0]
	switch {
	case first.aging.going, first.yields != nil:
		return s.ready, b.poolPolicy(first.pool).minimum()
	case first.supply:
		return s.standing, b.targetReason(b.pools[first.pool].policy)
	case first.node.Phase == PhaseDeallocated:
		return s.deallocated, b.resting(first.nodeState)
	case b.keepable(first.nodeState):
		return s.failed, b.keptFailed(first.nodeState, s)
	}
	return nil, Reason{}
}
