package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Note is a record of somebody else's, such as a queue's of the hosts that it
// registered: any JSON, kept beside the operations and as durably. What it says of
// times does not move with Move.
type Note struct {
	journal *Journal
	name    string
}

// noteRecord is a note as it is stored.
type noteRecord struct {
	V    int             `json:"v"`
	Note json.RawMessage `json:"note"`
}

// Note is the cluster's note of that name.
func (j *Journal) Note(name string) Note { return Note{j, name} }

// Load returns what Save wrote last; nil: nothing was ever written.
func (n Note) Load(ctx context.Context) (data []byte, err error) {
	key := n.journal.key(n.name)
	err = n.journal.view(ctx, func(tx *bolt.Tx) error {
		bucket := tx.Bucket(notesBucket)
		if bucket == nil { // an older daemon made the file
			return nil
		}
		stored := bucket.Get(key)
		if stored == nil {
			return nil
		}
		data, err = readNote(key, stored)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read note %s: %w", n.name, err)
	}
	return data, nil
}

// Save writes JSON durably before it returns. Anything else is an error.
func (n Note) Save(ctx context.Context, data []byte) error {
	record, err := json.Marshal(noteRecord{V: recordVersion, Note: data})
	if err != nil {
		return fmt.Errorf("save note %s: %w", n.name, err)
	}
	key := n.journal.key(n.name)
	err = n.journal.update(ctx, func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(notesBucket)
		if err != nil {
			return err
		}
		return bucket.Put(key, seal(key, record))
	})
	if err != nil {
		return fmt.Errorf("save note %s: %w", n.name, err)
	}
	return nil
}

// readNote is the note that is stored under a key.
func readNote(key, stored []byte) ([]byte, error) {
	data, err := unseal(key, stored)
	if err != nil {
		return nil, fmt.Errorf("note: %w", err)
	}
	var r noteRecord
	if err := decodeVersioned(data, &r); err != nil {
		return nil, fmt.Errorf("note: %w", err)
	}
	if len(r.Note) == 0 {
		return nil, fmt.Errorf("note: %w: it is empty", ErrCorrupt)
	}
	return bytes.Clone(r.Note), nil
}

// eachNote goes through the notes of all clusters, if there are any.
func eachNote(tx *bolt.Tx, do func(key, stored []byte) error) error {
	bucket := tx.Bucket(notesBucket)
	if bucket == nil {
		return nil
	}
	return bucket.ForEach(do)
}
