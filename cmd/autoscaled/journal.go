package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"autoscaled/autoscale/journal"
	"autoscaled/autoscale/web"
)

const journalHelp = `Shows the journal: what was asked of the cloud, and what is remembered. Nothing is changed.
The daemon that runs in the state directory is asked through its control socket, since it
holds the journal; where none runs, the file is read. Standard error says which it was.`

func newJournalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Show, export and check the journal",
		Long:  journalHelp,
	}
	cmd.PersistentFlags().String("state-dir", "", "state directory; without it, that of the configuration")
	cmd.AddCommand(newJournalListCommand(), newJournalShowCommand(), newJournalExportCommand(), newJournalCheckCommand())
	return cmd
}

func newJournalListCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the operations that are under way; with --all also the finished ones",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			contents, err := readJournal(cmd)
			if err != nil {
				return err
			}
			return listJournal(cmd.OutOrStdout(), contents, all, time.Now())
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also operations that are finished")
	return cmd
}

func newJournalShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show REQUEST",
		Short: "Show one operation: all of it, its history and its nodes",
		Long:  "Shows one operation by its request id, or by a beginning of it that no other has.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			contents, err := readJournal(cmd)
			if err != nil {
				return err
			}
			entry, err := findEntry(contents, args[0])
			if err != nil {
				return err
			}
			return showEntry(cmd.OutOrStdout(), entry, contents.Memories[entry.Cluster], time.Now())
		},
	}
}

func newJournalExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print every record as JSON lines",
		Long: `Prints every record as it is stored, one JSON object a line: first the version of this
form, then the operations in the order in which they were first written, then each
cluster's memory, and last how many records there were. Equal journals print the same.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return exportJournal(cmd, cmd.OutOrStdout())
		},
	}
}

func newJournalCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Read every record and tell all that is wrong",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			audit, err := checkJournal(cmd)
			if err != nil {
				return err
			}
			return printAudit(cmd.OutOrStdout(), audit)
		},
	}
}

// journalDir is the state directory that the flags or the configuration name.
func journalDir(cmd *cobra.Command) (string, error) {
	dir, err := cmd.Flags().GetString("state-dir")
	if err != nil || dir != "" {
		return dir, err
	}
	c, err := loadConfig(cmd)
	if err != nil {
		return "", err
	}
	return c.StateDir, nil
}

// ofJournal asks the daemon of the state directory, or, where none runs, reads the
// file itself, and says which.
func ofJournal(cmd *cobra.Command, unchecked bool, ask func(context.Context, *web.Client) error, read func(context.Context, *journal.Journal) error) error {
	dir, err := journalDir(cmd)
	if err != nil {
		return err
	}
	err = ask(cmd.Context(), web.NewClient(dir))
	if err == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "(told by the daemon that runs in %s)\n", dir)
		return nil
	}
	if !errors.Is(err, web.ErrNoDaemon) {
		return err
	}
	// All clusters of a journal are shown, so it does not matter as whose it is opened.
	j, err := journal.Open(dir, journal.Options{Cluster: "any", ReadOnly: true, Unchecked: unchecked})
	switch {
	case errors.Is(err, journal.ErrHeld):
		return fmt.Errorf("%w; its control socket does not answer", err)
	case err != nil:
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "(read from the file in %s; no daemon runs there)\n", dir)
	return errors.Join(read(cmd.Context(), j), j.Close())
}

// exportJournal writes an export, whole or not at all.
func exportJournal(cmd *cobra.Command, out io.Writer) error {
	var lines bytes.Buffer
	err := ofJournal(cmd, false,
		func(ctx context.Context, daemon *web.Client) error { return daemon.Journal(ctx, &lines) },
		func(ctx context.Context, j *journal.Journal) error { return j.Export(ctx, &lines) })
	if err != nil {
		return err
	}
	_, err = lines.WriteTo(out)
	return err
}

func readJournal(cmd *cobra.Command) (journal.Contents, error) {
	var lines bytes.Buffer
	if err := exportJournal(cmd, &lines); err != nil {
		return journal.Contents{}, err
	}
	return journal.ReadExport(&lines)
}

func checkJournal(cmd *cobra.Command) (audit journal.Audit, err error) {
	err = ofJournal(cmd, true,
		func(ctx context.Context, daemon *web.Client) error { return daemon.Check(ctx, &audit) },
		func(ctx context.Context, j *journal.Journal) (err error) { audit, err = j.Check(ctx); return err })
	return audit, err
}
