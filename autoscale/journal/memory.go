package journal

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"autoscaled/autoscale"
)

// Memory returns what Save wrote last, or the zero Memory.
func (j *Journal) Memory(ctx context.Context) (autoscale.Memory, error) {
	var m autoscale.Memory
	err := j.view(ctx, func(tx *bolt.Tx) (err error) {
		if stored := tx.Bucket(memoryBucket).Get(j.key("")); stored != nil {
			m, err = readMemory(j.key(""), stored)
		}
		return err
	})
	if err != nil {
		return autoscale.Memory{}, fmt.Errorf("read memory: %w", err)
	}
	return m, nil
}

// Save writes the memory durably before it returns. What is on record already is
// not written again, unless the last write failed: then it tells whether the disk
// can be written again.
func (j *Journal) Save(ctx context.Context, m autoscale.Memory) error {
	data, err := encodeMemory(m)
	if err != nil {
		return err
	}
	data = seal(j.key(""), data)
	same := false
	err = j.view(ctx, func(tx *bolt.Tx) error {
		same = bytes.Equal(data, tx.Bucket(memoryBucket).Get(j.key("")))
		return nil
	})
	if err == nil && (!same || j.failed.Load()) {
		err = j.update(ctx, func(tx *bolt.Tx) error { return tx.Bucket(memoryBucket).Put(j.key(""), data) })
	}
	if err != nil {
		return fmt.Errorf("save memory: %w", err)
	}
	return nil
}
