package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"autoscaled/config"
)

// Exit codes, as docs/commands.md and `autoscaled --help` tell them.
const (
	exitOK      = 0
	exitFailure = 1 // it could not be done
	exitUsage   = 2 // the command line or the configuration is wrong
	exitBlind   = 3 // queue or cloud could not be used
)

const defaultConfig = "/etc/autoscaled/config.yaml"

const rootHelp = `autoscaled sits beside a scheduler. It reads what the queue wants and what the cloud
can give, creates and removes nodes, and tracks what it asked for until it has come true.

Exit codes: 0 all is well; 1 it could not be done; 2 the command line or the
configuration is wrong; 3 queue or cloud could not be used.`

// codedError is an error with its exit code.
type codedError struct {
	code int
	err  error
}

func (e codedError) Error() string { return e.err.Error() }
func (e codedError) Unwrap() error { return e.err }

func usageError(err error) error { return codedError{exitUsage, err} }
func blindError(err error) error { return codedError{exitBlind, err} }

// execute runs one command line and returns its exit code. Data goes to out,
// everything else to errs.
func execute(ctx context.Context, args []string, out, errs io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	started := false // before a command starts, errors are the command line's
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var problems config.Problems
	if errors.As(err, &problems) {
		fmt.Fprintln(errs, err)
		return exitUsage
	}
	fmt.Fprintln(errs, "autoscaled:", err)
	var coded codedError
	switch {
	case errors.As(err, &coded):
		return coded.code
	case !started:
		fmt.Fprintf(errs, "Run '%s --help' for usage.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFailure
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "autoscaled",
		Short:         "Keep a cluster in the cloud as large as its queue needs",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       programVersion(),
	}
	root.PersistentFlags().StringP("config", "c", defaultConfig, "configuration file")
	root.SetVersionTemplate("autoscaled {{.Version}}\n")
	root.AddCommand(
		newRunCommand(fittings{}),
		newPlanCommand(),
		newStatusCommand(),
		newWhyCommand(),
		newPauseCommand(),
		newResumeCommand(),
		newOrphansCommand(),
		newCheckCommand(),
		newJournalCommand(),
		newSchemaCommand(),
		newSlurmCommand(),
		newImportCommand(),
		newSimulatorCommand(),
		newDemoCommand(),
		newVersionCommand(),
	)
	return root
}

// loadConfig reads the file that -c names.
func loadConfig(cmd *cobra.Command) (*config.Config, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	return config.Load(path)
}
