package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"autoscaled/autoscale"
	"autoscaled/internal/command"
)

// CommandsOptions says how Slurm's commands are run.
type CommandsOptions struct {
	// Folder is where squeue and scontrol are. Empty: they are looked for on the PATH.
	Folder string
	// Conf is the slurm.conf for them (SLURM_CONF). Empty: our environment's, or as
	// they find it.
	Conf string
	// Timeout limits one command; 0 means command.DefaultTimeout. One that was ended
	// may have changed something all the same.
	Timeout time.Duration
	// MaxBytes bounds what one prints; 0 means command.DefaultMaxBytes.
	MaxBytes int64
}

// Commands is a [Cluster] by way of squeue and scontrol. An answer counts only where
// the command says that it succeeded. Errors are autoscale.ErrUnauthorized where Slurm
// refuses us, autoscale.ErrNotFound and autoscale.ErrRejected where it refuses a
// change, and autoscale.ErrUnavailable else; they show what the command said.
type Commands struct{ options CommandsOptions }

// NewCommands checks the options; the programs themselves are looked for when they
// are run.
func NewCommands(o CommandsOptions) (*Commands, error) {
	if o.Timeout < 0 || o.MaxBytes < 0 {
		return nil, errors.New("slurm's commands: a bound is negative")
	}
	return &Commands{options: o}, nil
}

// Jobs lists the jobs that squeue tells of: those that are not over, and those that
// are completing.
func (c *Commands) Jobs(ctx context.Context) ([]Job, error) {
	printed, err := c.run(ctx, "squeue", "--noheader", "--all", "--local", "--Format="+JobsFormat())
	if err != nil {
		return nil, reading("jobs", err)
	}
	return ReadDelimitedJobs(printed)
}

// noNodes and noPartitions are all that scontrol prints where there are none.
const (
	noNodes      = "No nodes in the system"
	noPartitions = "No partitions in the system"
)

// Nodes lists all nodes, those in state FUTURE too.
func (c *Commands) Nodes(ctx context.Context) ([]Node, error) {
	printed, err := c.show(ctx, noNodes, "--future", "--details", "--oneliner", "show", "node")
	if printed == nil || err != nil {
		return nil, reading("nodes", err)
	}
	return ReadNodeLines(printed)
}

// Partitions lists all partitions.
func (c *Commands) Partitions(ctx context.Context) ([]Partition, error) {
	printed, err := c.show(ctx, noPartitions, "--oneliner", "show", "partition")
	if printed == nil || err != nil {
		return nil, reading("partitions", err)
	}
	return ReadPartitionLines(printed)
}

// Settings reads what the controller runs with.
func (c *Commands) Settings(ctx context.Context) (Settings, error) {
	printed, err := c.run(ctx, "scontrol", "--local", "show", "config")
	if err != nil {
		return Settings{}, reading("settings", err)
	}
	return ReadSettings(printed)
}

// show runs scontrol to print what is hidden too. nil: it printed that there is none.
func (c *Commands) show(ctx context.Context, none string, arguments ...string) (io.Reader, error) {
	printed, err := c.pieces(ctx, "scontrol", append([]string{"--local", "--all"}, arguments...)...)
	if err != nil || len(printed) == 1 && string(bytes.TrimSpace(printed[0])) == none {
		return nil, err
	}
	return (*pieceReader)(&printed), nil
}

// foreign are variables of the environment by which the commands would print something
// else (squeue's and scontrol's man pages, ENVIRONMENT VARIABLES).
var foreign = []string{"SQUEUE_", "SCONTROL_", "SLURM_CLUSTERS=", "SLURM_FEDERATION", "SLURM_JSON=", "SLURM_YAML="}

func (c *Commands) pieces(ctx context.Context, program string, arguments ...string) ([][]byte, error) {
	env := append([]string{"LC_ALL=C"}, Environment()...)
	if c.options.Conf != "" {
		env = append(env, "SLURM_CONF="+c.options.Conf)
	}
	if c.options.Folder != "" {
		program = filepath.Join(c.options.Folder, program)
	}
	printed, err := command.Run(ctx, command.Options{
		Command: append([]string{program}, arguments...), Env: env, Without: foreign,
		Timeout: c.options.Timeout, MaxBytes: c.options.MaxBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	return printed, nil
}

func (c *Commands) run(ctx context.Context, program string, arguments ...string) (io.Reader, error) {
	printed, err := c.pieces(ctx, program, arguments...)
	return (*pieceReader)(&printed), err
}

// pieceReader reads what was printed and lets go of it, since there may be much.
type pieceReader [][]byte

func (p *pieceReader) Read(into []byte) (int, error) {
	for len(*p) > 0 {
		first := &(*p)[0]
		n := copy(into, *first)
		if *first = (*first)[n:]; len(*first) == 0 {
			*first, *p = nil, (*p)[1:]
		}
		if n > 0 || len(into) == 0 {
			return n, nil
		}
	}
	return 0, io.EOF
}

// reading is the error of a command that was to tell something; nil where there is none.
func reading(what string, err error) error {
	if err == nil {
		return nil
	}
	kind := autoscale.ErrUnavailable
	if says(err, unauthorised) {
		kind = autoscale.ErrUnauthorized
	}
	return fmt.Errorf("read slurm's %s: %w: %w", what, kind, err)
}

// changing is the error of a command that was to change something. Where the command
// ended by itself and said why, and it was not for want of the controller, the change
// was refused.
func changing(what string, err error) error {
	if err == nil {
		return nil
	}
	kind := autoscale.ErrUnavailable
	_, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case !ended || says(err, away):
	case says(err, unauthorised):
		kind = autoscale.ErrUnauthorized
	case says(err, unknown):
		kind = autoscale.ErrNotFound
	case says(err, []string{""}):
		kind = autoscale.ErrRejected
	}
	return fmt.Errorf("%s: %w: %w", what, kind, err)
}

// Slurm's words (slurm_errno.c of its sources) by what they mean.
var (
	away         = []string{"unable to contact", "transmitted or received", "timed out", "connection", "standby", "communication", "configuration", "fatal"}
	unauthorised = []string{"permission denied", "authentication", "invalid user id", "authorization"}
	unknown      = []string{"invalid node name", "invalid job id"}
)

// says tells whether a command that failed said one of the words. Any said something
// where one of these is empty.
func says(err error, words []string) bool {
	failed, ok := errors.AsType[*command.Error](err)
	if !ok || failed.Said == "" {
		return false
	}
	said := strings.ToLower(failed.Said)
	for _, word := range words {
		if strings.Contains(said, word) {
			return true
		}
	}
	return false
}
