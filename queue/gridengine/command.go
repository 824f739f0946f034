package gridengine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Runner runs a program of Grid Engine's and returns what it printed on its standard
// output. A program that fails is a [CommandError].
type Runner func(ctx context.Context, program string, args ...string) ([]byte, error)

// Commands say where Grid Engine's programs are and which cluster they are to ask.
type Commands struct {
	// Folder has qstat, qhost, qconf and qmod. Empty: the PATH has.
	Folder string
	// Root, Cell, QmasterPort and ExecdPort are SGE_ROOT, SGE_CELL, SGE_QMASTER_PORT and
	// SGE_EXECD_PORT. Empty ones, and 0, are left as the daemon's environment has them.
	Root, Cell             string
	QmasterPort, ExecdPort int
	// Timeout limits one run. 0: DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout is how long a program may run.
const DefaultTimeout = 30 * time.Second

// maxOutput bounds what a program may print, in bytes: a million jobs.
const maxOutput = 1 << 30

// lingerTime is how long a program's output is still read once it has ended.
const lingerTime = 500 * time.Millisecond

// environment is the programs': the daemon's own, less what may hold its secrets, with
// messages in English and the cluster that is meant.
func (c *Commands) environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AUTOSCALED_") && !strings.HasPrefix(v, "LC_") && !strings.HasPrefix(v, "LANG") {
			env = append(env, v)
		}
	}
	env = append(env, "LC_ALL=C")
	for _, v := range []struct{ name, value string }{
		{"SGE_ROOT", c.Root}, {"SGE_CELL", c.Cell}, {"SGE_QMASTER_PORT", port(c.QmasterPort)}, {"SGE_EXECD_PORT", port(c.ExecdPort)},
	} {
		if v.value != "" {
			env = append(env, v.name+"="+v.value)
		}
	}
	return env
}

func port(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// Run runs a program. It is a [Runner].
func (c *Commands) Run(ctx context.Context, program string, args ...string) ([]byte, error) {
	limit := c.Timeout
	if limit == 0 {
		limit = DefaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("was ended after %s: %w", limit, context.DeadlineExceeded))
	defer cancel()
	path := program
	if c.Folder != "" {
		path = filepath.Join(c.Folder, program)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = c.environment()
	cmd.WaitDelay = lingerTime
	ownGroup(cmd)
	out, errs := &bounded{most: maxOutput}, &bounded{most: 64 << 10}
	cmd.Stdout, cmd.Stderr = out, errs
	err := cmd.Run()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else if err == nil && out.cut {
		err = fmt.Errorf("printed more than %d bytes", maxOutput)
	}
	if err == nil {
		return out.Bytes(), nil
	}
	return nil, commandError(program, args, out.Bytes(), errs.Bytes(), err)
}

// commandError tells what a program said: on standard error, else on standard output.
func commandError(program string, args []string, out, errs []byte, cause error) error {
	said := string(errs)
	if strings.TrimSpace(said) == "" {
		said = string(out)
	}
	e := &CommandError{Command: strings.Join(append([]string{program}, args...), " "), Cause: cause, Meaning: meaningOf(said)}
	if len(e.Command) > maxShown {
		e.Command = e.Command[:maxShown] + "…"
	}
	if strings.TrimSpace(said) != "" {
		e.Said = shown(said)
	}
	return e
}

// bounded keeps the beginning of what is written.
type bounded struct {
	bytes.Buffer
	most int
	cut  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.most - b.Len(); len(p) > room {
		b.cut = true
		b.Buffer.Write(p[:max(room, 0)])
		return len(p), nil
	}
	return b.Buffer.Write(p)
}

// said tells whether an error is a program's that said these words.
func said(err error, words string) bool {
	var e *CommandError
	return errors.As(err, &e) && strings.Contains(e.Said, words)
}
