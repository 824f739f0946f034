package autoscale

import "slices"

// retire says of every node why it stays or goes, and plans the removals: late
// and failed nodes, and those that nobody has wanted for their pool's idle time,
// the longest idle first, down to the pool's min.
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
		return x.memory.IdleSince().Compare(y.memory.IdleSince())
	})
	spare := b.spare()
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

// leave sends a node away, unless its pool's min needs it.
func (b *board) leave(x leaver, spare []int) Reason {
	if !x.supply {
		return b.sendAway(x.nodeState, x.reason)
	}
	policy := b.pools[x.pool].policy
	if spare[policy] > 0 {
		spare[policy]--
		return b.sendAway(x.nodeState, x.reason)
	}
	reason := b.policy.Pools[policy].minimum()
	b.keep(x.nodeState, reason)
	return reason
}

// spare is how many nodes each policy has above its min. Nodes that are only asked
// for, or planned, don't count: what they are to replace stays until they are there.
func (b *board) spare() []int {
	spare := make([]int, len(b.policy.Pools))
	for i := range b.pools {
		if p := b.pools[i].policy; p >= 0 {
			spare[p] += b.pools[i].alive
		}
	}
	for p := range spare {
		spare[p] = max(0, spare[p]-b.policy.Pools[p].Min)
	}
	return spare
}
