package journal

import (
	"fmt"
	"slices"

	"autoscaled/autoscale"
)

// unwritten is the phase of an operation that is not on record.
const unwritten autoscale.OperationPhase = ""

// follows lists, for each phase, those that may be written after it. It is the
// diagram of the package's documentation; final phases have no entry.
var follows = map[autoscale.OperationPhase][]autoscale.OperationPhase{
	unwritten: {autoscale.OpIntended, autoscale.OpSent},
	autoscale.OpIntended: {
		autoscale.OpIntended, autoscale.OpSent, autoscale.OpAbsent, autoscale.OpAccepted,
		autoscale.OpConverged, autoscale.OpShort, autoscale.OpExpired,
	},
	autoscale.OpSent: {
		autoscale.OpSent, autoscale.OpAbsent, autoscale.OpAccepted,
		autoscale.OpConverged, autoscale.OpShort, autoscale.OpRejected,
	},
	autoscale.OpAbsent: {
		autoscale.OpAbsent, autoscale.OpSent, autoscale.OpAccepted,
		autoscale.OpConverged, autoscale.OpShort, autoscale.OpExpired,
	},
	autoscale.OpAccepted: {
		autoscale.OpAccepted, autoscale.OpConverged, autoscale.OpShort,
	},
}

// checkChange returns ErrTransition, with the request, if to can't follow from.
func checkChange(id autoscale.RequestID, from, to autoscale.OperationPhase) error {
	if slices.Contains(follows[from], to) {
		return nil
	}
	if from == unwritten {
		return fmt.Errorf("write operation %s: %w: a new one can't be %q", id, ErrTransition, to)
	}
	return fmt.Errorf("write operation %s: %w: from %s to %q", id, ErrTransition, from, to)
}
