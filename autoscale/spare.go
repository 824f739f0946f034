package autoscale

// spares are how many nodes of each kind a policy has beyond what it keeps.
type spares struct {
	standing, deallocated, failed []int
	// failedNow counts the failed nodes of which some are kept.
	failedNow []int
	// ready is for nodes that go for their age, whose replacement must be ready, and for
	// those that make way, for which no buffer counts.
	ready []int
}

// spares counts. Of standing nodes those that are only asked for, or planned,
// don't count: what they are to replace stays until they are there. Neither do those
// that go for their age, or others would go in their stead when they are replaced.
func (b *board) spares(going []leaver) spares {
	n := len(b.policy.Pools)
	s := spares{standing: make([]int, n), deallocated: make([]int, n), failed: make([]int, n), failedNow: make([]int, n), ready: make([]int, n)}
	working := make([]int, n) // of those that go for their age
	for i := range b.nodes {
		if n := &b.nodes[i]; n.supply {
			p := b.pools[n.pool].policy
			s.ready[p] += boolRank(n.node.Phase == PhaseReady)
			s.standing[p] += boolRank(!n.aging.going || n.use.Busy())
			working[p] += boolRank(n.aging.going && n.use.Busy())
		}
	}
	for _, x := range going {
		p := b.pools[x.pool].policy
		s.deallocated[p] += boolRank(x.node.Phase == PhaseDeallocated)
		s.failedNow[p] += boolRank(b.keepable(x.nodeState))
	}
	for p := range b.policy.Pools {
		least := b.policy.Pools[p].Min
		s.standing[p] -= max(least+working[p], b.headroom[p].here+b.headroom[p].buffer)
		s.deallocated[p] -= b.policy.Pools[p].KeepDeallocated
		s.failed[p] = s.failedNow[p] - b.policy.Pools[p].KeepFailed
		s.ready[p] -= least
	}
	return s
}

// went takes those that leave off what else can go.
func (s spares) went(p *party, policy int) {
	for _, x := range p.members {
		switch {
		case !x.supply:
		case x.yields != nil:
			s.standing[policy] -= boolRank(!x.aging.going)
		case !x.aging.going && x.node.Phase == PhaseReady:
			s.ready[policy]--
		}
	}
}
