package journal

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
)

var (
	metaBucket       = []byte("meta")
	operationsBucket = []byte("operations")
	finishedBucket   = []byte("finished")
	memoryBucket     = []byte("memory")

	schemaKey = []byte("schema")
)

type schemaRecord struct {
	V int `json:"v"`
}

// createSchema makes what a new file lacks. An older or newer one is left as it is.
func createSchema(tx *bolt.Tx) error {
	if tx.Bucket(metaBucket) != nil {
		return checkSchema(tx)
	}
	for _, name := range [][]byte{metaBucket, operationsBucket, finishedBucket, memoryBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return fmt.Errorf("make journal: %w", err)
		}
	}
	data, err := json.Marshal(schemaRecord{V: schemaVersion})
	if err != nil {
		return fmt.Errorf("make journal: %w", err)
	}
	return tx.Bucket(metaBucket).Put(schemaKey, data)
}

// hasSchema tells whether there is anything to check, so that a journal which
// exists can be opened without a write.
func hasSchema(db *bolt.DB) (has bool) {
	_ = db.View(func(tx *bolt.Tx) error { // a fault shows again when all is read
		has = tx.Bucket(metaBucket) != nil
		return nil
	})
	return has
}

func checkSchema(tx *bolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return fmt.Errorf("%w: no bucket %q", ErrCorrupt, metaBucket)
	}
	var schema schemaRecord
	if err := json.Unmarshal(meta.Get(schemaKey), &schema); err != nil || schema.V < 1 {
		return fmt.Errorf("%w: no schema version", ErrCorrupt)
	}
	if schema.V > schemaVersion {
		return fmt.Errorf("%w: schema %d, this one reads up to %d", ErrNewer, schema.V, schemaVersion)
	}
	for _, name := range [][]byte{operationsBucket, finishedBucket, memoryBucket} {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: no bucket %q", ErrCorrupt, name)
		}
	}
	return nil
}

// checkFile reads every record of every cluster.
func checkFile(tx *bolt.Tx) error {
	if err := checkSize(tx, tx.DB().Path()); err != nil {
		return err
	}
	if err := checkSchema(tx); err != nil {
		return err
	}
	for _, name := range [][]byte{operationsBucket, finishedBucket} {
		if err := tx.Bucket(name).ForEach(func(_, data []byte) error {
			_, err := decodeOperation(data)
			return err
		}); err != nil {
			return err
		}
	}
	return tx.Bucket(memoryBucket).ForEach(func(_, data []byte) error {
		_, err := decodeMemory(data)
		return err
	})
}

// checkSize tells whether the file was cut off: pages beyond its end would fault when
// read through the map.
func checkSize(tx *bolt.Tx, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("%w: %s is cut off at %d of %d bytes", ErrCorrupt, fileName, info.Size(), tx.Size())
	}
	return nil
}

// guardFaults turns the panics and memory faults with which bbolt answers a
// damaged file into ErrCorrupt.
func guardFaults(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %s: %v", ErrCorrupt, fileName, cause)
		}
	}()
	return read()
}
