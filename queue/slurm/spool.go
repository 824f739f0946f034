package slurm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Bounds of a spool, our own choice: what is in it are hints, and no loss.
const (
	maxSpooled     = 1000     // hooks
	maxSpoolBytes  = 64 << 20 // of all of them
	maxHookBytes   = 1 << 20  // of one
	maxHookAge     = 24 * time.Hour
	maxDamaged     = 10          // files that are kept to be looked at
	maxHookWriting = time.Minute // a file half written is older only if its writer died
)

const (
	hookFile    = ".json"    // of a whole hook
	hookWriting = ".writing" // of one that is not whole yet
	hookDamaged = ".damaged" // of one that made no sense
)

// spoolMode lets a group in beside the owner, and makes what is written the group's, so
// that Slurm's user can write what the daemon's reads.
const (
	spoolMode = 0o770 | os.ModeSetgid
	hookMode  = 0o640
)

var (
	// ErrSpoolFull: there are as many hooks as a spool takes.
	ErrSpoolFull = errors.New("the spool of hooks is full")
	// ErrHookDamaged: a file of the spool is no hook. It was renamed, and is not read again.
	ErrHookDamaged = errors.New("the file is no hook")
)

// Spool is a folder in which Slurm's programs leave their hooks for the daemon. Any number
// of processes may write at once; one reads.
type Spool struct {
	dir string
}

// NewSpool is the spool in a state directory. Nothing is made yet.
func NewSpool(stateDir string) Spool { return Spool{filepath.Join(stateDir, "hooks")} }

// Make makes the folder, or gives it the mode that it must have. Only the daemon does,
// for the folder must be its own.
func (s Spool) Make() error {
	if err := os.Mkdir(s.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the spool of hooks: %w", err)
	}
	if err := os.Chmod(s.dir, spoolMode); err != nil {
		return fmt.Errorf("make the spool of hooks: %w", err)
	}
	return nil
}

// Write leaves a hook, whole or not at all. The jobs of one that is too long are left
// out: its nodes are what counts. It does not wait for the disk: a power cut loses hints
// and nothing else.
func (s Spool) Write(h Hook) error {
	text, err := encodeHook(h)
	if err == nil {
		err = s.room(len(text))
	}
	if err == nil {
		err = s.leave(h.At, text)
	}
	if err != nil {
		return fmt.Errorf("leave hook %s of %s: %w", h.Kind, short(h.Nodes), err)
	}
	return nil
}

func encodeHook(h Hook) ([]byte, error) {
	text, err := json.Marshal(h)
	if err == nil && len(text) > maxHookBytes {
		h.Jobs = nil
		text, err = json.Marshal(h)
	}
	if err == nil && len(text) > maxHookBytes {
		err = fmt.Errorf("it is longer than %d bytes", maxHookBytes)
	}
	return text, err
}

// room tells whether the spool takes so many bytes more.
func (s Spool) room(more int) error {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w (the daemon makes it when it starts)", err)
	}
	if err != nil {
		return err
	}
	hooks, total := 0, int64(more)
	for _, e := range entries {
		if filepath.Ext(e.Name()) != hookFile {
			continue
		}
		hooks++
		if info, err := e.Info(); err == nil { // else it was just read and removed
			total += info.Size()
		}
	}
	if hooks >= maxSpooled || total > maxSpoolBytes {
		return fmt.Errorf("%w: %s has %d hooks that no daemon has read", ErrSpoolFull, s.dir, hooks)
	}
	return nil
}

// leave writes a file under a name by which hooks sort as they came.
func (s Spool) leave(at time.Time, text []byte) error {
	f, err := os.CreateTemp(s.dir, fmt.Sprintf("%020d-*%s", at.UnixNano(), hookWriting))
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(hookMode) // whatever the umask is
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), strings.TrimSuffix(f.Name(), hookWriting)+hookFile)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error tells
	}
	return err
}

// List returns the hooks that are there, in the order in which they came, and removes
// those that are older than a day: Slurm gave these up long ago. The error tells of each
// file that could not be used, and does not keep the others from being returned.
func (s Spool) List(at time.Time) ([]Hook, error) {
	entries, err := os.ReadDir(s.dir) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("read the spool of hooks: %w", err)
	}
	var (
		list    []Hook
		damaged []string
		wrong   []error
	)
	for _, e := range entries {
		path := filepath.Join(s.dir, e.Name())
		switch filepath.Ext(e.Name()) {
		case hookWriting:
			if info, err := e.Info(); err == nil && at.Sub(info.ModTime()) > maxHookWriting {
				wrong = append(wrong, removeFile(path))
			}
		case hookDamaged:
			damaged = append(damaged, path)
		case hookFile:
			switch h, err := readHook(path); {
			case errors.Is(err, ErrHookDamaged):
				wrong = append(wrong, err, os.Rename(path, path+hookDamaged))
				damaged = append(damaged, path+hookDamaged)
			case err != nil:
				wrong = append(wrong, err)
			case at.Sub(h.At) > maxHookAge:
				wrong = append(wrong, removeFile(path))
			default:
				h.file = path
				list = append(list, h)
			}
		}
	}
	slices.Sort(damaged)
	for len(damaged) > maxDamaged {
		wrong = append(wrong, removeFile(damaged[0]))
		damaged = damaged[1:]
	}
	return list, errors.Join(wrong...)
}

// Remove removes hooks that List returned. Those that are gone are success.
func (s Spool) Remove(list []Hook) error {
	var wrong []error
	for _, h := range list {
		if h.file != "" {
			wrong = append(wrong, removeFile(h.file))
		}
	}
	return errors.Join(wrong...)
}

// SpoolReader is a spool as a daemon reads it. What is wrong with it is told and is no
// error: hooks are hints, and what they would have said is seen in Slurm.
type SpoolReader struct {
	Spool
	Now func() time.Time
	// Wrong is told of the folder or of a file that could not be used.
	Wrong func(error)
}

// List returns the hooks that are there, in order. A folder that somebody removed is made
// again. The error is always nil.
func (r SpoolReader) List() ([]Hook, error) {
	list, err := r.Spool.List(r.Now())
	if errors.Is(err, fs.ErrNotExist) {
		err = r.Make()
	}
	if err != nil {
		r.Wrong(err)
	}
	return list, nil
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove from the spool of hooks: %w", err)
	}
	return nil
}

// readHook reads a file that others wrote, and that may be anything: a link and a pipe
// are no hooks.
func readHook(path string) (Hook, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return Hook{}, fmt.Errorf("read hook %s: %w: it is a link", path, ErrHookDamaged)
	}
	if err != nil {
		return Hook{}, fmt.Errorf("read hook: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Hook{}, fmt.Errorf("read hook: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Hook{}, fmt.Errorf("read hook %s: %w: it is no regular file", path, ErrHookDamaged)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxHookBytes+1))
	if err != nil {
		return Hook{}, fmt.Errorf("read hook: %w", err)
	}
	h, err := DecodeHook(text)
	if err != nil {
		return Hook{}, fmt.Errorf("read hook %s: %w", path, err)
	}
	return h, nil
}

// DecodeHook reads a hook as Spool.Write left it. What is none is ErrHookDamaged, with
// what was read.
func DecodeHook(text []byte) (Hook, error) {
	if len(text) > maxHookBytes {
		return Hook{}, fmt.Errorf("%w: it is longer than %d bytes", ErrHookDamaged, maxHookBytes)
	}
	var h Hook
	if err := json.Unmarshal(text, &h); err != nil {
		return Hook{}, fmt.Errorf("%w: %w: %s", ErrHookDamaged, err, short(string(text)))
	}
	if err := h.check(); err != nil {
		return Hook{}, fmt.Errorf("%w: %w: %s", ErrHookDamaged, err, short(string(text)))
	}
	return h, nil
}

// check tells what about a hook makes no sense.
func (h Hook) check() error {
	switch h.Kind {
	case HookResume, HookSuspend, HookResumeFail:
	default:
		return fmt.Errorf("kind %s is unknown", short(string(h.Kind)))
	}
	if h.At.IsZero() {
		return errors.New("it has no time")
	}
	if h.Nodes == "" {
		return errors.New("it names no nodes")
	}
	if _, err := Expand(h.Nodes); err != nil {
		return err
	}
	for _, j := range h.Jobs {
		if _, err := Expand(j.Nodes); err != nil {
			return fmt.Errorf("job %d: %w", j.ID, err)
		}
	}
	return nil
}
