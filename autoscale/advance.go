package autoscale

import (
	"maps"
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
	asked := make(map[RequestID]time.Time, len(operations))
	for i := range operations {
		if operations[i].Kind == OperationCreate {
			asked[operations[i].Request] = operations[i].Intended
		}
	}
	next := Memory{Nodes: make(map[NodeID]NodeMemory, len(o.Supply.Nodes))}
	for i := range o.Supply.Nodes {
		node := &o.Supply.Nodes[i]
		if node.Phase == PhaseGone {
			continue
		}
		next.Nodes[node.ID] = advanceNode(m.Nodes[node.ID], node, o, asked)
	}
	return next
}

func advanceNode(m NodeMemory, node *Node, o Observation, asked map[RequestID]time.Time) NodeMemory {
	intended, ours := asked[node.Request]
	ours = ours && node.Request != ""
	if m.Asked.IsZero() {
		m.Asked = o.At
		if ours {
			m.Asked = intended
		}
	}
	m.Ours = m.Ours || ours || node.Owned
	if node.Phase == PhaseReady && m.Ready.IsZero() {
		m.Ready = o.At
	}
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
// wanted, and their idle time starts again.
func Remember(m Memory, p Plan) Memory {
	next := Memory{Nodes: maps.Clone(m.Nodes)}
	for _, verdict := range p.Nodes {
		if verdict.Reason.Code != ReasonWanted {
			continue
		}
		if node, known := next.Nodes[verdict.Node]; known {
			node.Wanted = p.At
			next.Nodes[verdict.Node] = node
		}
	}
	return next
}
