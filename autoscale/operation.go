package autoscale

import "time"

// OperationKind is what was asked of the cloud.
type OperationKind string

// The kinds of operations.
const (
	OperationCreate OperationKind = "create"
	OperationRemove OperationKind = "remove"
	OperationStart  OperationKind = "start"
)

// OperationPhase is how far an operation has come. Package journal keeps the
// diagram of how one follows the other.
type OperationPhase string

// The phases of an operation.
const (
	// OpIntended: written to the journal, not sent. A crash here is as a lost answer.
	OpIntended OperationPhase = "intended"
	// OpSent: the call left and no answer came: it may have been handled or not.
	OpSent OperationPhase = "sent"
	// OpAbsent: the call left, and the cloud does not know it. It may still
	// arrive; it may be sent again under the same request id.
	OpAbsent OperationPhase = "absent"
	// OpAccepted: the cloud took it and its nodes are on their way.
	OpAccepted OperationPhase = "accepted"
	// OpConverged: all its nodes are accounted for. Final.
	OpConverged OperationPhase = "converged"
	// OpShort: converged with fewer nodes than were asked. Final.
	OpShort OperationPhase = "short"
	// OpRejected: the cloud refused it; nothing came of it. Final.
	OpRejected OperationPhase = "rejected"
	// OpExpired: never seen by the cloud and no longer wanted. Final.
	OpExpired OperationPhase = "expired"
)

// Final tells whether nothing more is to come.
func (p OperationPhase) Final() bool {
	switch p {
	case OpConverged, OpShort, OpRejected, OpExpired:
		return true
	}
	return false
}

// Operation is one thing asked of the cloud, from intent to end.
type Operation struct {
	Request RequestID
	Kind    OperationKind
	Phase   OperationPhase
	// Pool, Group and Count are what a create asks for: one set. A remove or a
	// start names its Nodes, and Count is how many it named at first.
	Pool  PoolID
	Group string
	Count int
	// Names are what the nodes of a create were asked to be called; none: the
	// cloud names them.
	Names []string
	// Draws is what one node of a create or start takes of limits. It counts even if the
	// cloud no longer lists the pool.
	Draws []Draw
	// Added is how many of Count the cloud took, once accepted.
	Added int
	// Nodes are the targets of a remove or start, or the nodes of a create seen so far.
	Nodes []NodeID
	// Refused are the nodes that the cloud would not start or remove, and those whose
	// removal it took and that stayed.
	Refused []NodeID
	// Removal is how a remove's targets go. Empty: they are terminated.
	Removal Removal
	// CloudID is the cloud's own operation id, once accepted.
	CloudID string
	// Message is the cloud's word on a short or refused operation.
	Message string
	// Class is what kind of trouble a short or refused operation had. Empty: none,
	// or not known.
	Class ErrorClass
	// Jobs are some of the jobs it serves, and JobCount is how many in all.
	Jobs     []JobID
	JobCount int
	// Priority is the highest of the jobs that a create serves. 0 also: it serves none.
	Priority int64
	Reason   Reason
	// Revision is that of the policy by which it was decided, see Policy.Revision.
	Revision string
	// Intended, Sent and Answered are when it was written, last sent, and
	// last answered. Zero: not yet.
	Intended time.Time
	Sent     time.Time
	Answered time.Time
	// Ended is when Phase became final.
	Ended time.Time
	// Since is when it entered Phase. Zero: an older daemon wrote it.
	Since time.Time
	// Deadline is when it is late, by the policy that was in force when it was written.
	// What was accepted, or is absent, is then given up; what is in doubt is not, for it
	// may have been handled. Zero: it is over, or an older daemon wrote it.
	Deadline time.Time
	// Attempts counts the calls that left.
	Attempts int
}

// Expected is how many nodes of a create are still to be seen: those the cloud
// took, or, while its answer is in doubt, all that were asked for.
func (o Operation) Expected() int {
	if o.Kind != OperationCreate || o.Phase.Final() {
		return 0
	}
	want := o.Count
	if o.Phase == OpAccepted {
		want = o.Added
	}
	return max(0, want-len(o.Nodes))
}

// LastSent is when a call of it may last have left: one that was only intended may have
// left when it was written.
func (o *Operation) LastSent() time.Time {
	if o.Sent.IsZero() {
		return o.Intended
	}
	return o.Sent
}

// Receipt is the cloud's answer to a create, start or remove.
type Receipt struct {
	// CloudID is the cloud's own id of the operation.
	CloudID string
	// Added is how many nodes a create will bring; Message says why fewer
	// than were asked, if so, and Class what kind of trouble that is.
	Added   int
	Message string
	Class   ErrorClass
	// Refused lists the nodes of a start or remove that the cloud did not take, with its words.
	Refused map[NodeID]string
}

// ResolutionState is what became of a request whose answer was lost.
type ResolutionState string

// What can become of a doubtful request.
const (
	// ResolvedArrived: the cloud handled it.
	ResolvedArrived ResolutionState = "arrived"
	// ResolvedAbsent: the cloud does not know it.
	ResolvedAbsent ResolutionState = "absent"
	// ResolvedUnknown: the cloud could not be asked.
	ResolvedUnknown ResolutionState = "unknown"
)

// Resolution is the cloud's answer to "what became of this request id?".
type Resolution struct {
	State   ResolutionState
	CloudID string
	// Nodes are those that the request made.
	Nodes []NodeID
}
