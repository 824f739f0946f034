package autoscale

import (
	"cmp"
	"slices"
)

// sendAway plans a removal. A failed node may have to be reported before. Where the
// queue can drain, nodes that were up are marked first, and go once a later read shows
// all marks, none of them settling, and nothing running. Not ok: it went in vain lately, or as many as the rates
// allow go before.
func (b *board) sendAway(p *party, r *rates) (why Reason, ok bool) {
	if x := p.members[0]; x.reporting { // alone, as all failed nodes are
		b.plan.Nodes[x.verdict].Reason = x.reported()
		return Reason{}, true
	}
	if why, ok := b.mayTry(p); !ok {
		return why, false
	}
	var unmarked []leaver
	code := p.members[0].reason.Code
	for _, x := range p.members {
		if !b.drains(x) {
			continue
		}
		if x.reason.Code == ReasonIdle || x.reason.Code == ReasonGangReleased {
			code = ReasonDrained
		}
		if x.use.Drain != DrainOurs {
			unmarked = append(unmarked, x)
		}
	}
	if len(unmarked) > 0 {
		return b.mark(p, unmarked, r)
	}
	if slices.ContainsFunc(p.members, func(x leaver) bool { return b.drains(x) && x.use.Settling }) {
		for _, x := range p.members {
			b.plan.Nodes[x.verdict].Reason = Reason{Code: ReasonDraining}
		}
		return Reason{}, true
	}
	if why, ok := r.remove(len(p.members)); !ok {
		return why, false
	}
	for _, x := range p.members {
		x.reason.Code = code
		b.plan.Nodes[x.verdict].Reason = x.reason
		b.remove(x.nodeState, x.reason)
	}
	return Reason{}, true
}

// drains tells whether a node is drained before it goes: one that was up, or that the
// queue lists already and may give work to, and that goes because nobody wants it, for
// its age, outdated, to make way, or because the queue has not heard of it.
func (b *board) drains(x leaver) bool {
	switch x.reason.Code {
	case ReasonIdle, ReasonGangReleased, ReasonMaxAge, ReasonOutdated, ReasonMakesWay, ReasonJoinTimeout:
	case ReasonBootTimeout:
		if !x.use.Missing { // else it may register, and get work, at any moment
			return false
		}
	default:
		return false
	}
	if !b.state.CanDrain {
		return false
	}
	_, listed := b.hosts.listed(x.node)
	return listed || !x.memory.Ready.IsZero()
}

// mark plans drain marks for those of a party that have none yet. A party that waits
// for a mark that the queue does not show takes nobody's turn.
func (b *board) mark(p *party, unmarked []leaver, r *rates) (why Reason, ok bool) {
	waits := !slices.ContainsFunc(unmarked, func(x leaver) bool { return !x.memory.Drain.Unseen() || b.markable(x.nodeState) })
	if !waits {
		if why, ok := r.mark(len(p.members)); !ok {
			return why, false
		}
	}
	for _, x := range p.members {
		b.plan.Nodes[x.verdict].Reason = Reason{Code: ReasonDraining}
	}
	for _, x := range unmarked {
		sends := b.markable(x.nodeState)
		if sends {
			b.sendMark(x.nodeState, x.reason)
		}
		b.plan.Nodes[x.verdict].Reason = b.draining(x.nodeState, sends)
	}
	return Reason{}, true
}

// remove enters a node into the removals of its pool for a reason.
func (b *board) remove(n *nodeState, reason Reason) {
	how := b.removalOf(n)
	for i := range b.plan.Remove {
		if r := &b.plan.Remove[i]; r.Pool == n.node.Pool && r.Reason.Code == reason.Code && r.Removal == how {
			r.Nodes = append(r.Nodes, *n.node)
			return
		}
	}
	b.plan.Remove = append(b.plan.Remove, Remove{Pool: n.node.Pool, Nodes: []Node{*n.node}, Removal: how, Reason: reason})
}

// keep withdraws our drain mark from a node that stays: in each plan while the queue
// shows it, once if it does not. One that is not up keeps it, or the queue would send it
// work, and so does one that goes for its age.
func (b *board) keep(n *nodeState, reason Reason) {
	down := n.node.Phase == PhaseDeallocated || n.node.Phase == PhaseFailed
	if !b.marked(n) || n.leaving || down || n.aging.going {
		return
	}
	if reason.Code != ReasonDrainTimeout {
		reason = Reason{Code: ReasonWantedAgain, Detail: reason.String()}
	}
	b.plan.Undrain = append(b.plan.Undrain, Drained{Node: *n.node, Reason: reason})
}

// retryRemoves sends a removal that the cloud does not know again under its own
// id, where all of its nodes are to go anyway, and in the same way.
func (b *board) retryRemoves() {
	going := make(map[NodeID]Removal)
	for _, r := range b.plan.Remove {
		for i := range r.Nodes {
			going[r.Nodes[i].ID] = r.Removal
		}
	}
	for _, op := range b.absent(OperationRemove) {
		if !allGo(op, going) {
			continue
		}
		b.plan.Retry = append(b.plan.Retry, Retry{Operation: *op, Reason: Reason{Code: ReasonRetry, Subject: string(op.Request)}})
		for _, id := range op.Nodes {
			delete(going, id)
		}
	}
	for i := range b.plan.Remove {
		r := &b.plan.Remove[i]
		r.Nodes = slices.DeleteFunc(r.Nodes, func(n Node) bool { return going[n.ID] == "" })
	}
	b.plan.Remove = slices.DeleteFunc(b.plan.Remove, func(r Remove) bool { return len(r.Nodes) == 0 })
}

// absent lists the operations of a kind that the cloud does not know, the oldest first.
func (b *board) absent(kind OperationKind) []*Operation {
	var ops []*Operation
	for i := range b.state.Operations {
		if op := &b.state.Operations[i]; op.Kind == kind && op.Phase == OpAbsent {
			ops = append(ops, op)
		}
	}
	slices.SortFunc(ops, byIntent)
	return ops
}

// byIntent orders operations by when they were intended, the oldest first.
func byIntent(x, y *Operation) int {
	return cmp.Or(x.Intended.Compare(y.Intended), cmp.Compare(x.Request, y.Request))
}

// allGo tells whether the plan sends all of a removal's nodes away as it would.
func allGo(op *Operation, going map[NodeID]Removal) bool {
	how := cmp.Or(op.Removal, RemovalTerminate)
	for _, id := range op.Nodes {
		if going[id] != how {
			return false
		}
	}
	return len(op.Nodes) > 0
}
