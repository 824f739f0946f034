package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"autoscaled/autoscale"
	"autoscaled/autoscale/web"
	"autoscaled/queue/slurm"
	"autoscaled/queue/slurm/azslurm"
)

const handbackHelp = `Undoes takeover: the daemon stops acting, Slurm's programs are those that they were, and
nodes that carry our mark return to service. No node is created or ended by it, and no job
notices. It tells what Slurm asked of us and we have not done, with the commands for it.
Afterwards start CycleCloud's own integration again. Once more it changes nothing.`

func newSlurmHandbackCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "handback",
		Short: "Undo takeover, and all our marks in Slurm",
		Long:  handbackHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := newSwitching(cmd, file)
			if err != nil {
				return err
			}
			return s.handBack(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "file of Slurm's configuration with our part, as takeover was given it")
	return cmd
}

// handBack stops the daemon first: what it would see on the way is nobody's state.
func (s *switching) handBack(ctx context.Context) error {
	mark := filepath.Join(s.config.StateDir, handedBack)
	if err := os.WriteFile(mark, []byte("by autoscaled slurm handback, "+time.Now().UTC().Format(time.RFC3339)+"\n"), 0o640); err != nil {
		return fmt.Errorf("handback: the daemon can't be told to stop: %w", err)
	}
	if err := s.awaitStop(ctx); err != nil {
		return fmt.Errorf("handback: %w; nothing was changed", err)
	}
	there, err := azslurm.HandBack(s.file)
	if err != nil {
		return err
	}
	before, err := azslurm.ReadConf(s.conf)
	if err != nil {
		return err
	}
	if err := s.follow(ctx, before.Programs()); err != nil {
		return fmt.Errorf("handback: %s is as it was, and the daemon has stopped acting: %w", s.file, err)
	}
	said := "had no part of ours"
	if there {
		said = "is as it was"
	}
	fmt.Fprintf(s.out, "%s %s; Slurm's ResumeProgram is %s.\n", s.file, said, orDash(before.Programs().Resume))
	names, comments, err := slurm.ClearMarks(ctx, s.cluster)
	fmt.Fprintf(s.out, "%s returned to service; the comments of %s cleared.\n", plural(len(names), "node", "nodes"), plural(comments, "job", "jobs"))
	if err != nil {
		return fmt.Errorf("handback: undo our marks: %w (once more: autoscaled slurm handback)", err)
	}
	return s.tellLeftover(ctx, before.Programs())
}

// stopWithin bounds how long a daemon may take to end the tick that is under way.
const stopWithin = 5 * time.Minute

// awaitStop waits until the daemon, if one runs, says that it acts no more.
func (s *switching) awaitStop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	client := web.NewClient(s.config.StateDir)
	if err := client.Wake(ctx); err != nil {
		if errors.Is(err, web.ErrNoDaemon) {
			return nil
		}
		return err
	}
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		text, err := client.Plan(ctx)
		var plan struct {
			Refused string `json:"refused"`
		}
		if errors.Is(err, web.ErrNoDaemon) {
			return nil
		}
		if err == nil && json.Unmarshal(text, &plan) == nil && strings.HasPrefix(plan.Refused, refusedHandedBack) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the daemon still acts after %s", stopWithin)
		case <-poll.C:
		}
	}
}

// tellLeftover tells which nodes Slurm has powered up or down of which the cloud shows
// the opposite: their programs were ours, and the others were never called for them.
func (s *switching) tellLeftover(ctx context.Context, theirs azslurm.Programs) error {
	nodes, err := s.cluster.Nodes(ctx)
	if err != nil {
		return blindError(err)
	}
	supply, err := s.parts.cloud.Observe(ctx)
	if err != nil {
		return blindError(fmt.Errorf("handback is done; what is left to do is not known: %w", err))
	}
	there := make(map[string]bool)
	for _, n := range supply.Nodes {
		if n.Phase != autoscale.PhaseStopping && n.Phase != autoscale.PhaseGone {
			there[strings.ToLower(n.Name)] = true
		}
	}
	var up, down []string
	for i := range nodes {
		n := &nodes[i]
		switch is := there[strings.ToLower(n.Name)]; {
		case !n.Is("CLOUD"):
		case n.Is("POWERING_UP") && !is:
			up = append(up, n.Name)
		case (n.Is("POWERING_DOWN") || n.Is("POWERED_DOWN")) && !n.Is("POWERING_UP") && is:
			down = append(down, n.Name)
		}
	}
	for _, left := range []struct {
		names         []string
		what, program string
	}{{up, "Slurm waits for %s, of which no VM is there: %s %s\n", theirs.Resume}, {down, "Slurm has powered down %s, whose VMs are still there: %s %s\n", theirs.Suspend}} {
		if len(left.names) == 0 {
			continue
		}
		list, err := slurm.Compress(left.names)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, left.what, plural(len(left.names), "node", "nodes"), left.program, list)
	}
	return nil
}
