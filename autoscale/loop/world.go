package loop

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"autoscaled/autoscale"
)

// world is what the cloud shows, indexed for judging operations.
type world struct {
	at        time.Time
	limits    timeLimits
	nodes     map[autoscale.NodeID]*autoscale.Node
	byRequest map[autoscale.RequestID][]autoscale.NodeID
}

func newWorld(at time.Time, s autoscale.Supply, limits timeLimits) *world {
	w := &world{
		at:        at,
		limits:    limits,
		nodes:     make(map[autoscale.NodeID]*autoscale.Node, len(s.Nodes)),
		byRequest: make(map[autoscale.RequestID][]autoscale.NodeID),
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		w.nodes[n.ID] = n
		if n.Request != "" {
			w.byRequest[n.Request] = append(w.byRequest[n.Request], n.ID)
		}
	}
	return w
}

// doubts tells whether the cloud must be asked what became of an operation: no
// answer is on record, and the nodes don't tell.
func (w *world) doubts(op autoscale.Operation) bool {
	if op.Phase == autoscale.OpAccepted {
		return false
	}
	switch op.Kind {
	case autoscale.OperationCreate:
		return len(op.Nodes)+len(w.byRequest[op.Request]) == 0
	case autoscale.OperationStart:
		return len(w.asleep(op)) > 0
	}
	return len(w.untouched(op)) > 0
}

// judge returns the operation as the cloud shows it now. answer is unknown where
// the cloud was not asked.
func (w *world) judge(op autoscale.Operation, answer autoscale.Resolution) autoscale.Operation {
	op.Intended, op.Sent, op.Answered, op.Since = w.past(op.Intended), w.past(op.Sent), w.past(op.Answered), w.past(op.Since)
	switch op.Kind {
	case autoscale.OperationCreate:
		return w.judgeCreate(op, answer)
	case autoscale.OperationStart:
		return w.judgeStart(op, answer)
	}
	return w.judgeRemove(op, answer)
}

// judgeStart ends a start once no target is seen deallocated any more: from then on
// each node speaks for itself.
func (w *world) judgeStart(op autoscale.Operation, answer autoscale.Resolution) autoscale.Operation {
	asleep := w.asleep(op)
	if op.Phase != autoscale.OpAccepted {
		if len(asleep) == len(op.Nodes) && answer.State != autoscale.ResolvedArrived {
			return w.stillDoubtful(op, answer)
		}
		op = w.accepted(op, answer)
	}
	op.Added = len(op.Nodes) - len(asleep)
	switch {
	case len(asleep) == 0 && op.Added == op.Count:
		return w.ended(op, autoscale.OpConverged)
	case len(asleep) == 0:
	case w.late(op):
		op.Message = fmt.Sprintf("%d nodes did not start within %s, first %s", len(asleep), startWithin, asleep[0])
	default:
		return op
	}
	op.Class = cmp.Or(op.Class, autoscale.ErrorCapacity)
	return w.ended(op, autoscale.OpShort)
}

// asleep are the targets of a start that are seen deallocated still.
func (w *world) asleep(op autoscale.Operation) (ids []autoscale.NodeID) {
	for _, id := range op.Nodes {
		if n, there := w.nodes[id]; there && n.Phase == autoscale.PhaseDeallocated {
			ids = append(ids, id)
		}
	}
	return ids
}

// past is a time on record, or now if that is yet to come: the clock was set back
// while the daemon was down. Deadlines then run from now, and not from when the
// clock has caught up.
func (w *world) past(at time.Time) time.Time {
	if at.After(w.at) {
		return w.at
	}
	return at
}

// judgeCreate gathers the operation's nodes. Only those of the observation
// count as seen: the answer may be newer, and a node in it that the plan can't
// see yet must stay expected, or the plan would ask for it again.
func (w *world) judgeCreate(op autoscale.Operation, answer autoscale.Resolution) autoscale.Operation {
	op.Nodes = union(op.Nodes, w.byRequest[op.Request])
	if op.Phase != autoscale.OpAccepted {
		found := max(len(op.Nodes), len(answer.Nodes))
		switch {
		case found > 0:
			op = w.accepted(op, answer)
			op.Added = found
		case answer.State == autoscale.ResolvedArrived:
			return w.arrivedEmpty(op, answer)
		default:
			return w.stillDoubtful(op, answer)
		}
	}
	return w.settleCreate(op)
}

// arrivedEmpty is a create that the cloud knows and that shows no node. It is
// believed on the second look, for the first may have come too early.
func (w *world) arrivedEmpty(op autoscale.Operation, answer autoscale.Resolution) autoscale.Operation {
	if op.Phase == autoscale.OpSent && !op.Answered.IsZero() && !op.Answered.Before(op.Sent) {
		op.Added = 0
		op.Message = cmp.Or(op.Message, "the cloud took the request, and it brought no nodes")
		op.Class = cmp.Or(op.Class, autoscale.ErrorCapacity)
		return w.ended(op, autoscale.OpShort)
	}
	op = w.accepted(op, answer)
	op.Phase = autoscale.OpSent
	return op
}

// settleCreate ends an accepted create once all of its nodes are accounted for.
func (w *world) settleCreate(op autoscale.Operation) autoscale.Operation {
	op.Added = max(op.Added, len(op.Nodes))
	if unseen := op.Added - len(op.Nodes); unseen > 0 {
		if !w.late(op) {
			return op
		}
		op.Added = len(op.Nodes)
		op.Message = fmt.Sprintf("%d of the nodes that the cloud accepted were never seen", unseen)
	}
	if w.booting(op) && !w.late(op) {
		return op
	}
	if gone := w.vanished(op); gone > 0 && op.Message == "" {
		op.Message = fmt.Sprintf("%d of its nodes were seen and are gone", gone)
	}
	if op.Added < op.Count {
		op.Class = cmp.Or(op.Class, autoscale.ErrorCapacity)
		return w.ended(op, autoscale.OpShort)
	}
	return w.ended(op, autoscale.OpConverged)
}

// vanished counts the nodes of a create that were seen before and are not there.
func (w *world) vanished(op autoscale.Operation) (n int) {
	for _, id := range op.Nodes {
		if _, there := w.nodes[id]; !there {
			n++
		}
	}
	return n
}

// booting tells whether any node of a create is still on its way. One that is
// ready, failed, leaving or gone is accounted for.
func (w *world) booting(op autoscale.Operation) bool {
	for _, id := range op.Nodes {
		n, there := w.nodes[id]
		if there && (n.Phase == autoscale.PhaseStarting || n.Phase == autoscale.PhaseUnknown) {
			return true
		}
	}
	return false
}

func (w *world) judgeRemove(op autoscale.Operation, answer autoscale.Resolution) autoscale.Operation {
	switch {
	case w.allGone(op):
		return w.endedRemove(op)
	case op.Phase == autoscale.OpAccepted:
		return w.giveUp(op)
	case len(w.untouched(op)) == 0, answer.State == autoscale.ResolvedArrived:
		return w.accepted(op, answer)
	}
	return w.stillDoubtful(op, answer)
}

// endedRemove is a removal whose nodes have gone, but for those that were refused or
// stayed.
func (w *world) endedRemove(op autoscale.Operation) autoscale.Operation {
	if len(op.Refused) > 0 {
		return w.ended(op, autoscale.OpShort)
	}
	return w.ended(op, autoscale.OpConverged)
}

// giveUp drops the nodes from a removal that have had their time. The others are
// followed on.
func (w *world) giveUp(op autoscale.Operation) autoscale.Operation {
	var stayed, left []autoscale.NodeID
	limit := removeWithin
	switch {
	case w.at.Sub(op.Answered) > goneWithin:
		limit = goneWithin
		stayed = w.targets(op, func(p autoscale.Phase) bool { return !op.Removal.Ends(p) })
	case w.late(op):
		stayed = w.untouched(op)
	}
	if len(stayed) == 0 {
		return op
	}
	op.Message = stayedFor(stayed, limit)
	op.Refused = union(op.Refused, stayed)
	for _, id := range op.Nodes {
		if !slices.Contains(stayed, id) {
			left = append(left, id)
		}
	}
	if len(left) == 0 {
		return w.ended(op, autoscale.OpShort)
	}
	op.Nodes = left
	if w.allGone(op) {
		return w.endedRemove(op)
	}
	return op
}

// stayedFor tells of nodes whose removal the cloud took and that stayed.
func stayedFor(nodes []autoscale.NodeID, limit time.Duration) string {
	if len(nodes) == 1 {
		return fmt.Sprintf("taken, but node %s did not go within %s", nodes[0], limit)
	}
	return fmt.Sprintf("taken, but %d nodes did not go within %s, first %s", len(nodes), limit, nodes[0])
}

// allGone tells whether every target of a remove has gone as far as it is to go.
func (w *world) allGone(op autoscale.Operation) bool {
	for _, id := range op.Nodes {
		if n, there := w.nodes[id]; there && !op.Removal.Ends(n.Phase) {
			return false
		}
	}
	return true
}

// untouched are the targets of a remove that do not even show signs of going.
func (w *world) untouched(op autoscale.Operation) []autoscale.NodeID {
	return w.targets(op, func(p autoscale.Phase) bool { return !op.Removal.Touches(p) })
}

// targets are those of an operation that are there and in such a phase.
func (w *world) targets(op autoscale.Operation, in func(autoscale.Phase) bool) (ids []autoscale.NodeID) {
	for _, id := range op.Nodes {
		if n, there := w.nodes[id]; there && in(n.Phase) {
			ids = append(ids, id)
		}
	}
	return ids
}

// stillDoubtful is an operation of which nothing is to be seen. Expiry is
// decided a tick after absence at the earliest, so that a plan can retry it.
func (w *world) stillDoubtful(op autoscale.Operation, answer autoscale.Resolution) autoscale.Operation {
	if answer.State != autoscale.ResolvedAbsent {
		return op
	}
	if op.Phase == autoscale.OpAbsent && w.late(op) {
		op.Message = cmp.Or(op.Message, "never seen by the cloud")
		return w.ended(op, autoscale.OpExpired)
	}
	op.Phase = autoscale.OpAbsent
	return op
}

func (w *world) accepted(op autoscale.Operation, answer autoscale.Resolution) autoscale.Operation {
	op.Phase, op.Message, op.Class = autoscale.OpAccepted, "", "" // what went wrong with the answer is settled
	op.Answered = w.at
	op.CloudID = cmp.Or(answer.CloudID, op.CloudID)
	return op
}

func (w *world) ended(op autoscale.Operation, phase autoscale.OperationPhase) autoscale.Operation {
	op.Phase, op.Ended = phase, w.at
	return op
}

// late tells whether an operation is past its deadline.
func (w *world) late(op autoscale.Operation) bool { return w.at.After(w.limits.deadline(op)) }

// union appends the ids that the list lacks, in their order of name.
func union(list, more []autoscale.NodeID) []autoscale.NodeID {
	known := make(map[autoscale.NodeID]bool, len(list))
	for _, id := range list {
		known[id] = true
	}
	var lacking []autoscale.NodeID
	for _, id := range more {
		if !known[id] {
			lacking = append(lacking, id)
		}
	}
	slices.Sort(lacking)
	return append(slices.Clip(list), lacking...)
}
