package gridengine

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"autoscaled/internal/command"
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
	// Timeout limits one run. 0: half a minute.
	Timeout time.Duration
}

// maxOutput bounds what a program may print, in bytes: a million jobs.
const maxOutput = 1 << 30

// environment says which cluster is meant, and asks for messages in English.
func (c *Commands) environment() []string {
	env := []string{"LC_ALL=C"}
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
	return strconv.Itoa(n)
}

// Run runs a program. It is a [Runner].
func (c *Commands) Run(ctx context.Context, program string, args ...string) ([]byte, error) {
	path := program
	if c.Folder != "" {
		path = filepath.Join(c.Folder, program)
	}
	printed, err := command.Run(ctx, command.Options{
		Command: append([]string{path}, args...), Env: c.environment(), Without: []string{"LC_", "LANG"}, Timeout: c.Timeout, MaxBytes: maxOutput,
	})
	if err == nil {
		return bytes.Join(printed, nil), nil
	}
	return nil, commandError(program, args, err)
}

// commandError tells what a program said: on standard error, else, as qmod does, on
// standard output.
func commandError(program string, args []string, err error) error {
	e := &CommandError{Command: strings.Join(append([]string{program}, args...), " "), Cause: err}
	if failed, ok := errors.AsType[*command.Error](err); ok {
		e.Cause, e.Said = failed.Err, failed.Said
		if text := bytes.Join(failed.Printed, nil); e.Said == "" && len(bytes.TrimSpace(text)) > 0 {
			e.Said = shown(string(text))
		}
	}
	e.Meaning = meaningOf(e.Said)
	if len(e.Command) > maxShown {
		e.Command = strings.ToValidUTF8(e.Command[:maxShown], "") + "…"
	}
	return e
}

// said tells whether an error is a program's that said these words.
func said(err error, words string) bool {
	var e *CommandError
	return errors.As(err, &e) && strings.Contains(e.Said, words)
}
