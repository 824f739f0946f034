package autoscale

// Some queues own the life of their hosts: Slurm's power saving names the nodes that it
// wants, says when it wants them no more, and gives up itself on those that don't come.
// Then no time of ours ends a node (idle time, age, boot, join and busy time), none is
// made for min or a buffer, and none makes way: each would take from the queue what it
// counts on, or bring what it has no name for.

// releaseVerdict judges a node whose queue says itself when it goes.
//
// A failed node that the queue does not wait for any more stays: jobs may run on it for
// all we know of it. One that it waits for, or that never was up, goes, so that its name
// is free for another.
func (b *board) releaseVerdict(n *nodeState) (reason Reason, goes bool) {
	switch {
	case n.node.Phase == PhaseDeallocated:
		return b.deallocatedVerdict(n)
	case n.use.Drain == DrainDone:
		return Reason{Code: ReasonDone}, true
	case b.misnamed(n):
		return Reason{Code: ReasonMisnamed, Subject: n.node.Name}, true
	case n.node.Phase == PhaseFailed && (n.memory.Ready.IsZero() || n.use.Missing):
		return Reason{Code: ReasonFailed, Detail: n.node.Message}, true
	}
	return Reason{Code: ReasonQueueKeeps}, false
}

// misnamed tells whether the queue, which names all hosts that it can ever use, names
// none that is this node.
func (b *board) misnamed(n *nodeState) bool {
	if !b.state.Demand.Releases || !b.state.Demand.Vouched {
		return false
	}
	_, listed := b.hosts.listed(n.node)
	return !listed
}

// timed tells whether times of ours end nodes.
func (b *board) timed() bool { return !b.state.Demand.Releases }
