package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"autoscaled/autoscale/web"
	"autoscaled/config"
	"autoscaled/queue/slurm"
)

// wakeWithin is how long the daemon may take to hear of a hook. slurmctld powers no other
// node while its program runs, so the whole of it must be over in 50 ms.
const wakeWithin = 25 * time.Millisecond

// hookPrefix begins the names under which slurm.conf can call the program: its
// ResumeProgram is a path, without arguments.
const hookPrefix = "autoscaled-slurm-"

const slurmHookHelp = `Slurm's %s, which slurmctld calls with a host list. It leaves the list in the state
directory for the daemon, wakes it, and returns at once, also when no daemon runs: the daemon
finds what was left when it starts. Slurm's own view of the nodes decides what is done.

slurm.conf takes a path and no arguments: give it a link named ` + hookPrefix + `%s to this
program, or a script that calls it.`

// newSlurmHookCommands are the programs that slurm.conf names.
func newSlurmHookCommands() []*cobra.Command {
	var list []*cobra.Command
	for _, program := range []struct {
		kind slurm.HookKind
		name string
	}{
		{slurm.HookResume, "ResumeProgram"}, {slurm.HookSuspend, "SuspendProgram"}, {slurm.HookResumeFail, "ResumeFailProgram"},
	} {
		var stateDir string
		cmd := &cobra.Command{
			Use:   string(program.kind) + " HOSTLIST",
			Short: "Slurm's " + program.name + ": leave a host list for the daemon and wake it",
			Long:  fmt.Sprintf(slurmHookHelp, program.name, program.kind),
			Args:  cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				if stateDir == "" {
					var err error
					if stateDir, err = hookStateDir(cmd); err != nil {
						return err
					}
				}
				return leaveHook(cmd, stateDir, program.kind, args[0])
			},
		}
		cmd.Flags().StringVar(&stateDir, "state-dir", "", "state directory; without it, "+config.EnvName("state_dir")+" or that of the configuration")
		list = append(list, cmd)
	}
	return list
}

// hookStateDir reads nothing of the configuration but the state directory.
func hookStateDir(cmd *cobra.Command) (string, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return "", err
	}
	return config.StateDir(path)
}

// leaveHook writes the hook and wakes the daemon. Slurm has no use for a list that could
// not be left, so the daemon is woken all the same: it sees in Slurm what is wanted.
func leaveHook(cmd *cobra.Command, stateDir string, kind slurm.HookKind, nodes string) error {
	hook, unread, err := slurm.NewHook(kind, nodes, os.Getenv("SLURM_RESUME_FILE"), time.Now())
	if err != nil {
		return usageError(err)
	}
	left := slurm.NewSpool(stateDir).Write(hook)
	ctx, cancel := context.WithTimeout(cmd.Context(), wakeWithin)
	defer cancel()
	woken := web.NewClient(stateDir).Wake(ctx)
	if errors.Is(woken, context.DeadlineExceeded) {
		woken = fmt.Errorf("the daemon did not answer within %s; it finds the hook at its next tick", wakeWithin)
	}
	for _, note := range []error{unread, woken} {
		if note != nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "autoscaled:", note)
		}
	}
	return left
}

// commandLine is what was asked for: the arguments, and before them what the name means
// under which the program was called.
func commandLine(args []string) []string {
	if kind, ok := strings.CutPrefix(filepath.Base(args[0]), hookPrefix); ok {
		return append([]string{"slurm", kind}, args[1:]...)
	}
	return args[1:]
}
