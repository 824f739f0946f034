package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"autoscaled/autoscale"
	"autoscaled/internal/command"
)

// DefaultExecTimeout is how long a command may run.
const DefaultExecTimeout = 30 * time.Second

// ExecOptions says what to run.
type ExecOptions struct {
	// Command is the program and its arguments. No shell is involved.
	Command []string
	// Dir is where it runs; empty: where the daemon does.
	Dir string
	// Env is added to the daemon's own environment, less the variables that
	// begin with AUTOSCALED_: they may hold the daemon's secrets.
	Env []string
	// Timeout limits one run; 0 means DefaultExecTimeout.
	Timeout time.Duration
	// MaxBytes bounds the output; 0 means DefaultMaxBytes.
	MaxBytes int64
}

// Exec is a demand document that a command prints. Its standard error is shown
// in errors and has no other use. The command runs in a process group of its
// own, which is killed as a whole when the time is up, when the context ends
// and, for what a command leaves behind, when the command itself has ended.
type Exec struct{ options ExecOptions }

// NewExec checks the options; the program itself is looked for when it is run.
func NewExec(o ExecOptions) (*Exec, error) {
	switch {
	case len(o.Command) == 0 || o.Command[0] == "":
		return nil, errors.New("queue command: the program is missing")
	case o.Timeout < 0 || o.MaxBytes < 0:
		return nil, fmt.Errorf("queue command %s: a bound is negative", o.Command[0])
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultExecTimeout
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	return &Exec{options: o}, nil
}

// Demand runs the command and reads what it printed.
func (e *Exec) Demand(ctx context.Context) (autoscale.Demand, error) {
	o := &e.options
	name := "queue command " + o.Command[0]
	output, err := command.Run(ctx, command.Options{
		Command: o.Command, Dir: o.Dir, Env: o.Env, Timeout: o.Timeout, MaxBytes: o.MaxBytes,
	})
	switch {
	case errors.Is(err, command.ErrTooLong):
		return autoscale.Demand{}, tooLong(name, o.MaxBytes)
	case err != nil:
		return autoscale.Demand{}, &sourceError{name, autoscale.ErrUnavailable, err}
	}
	return Parse(bytes.Join(output, nil), name)
}
