package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

const (
	// compactName is the copy that is to take the journal's place. One that is there
	// when a journal is opened was left by a daemon that was killed.
	compactName = fileName + ".compact"
	// compactFrom is the size in bytes from which a file is worth compacting; at
	// least half of it must be free.
	compactFrom = 1 << 20
	// compactBatch is how many bytes are copied in one transaction.
	compactBatch = 4 << 20
)

// compact gives free pages back to the file system where they are half of the file
// or more: bbolt reuses them, but never makes its file smaller. It writes a copy
// beside the journal, waits until that is on disk, and moves it to the journal's
// place in one step, so that at any moment there is one whole journal. The copy is
// locked before it is moved and stays open, so nobody else gets hold of it.
//
// Until the copy is moved the journal is as it was, so what goes wrong before is no
// reason not to use it, and is told by Opened.
func (j *Journal) compact(opts Options) error {
	fresh, file, err := j.copyBeside(opts)
	if err != nil {
		j.opened.Skipped = fmt.Errorf("compact journal in %s: %w", j.dir, asFull(err))
	}
	if fresh == nil {
		return nil
	}
	return j.moveTo(fresh, file, opts)
}

// copyBeside makes the copy and gives it the journal's name. nil: there is none.
func (j *Journal) copyBeside(opts Options) (*bolt.DB, *os.File, error) {
	beside := filepath.Join(j.dir, compactName)
	if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("remove what an interrupted one left: %w", err)
	}
	size, free, err := j.space()
	if err != nil || size < compactFrom || free < size/2 {
		return nil, nil, err
	}
	fresh, file, err := openBolt(beside, opts, nil)
	if err == nil {
		if err = copyAll(fresh, j.db); err == nil {
			err = os.Rename(beside, filepath.Join(j.dir, fileName))
		}
		if err == nil {
			return fresh, file, nil
		}
		err = errors.Join(err, fresh.Close())
	}
	_ = os.Remove(beside) // if this can't, the next start does
	return nil, nil, err
}

// moveTo goes on with the copy, which has the journal's name by now.
func (j *Journal) moveTo(fresh *bolt.DB, file *os.File, opts Options) error {
	old := j.db
	j.db, j.file = fresh, file
	j.db.NoSync = opts.Volatile
	j.opened.From, j.opened.To = sizeOf(old), sizeOf(fresh)
	err := old.Close()
	if !opts.Volatile {
		// Until the move itself is on disk a power cut may bring back the old file,
		// without what is written to the new one.
		err = errors.Join(err, syncFolder(j.dir))
	}
	if err != nil {
		return fmt.Errorf("go on with the compacted journal in %s: %w", j.dir, err)
	}
	return nil
}

// space is the file's size without what was never used of it, and how much of it is
// free, both in bytes.
func (j *Journal) space() (size, free int64, err error) {
	tx, err := j.db.Begin(true) // the statistics are those of the last writer
	if err != nil {
		return 0, 0, fmt.Errorf("look for free pages: %w", err)
	}
	size = tx.Size()
	if err := tx.Rollback(); err != nil {
		return 0, 0, fmt.Errorf("look for free pages: %w", err)
	}
	return size, int64(j.db.Stats().FreeAlloc), nil
}

// copyAll copies all records and makes sure that they are whole and on disk.
func copyAll(fresh, old *bolt.DB) error {
	fresh.NoSync = true
	return guardFaults(func() error {
		if err := bolt.Compact(fresh, old, compactBatch); err != nil {
			return err
		}
		if err := fresh.Sync(); err != nil {
			return err
		}
		return fresh.View(checkFile)
	})
}

// sizeOf is what the records take of a file, free pages included, in bytes.
func sizeOf(db *bolt.DB) (size int64) {
	_ = db.View(func(tx *bolt.Tx) error { size = tx.Size(); return nil }) // 0 where it can't be told
	return size
}

// syncFolder makes what was renamed in a folder durable.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
