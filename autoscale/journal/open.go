package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// openFile opens the journal's file and takes its lock. While it waited for the lock
// the file may have been replaced, by a compaction: then what it holds is no journal
// any more, and it starts again. So it does where a daemon that wrote until then had it,
// to look at the pages.
func openFile(dir string, opts Options) (*bolt.DB, *os.File, error) {
	path := filepath.Join(dir, fileName)
	for {
		checked := opts.Unchecked
		db, file, err := openBolt(path, opts, func(file *os.File) (err error) {
			checked, err = lookAt(file, checked, opts.ReadOnly)
			return err
		})
		if err != nil {
			return nil, nil, openError(dir, opts, err)
		}
		if checked && isAt(file, path) {
			return db, file, nil
		}
		if err := db.Close(); err != nil {
			return nil, nil, fmt.Errorf("close a journal that was replaced in %s: %w", dir, err)
		}
	}
}

// lookAt takes the file's lock and checks its pages, before bbolt believes what they
// say. Where somebody else has the lock, bbolt waits for it, and nothing is checked.
func lookAt(file *os.File, checked, readOnly bool) (bool, error) {
	kind := syscall.LOCK_EX
	if readOnly {
		kind = syscall.LOCK_SH
	}
	if checked || syscall.Flock(int(file.Fd()), kind|syscall.LOCK_NB) != nil {
		return checked, nil
	}
	return true, checkPages(file)
}

// openBolt opens a bbolt file and takes its lock. look sees the file before bbolt does;
// where it is nil the file is made.
func openBolt(path string, opts Options, look func(*os.File) error) (db *bolt.DB, file *os.File, err error) {
	timeout := opts.LockTimeout
	if timeout <= 0 {
		timeout = DefaultLockTimeout
	}
	err = guardFaults(func() (err error) {
		db, err = bolt.Open(path, 0o640, &bolt.Options{
			Timeout:  timeout,
			ReadOnly: opts.ReadOnly,
			NoSync:   opts.Volatile,
			OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
				if look != nil {
					flag &^= os.O_CREATE
				}
				if file, err = os.OpenFile(name, flag, mode); err == nil && look != nil {
					err = look(file)
				}
				return file, err
			},
		})
		return err
	})
	// After an error or a panic inside bbolt nobody else lets go of the file, and its
	// memory map would keep the lock even when it is closed.
	if err != nil && file != nil {
		letGo(file)
	}
	return db, file, err
}

// letGo unlocks and closes a file. Whoever else closed it already does no harm.
func letGo(file *os.File) {
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
	_ = file.Close()
}

// isAt tells whether the open file is the one of that name.
func isAt(file *os.File, path string) bool {
	is, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(is, named)
}

// openError says in our words why the file could not be opened.
func openError(dir string, opts Options, err error) error {
	var system *fs.PathError
	var errno syscall.Errno
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("state directory %s: %w by another autoscaled%s", dir, ErrHeld, holder(dir))
	case errors.Is(err, fs.ErrNotExist) && opts.ReadOnly:
		return fmt.Errorf("state directory %s: %w: %w", dir, ErrNone, err)
	case errors.Is(err, ErrCorrupt):
		return fmt.Errorf("state directory %s: %w", dir, err)
	case full(err):
		return fmt.Errorf("make journal in state directory %s: %w", dir, asFull(err))
	case errors.As(err, &system), errors.As(err, &errno):
		return fmt.Errorf("open journal in state directory %s: %w", dir, err)
	}
	// Whatever else bbolt says is about the file's contents.
	return fmt.Errorf("state directory %s: %w: %s: %w", dir, ErrCorrupt, fileName, err)
}
