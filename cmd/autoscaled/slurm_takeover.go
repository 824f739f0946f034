package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"autoscaled/autoscale/web"
	"autoscaled/config"
	"autoscaled/queue/slurm"
	"autoscaled/queue/slurm/azslurm"
)

// switching is what takeover and handback work with.
type switching struct {
	config  *config.Config
	parts   *parts
	queue   *config.SlurmQueue
	cluster slurm.Cluster
	out     io.Writer
	// file is where our part of Slurm's configuration is, conf slurm.conf.
	file, conf string
}

func newSwitching(cmd *cobra.Command, file string) (*switching, error) {
	p, q, err := slurmParts(cmd)
	if err != nil {
		return nil, err
	}
	if q.Mode != "power_saving" {
		return nil, usageError(fmt.Errorf("clusters[0].queue.slurm.mode is %s: Slurm has programs in power_saving only", q.Mode))
	}
	c, err := loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	s := &switching{config: c, parts: p, queue: q, out: cmd.OutOrStdout(), file: file}
	if s.cluster, err = slurmCluster(q, nil); err != nil {
		return nil, usageError(err)
	}
	settings, err := s.cluster.Settings(cmd.Context())
	if err != nil {
		return nil, blindError(err)
	}
	s.conf = settings.All["SLURM_CONF"]
	read, err := azslurm.ReadConf(s.conf)
	if err != nil {
		return nil, err
	}
	if s.file == "" {
		s.file = read.SiteFile()
	}
	if s.file == "" {
		return nil, usageError(fmt.Errorf("%s includes no site_specific.conf; name with --file a file that is read after the lines with Slurm's programs, such as %s itself", s.conf, s.conf))
	}
	return s, nil
}

const takeoverHelp = `Makes Slurm's ResumeProgram, SuspendProgram and ResumeFailProgram ours, by a part at the
end of site_specific.conf that handback takes out again, and lets Slurm read its
configuration. It does nothing while CycleCloud's own integration is at work, and puts
everything back where Slurm does not follow. No node is created or ended by it, and no
job notices. A running daemon begins to act with its next tick.`

func newSlurmTakeoverCommand() *cobra.Command {
	var file, programs string
	cmd := &cobra.Command{
		Use:   "takeover",
		Short: "Make Slurm's power saving programs ours",
		Long:  takeoverHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := newSwitching(cmd, file)
			if err != nil {
				return err
			}
			return s.takeOver(cmd.Context(), ourPrograms(programs))
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "file of Slurm's configuration for our part; without it the site_specific.conf that slurm.conf includes")
	cmd.Flags().StringVar(&programs, "programs", "/usr/local/sbin", "folder of the links autoscaled-slurm-resume, autoscaled-slurm-suspend and autoscaled-slurm-resume-fail")
	return cmd
}

func ourPrograms(folder string) azslurm.Programs {
	at := func(kind slurm.HookKind) string { return filepath.Join(folder, hookPrefix+string(kind)) }
	return azslurm.Programs{Resume: at(slurm.HookResume), Suspend: at(slurm.HookSuspend), ResumeFail: at(slurm.HookResumeFail)}
}

func (s *switching) takeOver(ctx context.Context, ours azslurm.Programs) error {
	if err := s.free(); err != nil {
		return err
	}
	for _, program := range []string{ours.Resume, ours.Suspend, ours.ResumeFail} {
		// Slurm ends power saving altogether where it can't run them.
		info, err := os.Stat(program)
		switch {
		case err != nil:
			return fmt.Errorf("takeover: Slurm could not run its program: %w", err)
		case info.IsDir() || info.Mode()&0o111 == 0:
			return fmt.Errorf("takeover: Slurm could not run its program: %s is not executable", program)
		}
	}
	if _, err := azslurm.HandBack(s.file); err != nil { // so that what stood there before is told
		return err
	}
	before, err := azslurm.ReadConf(s.conf)
	if err != nil {
		return err
	}
	if err := azslurm.TakeOver(s.file, ours, before.Programs()); err != nil {
		return err
	}
	if err := s.follow(ctx, ours); err != nil {
		_, undone := azslurm.HandBack(s.file)
		if undone == nil {
			undone = s.cluster.Reconfigure(ctx)
		}
		return errors.Join(fmt.Errorf("takeover: %w; %s is as it was", err, s.file), undone)
	}
	if err := os.Remove(filepath.Join(s.config.StateDir, handedBack)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("takeover: Slurm's programs are ours, and the daemon does not act: %w", err)
	}
	fmt.Fprintf(s.out, "Slurm's programs are ours: %s, by a part of %s.\n", ours.Resume, s.file)
	fmt.Fprintln(s.out, s.daemonSays(ctx, "It acts from its next tick on."))
	fmt.Fprintln(s.out, "Back again: autoscaled slurm handback")
	return nil
}

// free tells what of the other integration is at work, or will be.
func (s *switching) free() error {
	signs, unread := azslurm.Active(s.queue.HostRoot)
	var active []string
	for _, sign := range signs {
		active = append(active, sign.String())
	}
	if len(active) > 0 {
		return fmt.Errorf("takeover: end CycleCloud's own integration first: %s", strings.Join(active, "; "))
	}
	for _, err := range unread {
		fmt.Fprintf(s.out, "warn  azslurm  whether it is at work is not known: %v\n", err)
	}
	return nil
}

// follow lets Slurm read its configuration, and looks whether it has these programs then.
func (s *switching) follow(ctx context.Context, want azslurm.Programs) error {
	conf, err := azslurm.ReadConf(s.conf)
	if err != nil {
		return err
	}
	if got := conf.Programs(); got != want {
		return fmt.Errorf("a line after %s gives Slurm other programs (%s); name a later file with --file", s.file, got.Resume)
	}
	if err := s.cluster.Reconfigure(ctx); err != nil {
		return err
	}
	settings, err := s.cluster.Settings(ctx)
	if err != nil {
		return err
	}
	if got := (azslurm.Programs{Resume: settings.ResumeProgram, Suspend: settings.SuspendProgram, ResumeFail: settings.ResumeFailProgram}); got != want {
		return fmt.Errorf("after scontrol reconfigure Slurm's programs are %s, %s and %s", got.Resume, got.Suspend, got.ResumeFail)
	}
	return nil
}

// daemonSays wakes the daemon and tells what that means.
func (s *switching) daemonSays(ctx context.Context, acts string) string {
	switch err := web.NewClient(s.config.StateDir).Wake(ctx); {
	case errors.Is(err, web.ErrNoDaemon):
		return "No daemon runs in " + s.config.StateDir + ": start it."
	case err != nil:
		return "The daemon could not be woken: " + err.Error()
	case s.config.DryRun:
		return "The daemon changes nothing, for the configuration says dry_run: true; take that out and restart it."
	}
	return "The daemon was woken. " + acts
}
