package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Defaults of Options.
const (
	DefaultTimeout  = 30 * time.Second
	DefaultMaxBytes = 256 << 20
)

// Options says what to run.
type Options struct {
	// Command is the program and its arguments. No shell is involved.
	Command []string
	// Dir is where it runs; empty: where we do.
	Dir string
	// Env is added to our own environment, less the variables that begin with
	// AUTOSCALED_, for they may hold our secrets, or with one of Without.
	Env, Without []string
	// Timeout limits the run; 0 means DefaultTimeout.
	Timeout time.Duration
	// MaxBytes bounds the output; 0 means DefaultMaxBytes.
	MaxBytes int64
}

// ErrTooLong is an output of more than Options.MaxBytes.
var ErrTooLong = errors.New("its output is too long")

// Error is a run that did not succeed.
type Error struct {
	// Err is why: it could not be started, its status, its time was up, ErrTooLong.
	Err error
	// Said is the end of what it wrote to standard error, on one line.
	Said string
	// Printed is what it wrote to standard output until then, where some programs say why.
	Printed [][]byte
}

// Error tells why, and what the program said.
func (e *Error) Error() string {
	if e.Said == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "; it said: " + e.Said
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Run runs a program and returns what it printed, in pieces as they came. An error is
// an *Error. The program runs in a process group of its own, which is killed as a whole
// when the time is up, when the context ends and, for what a program leaves behind, when
// the program itself has ended. Its standard input is empty.
func Run(ctx context.Context, o Options) ([][]byte, error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout,
		fmt.Errorf("was ended after %s: %w", o.Timeout, context.DeadlineExceeded))
	defer cancel()
	answer := pieces{left: o.MaxBytes, full: cancel}
	var said tail
	err := run(ctx, &o, answer.add, said.add)
	switch {
	case answer.left < 0:
		err = fmt.Errorf("%w: more than %d bytes", ErrTooLong, o.MaxBytes)
	case err != nil && ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, &Error{Err: err, Said: said.line(), Printed: answer.list}
	}
	return answer.list, nil
}

// run hands on both outputs until the program has ended.
func run(ctx context.Context, o *Options, answer, said func([]byte)) error {
	stdout, err := newOutput()
	if err != nil {
		return err
	}
	defer stdout.close()
	stderr, err := newOutput()
	if err != nil {
		return err
	}
	defer stderr.close()

	cmd := exec.CommandContext(ctx, o.Command[0], o.Command[1:]...)
	cmd.Dir = o.Dir
	cmd.Env = append(environment(o.Without), o.Env...)
	cmd.Stdout, cmd.Stderr = stdout.writer, stderr.writer
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	stdout.read(answer)
	stderr.read(said)
	err = cmd.Wait()
	killGroup(cmd)
	stdout.finish()
	stderr.finish()
	if err == nil {
		err = ctx.Err() // it may have ended well all the same, but is not believed
	}
	return err
}

// environment is ours, less what begins with one of without or holds our configuration.
func environment(without []string) []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		begins := func(prefix string) bool { return strings.HasPrefix(variable, prefix) }
		return begins("AUTOSCALED_") || slices.ContainsFunc(without, begins)
	})
}
