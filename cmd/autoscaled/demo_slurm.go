package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"autoscaled/cyclecloud/cyclecloudtest"
	"autoscaled/internal/slurmlab"
)

// slurmDemoDir is in the environment of the demo within the namespaces: its folder.
const slurmDemoDir = "AUTOSCALED_DEMO_DIR"

const (
	// slurmLook is how often Slurm is looked at.
	slurmLook = time.Second
	// slurmLine is how often a line is printed.
	slurmLine = 4 * time.Second
	// slurmLongest ends a demo that does not come to its end. It is far below MinJobAge,
	// after which Slurm forgets jobs.
	slurmLongest = 8 * time.Minute
	// mostSlurmJobs is for how many one-node jobs there are names of nodes, and a small host has memory.
	mostSlurmJobs = 40
)

// wantsSlurm tells whether the demo is to run on a real Slurm, and refuses flags that do not fit.
func (o demoOptions) wantsSlurm(given func(flag string) bool) (bool, error) {
	switch {
	case o.queue == "" && given("jobs"):
		return false, errors.New("--jobs goes with --queue slurm only: the jobs of the other demos are what they are")
	case o.queue == "":
		return false, nil
	case o.queue != "slurm":
		return false, fmt.Errorf("--queue is slurm, not %q; leave it out for the simulated queue", o.queue)
	case o.jobs < 0 || o.jobs > mostSlurmJobs:
		return false, fmt.Errorf("--jobs is from 0 to %d, not %d", mostSlurmJobs, o.jobs)
	case o.cloud != "cyclecloud":
		return false, errors.New("--queue slurm needs --cloud cyclecloud: no Slurm runs on Macs")
	}
	for flag, why := range map[string]string{
		"speed": "a real Slurm's time is real", "for": "it takes about two minutes, and Ctrl-C ends it",
		"listen": "its network is enclosed, so nobody could reach it", "faults": "it has none",
	} {
		if given(flag) {
			return false, fmt.Errorf("--%s does not go with --queue slurm: %s", flag, why)
		}
	}
	return true, nil
}

// runSlurmDemo runs this program again within namespaces, and there it plays.
func runSlurmDemo(ctx context.Context, out io.Writer, o demoOptions) (err error) {
	if slurmlab.Inside() {
		return playSlurmDemo(ctx, out, o)
	}
	if err := slurmDemoNeeds(os.Geteuid(), slurmlab.Missing(false)); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "autoscaled-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for Slurm: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("make a folder for Slurm: %w", err)
	}
	args := []string{"demo", "--queue", "slurm", fmt.Sprintf("--jobs=%d", o.jobs), fmt.Sprintf("--seed=%d", o.seed)}
	code, err := slurmlab.Enter(ctx, program, args, []string{slurmDemoDir + "=" + dir})
	if err == nil && code != exitOK {
		err = errors.New("the demo on a real Slurm failed: see above")
	}
	return err
}

// slurmDemoNeeds tells what a private Slurm lacks here, and how to come by it.
func slurmDemoNeeds(uid int, missing []string) error {
	var text []string
	if uid != 0 {
		text = append(text, "the demo on a real Slurm needs root, for it makes namespaces: run it by sudo")
	}
	if len(missing) > 0 {
		names := strings.Join(missing, " ")
		text = append(text, "the demo on a real Slurm needs Debian packages that are missing: "+names+
			"\ninstall them: sudo apt-get install --no-install-recommends "+names+
			"\nthey need no configuration, and their services need not run")
	}
	if len(text) == 0 {
		return nil
	}
	return errors.New(strings.Join(text, "\n"))
}

// slurmDemo is one run: Slurm, the simulated cloud with its VMs, the daemon's process, the jobs.
type slurmDemo struct {
	out     io.Writer
	dir     string
	program string
	slurm   *slurmlab.Slurm
	cloud   *cyclecloudtest.Server
	url     string // of the simulator
	fleet   *slurmlab.Fleet
	jobs    []slurmJob
	started time.Time
	sent    int // of jobs
	// summary is what it ends with; nil: it has not come that far.
	summary *slurmSummary
}

// playSlurmDemo runs within the namespaces. It ends early when standard input ends: so it
// hears of the end of the process outside.
func playSlurmDemo(ctx context.Context, out io.Writer, o demoOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	d := &slurmDemo{out: out, dir: os.Getenv(slurmDemoDir), program: program, jobs: slurmJobs(o.seed, o.jobs)}
	if err := d.start(ctx, o.seed); err != nil {
		return errors.Join(err, d.close())
	}
	err = errors.Join(d.run(ctx), d.close())
	if err != nil {
		return err
	}
	d.summary.print(out)
	if !d.summary.Checks.ok() {
		return errDemoBroken
	}
	return nil
}

// run returns when play does, or something of the demo fails. Daemon and VMs outlive ctx until
// the last look at Slurm.
func (d *slurmDemo) run(ctx context.Context) error {
	group, running := errgroup.WithContext(context.WithoutCancel(ctx))
	running, end := context.WithCancel(running)
	defer end()
	group.Go(func() error { return d.fleet.Follow(running) })
	group.Go(func() error { return d.serve(running) })
	group.Go(func() error {
		defer end()
		return d.play(ctx, running)
	})
	return group.Wait()
}

// play submits the jobs and prints lines until all is over, ctx ends, or running does, for
// something failed.
func (d *slurmDemo) play(ctx, running context.Context) error {
	again := time.NewTicker(slurmLook)
	defer again.Stop()
	d.started = time.Now()
	for printed := time.Duration(-slurmLine); ; {
		at := time.Since(d.started)
		if err := d.submitDue(running, at); err != nil && ctx.Err() == nil {
			return err
		}
		seen, err := d.look(running)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if at-printed >= slurmLine && err == nil {
			printed = at
			fmt.Fprintf(d.out, "%5s  %s\n", clockTime(at), seen.line())
		}
		over := err == nil && d.sent == len(d.jobs) && seen.over()
		if over || at > slurmLongest || ctx.Err() != nil {
			return d.summarize(running, over)
		}
		select {
		case <-running.Done():
			return nil
		case <-ctx.Done():
		case <-again.C:
		}
	}
}

func clockTime(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
