package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/sim"
	"autoscaled/cyclecloud/cyclecloudtest"
	"autoscaled/examples/traces"
)

// errDemoBroken is the demo's end when a check against the simulator's books
// failed.
var errDemoBroken = errors.New("the demo broke a rule: see the checks above")

// demoOptions are the flags of `demo`.
type demoOptions struct {
	cloud  string
	listen string
	speed  float64
	length time.Duration // real; 0: until the trace's time is over
	seed   uint64
	faults bool
	queue  string
	jobs   int // of one node each, with a real Slurm
}

const demoHelp = `Runs the daemon for a week of a real cluster's jobs in about two minutes. Nothing needs to
be installed or configured: the CycleCloud server is a simulator on a loopback socket, the queue
is a first-come-first-served scheduler that is fed the jobs of the IBM SP2 at KTH, and time is
compressed while the daemon sleeps. All else is the daemon as 'run' runs it, with its metrics on
--listen.

With --cloud anka it is a day of CI jobs, made up from a seed, on a simulated fleet of 20 Macs: an
Anka controller and GitHub's runner scale sets, both without a socket, in about half a minute.

With --queue slurm the queue is a real Slurm of its own, enclosed in namespaces: real jobs, real
time, nothing compressed, in about two minutes. It needs root and Debian's packages slurmctld,
slurmd, slurm-client and munge; a Slurm that runs here already is not touched.

It ends with a summary, on Ctrl-C too. The exit status is 0 only if no limit was exceeded, no busy
node was removed and no node leaked or was made twice, by the simulator's own books.`

func newDemoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a week of a real cluster's jobs against a simulated CycleCloud",
		Long:  demoHelp,
		Example: `  autoscaled demo
  autoscaled demo --for 30s
  autoscaled demo --faults
  autoscaled demo --speed 1000 --listen ""
  autoscaled demo --cloud anka
  sudo autoscaled demo --queue slurm`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(cmd)
	return cmd
}

func (o *demoOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.cloud, "cloud", "cyclecloud", "what is simulated: cyclecloud (a week of a real cluster's jobs) or anka (a made-up day of CI)")
	f.StringVar(&o.listen, "listen", "127.0.0.1:9797", "address of /metrics, /livez and /readyz; empty: not served")
	f.Float64Var(&o.speed, "speed", 5040, "how many times faster than real time the week passes; the day of anka: 2880 where not given")
	f.DurationVar(&o.length, "for", 0, "end after this much real time (default: when the week, or the day, is over)")
	f.Uint64Var(&o.seed, "seed", 1, "what boot times, and the jobs of a made-up day, depend on; equal seeds give equal weeks")
	f.BoolVar(&o.faults, "faults", false, "let API calls fail and be lost, nodes not come up, and spot nodes be evicted; with anka the daemon is killed too")
	f.StringVar(&o.queue, "queue", "", "slurm: a real Slurm of its own, in real time (default: a simulated queue)")
	f.IntVar(&o.jobs, "jobs", 12, "with --queue slurm: how many jobs of one node there are, beside an array, a wide job and one that fits nothing")
}

// run plays the demo that the flags choose.
func (o demoOptions) run(cmd *cobra.Command) error {
	set := cmd.Flags().Changed
	slurm, err := o.wantsSlurm(set)
	switch {
	case err != nil:
		return usageError(err)
	case slurm:
		return runSlurmDemo(cmd.Context(), cmd.OutOrStdout(), o)
	case o.cloud == "cyclecloud":
		return runDemo(cmd.Context(), cmd.OutOrStdout(), o)
	case o.cloud == "anka":
		if !set("speed") {
			o.speed = ciDaySpeed
		}
		return runCIDemo(cmd.Context(), cmd.OutOrStdout(), o)
	}
	return usageError(fmt.Errorf("--cloud is cyclecloud or anka, not %q", o.cloud))
}

// runDemo runs the shipped week and prints its summary.
func runDemo(ctx context.Context, out io.Writer, o demoOptions) error {
	script, err := weekScript()
	if err != nil {
		return err
	}
	summary, err := playDemo(ctx, out, o, script)
	if err != nil {
		return err
	}
	summary.print(out)
	if !summary.OK() {
		return errDemoBroken
	}
	return nil
}

func (o demoOptions) check() error {
	if !(o.speed >= 1) || math.IsInf(o.speed, 0) || o.length < 0 { // NaN is not at least 1 either
		return usageError(errors.New("--speed must be at least 1 and --for not negative"))
	}
	return nil
}

// demoScript is what is played.
type demoScript struct {
	jobs  []sim.Job
	start time.Time     // of the trace
	span  time.Duration // of the trace
	room  int           // most nodes of the cluster
}

// weekScript is the shipped week.
func weekScript() (demoScript, error) {
	script := demoScript{start: traces.KTHWeekStart, span: traces.KTHWeekSpan, room: traces.KTHWeekNodes}
	trace, err := sim.ParseSWF(strings.NewReader(traces.KTHWeek))
	if err != nil {
		return script, fmt.Errorf("the shipped trace: %w", err)
	}
	for _, job := range trace {
		// A task has its node to itself, so one core is all that it need ask.
		script.jobs = append(script.jobs, job.WholeNodes(script.start, autoscale.Resources{Cores: 1}))
	}
	return script, nil
}

// playDemo runs world and daemon until the time is over or ctx ends, and then
// holds the one against the other.
func playDemo(ctx context.Context, out io.Writer, o demoOptions, script demoScript) (s demoSummary, err error) {
	if err := o.check(); err != nil {
		return demoSummary{}, err
	}
	d, err := newDemo(o, script)
	if err != nil {
		return demoSummary{}, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	days := int((script.span + 24*time.Hour - 1) / (24 * time.Hour))
	view := newDemoView(out, demoHead{Length: o.length, Speed: o.speed, Days: days, Room: script.room, Metrics: d.daemon.metricsURL()})
	err = d.run(ctx, view)
	view.close()
	if err != nil {
		return demoSummary{}, err
	}
	return d.summarize()
}

// demo is one run: a world, the daemon, and what is shown of them.
type demo struct {
	options demoOptions
	script  demoScript
	clock   *demoClock
	world   *demoWorld
	daemon  demoDaemon

	mu       sync.Mutex
	frame    demoFrame
	ticks    int
	badTicks int
}

func newDemo(o demoOptions, script demoScript) (*demo, error) {
	d := &demo{options: o, script: script, frame: demoFrame{At: script.start, Started: script.start}}
	d.clock = newDemoClock(script.start, script.start.Add(script.span), o.speed)
	jobs := sim.NewScheduler(script.start)
	if err := jobs.Submit(script.jobs...); err != nil {
		return nil, err
	}
	password, cloud, err := newDemoCloud(script.room, d.clock, o)
	if err != nil {
		return nil, err
	}
	url, err := cloud.Start("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d.world = newDemoWorld(cloud, jobs)
	d.daemon, err = newDemoDaemon(demoWiring{
		url: url, password: password, listen: o.listen,
		clock: d.clock, queue: demoQueue{d.world}, onTick: d.ticked,
	})
	if err != nil {
		return nil, errors.Join(err, cloud.Close())
	}
	return d, nil
}

func (d *demo) close() error {
	return errors.Join(d.daemon.discard(), d.world.cloud.Close())
}

// run returns when the trace's time or the options' is over or ctx ends, after
// the daemon's last tick. Time stands still from then on.
func (d *demo) run(ctx context.Context, view demoView) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if d.options.length > 0 {
		defer time.AfterFunc(d.options.length-d.clock.elapsed(), cancel).Stop()
	}
	d.clock.runs(cancel)
	defer d.clock.stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.daemon.run(ctx) })
	group.Go(func() error { drawDemo(ctx, view, d.look); return nil })
	return group.Wait()
}

// ticked takes in what a tick of the daemon reports.
func (d *demo) ticked(r loop.Report) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ticks++
	if !r.Good() {
		d.badTicks++
	}
	d.frame = d.frame.next(r, d.world.jobs.Totals())
}

// lookEvery is how often the view is told of the present.
const lookEvery = 50 * time.Millisecond

// look is the present frame, and how long it took.
func (d *demo) look() (demoFrame, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.frame, d.clock.elapsed()
}

// drawDemo shows what look sees, until ctx ends.
func drawDemo(ctx context.Context, view demoView, look func() (demoFrame, time.Duration)) {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		view.show(look())
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// summarize stops arrivals, reads the simulator's books once, brings the
// scheduler to the same moment, and makes the summary of the two.
func (d *demo) summarize() (demoSummary, error) {
	d.world.jobs.StopArrivals()
	books, err := d.world.follow()
	if err != nil {
		return demoSummary{}, err
	}
	records, err := d.daemon.records(context.Background())
	if err != nil {
		return demoSummary{}, err
	}
	return d.summaryOf(books, records)
}

// summaryOf needs a scheduler that has followed the books.
func (d *demo) summaryOf(books cyclecloudtest.Books, records demoRecords) (demoSummary, error) {
	s := demoSummary{
		Real: d.clock.elapsed(), Virtual: books.At.Sub(d.script.start),
		Offered: len(d.script.jobs), Room: d.script.room,
		Evicted: d.world.evicted, Ticks: d.ticks, BadTicks: d.badTicks,
		Checks: audit(books, records, d.world.killed),
	}
	s.addBooks(books)
	s.addJobs(d.world.jobs)
	var err error
	s.AlwaysOn, err = alwaysOn(d.script.jobs, d.script.start, books.At, d.script.room)
	return s, err
}

// newDemoView redraws in place on a terminal, and prints lines elsewhere.
func newDemoView(out io.Writer, head demoHead) demoView {
	file, isFile := out.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return &plainView{out: out, head: head}
	}
	return &terminalView{out: out, head: head, width: func() int {
		width, _, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return widest
		}
		return width
	}}
}
