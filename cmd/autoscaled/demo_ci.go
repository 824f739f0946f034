package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"autoscaled/anka/ankatest"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/sim"
	"autoscaled/internal/fleet"
	"autoscaled/queue/github/githubtest"
)

// ciDemo is one run of the demo's CI day: a fleet of Macs with a queue of jobs, the
// daemon, and what is shown of them.
type ciDemo struct {
	options demoOptions
	day     ciDay
	jobs    []fleet.Job
	dir     string // the daemon's state directory
	stage   *ciStage
	world   *fleet.World
	github  *githubtest.Server
	life    *ciLife // nil: it is dead
	fates   *rand.Rand
	weather *ciWeather
	kills   int
	// requests counts the ids that were made.
	requests int

	mu       sync.Mutex
	frame    demoFrame
	ticks    int
	badTicks int
}

// runCIDemo plays the standard day and prints its summary.
func runCIDemo(ctx context.Context, out io.Writer, o demoOptions) error {
	summary, err := playCIDemo(ctx, out, o, standardDay())
	if err != nil {
		return err
	}
	summary.print(out)
	if !summary.Checks.ok() {
		return errDemoBroken
	}
	return nil
}

// playCIDemo runs fleet and daemon until the day is over or ctx ends, and then holds the
// one against the other.
func playCIDemo(ctx context.Context, out io.Writer, o demoOptions, day ciDay) (s ciSummary, err error) {
	if err := o.check(); err != nil {
		return ciSummary{}, err
	}
	d, err := newCIDemo(o, day)
	if err != nil {
		return ciSummary{}, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	day.print(out, len(d.jobs))
	view := newDemoView(out, demoHead{Length: o.length, Speed: o.speed, Days: 1, Room: ciSlots, Metrics: d.life.metricsURL()})
	err = d.run(ctx, view)
	view.close()
	if err != nil {
		return ciSummary{}, err
	}
	return d.summarize()
}

func newCIDemo(o demoOptions, day ciDay) (d *ciDemo, err error) {
	d = &ciDemo{options: o, day: day, jobs: day.jobs(o.seed), frame: demoFrame{At: day.Start, Started: day.Start}}
	d.fates, d.weather = rand.New(rand.NewPCG(o.seed, 9)), &ciWeather{random: rand.New(rand.NewPCG(o.seed, 2))}
	clock := newDemoClock(day.Start, day.Start.Add(day.Span), o.speed)
	macs, err := ankatest.New(ciFleet(o.faults), clock, o.seed)
	if err != nil {
		return nil, err
	}
	d.github = newCIGitHub(clock, day)
	d.stage = newCIStage(clock, d.github, day.sets())
	d.world, err = fleet.New(fleet.Options{Anka: macs, GitHub: d.github, Now: clock.Now})
	if err != nil {
		return nil, err
	}
	d.stage.world = d.world
	d.world.Add(d.jobs...)
	if d.dir, err = os.MkdirTemp("", "autoscaled-demo-"); err != nil {
		return nil, fmt.Errorf("make a state directory: %w", err)
	}
	if d.life, err = d.newLife(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(d.dir))
	}
	return d, nil
}

func (d *ciDemo) close() error {
	return errors.Join(d.bury(), os.RemoveAll(d.dir))
}

// bury lets go of what the daemon holds.
func (d *ciDemo) bury() (err error) {
	if d.life != nil {
		err = d.life.daemon.close()
	}
	d.life = nil
	return err
}

// run returns when the day or the options' time is over or ctx ends, after the daemon's
// last tick. Time stands still from then on.
func (d *ciDemo) run(ctx context.Context, view demoView) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if d.options.length > 0 {
		defer time.AfterFunc(d.options.length-d.stage.elapsed(), cancel).Stop()
	}
	d.stage.runs(cancel)
	defer context.AfterFunc(ctx, d.stage.end)()
	defer d.stage.end()
	var drawing sync.WaitGroup
	drawing.Go(func() { drawDemo(ctx, view, d.look) })
	defer drawing.Wait()
	defer cancel()
	return d.live(ctx)
}

// look is the present frame, and how long it took.
func (d *ciDemo) look() (demoFrame, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.frame, d.stage.elapsed()
}

// live runs one daemon after the other, until ctx ends.
func (d *ciDemo) live(ctx context.Context) error {
	for {
		if err := d.liveOnce(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		d.kills++
		if err := d.bury(); err != nil {
			return err
		}
		for _, set := range d.day.sets() {
			d.github.DropSession(set)
		}
		d.stage.idle(d.stage.Now().Add(ciDown))
		if ctx.Err() != nil {
			return d.revive() // its journal is read for the summary
		}
		if err := d.revive(); err != nil {
			return err
		}
	}
}

func (d *ciDemo) revive() (err error) {
	d.life, err = d.newLife()
	return err
}

// liveOnce runs a daemon until ctx ends or it is killed.
func (d *ciDemo) liveOnce(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.life.fate.ends = cancel
	d.stage.enter(d.life.loop.Wake)
	defer d.stage.leave()
	return d.life.run(ctx)
}

// ticked takes in what a tick of the daemon reports.
func (d *ciDemo) ticked(r loop.Report) {
	jobs := d.world.Tally()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ticks++
	if !r.Good() {
		d.badTicks++
	}
	d.frame = d.frame.next(r, sim.Totals{
		Arrived: jobs.Arrived, Waiting: jobs.Waiting, WaitingTasks: jobs.Waiting, Running: jobs.Running, Finished: jobs.Ended,
	})
}
