package autoscale

import "cmp"

// An outdated node is one that a new one of its pool would differ from, by the word of the
// cloud or the queue: it has an older image, or the queue thinks less of it. It is replaced
// as one that is too old, whatever its age.

// outdated is why a new node of its pool would be another. Empty: it would not.
func (n *nodeState) outdated() string { return cmp.Or(n.node.Outdated, n.use.Outdated) }

// outdatedPolicies tells, by policy, which have outdated nodes.
func (b *board) outdatedPolicies() []bool {
	some := make([]bool, len(b.policy.Pools))
	for i := range b.nodes {
		if n := &b.nodes[i]; n.pool >= 0 && n.outdated() != "" {
			some[b.pools[n.pool].policy] = true
		}
	}
	return some
}

// date notes what is outdated of nodes that go together, and whether it works.
func (x *old) date() {
	for _, n := range x.nodes {
		if x.outdated == "" {
			x.outdated = n.outdated()
		}
	}
	for _, n := range x.nodes {
		x.working = x.working || x.outdated != "" && n.use.Busy()
	}
}

// outdatedCodes are what is told of an outdated node where another is told of its age.
var outdatedCodes = map[ReasonCode]ReasonCode{
	ReasonMaxAge:   ReasonOutdated,
	ReasonAged:     ReasonOutdatedGoing,
	ReasonAgedTurn: ReasonOutdatedTurn,
	ReasonAgedKept: ReasonOutdatedKept,
}

// agedReason completes a reason that tells of a node's age: with its age, or, of one
// that is outdated, as that, with the words of who says so.
func (b *board) agedReason(n *nodeState, why Reason) Reason {
	if n.aging.outdated == "" {
		why.For, why.Of = b.age(n)
		return why
	}
	why.Code, why.Subject = outdatedCodes[why.Code], n.aging.outdated
	return why
}
