package gridengine

import (
	"errors"
	"fmt"
	"strings"

	"autoscaled/autoscale"
)

// ErrConfig: the options can't be used.
var ErrConfig = errors.New("bad configuration")

// CommandError is a program of Grid Engine's that failed.
type CommandError struct {
	// Program and its arguments, as they were run.
	Command string
	// Said is what it printed, on one line, shortened.
	Said string
	// Cause is its exit status, or why it could not be run.
	Cause error
	// Meaning is one of package autoscale's errors.
	Meaning error
}

// Error tells what was run and what it said.
func (e *CommandError) Error() string {
	if e.Said == "" {
		return fmt.Sprintf("run %s: %s", e.Command, e.Cause)
	}
	return fmt.Sprintf("run %s: %s; it said: %s", e.Command, e.Cause, e.Said)
}

// Unwrap gives the meaning and the cause.
func (e *CommandError) Unwrap() []error { return []error{e.Meaning, e.Cause} }

// meaningOf tells what the words of a program that failed mean (their texts are those of
// Grid Engine 8.1.9).
func meaningOf(said string) error {
	for _, words := range []struct {
		text    string
		meaning error
	}{
		{"must be manager", autoscale.ErrUnauthorized},
		{"have no permission", autoscale.ErrUnauthorized},
		{"no admin host", autoscale.ErrUnauthorized},
		{"neither submit nor admin host", autoscale.ErrUnauthorized},
		{"does not exist", autoscale.ErrNotFound},
		{"is not known", autoscale.ErrNotFound},
		{"invalid queue", autoscale.ErrNotFound},
		{"denied", autoscale.ErrRejected},
		{"still referenced", autoscale.ErrRejected},
		{"resolve host", autoscale.ErrRejected},
	} {
		if strings.Contains(said, words.text) {
			return words.meaning
		}
	}
	return autoscale.ErrUnavailable
}
