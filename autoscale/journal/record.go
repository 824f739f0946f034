package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"autoscaled/autoscale"
)

// recordVersion is the form of the records that this program writes, and the
// newest that it reads.
const recordVersion = 1

// lastYear is the last that JSON's times can hold; the first is 0.
const lastYear = 9999

// operationRecord is an operation as it is stored. Times are in UTC.
type operationRecord struct {
	V int `json:"v"`
	// Seq orders operations as they were first written: those of one tick
	// have the same time.
	Seq      uint64                   `json:"seq"`
	Request  autoscale.RequestID      `json:"request"`
	Kind     autoscale.OperationKind  `json:"kind"`
	Phase    autoscale.OperationPhase `json:"phase"`
	Pool     autoscale.PoolID         `json:"pool,omitempty"`
	Group    string                   `json:"group,omitempty"`
	Count    int                      `json:"count,omitempty"`
	Names    []string                 `json:"names,omitempty"`
	Draws    []autoscale.Draw         `json:"draws,omitempty"`
	Added    int                      `json:"added,omitempty"`
	Nodes    []autoscale.NodeID       `json:"nodes,omitempty"`
	Refused  []autoscale.NodeID       `json:"refused,omitempty"`
	Removal  autoscale.Removal        `json:"removal,omitempty"`
	CloudID  string                   `json:"cloud_id,omitempty"`
	Message  string                   `json:"message,omitempty"`
	Class    autoscale.ErrorClass     `json:"class,omitempty"`
	Jobs     []autoscale.JobID        `json:"jobs,omitempty"`
	JobCount int                      `json:"job_count,omitempty"`
	Priority int64                    `json:"priority,omitempty"`
	Reason   autoscale.Reason         `json:"reason"`
	Revision string                   `json:"policy_revision,omitempty"`
	Intended time.Time                `json:"intended,omitzero"`
	Sent     time.Time                `json:"sent,omitzero"`
	Answered time.Time                `json:"answered,omitzero"`
	Ended    time.Time                `json:"ended,omitzero"`
	Since    time.Time                `json:"since,omitzero"`
	Deadline time.Time                `json:"deadline,omitzero"`
	Attempts int                      `json:"attempts,omitempty"`
	History  []Passage                `json:"history,omitempty"`
}

func encodeOperation(op autoscale.Operation, seq uint64, history []Passage) ([]byte, error) {
	data, err := json.Marshal(operationRecord{
		V: recordVersion, Seq: seq,
		Request: op.Request, Kind: op.Kind, Phase: op.Phase,
		Pool: op.Pool, Group: op.Group, Count: op.Count, Names: op.Names, Draws: op.Draws, Added: op.Added,
		Nodes: op.Nodes, Refused: op.Refused, Removal: op.Removal, CloudID: op.CloudID, Message: op.Message, Class: op.Class,
		Jobs: op.Jobs, JobCount: op.JobCount, Priority: op.Priority, Reason: op.Reason, Revision: op.Revision,
		Intended: utc(op.Intended), Sent: utc(op.Sent), Answered: utc(op.Answered), Ended: utc(op.Ended),
		Since: utc(op.Since), Deadline: utc(op.Deadline), Attempts: op.Attempts, History: history,
	})
	if err != nil {
		return nil, fmt.Errorf("encode operation %s: %w", op.Request, err)
	}
	return data, nil
}

// decodeOperation is the inverse of encodeOperation. Its errors wrap ErrCorrupt
// or ErrNewer.
func decodeOperation(data []byte) (operationRecord, error) {
	var r operationRecord
	if err := decodeVersioned(data, &r); err != nil {
		return operationRecord{}, fmt.Errorf("operation: %w", err)
	}
	if r.Request == "" {
		return operationRecord{}, fmt.Errorf("operation without a request id: %w", ErrCorrupt)
	}
	if err := checkKind(r.Kind); err != nil {
		return operationRecord{}, fmt.Errorf("operation %s: %w: %w", r.Request, ErrCorrupt, err)
	}
	switch r.Removal {
	case "", autoscale.RemovalTerminate, autoscale.RemovalShutdown, autoscale.RemovalDeallocate, autoscale.RemovalRemove:
	default:
		return operationRecord{}, fmt.Errorf("operation %s: %w: removal %q", r.Request, ErrCorrupt, r.Removal)
	}
	if _, open := follows[r.Phase]; r.Phase == unwritten || !open && !r.Phase.Final() {
		return operationRecord{}, fmt.Errorf("operation %s: %w: phase %q", r.Request, ErrCorrupt, r.Phase)
	}
	times := []time.Time{r.Intended, r.Sent, r.Answered, r.Ended, r.Since, r.Deadline}
	for _, p := range r.History {
		times = append(times, p.At)
	}
	for _, at := range times {
		if year := at.UTC().Year(); year < 0 || year > lastYear {
			return operationRecord{}, fmt.Errorf("operation %s: %w: time %s", r.Request, ErrCorrupt, at)
		}
	}
	return r, nil
}

func (r operationRecord) operation() autoscale.Operation {
	return autoscale.Operation{
		Request: r.Request, Kind: r.Kind, Phase: r.Phase,
		Pool: r.Pool, Group: r.Group, Count: r.Count, Names: r.Names, Draws: r.Draws, Added: r.Added,
		Nodes: r.Nodes, Refused: r.Refused, Removal: r.Removal, CloudID: r.CloudID, Message: r.Message, Class: r.Class,
		Jobs: r.Jobs, JobCount: r.JobCount, Priority: r.Priority, Reason: r.Reason, Revision: r.Revision,
		Intended: utc(r.Intended), Sent: utc(r.Sent), Answered: utc(r.Answered), Ended: utc(r.Ended),
		Since: utc(r.Since), Deadline: utc(r.Deadline), Attempts: r.Attempts,
	}
}

func checkKind(kind autoscale.OperationKind) error {
	switch kind {
	case autoscale.OperationCreate, autoscale.OperationStart, autoscale.OperationRemove:
		return nil
	}
	return fmt.Errorf("kind %q", kind)
}

// memoryRecord is a cluster's memory as it is stored.
type memoryRecord struct {
	V      int              `json:"v"`
	Memory autoscale.Memory `json:"memory"`
}

func encodeMemory(m autoscale.Memory) ([]byte, error) {
	data, err := json.Marshal(memoryRecord{V: recordVersion, Memory: m})
	if err != nil {
		return nil, fmt.Errorf("encode memory: %w", err)
	}
	return data, nil
}

func decodeMemory(data []byte) (autoscale.Memory, error) {
	var r memoryRecord
	if err := decodeVersioned(data, &r); err != nil {
		return autoscale.Memory{}, fmt.Errorf("memory: %w", err)
	}
	return r.Memory, nil
}

// decodeVersioned looks at the version before the rest: a newer form need not
// fit into record at all.
func decodeVersioned(data []byte, record any) error {
	var head struct {
		V int `json:"v"`
	}
	err := json.Unmarshal(data, &head)
	var mismatch *json.UnmarshalTypeError
	switch {
	case err != nil && !errors.As(err, &mismatch), err != nil && mismatch.Field == "v", head.V < 1 && err == nil:
		return fmt.Errorf("%w: no versioned record", ErrCorrupt)
	case head.V > recordVersion:
		return fmt.Errorf("%w: record version %d, this one reads up to %d", ErrNewer, head.V, recordVersion)
	}
	if err := json.Unmarshal(data, record); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

// utc drops the zone and any monotonic reading, which do not survive storage.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0)
}
