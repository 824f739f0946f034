package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Defaults of Options.
const (
	DefaultRetention   = 30 * 24 * time.Hour
	DefaultLockTimeout = time.Second
)

const (
	fileName      = "journal.db"
	schemaVersion = 1
)

// Options of Open. Only Cluster must be given.
type Options struct {
	// Cluster is whose records are read and written; keys begin with it. It
	// must not be empty nor contain a NUL.
	Cluster string
	// At is now: finished operations that ended longer than Retention before
	// it are removed on opening. Zero: none are.
	At time.Time
	// Retention is how long finished operations are kept. 0: DefaultRetention.
	Retention time.Duration
	// LockTimeout is how long Open waits for another process to let go of the
	// file. 0: DefaultLockTimeout.
	LockTimeout time.Duration
	// ReadOnly is for commands that inspect a state directory while no daemon
	// holds it. Several readers may have it open at once.
	ReadOnly bool
	// Volatile leaves out waiting for the disk: for throw-away worlds only,
	// since a power cut may damage the file.
	Volatile bool
}

// Journal is an open journal, seen as one cluster's. It is safe for concurrent use.
type Journal struct {
	db        *bolt.DB
	dir       string
	cluster   string
	retention time.Duration
	readOnly  bool
	// pruned is up to when old operations have been looked for. Only write
	// transactions, of which there is one at a time, touch it.
	pruned time.Time
}

// Open opens the journal in dir, and makes both if need be. Its errors wrap
// ErrHeld, ErrNone, ErrCorrupt or ErrNewer, or are the file system's; each
// names the directory.
func Open(dir string, opts Options) (*Journal, error) {
	if opts.Cluster == "" || strings.ContainsRune(opts.Cluster, 0) {
		return nil, fmt.Errorf("open state directory %s: cluster name %q can't be part of a key", dir, opts.Cluster)
	}
	if !opts.ReadOnly {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, fmt.Errorf("make state directory %s: %w", dir, err)
		}
	}
	db, err := openFile(dir, opts)
	if err != nil {
		return nil, err
	}
	j := &Journal{db: db, dir: dir, cluster: opts.Cluster, retention: opts.Retention, readOnly: opts.ReadOnly}
	if j.retention <= 0 {
		j.retention = DefaultRetention
	}
	if err := j.prepare(opts.At); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// prepare writes the process id and the schema, and reads every record once, so
// that damage is told now and not in the middle of a tick.
func (j *Journal) prepare(at time.Time) error {
	if !j.readOnly {
		if err := writePID(j.dir); err != nil {
			return fmt.Errorf("write to state directory %s: %w", j.dir, err)
		}
	}
	err := guardFaults(func() error {
		if !j.readOnly {
			if err := j.db.Update(createSchema); err != nil {
				return err
			}
		}
		return j.db.View(checkFile)
	})
	if err != nil {
		return fmt.Errorf("state directory %s: %w", j.dir, err)
	}
	if j.readOnly || at.IsZero() {
		return nil
	}
	_, err = j.Prune(context.Background(), at)
	return err
}

// Close lets go of the state directory.
func (j *Journal) Close() error {
	// The file's lock is still ours here, so this can't be a successor's file.
	if !j.readOnly {
		removePID(j.dir)
	}
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("close journal in %s: %w", j.dir, err)
	}
	return nil
}

// key is the cluster's name and a NUL before the id. With an empty id it is the
// prefix of all keys of the cluster.
func (j *Journal) key(id string) []byte {
	return []byte(j.cluster + "\x00" + id)
}

// update runs one durable write, or fails without a change.
func (j *Journal) update(ctx context.Context, write func(*bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if j.readOnly {
		return ErrReadOnly
	}
	return j.db.Update(write)
}

func (j *Journal) view(ctx context.Context, read func(*bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return j.db.View(read)
}

// openFile opens the bbolt file and takes its lock.
func openFile(dir string, opts Options) (*bolt.DB, error) {
	timeout := opts.LockTimeout
	if timeout <= 0 {
		timeout = DefaultLockTimeout
	}
	var file *os.File
	var db *bolt.DB
	err := guardFaults(func() (err error) {
		db, err = bolt.Open(filepath.Join(dir, fileName), 0o640, &bolt.Options{
			Timeout:  timeout,
			ReadOnly: opts.ReadOnly,
			NoSync:   opts.Volatile,
			OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
				file, err = os.OpenFile(name, flag, mode)
				return file, err
			},
		})
		return err
	})
	if err == nil {
		return db, nil
	}
	// After a panic inside bbolt nobody else lets go of the file, and its memory
	// map would keep the lock even when it is closed.
	if errors.Is(err, ErrCorrupt) && file != nil {
		_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
		_ = file.Close()
	}
	return nil, openError(dir, opts, err)
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
	case errors.As(err, &system), errors.As(err, &errno):
		return fmt.Errorf("open journal in state directory %s: %w", dir, err)
	}
	// Whatever else bbolt says is about the file's contents.
	return fmt.Errorf("state directory %s: %w: %s: %w", dir, ErrCorrupt, fileName, err)
}
