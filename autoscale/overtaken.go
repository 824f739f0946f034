package autoscale

// A plan is made of one look, and what it decides may leave a while later. A node that
// the queue does not show marked for drain may have come up and got work meanwhile.

// Unmarked are those of the nodes that may get work until they go: they are not
// deallocated, and the queue does not show our mark on them, nor that they are done. A
// queue that releases its hosts can want any of them again.
func Unmarked(o Observation, nodes []Node) (list []Node) {
	hosts := newHosts(&o.Demand, o.Supply.Nodes)
	for i := range nodes {
		use, _ := hosts.useOf(&nodes[i])
		if (use.Drain != DrainOurs && use.Drain != DrainDone || o.Demand.Releases) && nodes[i].Phase != PhaseDeallocated {
			list = append(list, nodes[i])
		}
	}
	return list
}

// Overtaken are those of the nodes that a later observation does not show as they were:
// they changed their phase, the queue lists them now, runs something else on them or
// nothing any more, or somebody keeps them. A node that is gone is not overtaken. What the later observation
// could not read overtakes all.
func Overtaken(nodes []Node, was, now Observation) map[NodeID]bool {
	overtaken := make(map[NodeID]bool)
	blind := now.SupplyProblem != "" || now.DemandProblem != ""
	there := make(map[NodeID]*Node, len(now.Supply.Nodes))
	for i := range now.Supply.Nodes {
		there[now.Supply.Nodes[i].ID] = &now.Supply.Nodes[i]
	}
	before, since := newHosts(&was.Demand, was.Supply.Nodes), newHosts(&now.Demand, now.Supply.Nodes)
	for i := range nodes {
		n := there[nodes[i].ID]
		if blind || n != nil && n.Phase != PhaseGone && changed(&nodes[i], n, before, since) {
			overtaken[nodes[i].ID] = true
		}
	}
	return overtaken
}

// changed tells whether a node that was to go may not go now without another plan.
func changed(was, now *Node, before, since hosts) bool {
	useBefore, listedBefore := before.listed(was)
	use, listed := since.listed(now)
	switch {
	case now.Phase != was.Phase, now.KeepAlive, now.Protected != was.Protected:
		return true
	case since.demand.Releases && use.Missing != useBefore.Missing:
		return true
	case listed != listedBefore, (use.Busy() || useBefore.Busy()) && !sameWork(useBefore, use), use.Drain != useBefore.Drain:
		return true
	}
	return since.demand.Vouched != before.demand.Vouched
}
