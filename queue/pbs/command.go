package pbs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"time"

	"autoscaled/autoscale"
	"autoscaled/internal/command"
)

// DefaultTimeout is how long one of PBS's commands may run.
const DefaultTimeout = 30 * time.Second

// commands runs PBS's commands.
type commands struct {
	// folder is where they are. Empty: where the daemon's PATH finds them.
	folder  string
	env     []string // beside the daemon's own
	timeout time.Duration
	// exec is command.Run, or what tests have for it.
	exec func(context.Context, command.Options) ([][]byte, error)
}

// commandError is a command that failed: what it was, and what it said.
type commandError struct {
	command string
	kind    error
	cause   error
	said    string // the end of its standard error, on one line
}

func (e *commandError) Error() string { return e.command + ": " + e.cause.Error() }

func (e *commandError) Unwrap() []error { return []error{e.kind, e.cause} }

// says tells whether a command failed and said so, case apart.
func says(err error, words string) bool {
	var failed *commandError
	return errors.As(err, &failed) && strings.Contains(strings.ToLower(failed.said), strings.ToLower(words))
}

// run runs a command and hands on what it printed. What a failing one printed means
// nothing.
func (c *commands) run(ctx context.Context, read func(io.Reader) error, program string, args ...string) error {
	path := program
	if c.folder != "" {
		path = filepath.Join(c.folder, program)
	}
	printed, err := c.exec(ctx, command.Options{
		Command: append([]string{path}, args...), Env: c.env, Timeout: c.timeout, MaxBytes: maxOutput,
	})
	if err != nil {
		failed := &commandError{command: shown(program, args), cause: err}
		if e, ok := errors.AsType[*command.Error](err); ok {
			failed.said = e.Said
		}
		failed.kind = kindOf(failed.said)
		return failed
	}
	pieces := net.Buffers(printed)
	if err := read(&pieces); err != nil {
		return fmt.Errorf("%s: %w", shown(program, args), err)
	}
	return nil
}

// maxOutput bounds what a command prints, in bytes: with their environments 100,000 jobs
// are a quarter of it.
const maxOutput = 1 << 30

// do runs a command whose output does not matter.
func (c *commands) do(ctx context.Context, program string, args ...string) error {
	return c.run(ctx, func(io.Reader) error { return nil }, program, args...)
}

// kindOf is what a failure means by what was said of it.
func kindOf(said string) error {
	said = strings.ToLower(said)
	switch {
	case strings.Contains(said, "unauthorized"):
		return autoscale.ErrUnauthorized
	case strings.Contains(said, "unknown ") || strings.Contains(said, "illegal ") || strings.Contains(said, "invalid "):
		return autoscale.ErrRejected
	}
	return autoscale.ErrUnavailable
}

// shown is a command as people write it.
func shown(program string, args []string) string {
	words := []string{program}
	for _, arg := range args {
		if strings.ContainsAny(arg, " \"") {
			arg = "'" + arg + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
