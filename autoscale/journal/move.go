package journal

import (
	"bytes"
	"context"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Move makes every time on record so much later, or earlier where that is negative,
// durably and all at once: the clock was set by so much.
func (j *Journal) Move(ctx context.Context, by time.Duration) error {
	err := j.update(ctx, func(tx *bolt.Tx) error {
		for _, name := range [][]byte{operationsBucket, finishedBucket} {
			if err := j.moveOperations(tx.Bucket(name), by); err != nil {
				return err
			}
		}
		return j.moveMemory(tx.Bucket(memoryBucket), by)
	})
	if err != nil {
		return fmt.Errorf("move all times by %s: %w", by, err)
	}
	return nil
}

func (j *Journal) moveOperations(bucket *bolt.Bucket, by time.Duration) error {
	type record struct{ key, data []byte }
	var all []record // a bucket must not change while it is read
	err := j.each(bucket, func(key []byte, r operationRecord) error {
		history := make([]Passage, len(r.History))
		for i, p := range r.History {
			history[i] = p
			if !p.At.IsZero() {
				history[i].At = p.At.Add(by)
			}
		}
		data, err := encodeOperation(r.operation().Moved(by), r.Seq, history)
		all = append(all, record{bytes.Clone(key), seal(key, data)})
		return err
	})
	for i := 0; err == nil && i < len(all); i++ {
		err = bucket.Put(all[i].key, all[i].data)
	}
	return err
}

func (j *Journal) moveMemory(bucket *bolt.Bucket, by time.Duration) error {
	key := j.key("")
	stored := bucket.Get(key)
	if stored == nil {
		return nil
	}
	m, err := readMemory(key, stored)
	if err != nil {
		return err
	}
	data, err := encodeMemory(m.Moved(by))
	if err != nil {
		return err
	}
	return bucket.Put(key, seal(key, data))
}
