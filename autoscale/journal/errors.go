package journal

import "errors"

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
	// ErrReadOnly: the journal was opened for reading.
	ErrReadOnly = errors.New("journal is open for reading only")
)
