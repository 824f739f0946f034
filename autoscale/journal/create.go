package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	bolt "go.etcd.io/bbolt"
)

// newName is how the names of journals begin that are being made. One that is there
// beside a journal was left by a daemon that was killed.
const newName = fileName + ".new-"

// makeFile makes an empty journal where there is none. It gets its name only when it is
// whole, so a journal that is empty or cut off was damaged, and never begun anew. Who
// makes one at the same time is not overwritten.
func makeFile(dir string, opts Options) error {
	path := filepath.Join(dir, fileName)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fresh := filepath.Join(dir, newName+strconv.FormatUint(rand.Uint64(), 36))
	defer os.Remove(fresh) // it has its other name by then, or is no good
	db, _, err := openBolt(fresh, opts, nil)
	if err != nil {
		return openError(dir, opts, err)
	}
	err = guardFaults(func() error { return db.Update(createSchema) })
	if err = errors.Join(err, db.Close()); err == nil {
		err = giveName(fresh, path)
	}
	if err == nil && !opts.Volatile {
		err = syncFolder(dir)
	}
	if err != nil {
		return fmt.Errorf("make journal in state directory %s: %w", dir, asFull(err))
	}
	return nil
}

// giveName names a file unless the name is taken. Where the file system knows no
// second names it is moved.
func giveName(file, name string) error {
	err := os.Link(file, name)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EPERM):
		return os.Rename(file, name)
	case errors.Is(err, fs.ErrNotExist): // swept away by who was faster
		_, err = os.Lstat(name)
	}
	return err
}

// sweep removes what killed daemons left of journals that they were making.
func sweep(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, newName+"*"))
	for _, file := range left {
		_ = os.Remove(file) // only space is lost
	}
}

// createSchema fills a new file.
func createSchema(tx *bolt.Tx) error {
	for _, name := range [][]byte{metaBucket, operationsBucket, finishedBucket, memoryBucket} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return tx.Bucket(metaBucket).Put(schemaKey, fmt.Appendf(nil, `{"v":%d}`, schemaVersion))
}
