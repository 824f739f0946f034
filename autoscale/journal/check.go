package journal

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"autoscaled/autoscale"
)

// Finding is one thing that is wrong with a journal.
type Finding struct {
	// Where is the bucket and the key in it, or empty for the file as a whole.
	Where   string `json:"where,omitempty"`
	Problem string `json:"problem"`
}

// Audit is what Check found.
type Audit struct {
	// Open, Finished, Memories and Notes count the records that were read.
	Open     int `json:"open"`
	Finished int `json:"finished"`
	Memories int `json:"memories"`
	Notes    int `json:"notes"`
	// Findings in the order of buckets and keys. None: all is well.
	Findings []Finding `json:"findings"`
}

// auditor goes through a file.
type auditor struct {
	Audit
	requests map[string]string // where each request id was met
	seqs     map[uint64]string
}

// Check reads every record of every cluster and tells all that is wrong with them. A
// journal that Open accepts may have findings: Open refuses only what it can't
// read. The error is that the file can't be gone through at all.
func (j *Journal) Check(ctx context.Context) (Audit, error) {
	a := auditor{requests: make(map[string]string), seqs: make(map[uint64]string)}
	a.Findings = []Finding{}
	err := j.view(ctx, func(tx *bolt.Tx) error {
		if err := j.checkWhole(tx); err != nil {
			return err
		}
		if err := checkSchema(tx); err != nil {
			a.add("meta", err)
			return nil
		}
		for _, name := range [][]byte{operationsBucket, finishedBucket} {
			if err := tx.Bucket(name).ForEach(func(key, data []byte) error { a.operation(name, key, data); return nil }); err != nil {
				return err
			}
		}
		if err := tx.Bucket(memoryBucket).ForEach(func(key, data []byte) error { a.memory(key, data); return nil }); err != nil {
			return err
		}
		return eachNote(tx, func(key, data []byte) error { a.note(key, data); return nil })
	})
	if err != nil {
		return a.Audit, fmt.Errorf("check journal: %w", err)
	}
	return a.Audit, nil
}

// checkWhole tells whether the file is in order. Where a daemon writes to it, only its
// length can be told.
func (j *Journal) checkWhole(tx *bolt.Tx) error {
	if j.readOnly {
		return checkPages(j.file)
	}
	return checkSize(tx, filepath.Join(j.dir, fileName))
}

func (a *auditor) add(where string, problem error) {
	a.Findings = append(a.Findings, Finding{Where: where, Problem: problem.Error()})
}

func (a *auditor) addf(where, format string, args ...any) {
	a.add(where, fmt.Errorf(format, args...))
}

// whereIs names a record for people.
func whereIs(bucket, key []byte) string {
	return string(bucket) + " " + string(bytes.ReplaceAll(key, []byte{0}, []byte("/")))
}

func (a *auditor) operation(bucket, key, data []byte) {
	where := whereIs(bucket, key)
	if bytes.Equal(bucket, finishedBucket) {
		a.Finished++
	} else {
		a.Open++
	}
	r, err := readOperation(key, data)
	if err != nil {
		a.add(where, err)
		return
	}
	if _, id, found := bytes.Cut(key, []byte{0}); !found || string(id) != string(r.Request) {
		a.addf(where, "the record is of request %s", r.Request)
	}
	if other, met := a.requests[string(r.Request)]; met {
		a.addf(where, "request %s is also in %s", r.Request, other)
	}
	if other, met := a.seqs[r.Seq]; met {
		a.addf(where, "its place in the order, %d, is also that of %s", r.Seq, other)
	}
	a.requests[string(r.Request)], a.seqs[r.Seq] = where, where
	if final := bytes.Equal(bucket, finishedBucket); r.Phase.Final() != final {
		a.addf(where, "phase %s does not belong there", r.Phase)
	}
	for _, problem := range slices.Concat(timesOf(r), countsOf(r), historyOf(r)) {
		a.addf(where, "%s", problem)
	}
}

// timesOf tells which times of an operation can't be. Clocks that are set back are
// no excuse: the loop pulls the times of open operations back with them.
func timesOf(r operationRecord) (problems []string) {
	if r.Intended.IsZero() {
		problems = append(problems, "it has no time of intent")
	}
	if r.Phase != autoscale.OpIntended && r.Phase != autoscale.OpExpired && r.Sent.IsZero() {
		problems = append(problems, "it was sent, and has no time of sending")
	}
	if r.Phase == autoscale.OpAccepted && r.Answered.IsZero() {
		problems = append(problems, "it was accepted, and has no time of the answer")
	}
	if r.Phase.Final() == r.Ended.IsZero() {
		problems = append(problems, fmt.Sprintf("phase %s and the time of its end, %q, do not go together", r.Phase, stamp(r.Ended)))
	}
	for _, later := range []struct {
		name string
		at   time.Time
	}{{"sent", r.Sent}, {"answered", r.Answered}, {"ended", r.Ended}} {
		if !later.at.IsZero() && later.at.Before(r.Intended) {
			problems = append(problems, fmt.Sprintf("it was %s at %s, before it was intended at %s", later.name, stamp(later.at), stamp(r.Intended)))
		}
	}
	return problems
}

// stamp is a time for people; none is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// countsOf tells which numbers of an operation can't be.
func countsOf(r operationRecord) (problems []string) {
	if r.Count <= 0 || r.Added < 0 || r.Attempts < 0 {
		problems = append(problems, fmt.Sprintf("it asks for %d nodes, was given %d and was sent %d times", r.Count, r.Added, r.Attempts))
	}
	if r.Kind != autoscale.OperationCreate && len(r.Nodes)+len(r.Refused) == 0 {
		problems = append(problems, "it names no node")
	}
	nodes := slices.Sorted(slices.Values(r.Nodes))
	if len(slices.Compact(nodes)) != len(r.Nodes) {
		problems = append(problems, "it names a node twice")
	}
	return problems
}

// historyOf tells whether the history leads to the phase, each step as the diagram of
// the package's documentation allows.
func historyOf(r operationRecord) (problems []string) {
	if len(r.History) == 0 {
		return nil // an older daemon wrote it
	}
	for i := 1; i < len(r.History); i++ {
		from, to := r.History[i-1].Phase, r.History[i].Phase
		if !slices.Contains(follows[from], to) {
			problems = append(problems, fmt.Sprintf("its history goes from %s to %s", from, to))
		}
	}
	if last := r.History[len(r.History)-1].Phase; last != r.Phase {
		problems = append(problems, fmt.Sprintf("its history ends in %s, and its phase is %s", last, r.Phase))
	}
	return problems
}

func (a *auditor) memory(key, data []byte) {
	where := whereIs(memoryBucket, key)
	a.Memories++
	if cluster, rest, found := bytes.Cut(key, []byte{0}); !found || len(cluster) == 0 || len(rest) > 0 {
		a.addf(where, "the key is no cluster's name")
	}
	if _, err := readMemory(key, data); err != nil {
		a.add(where, err)
	}
}

func (a *auditor) note(key, data []byte) {
	a.Notes++
	if _, err := readNote(key, data); err != nil {
		a.add(whereIs(notesBucket, key), err)
	}
}
