package autoscale

import (
	"cmp"
	"slices"
	"time"
)

// A removal can come to nothing: the cloud refuses it for this node, or takes it and
// the node stays, or comes back. It is then sent again, each time after a longer wait.
// That the cloud could not be reached, or refused our credentials, tells nothing of the
// node and does not count.

// Vain counts the removals of a node in a row that came to nothing. The count ends when
// the node goes, is deallocated, or runs something.
type Vain struct {
	Tries int `json:"tries,omitempty"`
	// Last is when the latest of them was seen to have come to nothing.
	Last time.Time `json:"last,omitzero"`
	// Answer is the cloud's word on it, or what was seen.
	Answer string `json:"answer,omitempty"`
}

// triesToStick is after how many removals in vain a node counts as stuck.
const triesToStick = 3

// Stuck tells whether removals came to nothing so often that somebody should look.
func (v Vain) Stuck() bool { return v.Tries >= triesToStick }

// next is when the node may be sent away again. Before the first time it is zero.
func (v Vain) next() time.Time {
	if v.Tries == 0 {
		return time.Time{}
	}
	return v.Last.Add(backoff(v.Tries - 1))
}

// over is the count of a node that starts anew. Last stays, so that an operation that
// was counted is not counted again.
func (v Vain) over() Vain { return Vain{Last: v.Last} }

// noteVain counts the removals that came to nothing. Each call that left counts once for
// each of its nodes: what was sent before the latest count is in it.
func noteVain(nodes map[NodeID]NodeMemory, at time.Time, operations []Operation) {
	for i := range operations {
		op := &operations[i]
		for _, id := range op.inVain() {
			m, known := nodes[id]
			if !known || !m.Vain.Last.Before(op.LastSent()) {
				continue
			}
			m.Vain = Vain{Tries: m.Vain.Tries + 1, Last: at, Answer: cmp.Or(op.Message, "the cloud does not know the request")}
			nodes[id] = m
		}
	}
}

// inVain are the nodes for which a removal came to nothing. That the cloud does not know
// a request may be a call that was lost, the first time, or one that was throttled.
func (op *Operation) inVain() []NodeID {
	switch {
	case op.Kind != OperationRemove || op.Class == ErrorAuth:
		return nil
	case op.Phase == OpRejected, op.Phase == OpAbsent && op.Attempts > 1 && op.Class != ErrorThrottle:
		return slices.Concat(op.Refused, op.Nodes)
	}
	return op.Refused
}

// mayTry tells whether a party may be sent away again, or else when. Of a party it is
// the member that has to wait for longest.
func (b *board) mayTry(p *party) (why Reason, ok bool) {
	var last *leaver
	for i := range p.members {
		if x := &p.members[i]; last == nil || x.memory.Vain.next().After(last.memory.Vain.next()) {
			last = x
		}
	}
	v := last.memory.Vain
	if wait := v.next().Sub(b.state.At); v.Tries > 0 && wait > 0 {
		return Reason{Code: ReasonRemovalBackoff, Have: int64(v.Tries), Of: wait, Detail: v.Answer}, false
	}
	return Reason{}, true
}

// stays tells whether a node that is on its way out has been so for too long: the
// removal was given up, and no other is under way.
func (n *nodeState) stays() bool {
	return n.node.Phase == PhaseStopping && !n.removing && n.memory.Vain.Tries > 0
}

// staysVerdict judges a node that was sent away and is still on its way out.
func (b *board) staysVerdict(n *nodeState) (reason Reason, goes bool) {
	if !n.vouched {
		return Reason{Code: ReasonUseUnknown}, false
	}
	return Reason{Code: ReasonNotGone, Have: int64(n.memory.Vain.Tries), Detail: n.memory.Vain.Answer}, true
}
