package journal

import (
	"slices"
	"time"

	"autoscaled/autoscale"
)

// Passage is that an operation entered a phase. A zero At: when is not known.
type Passage struct {
	Phase autoscale.OperationPhase `json:"phase"`
	At    time.Time                `json:"at,omitzero"`
}

// passed is the history of a record once op is written to it: one passage for each
// change of phase, and for each call that left under the same request id. Calls are
// few, and so is the rest of it.
func (r operationRecord) passed(op autoscale.Operation) []Passage {
	if r.Phase == op.Phase && r.Attempts == op.Attempts {
		return r.History
	}
	return append(slices.Clip(r.History), Passage{Phase: op.Phase, At: utc(entered(op))})
}

// entered is when an operation entered its phase, as far as it says so: records of
// older daemons do not.
func entered(op autoscale.Operation) time.Time {
	if !op.Since.IsZero() {
		return op.Since
	}
	switch {
	case op.Phase == autoscale.OpIntended:
		return op.Intended
	case op.Phase == autoscale.OpSent:
		return op.Sent
	case op.Phase == autoscale.OpAccepted:
		return op.Answered
	case op.Phase.Final():
		return op.Ended
	}
	return time.Time{}
}
