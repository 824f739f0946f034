package autoscale

import "maps"

// A failed node of ours goes at once, but for the newest, which its pool may keep for
// somebody to look at. Before, it may be reported to the cloud, so that its machine is
// not handed out again.

// reportsAtMost is how often the report of a failed node is tried. After that it goes
// without.
const reportsAtMost = 3

// reportFailed plans to report a failed node that may go, if its pool asks for that and
// the cloud has not taken a report of it. While the cloud refuses all that we ask of it,
// its one try is for something else.
func (b *board) reportFailed(n *nodeState, why Reason) {
	category := b.poolPolicy(n.pool).ReportFailed
	switch {
	case why.Code != ReasonFailed, category == "", !b.state.CanReport, b.breaker.everything:
	case n.memory.Reported, n.memory.Reports >= reportsAtMost:
	default:
		n.reporting = true
		b.plan.Report = append(b.plan.Report, HealthReport{Node: *n.node, Category: category, Reason: why})
	}
}

// reported is why a failed node that is being reported has not gone yet.
func (n *nodeState) reported() Reason {
	return Reason{Code: ReasonReporting, Have: int64(n.memory.Reports) + 1, Want: reportsAtMost, Detail: n.node.Message}
}

// keepable tells whether a failed node that may go is one that its pool may keep. One
// whose name a job waits for only stands in the way.
func (b *board) keepable(n *nodeState) bool {
	return n.node.Phase == PhaseFailed && b.names.find(n.node.Name) == nil
}

// keptFailed is why a failed node stays.
func (b *board) keptFailed(n *nodeState, s spares) Reason {
	p := b.pools[n.pool].policy
	return Reason{Code: ReasonFailedKept, Subject: b.policy.Pools[p].Name, Have: int64(s.failedNow[p]), Want: int64(b.policy.Pools[p].KeepFailed), Detail: n.node.Message}
}

// NoteReports folds in how the reports of a plan went: whether the cloud took them, by
// node.
func NoteReports(m Memory, taken map[NodeID]bool) Memory {
	m.Nodes = maps.Clone(m.Nodes)
	for id, ok := range taken {
		if node, known := m.Nodes[id]; known {
			node.Reports++
			node.Reported = node.Reported || ok
			m.Nodes[id] = node
		}
	}
	return m
}
