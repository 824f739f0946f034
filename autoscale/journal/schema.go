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
	notesBucket      = []byte("notes") // made with the first note

	schemaKey = []byte("schema")
)

type schemaRecord struct {
	V int `json:"v"`
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
		if err := tx.Bucket(name).ForEach(func(key, stored []byte) error {
			_, err := readOperation(key, stored)
			return err
		}); err != nil {
			return err
		}
	}
	if err := tx.Bucket(memoryBucket).ForEach(func(key, stored []byte) error {
		_, err := readMemory(key, stored)
		return err
	}); err != nil {
		return err
	}
	return eachNote(tx, func(key, stored []byte) error {
		_, err := readNote(key, stored)
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

// faultError is what bbolt answers a damaged file with: a panic, or a memory fault.
type faultError struct{ cause any }

func (e *faultError) Error() string { return fmt.Sprintf("%v: %s: %v", ErrCorrupt, fileName, e.cause) }

func (e *faultError) Unwrap() error { return ErrCorrupt }

// guardFaults turns the panics and memory faults with which bbolt answers a
// damaged file into a faultError, which is an ErrCorrupt.
func guardFaults(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = &faultError{cause}
		}
	}()
	return read()
}
