package autoscale

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Advance folds an observation into what is remembered. Operations are those
// that are open: a node that one of them made is ours and was asked for when it
// was intended. An unreadable cloud leaves the memory as it was; an unreadable
// queue breaks every row of idle reads.
func Advance(m Memory, o Observation, operations []Operation) Memory {
	if o.SupplyProblem != "" {
		return m
	}
	made := make(map[RequestID]*Operation, len(operations))
	for i := range operations {
		if operations[i].Kind == OperationCreate {
			made[operations[i].Request] = &operations[i]
		}
	}
	next := Memory{Nodes: make(map[NodeID]NodeMemory, len(o.Supply.Nodes)), Promises: m.Promises}
	for i := range o.Supply.Nodes {
		node := &o.Supply.Nodes[i]
		if node.Phase == PhaseGone {
			continue
		}
		next.Nodes[node.ID] = advanceNode(m.Nodes[node.ID], node, o, made[node.Request], m.Promises[node.Request])
	}
	next.Offerings = advanceOfferings(m, next.Nodes, o, operations)
	return next
}

func advanceNode(m NodeMemory, node *Node, o Observation, by *Operation, promise Promise) NodeMemory {
	if m.Asked.IsZero() {
		m.Asked = o.At
		if by != nil {
			m.Asked = by.Intended
			m.For = promise.of(slices.Index(by.Nodes, node.ID))
		}
	}
	m.Ours = m.Ours || by != nil || node.Owned
	if node.Phase == PhaseReady && m.Ready.IsZero() {
		m.Ready = o.At
	}
	m.Failed = m.Failed || node.Phase == PhaseFailed && m.Ready.IsZero()
	if o.DemandProblem != "" {
		m.IdleReads = 0
		return m
	}
	use, known := useOf(o.Demand, node)
	switch {
	case known && use.Busy():
		m.Busy, m.IdleReads = o.At, 0
	case known:
		m.IdleReads = min(m.IdleReads+1, idleReadsNeeded)
	default:
		m.IdleReads = 0
	}
	switch {
	case use.Drain != DrainOurs:
		m.Marked = time.Time{}
	case m.Marked.IsZero():
		m.Marked = o.At
	}
	return m
}

// useOf is what the queue runs on a node, and whether the queue vouches for it.
// A node is found by its host name, its name, or its address.
func useOf(d Demand, node *Node) (use HostUse, known bool) {
	for _, name := range []string{node.Host, node.Name, node.Address} {
		if name == "" {
			continue
		}
		if use, listed := d.Use[strings.ToLower(name)]; listed {
			return use, true
		}
	}
	return HostUse{}, d.Vouched
}

// Remember folds a plan into what is remembered: the nodes that it gave work are
// wanted, and their idle time starts again; and whom nodes are for that are yet to
// come. The plan's new sets must have their request ids by now.
func Remember(m Memory, p Plan) Memory {
	next := Memory{Nodes: maps.Clone(m.Nodes), Offerings: m.Offerings, Promises: maps.Clone(p.Promises)}
	for _, g := range p.Grow {
		if next.Promises == nil {
			next.Promises = make(map[RequestID]Promise)
		}
		next.Promises[g.Request] = Promise{For: g.For}
	}
	for _, verdict := range p.Nodes {
		node, known := next.Nodes[verdict.Node]
		if !known {
			continue
		}
		node.For = verdict.For
		if verdict.Reason.Code == ReasonWanted {
			node.Wanted = p.At
		}
		next.Nodes[verdict.Node] = node
	}
	return next
}
