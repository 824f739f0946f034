package autoscale

import (
	"slices"
	"time"
)

// retire says of every node why it stays or goes, and plans the removals: late
// and failed nodes, and those that nobody has wanted for their pool's idle time,
// the longest idle first, down to the pool's min. Deallocated ones stay, as many
// as their pool keeps.
func (b *board) retire() {
	var going []leaver
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
		}
		b.plan.Nodes = append(b.plan.Nodes, NodeVerdict{Node: n.node.ID, For: n.tenants, Reason: reason})
	}
	slices.SortStableFunc(going, func(x, y leaver) int {
		return x.since().Compare(y.since())
	})
	spare := b.spares(going)
	for _, x := range going {
		b.plan.Nodes[x.verdict].Reason = b.leave(x, spare)
	}
	b.retryRemoves()
}

// leaver is a node that may go, with its place in Plan.Nodes and why it may.
type leaver struct {
	*nodeState
	verdict int
	reason  Reason
}

// since is from when the node waits to go: the longest waiting goes first.
func (x leaver) since() time.Time {
	if x.node.Phase == PhaseDeallocated {
		return x.memory.Deallocated
	}
	return x.memory.IdleSince()
}

// leave sends a node away, unless its pool keeps so many of its kind.
func (b *board) leave(x leaver, s spares) Reason {
	policy := b.pools[x.pool].policy
	p := &b.policy.Pools[policy]
	var spare []int
	var kept Reason
	switch {
	case x.supply:
		spare, kept = s.standing, p.minimum()
	case x.node.Phase == PhaseDeallocated:
		spare, kept = s.deallocated, Reason{Code: ReasonDeallocated}
	default:
		return b.sendAway(x.nodeState, x.reason)
	}
	if spare[policy] > 0 {
		spare[policy]--
		return b.sendAway(x.nodeState, x.reason)
	}
	b.keep(x.nodeState, kept)
	return kept
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
		s.standing[p] -= b.policy.Pools[p].Min
		s.deallocated[p] -= b.policy.Pools[p].KeepDeallocated
	}
	return s
}
