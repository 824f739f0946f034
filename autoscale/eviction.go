package autoscale

import "slices"

// Evicted lists the nodes of ours that are gone although no request of ours was
// removing them: the cloud took them back, or somebody else removed them. before
// is the memory of the look before this one. A node that had failed or was deallocated is no loss,
// and neither are those of a cluster that was stopped.
func Evicted(before Memory, o Observation, operations []Operation) []NodeID {
	if o.SupplyProblem != "" || o.Supply.Stopped != "" {
		return nil
	}
	there := make(map[NodeID]bool, len(o.Supply.Nodes))
	for i := range o.Supply.Nodes {
		if n := &o.Supply.Nodes[i]; n.Phase != PhaseGone {
			there[n.ID] = true
		}
	}
	removing := removals(operations)
	var gone []NodeID
	for id, was := range before.Nodes {
		lost := was.Ours && !was.Failed && was.Deallocated.IsZero()
		if lost && !there[id] && !was.Removing && !removing[id] {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	return gone
}

// removals tells of the targets of removals whether one of them may be, or have
// been, carried out.
func removals(operations []Operation) map[NodeID]bool {
	targets := make(map[NodeID]bool)
	for i := range operations {
		op := &operations[i]
		if op.Kind != OperationRemove {
			continue
		}
		in := op.Phase != OpRejected && op.Phase != OpExpired
		for _, id := range op.Nodes {
			targets[id] = targets[id] || in
		}
	}
	return targets
}

// noteRemovals marks the nodes that a request of ours is to remove.
func noteRemovals(nodes map[NodeID]NodeMemory, operations []Operation) {
	for id, removing := range removals(operations) {
		if m, known := nodes[id]; known {
			m.Removing = removing
			nodes[id] = m
		}
	}
}

// evictions counts what the cloud took back of its spot pools as a failure of
// theirs: it needs the machines itself. From another pool a node goes because
// somebody removed it, which tells nothing of what there is to be had.
func (f offerings) evictions(before Memory, o Observation, operations []Operation) {
	spot := make(map[PoolID]bool)
	for i := range o.Supply.Pools {
		spot[o.Supply.Pools[i].ID] = o.Supply.Pools[i].Labels[LabelSpot] == "true"
	}
	for _, id := range Evicted(before, o, operations) {
		if was := before.Nodes[id]; spot[was.Pool] {
			f.fail(failure{of: offeringOf(was.Pool, was.Grouped), at: f.at, asked: was.Asked, class: ErrorCapacity, detail: "node " + string(id) + " was evicted"})
		}
	}
}
