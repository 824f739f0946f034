package autoscale

import (
	"maps"
	"slices"
	"time"
)

// Advance folds an observation into what is remembered. Operations are those
// that are open, and those that have just ended or failed: a node that one of them made
// is ours and was asked for when it was intended. The policy says how long a node may
// take to come up and to drain, and what it costs. An unreadable cloud leaves the memory
// as it was; an unreadable queue breaks every row of idle reads.
func Advance(m Memory, o Observation, operations []Operation, p Policy) Memory {
	if o.SupplyProblem != "" {
		return m
	}
	made, starts := createsOf(operations), startsOf(operations)
	next := Memory{Nodes: make(map[NodeID]NodeMemory, len(o.Supply.Nodes)), Promises: m.Promises}
	next.First = Blocked{Job: m.First.Job, Since: past(m.First.Since, o.At)}
	next.Blocked = Blocked{Job: m.Blocked.Job, Since: past(m.Blocked.Since, o.At)}
	next.Removed, next.Created = recent(m.Removed, o.At), recent(m.Created, o.At)
	hosts := newHosts(&o.Demand, o.Supply.Nodes)
	policies := poolPolicies(o.Supply.Pools, &p)
	var up, in []NodeID
	for i := range o.Supply.Nodes {
		node := &o.Supply.Nodes[i]
		if node.Phase == PhaseGone {
			continue
		}
		was := m.Nodes[node.ID]
		was.rest(node.Phase, o.At, starts[node.ID])
		policy, managed := policies[node.Pool]
		now := advanceNode(was, node, o, hosts, made[node.Request], m.Promises[node.Request], p.adopts(node, managed))
		now.Late = now.Late || managed && late(node, now, o.At, policy.bootTimeout())
		if o.DemandProblem == "" {
			use, known := hosts.useOf(node)
			now.used(use, known, o.At, policy)
			now.Drain = now.Drain.advance(node.Phase, use, known, o.At, policy.drainTimeout())
			now.Unjoined = managed && !o.Demand.Releases && unjoined(node, &now, use, o.At, policy.JoinTimeout)
		}
		next.Nodes[node.ID] = now
		if booted(&was, &now) {
			up = append(up, node.ID)
		}
		if joined(&was, &now) {
			in = append(in, node.ID)
		}
	}
	next.Boots = learnBoots(m.Boots, next.Nodes, up, in)
	noteRemovals(next.Nodes, operations)
	noteVain(next.Nodes, o.At, operations)
	next.Offerings = advanceOfferings(m, &next, o, operations)
	next.Breaker = advanceBreaker(m, next.Nodes, o, operations, &p)
	next.Paused = pausedStill(m.Paused, o.At)
	next.Surge = advanceSurge(m.Surge, o, &p)
	next.Spend = advanceSpend(m, next.Nodes, o, &p)
	return next
}

// createsOf are the operations that were to create nodes, by request.
func createsOf(operations []Operation) map[RequestID]*Operation {
	creates := make(map[RequestID]*Operation, len(operations))
	for i := range operations {
		if operations[i].Kind == OperationCreate {
			creates[operations[i].Request] = &operations[i]
		}
	}
	return creates
}

// startsOf lists by node the operations that were to start it.
func startsOf(operations []Operation) map[NodeID][]*Operation {
	var starts map[NodeID][]*Operation
	for i := range operations {
		op := &operations[i]
		if op.Kind != OperationStart {
			continue
		}
		if starts == nil {
			starts = make(map[NodeID][]*Operation)
		}
		for _, id := range slices.Concat(op.Nodes, op.Refused) {
			starts[id] = append(starts[id], op)
		}
	}
	return starts
}

// poolPolicies are the policies of the managed pools.
func poolPolicies(pools []Pool, p *Policy) map[PoolID]*PoolPolicy {
	policies := make(map[PoolID]*PoolPolicy, len(pools))
	for i := range pools {
		if policy := policyOf(&pools[i], p); policy >= 0 {
			policies[pools[i].ID] = &p.Pools[policy]
		}
	}
	return policies
}

// late tells whether a node that was never ready has taken longer than it may.
func late(n *Node, m NodeMemory, at time.Time, timeout time.Duration) bool {
	return n.Phase == PhaseStarting && m.Ready.IsZero() && at.Sub(m.Asked) > timeout
}

// unjoined tells whether the queue expects a node that is up, and has not heard of it, or
// not again, in the time that this may take. 0: it may take any. Such a node takes no work,
// and stays for as long as it runs some.
func unjoined(n *Node, m *NodeMemory, use HostUse, at time.Time, timeout time.Duration) bool {
	waits := use.Missing && n.Phase == PhaseReady && timeout > 0
	return waits && at.Sub(m.silentSince()) > timeout
}

func advanceNode(m NodeMemory, node *Node, o Observation, hosts hosts, by *Operation, promise Promise, adopted bool) NodeMemory {
	m.past(o.At)
	if m.Asked.IsZero() {
		m.Asked = o.At
		if by != nil {
			m.Asked = by.Intended
			m.For = promise.of(slices.Index(by.Nodes, node.ID))
		}
	}
	m.Ours = m.Ours || by != nil || adopted
	m.Pool, m.Grouped = node.Pool, node.Group != ""
	if node.Phase == PhaseReady && m.Ready.IsZero() {
		m.Ready = o.At
	}
	if node.Phase != PhaseFailed {
		m.Reports, m.Reported = 0, false
	}
	m.Failed = m.Failed || node.Phase == PhaseFailed && m.Ready.IsZero()
	if o.DemandProblem != "" {
		m.IdleReads = 0
		return m
	}
	if m.Joined.IsZero() && !m.Ready.IsZero() && hosts.heardOf(node) {
		m.Joined = o.At
	}
	use, known := hosts.useOf(node)
	switch {
	case !use.Missing:
		m.Lost = time.Time{}
	case m.Lost.IsZero() && !m.Joined.IsZero():
		m.Lost = o.At
	}
	switch {
	case known && use.Busy():
		m.Busy, m.IdleReads = o.At, 0
	case known:
		m.IdleReads = min(m.IdleReads+1, idleReadsNeeded)
	default:
		m.IdleReads = 0
	}
	return m
}

// Remember folds a plan into what is remembered: the nodes that it gave work are
// wanted, and their idle time starts again; and whom nodes are for that are yet to
// come. The plan's new sets must have their request ids by now.
func Remember(m Memory, p Plan) Memory {
	if p.holdsAll() {
		return m // it does not say whom nodes are for
	}
	next := Memory{Nodes: maps.Clone(m.Nodes), Offerings: m.Offerings, Promises: maps.Clone(p.Promises), Spend: m.Spend, Breaker: m.Breaker, Surge: m.Surge, Paused: m.Paused, Boots: m.Boots}
	next.First, next.Blocked = m.First.still(p.First, p.At), m.Blocked.still(p.Blocked, p.At)
	next.Removed, next.Created = m.Removed, m.Created
	for _, r := range p.Remove {
		next.Removed = addTally(next.Removed, Tally{At: p.At, Count: len(r.Nodes)})
	}
	for _, s := range p.Start {
		next.Created = addTally(next.Created, Tally{At: p.At, Count: len(s.Nodes)})
	}
	for _, g := range p.Grow {
		next.Created = addTally(next.Created, Tally{At: p.At, Count: g.Count})
		if next.Promises == nil {
			next.Promises = make(map[RequestID]Promise)
		}
		for _, one := range g.Singly() {
			next.Promises[one.Request] = Promise{For: one.For}
		}
	}
	for i := range p.Nodes {
		verdict := &p.Nodes[i]
		node, known := next.Nodes[verdict.Node]
		if !known {
			continue
		}
		node.For, node.Held = verdict.For, verdict.Held
		if verdict.Reason.Code == ReasonWanted {
			node.Wanted = p.At
		}
		if !verdict.Goes {
			node.Drain.Since = time.Time{} // its drain, if there was one, is over
		}
		next.Nodes[verdict.Node] = node
	}
	rememberMarks(next.Nodes, &p)
	return next
}
