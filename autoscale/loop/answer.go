package loop

import (
	"cmp"
	"errors"
	"fmt"

	"autoscaled/autoscale"
)

// answer is what came of the call-th call of a stage.
type answer struct {
	call    int
	receipt autoscale.Receipt
	err     error
}

// answered is what an answer makes of an operation that was sent, and notes the
// problem if it is one.
func (t *tick) answered(sent autoscale.Operation, a answer) change {
	op := sent
	if a.err != nil {
		t.problemf(stepOf(op), string(op.Pool), "request %s: %w", op.Request, a.err)
		op.Phase, op.Message, op.Class = failedPhase(op, a.err), a.err.Error(), autoscale.ClassOf(a.err)
		if op.Phase.Final() {
			op.Answered, op.Ended = t.at, t.at
		}
		t.noteRefused(op, a.err)
		return t.changed(sent, op)
	}
	op.Answered, op.CloudID, op.Message, op.Class = t.at, a.receipt.CloudID, a.receipt.Message, a.receipt.Class
	if op.Kind == autoscale.OperationCreate {
		op = took(op, a.receipt)
	} else {
		op = t.withoutRefused(op, a.receipt)
	}
	if op.Phase.Final() {
		op.Ended = t.at
		t.noteFailed(op)
	}
	return t.changed(sent, op)
}

// noteFailed keeps an operation that came to nothing for the next tick. One that did not
// get as far as that tells nothing of what the cloud has.
func (t *tick) noteFailed(op autoscale.Operation) {
	if op.Phase.Final() {
		t.failed = append(t.failed, op)
	}
}

// noteRefused keeps a call that the cloud refused. Refused credentials tell nothing
// of what the cloud has, but of all other calls.
func (t *tick) noteRefused(op autoscale.Operation, err error) {
	switch {
	case op.Class == autoscale.ErrorAuth:
		t.failed = append(t.failed, op)
	case errors.Is(err, autoscale.ErrRejected):
		t.noteFailed(op)
	}
}

// failedPhase tells what an error leaves of an operation. Where it is certain
// that nothing came of the call, a first attempt is over. Of a repeated one the
// earlier call may still arrive, so it is watched on as absent.
func failedPhase(op autoscale.Operation, err error) autoscale.OperationPhase {
	if !certain(err) {
		return autoscale.OpSent
	}
	if op.Attempts > 1 {
		return autoscale.OpAbsent
	}
	return autoscale.OpRejected
}

// certain tells whether nothing can have come of a call that ended so.
func certain(err error) bool {
	if errors.Is(err, autoscale.ErrUncertain) {
		return false
	}
	for _, known := range []error{autoscale.ErrRejected, autoscale.ErrUnauthorized, autoscale.ErrThrottled, autoscale.ErrUnavailable} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

func took(op autoscale.Operation, r autoscale.Receipt) autoscale.Operation {
	op.Phase, op.Added = autoscale.OpAccepted, r.Added
	if op.Added <= 0 {
		op.Phase, op.Added = autoscale.OpShort, 0
	}
	if op.Added < op.Count {
		op.Class = cmp.Or(op.Class, autoscale.ErrorCapacity)
	}
	return op
}

// stepOf is the step in which an operation is sent.
func stepOf(op autoscale.Operation) Step {
	switch op.Kind {
	case autoscale.OperationStart:
		return StepStart
	case autoscale.OperationRemove:
		return StepRemove
	}
	return StepCreate
}

// withoutRefused drops the nodes that the cloud refused to start or remove from the
// operation, so that they can be decided on anew.
func (t *tick) withoutRefused(op autoscale.Operation, r autoscale.Receipt) autoscale.Operation {
	op.Phase = autoscale.OpAccepted
	if len(r.Refused) == 0 {
		return op
	}
	var left []autoscale.NodeID
	for _, id := range op.Nodes {
		words, refused := r.Refused[id]
		if !refused {
			left = append(left, id)
			continue
		}
		op.Refused = append(op.Refused, id)
		op.Message = fmt.Sprintf("node %s: %s", id, words)
		t.problemf(stepOf(op), string(op.Pool), "node %s: %s: %w", id, words, autoscale.ErrRejected)
	}
	if op.Kind == autoscale.OperationStart {
		op.Class = cmp.Or(op.Class, autoscale.ErrorCapacity)
	}
	if len(left) == 0 {
		op.Phase = autoscale.OpRejected
		return op
	}
	op.Nodes = left
	return op
}
