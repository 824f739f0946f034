package journal

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"autoscaled/autoscale"
)

// pruneEvery is how often, in the time of the operations written, finished ones
// are looked through for those past their retention.
const pruneEvery = time.Hour

// Operations returns those that are not final, in the order in which they were
// first written.
func (j *Journal) Operations(ctx context.Context) ([]autoscale.Operation, error) {
	return j.list(ctx, operationsBucket)
}

// All returns every operation on record, finished ones included, in the order
// in which they were first written.
func (j *Journal) All(ctx context.Context) ([]autoscale.Operation, error) {
	return j.list(ctx, operationsBucket, finishedBucket)
}

// Get returns one operation and whether it is on record.
func (j *Journal) Get(ctx context.Context, id autoscale.RequestID) (autoscale.Operation, bool, error) {
	var op autoscale.Operation
	var found bool
	err := j.view(ctx, func(tx *bolt.Tx) error {
		r, known, err := j.find(tx, id)
		op, found = r.operation(), known
		return err
	})
	if err != nil {
		return autoscale.Operation{}, false, fmt.Errorf("read operation %s: %w", id, err)
	}
	return op, found, nil
}

// Put writes operations durably before it returns, all or none. It returns
// ErrTransition if one can't follow what is on record of it.
func (j *Journal) Put(ctx context.Context, ops ...autoscale.Operation) error {
	if len(ops) == 0 {
		return nil
	}
	err := j.update(ctx, func(tx *bolt.Tx) error {
		var latest time.Time
		for i := range ops {
			if err := j.put(tx, ops[i]); err != nil {
				return err
			}
			if ops[i].Ended.After(latest) {
				latest = ops[i].Ended
			}
		}
		if latest.IsZero() || latest.Sub(j.pruned) < pruneEvery {
			return nil
		}
		_, err := j.prune(tx, latest)
		return err
	})
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// Prune removes finished operations that ended longer than the retention time
// before at, and tells how many. Where there is none nothing is written.
func (j *Journal) Prune(ctx context.Context, at time.Time) (removed int, err error) {
	var old [][]byte
	err = j.view(ctx, func(tx *bolt.Tx) (err error) {
		old, err = j.outdated(tx, at)
		return err
	})
	if err == nil && len(old) > 0 {
		err = j.update(ctx, func(tx *bolt.Tx) (err error) {
			removed, err = j.prune(tx, at)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("prune journal: %w", err)
	}
	return removed, nil
}

// put writes one operation into the bucket of its phase.
func (j *Journal) put(tx *bolt.Tx, op autoscale.Operation) error {
	if op.Request == "" {
		return fmt.Errorf("write operation of pool %s: no request id", op.Pool)
	}
	if err := checkKind(op.Kind); err != nil {
		return fmt.Errorf("write operation %s: %w", op.Request, err)
	}
	before, known, err := j.find(tx, op.Request)
	if err != nil {
		return err
	}
	if err := checkChange(op.Request, before.Phase, op.Phase); err != nil {
		return err
	}
	if op.Attempts < before.Attempts {
		return fmt.Errorf("write operation %s: %w: %d calls left already, not %d", op.Request, ErrTransition, before.Attempts, op.Attempts)
	}
	if known && before.Kind != op.Kind {
		return fmt.Errorf("write operation %s: a %s can't become a %s", op.Request, before.Kind, op.Kind)
	}
	open := tx.Bucket(operationsBucket)
	seq := before.Seq
	if !known {
		if seq, err = open.NextSequence(); err != nil {
			return err
		}
	}
	data, err := encodeOperation(op, seq, before.passed(op))
	if err != nil {
		return err
	}
	key := j.key(string(op.Request))
	data = seal(key, data)
	if !op.Phase.Final() {
		return open.Put(key, data)
	}
	if err := open.Delete(key); err != nil {
		return err
	}
	return tx.Bucket(finishedBucket).Put(key, data)
}

// find returns what is on record of a request; nothing is the zero record.
func (j *Journal) find(tx *bolt.Tx, id autoscale.RequestID) (operationRecord, bool, error) {
	key := j.key(string(id))
	for _, name := range [][]byte{operationsBucket, finishedBucket} {
		if data := tx.Bucket(name).Get(key); data != nil {
			r, err := readOperation(key, data)
			return r, err == nil, err
		}
	}
	return operationRecord{}, false, nil
}

// list returns the cluster's operations of the buckets in order of their Seq.
func (j *Journal) list(ctx context.Context, buckets ...[]byte) ([]autoscale.Operation, error) {
	var records []operationRecord
	err := j.view(ctx, func(tx *bolt.Tx) error {
		for _, name := range buckets {
			err := j.each(tx.Bucket(name), func(_ []byte, r operationRecord) error {
				records = append(records, r)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read operations: %w", err)
	}
	slices.SortFunc(records, func(a, b operationRecord) int { return cmp.Compare(a.Seq, b.Seq) })
	ops := make([]autoscale.Operation, len(records))
	for i := range records {
		ops[i] = records[i].operation()
	}
	return ops, nil
}

// prune removes finished operations that are past their retention.
func (j *Journal) prune(tx *bolt.Tx, at time.Time) (int, error) {
	old, err := j.outdated(tx, at)
	if err != nil {
		return 0, err
	}
	finished := tx.Bucket(finishedBucket)
	for _, key := range old {
		if err := finished.Delete(key); err != nil {
			return 0, err
		}
	}
	j.pruned = at
	return len(old), nil
}

// outdated are the keys of finished operations that are past their retention: what
// is iterated over must not be written.
func (j *Journal) outdated(tx *bolt.Tx, at time.Time) (keys [][]byte, err error) {
	before := at.Add(-j.retention)
	err = j.each(tx.Bucket(finishedBucket), func(key []byte, r operationRecord) error {
		if r.Ended.Before(before) {
			keys = append(keys, bytes.Clone(key))
		}
		return nil
	})
	return keys, err
}

// each visits the cluster's operations of one bucket in order of their keys.
func (j *Journal) each(bucket *bolt.Bucket, visit func(key []byte, r operationRecord) error) error {
	prefix := j.key("")
	cursor := bucket.Cursor()
	for key, data := cursor.Seek(prefix); bytes.HasPrefix(key, prefix); key, data = cursor.Next() {
		r, err := readOperation(key, data)
		if err != nil {
			return err
		}
		if err := visit(key, r); err != nil {
			return err
		}
	}
	return nil
}
