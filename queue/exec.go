package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode"

	"autoscaled/autoscale"
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
	name := "queue command " + e.options.Command[0]
	output, err := e.run(ctx)
	if err == nil {
		if err := checkSize(name, len(output), e.options.MaxBytes); err != nil {
			return autoscale.Demand{}, err
		}
		return Parse(output, name)
	}
	return autoscale.Demand{}, &sourceError{name, autoscale.ErrUnavailable, err}
}

func (e *Exec) run(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.options.Timeout,
		fmt.Errorf("was ended after %s: %w", e.options.Timeout, context.DeadlineExceeded))
	defer cancel()
	stdout, err := newOutput()
	if err != nil {
		return nil, err
	}
	defer stdout.close()
	stderr, err := newOutput()
	if err != nil {
		return nil, err
	}
	defer stderr.close()

	cmd := exec.CommandContext(ctx, e.options.Command[0], e.options.Command[1:]...)
	cmd.Dir = e.options.Dir
	cmd.Env = append(ownEnvironment(os.Environ()), e.options.Env...)
	cmd.Stdout, cmd.Stderr = stdout.writer, stderr.writer
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	var document []byte
	var tail tail
	stdout.read(func(part []byte) {
		if int64(len(document)) <= e.options.MaxBytes { // else it is too long already
			document = append(document, part...)
		}
		if int64(len(document)) > e.options.MaxBytes {
			cancel()
		}
	})
	stderr.read(tail.add)
	err = cmd.Wait()
	killGroup(cmd)
	stdout.finish()
	stderr.finish()
	tooLong := int64(len(document)) > e.options.MaxBytes
	switch {
	case tooLong:
		return document, nil // told apart by its caller
	case ctx.Err() != nil:
		return nil, tail.explain(context.Cause(ctx))
	case err != nil:
		return nil, tail.explain(err)
	}
	return document, nil
}

// ownEnvironment leaves out the daemon's configuration.
func ownEnvironment(all []string) []string {
	kept := make([]string, 0, len(all))
	for _, variable := range all {
		if !strings.HasPrefix(variable, "AUTOSCALED_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// lingerTime is how long an output is still read after its command has ended
// while something else keeps it open, such as a connection that ssh shares.
const lingerTime = 500 * time.Millisecond

// output is a pipe that a command writes to. It is not exec.Cmd's own, whose
// Wait would last as long as any process holds the other end.
type output struct {
	reader, writer *os.File
	done           chan struct{}
}

func newOutput() (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	return &output{reader: r, writer: w, done: make(chan struct{})}, nil
}

func (o *output) close() {
	o.writer.Close()
	o.reader.Close()
}

// read hands on what is written from now on. It closes our copy of the writing
// end, which the started command has inherited.
func (o *output) read(add func([]byte)) {
	o.writer.Close()
	go func() {
		defer close(o.done)
		buffer := make([]byte, 64<<10)
		for {
			n, err := o.reader.Read(buffer)
			add(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
}

// finish waits for the rest of the output.
func (o *output) finish() {
	// Pipes can have deadlines; without one a wait could only last longer.
	_ = o.reader.SetReadDeadline(time.Now().Add(lingerTime))
	<-o.done
}

// maxTail bounds what is kept of standard error, in bytes.
const maxTail = 1 << 10

// tail keeps the end of what is added.
type tail struct {
	text []byte
	cut  bool
}

func (t *tail) add(part []byte) {
	t.text = append(t.text, part...)
	if more := len(t.text) - maxTail; more > 0 {
		t.text, t.cut = append(t.text[:0], t.text[more:]...), true
	}
}

// explain adds the tail to an error, on one line.
func (t *tail) explain(err error) error {
	line := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(string(t.text), "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	switch {
	case line == "":
		return err
	case t.cut:
		line = "…" + line
	}
	return fmt.Errorf("%w; it said: %s", err, line)
}
