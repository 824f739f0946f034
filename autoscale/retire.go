package autoscale

import (
	"cmp"
	"slices"
)

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
	p := &b.policy.Pools[policy]
	reason := Reason{Code: ReasonMinimum, Subject: p.Name, Want: int64(p.Min)}
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

// verdict is why a node stays, or why it goes. The order of the questions is
// the order of what protects a node most.
func (b *board) verdict(n *nodeState) (reason Reason, goes bool) {
	switch {
	case n.node.Protected != "":
		return Reason{Code: ReasonProtected, Detail: n.node.Protected}, false
	case n.pool < 0:
		return Reason{Code: ReasonUnmanaged}, false
	case n.leaving:
		return Reason{Code: ReasonLeaving}, false
	case n.node.Phase == PhaseDeallocated:
		return Reason{Code: ReasonDeallocated}, false
	case n.node.Phase == PhaseUnknown:
		return Reason{Code: ReasonOddState, Detail: n.node.Message}, false
	case n.use.Busy():
		return Reason{Code: ReasonBusy, Subject: n.jobs()}, false
	case n.wanted:
		return Reason{Code: ReasonWanted}, false
	case n.node.KeepAlive:
		return Reason{Code: ReasonKeepAlive}, false
	case n.use.Drain == DrainForeign:
		return Reason{Code: ReasonForeignDrain}, false
	case !n.memory.Ours && !n.node.Owned:
		return Reason{Code: ReasonForeign}, false
	case n.node.Phase == PhaseFailed:
		return Reason{Code: ReasonFailed, Detail: n.node.Message}, true
	}
	return b.idleVerdict(n)
}

// idleVerdict judges a node of ours on which nothing runs and that the plan
// gives no work.
func (b *board) idleVerdict(n *nodeState) (reason Reason, goes bool) {
	if age := b.state.At.Sub(n.memory.Asked); b.late(*n) {
		return Reason{Code: ReasonBootTimeout, For: age, Of: b.bootTimeout(n.pool), Detail: n.node.Message}, true
	}
	idle, limit := b.state.At.Sub(n.memory.IdleSince()), b.idleTime(n.pool)
	neverReady := n.memory.Ready.IsZero() && n.node.Phase == PhaseStarting
	switch {
	case neverReady && idle < limit:
		return Reason{Code: ReasonStarting, For: b.state.At.Sub(n.memory.Asked), Of: b.bootTimeout(n.pool)}, false
	case neverReady:
		return Reason{Code: ReasonIdle, For: idle, Of: limit}, true
	case !n.vouched:
		return Reason{Code: ReasonUseUnknown}, false
	case idle < limit:
		return Reason{Code: ReasonIdleShort, For: idle, Of: limit}, false
	case !b.state.CanDrain && n.memory.IdleReads < idleReadsNeeded:
		return Reason{Code: ReasonIdleOnce}, false
	}
	return Reason{Code: ReasonIdle, For: idle, Of: limit}, true
}

// jobs names what runs on a node.
func (n *nodeState) jobs() string {
	if len(n.use.Jobs) == 0 {
		return "something"
	}
	return "job " + string(n.use.Jobs[0])
}

// sendAway plans a removal. Where the queue can drain, a node that was up is
// marked first, and goes once a later read shows the mark and nothing running.
func (b *board) sendAway(n *nodeState, reason Reason) Reason {
	if b.state.CanDrain && reason.Code == ReasonIdle && !n.memory.Ready.IsZero() {
		if n.use.Drain != DrainOurs {
			b.plan.Drain = append(b.plan.Drain, Drained{Node: *n.node, Reason: reason})
			return Reason{Code: ReasonDraining}
		}
		reason.Code = ReasonDrained
	}
	for i := range b.plan.Remove {
		if r := &b.plan.Remove[i]; r.Pool == n.node.Pool && r.Reason.Code == reason.Code {
			r.Nodes = append(r.Nodes, *n.node)
			return reason
		}
	}
	b.plan.Remove = append(b.plan.Remove, Remove{Pool: n.node.Pool, Nodes: []Node{*n.node}, Reason: reason})
	return reason
}

// keep withdraws our drain mark from a node that stays.
func (b *board) keep(n *nodeState, reason Reason) {
	if n.use.Drain == DrainOurs && !n.leaving {
		b.plan.Undrain = append(b.plan.Undrain, Drained{Node: *n.node, Reason: Reason{Code: ReasonWantedAgain, Detail: reason.String()}})
	}
}

// retryRemoves sends a removal that the cloud does not know again under its own
// id, where all of its nodes are to go anyway.
func (b *board) retryRemoves() {
	going := make(map[NodeID]bool)
	for _, r := range b.plan.Remove {
		for i := range r.Nodes {
			going[r.Nodes[i].ID] = true
		}
	}
	for _, op := range b.absentRemoves() {
		if !all(op.Nodes, going) {
			continue
		}
		b.plan.Retry = append(b.plan.Retry, Retry{Operation: *op, Reason: Reason{Code: ReasonRetry, Subject: string(op.Request)}})
		for _, id := range op.Nodes {
			delete(going, id)
		}
	}
	for i := range b.plan.Remove {
		r := &b.plan.Remove[i]
		r.Nodes = slices.DeleteFunc(r.Nodes, func(n Node) bool { return !going[n.ID] })
	}
	b.plan.Remove = slices.DeleteFunc(b.plan.Remove, func(r Remove) bool { return len(r.Nodes) == 0 })
}

// absentRemoves lists the removals that the cloud does not know, the oldest first.
func (b *board) absentRemoves() []*Operation {
	var ops []*Operation
	for i := range b.state.Operations {
		if op := &b.state.Operations[i]; op.Kind == OperationRemove && op.Phase == OpAbsent {
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

func all(ids []NodeID, in map[NodeID]bool) bool {
	for _, id := range ids {
		if !in[id] {
			return false
		}
	}
	return len(ids) > 0
}
