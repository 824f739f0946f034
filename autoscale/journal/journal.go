package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
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
	// Unchecked, with ReadOnly, opens without reading every record, for Check to
	// tell all that is wrong with them.
	Unchecked bool
	// Volatile leaves out waiting for the disk: for throw-away worlds only,
	// since a power cut may damage the file.
	Volatile bool
}

// Journal is an open journal, seen as one cluster's. It is safe for concurrent use.
type Journal struct {
	db        *bolt.DB
	file      *os.File // that of db, whose lock is ours
	dir       string
	cluster   string
	retention time.Duration
	readOnly  bool
	opened    Opening
	// failed: the last write did not reach the disk.
	failed atomic.Bool
	// broken is a write in which bbolt met damage. It holds its own locks since, so
	// nothing may be asked of it any more.
	broken atomic.Pointer[faultError]
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
		if err := makeFile(dir, opts); err != nil {
			return nil, err
		}
	}
	db, file, err := openFile(dir, opts)
	if err != nil {
		return nil, err
	}
	j := &Journal{db: db, file: file, dir: dir, cluster: opts.Cluster, retention: opts.Retention, readOnly: opts.ReadOnly}
	if j.retention <= 0 {
		j.retention = DefaultRetention
	}
	if err := j.prepare(opts); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// Opening is what Open did to a file beside opening it.
type Opening struct {
	// Pruned is how many finished operations were past their retention.
	Pruned int
	// From and To are the file's sizes in bytes before and after it was
	// compacted. Zero: it was not.
	From, To int64
	// Skipped is why pruning or compacting could not be done, such as ErrFull; the
	// journal is used as it is.
	Skipped error
}

// Opened tells what Open did.
func (j *Journal) Opened() Opening { return j.opened }

// prepare writes the process id, and reads every record once, so that damage is told
// now and not in the middle of a tick.
func (j *Journal) prepare(opts Options) error {
	if j.readOnly {
		return j.inspect(opts.Unchecked)
	}
	// The process id serves messages only: a full disk is no reason not to start.
	if err := writePID(j.dir); err != nil && !full(err) {
		return fmt.Errorf("write to state directory %s: %w", j.dir, err)
	}
	sweep(j.dir)
	if err := j.inspect(false); err != nil {
		return err
	}
	return j.tidy(opts)
}

// inspect reads what is there, as far as that is wanted.
func (j *Journal) inspect(unchecked bool) error {
	if unchecked {
		return nil
	}
	if err := guardFaults(func() error { return j.db.View(checkFile) }); err != nil {
		return fmt.Errorf("state directory %s: %w", j.dir, err)
	}
	return nil
}

// tidy prunes and compacts. Where the disk is full neither can be done, nor has to.
func (j *Journal) tidy(opts Options) (err error) {
	if !opts.At.IsZero() {
		j.opened.Pruned, err = j.Prune(context.Background(), opts.At)
	}
	if errors.Is(err, ErrFull) {
		j.opened.Skipped = err
		return nil
	}
	if err != nil {
		return err
	}
	return j.compact(opts)
}

// Close lets go of the state directory.
func (j *Journal) Close() error {
	// Where the file's lock is still ours this can't be a successor's file.
	if !j.readOnly && j.held() == nil {
		removePID(j.dir)
	}
	if j.broken.Load() != nil { // bbolt would wait for itself
		letGo(j.file)
		return nil
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

// update runs one durable write, or fails without a change: with ErrFull where
// there is no room for it, with ErrCorrupt where bbolt finds the file damaged, with
// ErrLost where the file is not the state directory's any more.
func (j *Journal) update(ctx context.Context, write func(*bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if j.readOnly {
		return ErrReadOnly
	}
	if broken := j.broken.Load(); broken != nil {
		return broken
	}
	if err := j.held(); err != nil {
		return err
	}
	err := guardFaults(func() error { return j.db.Update(write) })
	var fault *faultError
	if errors.As(err, &fault) {
		j.broken.Store(fault)
	}
	j.failed.Store(err != nil)
	return asFull(err)
}

func (j *Journal) view(ctx context.Context, read func(*bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if broken := j.broken.Load(); broken != nil {
		return broken
	}
	if err := j.held(); err != nil {
		return err
	}
	return guardFaults(func() error { return j.db.View(read) })
}
