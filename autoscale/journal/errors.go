package journal

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Errors by meaning; each comes wrapped with the directory or request it is about.
var (
	// ErrHeld: another daemon holds the state directory.
	ErrHeld = errors.New("already in use")
	// ErrNone: the state directory holds no journal, so there is nothing to read.
	ErrNone = errors.New("no journal")
	// ErrCorrupt: the file is damaged, or is no journal.
	ErrCorrupt = errors.New("journal is damaged")
	// ErrNewer: the journal was written by a newer version of this program.
	ErrNewer = errors.New("journal was written by a newer version")
	// ErrTransition: an operation can't go from the phase on record to the
	// one that was to be written.
	ErrTransition = errors.New("impossible change of phase")
	// ErrFull: the disk has no room for a write, or a quota or a limit of the
	// process allows no more. Nothing was changed, and a later write may succeed.
	ErrFull = errors.New("the disk of the state directory is full")
	// ErrLost: the file that is open was removed from the state directory, or another
	// took its place. Who wrote it must end: another daemon may hold the directory.
	ErrLost = errors.New("journal is lost")
	// ErrReadOnly: the journal was opened for reading.
	ErrReadOnly = errors.New("journal is open for reading only")
)

// full tells whether a write failed for want of room. bbolt keeps only the words of
// an error in making its file larger.
func full(err error) bool {
	for _, code := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if err != nil && (errors.Is(err, code) || strings.HasSuffix(err.Error(), code.Error())) {
			return true
		}
	}
	return false
}

// asFull is err, as ErrFull where it is that.
func asFull(err error) error {
	if !full(err) || errors.Is(err, ErrFull) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrFull, err)
}
