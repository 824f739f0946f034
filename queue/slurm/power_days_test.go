package slurm_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
	"autoscaled/autoscale/loop"
	"autoscaled/queue/slurm"
)

// powerWorld is a controller, a cloud and a daemon between them.
type powerWorld struct {
	t      testing.TB
	at     time.Time
	ctl    *controller
	cloud  *vmCloud
	source *slurm.PowerSaving
	loop   *loop.Loop
	dir    string
	notes  []slurm.Note
	stop   func()
}

const powerInterval = 15 * time.Second

func newPowerWorld(t testing.TB, seed uint64, arrays map[string]int) *powerWorld {
	w := &powerWorld{t: t, at: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), dir: t.TempDir()}
	w.cloud = &vmCloud{now: w.at, boot: 2 * time.Minute, leave: 90 * time.Second, made: make(map[autoscale.RequestID][]autoscale.NodeID), rand: rand.New(rand.NewPCG(seed, 1))}
	w.ctl = newController(w.at, w.cloud, arrays)
	w.ctl.hooks = &spooled{}
	w.cloud.ctl = w.ctl
	w.start()
	return w
}

// start starts the daemon, with the journal of the one before.
func (w *powerWorld) start() {
	w.source = powerSource(w.t, w.ctl, func(o *slurm.PowerSavingOptions) {
		o.Details, o.Hooks = w.ctl, w.ctl.hooks
		o.Now = func() time.Time { return w.at }
		o.Observe = func(n slurm.Note) { w.notes = append(w.notes, n) }
	})
	j, err := journal.Open(w.dir, journal.Options{Cluster: "demo", At: w.at, Volatile: true})
	require.NoError(w.t, err)
	w.stop = func() { require.NoError(w.t, j.Close()) }
	match := func(array string) autoscale.PoolPolicy {
		return autoscale.PoolPolicy{Name: array, Match: autoscale.HasLabel(autoscale.LabelNodearray, array), IdleTime: time.Minute, BootTimeout: 5 * time.Minute, Min: 1}
	}
	w.loop, err = loop.New(loop.Options{
		Cluster: "demo", Cloud: w.cloud, Queue: w.source, Journal: j, Now: func() time.Time { return w.at },
		Policy: autoscale.Policy{Pools: []autoscale.PoolPolicy{match("htc"), match("hpc")}, AbsentFor: 10 * time.Minute},
	})
	require.NoError(w.t, err)
}

// pass lets time go by without a daemon, and tick with one.
func (w *powerWorld) pass(d time.Duration) {
	for end := w.at.Add(d); w.at.Before(end); {
		w.at = w.at.Add(powerInterval)
		w.cloud.advance(w.at)
		w.ctl.advance(w.at)
	}
}

func (w *powerWorld) tick() {
	w.pass(powerInterval)
	_, _ = w.loop.Tick(context.Background(), w.at) // what can't be read is tried again
}

func (w *powerWorld) ticks(d time.Duration) {
	for end := w.at.Add(d); w.at.Before(end); {
		w.tick()
	}
}

func (w *powerWorld) states() map[string]int {
	count := make(map[string]int)
	for _, j := range w.ctl.jobs {
		count[j.state]++
	}
	return count
}

// over tells whether no job is left, and no VM.
func (w *powerWorld) over() bool {
	s := w.states()
	return s["PENDING"]+s["CONFIGURING"]+s["RUNNING"]+len(w.cloud.vms) == 0 &&
		!slices.ContainsFunc(w.ctl.nodes, func(n *ctlNode) bool { return n.state() != "IDLE+CLOUD+POWERED_DOWN" || n.reason != "" })
}

// emptied tells whether everything is as before the first job.
func (w *powerWorld) emptied(t require.TestingT) {
	for _, n := range w.ctl.nodes {
		require.Equal(t, "IDLE+CLOUD+POWERED_DOWN", n.state(), n.name)
		require.Empty(t, n.reason, n.name)
	}
	require.Empty(t, w.cloud.vms)
	require.Empty(t, w.ctl.hooks.hooks)
}

func TestPowerDay(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 10, "hpc": 8})
	defer func() { w.stop() }()
	for range 20 {
		w.ctl.submit(1, true, 10*time.Minute, "htc")
	}
	gang := w.ctl.submit(8, true, 10*time.Minute, "hpc")
	w.ticks(90 * time.Minute)
	require.Equal(t, map[string]int{"COMPLETED": 21}, w.states())
	require.Zero(t, gang.restarts)
	require.Equal(t, 18, w.cloud.creates)
	require.Empty(t, w.cloud.violations)
	w.emptied(t)
	require.Zero(t, w.source.Missed())
}

// Sold out: what can't be had goes to the second partition, no other job is touched, and
// all nodes are back when the backoff is over.
func TestSoldOutGoesElsewhere(t *testing.T) {
	for name, fails := range map[string]bool{"fewer nodes are made": false, "nodes fail": true} {
		t.Run(name, func(t *testing.T) { soldOut(t, fails) })
	}
}

func soldOut(t *testing.T, fails bool) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 40, "hpc": 40})
	defer func() { w.stop() }()
	w.cloud.stock, w.cloud.fails = map[string]int{"htc": 12}, fails
	own := w.ctl.submit(1, false, 10*time.Minute, "hpc")
	own.comment = "mine"
	for range 40 {
		w.ctl.submit(1, true, 30*time.Minute, "htc", "hpc")
	}
	w.ticks(3 * powerInterval)
	down := 0
	for _, n := range w.ctl.nodes {
		if n.reason == "" {
			continue
		}
		down++
		require.True(t, strings.HasPrefix(n.reason, slurm.Mark), n.reason)
		require.Contains(t, n.reason, "htc/F4 has run out")
		require.True(t, strings.HasPrefix(n.name, "htc-"))
	}
	require.Equal(t, 28, down)
	told := 0
	for _, j := range w.ctl.jobs {
		if strings.HasPrefix(j.comment, slurm.Mark) {
			told++
			require.Equal(t, "PENDING", j.state)
		}
	}
	require.Equal(t, 28, told)
	require.Zero(t, w.ctl.stalls)
	require.Equal(t, "mine", own.comment)
	w.ticks(5 * time.Minute)
	require.Equal(t, 41, w.states()["RUNNING"], "%v", w.states())
	for _, j := range w.ctl.jobs {
		require.LessOrEqual(t, j.restarts, 1)
		require.NotContains(t, j.comment, slurm.Mark)
	}
	w.ticks(2 * time.Hour)
	require.Equal(t, map[string]int{"COMPLETED": 41}, w.states())
	require.Empty(t, w.cloud.violations)
	w.emptied(t)
}

// Of a job that got only some of its nodes those without a VM are given up, and with them
// the job: no node that has its VM is touched.
func TestPartOfAGang(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 4, "hpc": 4})
	defer func() { w.stop() }()
	w.cloud.stock = map[string]int{"htc": 2}
	gang := w.ctl.submit(4, true, 5*time.Minute, "htc", "hpc")
	w.ticks(4 * powerInterval)
	require.Equal(t, "PENDING", gang.state)
	require.Equal(t, map[string]bool{"htc-3": true, "htc-4": true}, downNodes(w.ctl))
	w.ticks(time.Hour)
	require.Equal(t, "COMPLETED", gang.state)
	require.Equal(t, 1, gang.restarts)
	require.Empty(t, w.cloud.violations)
	w.emptied(t)
}

func downNodes(c *controller) map[string]bool {
	down := make(map[string]bool)
	for name := range c.downs {
		down[name] = true
	}
	return down
}

// A limit that is reached is as a shortage, and a job that shares no fault keeps its nodes.
func TestLimitGoesElsewhere(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 4, "hpc": 4})
	defer func() { w.stop() }()
	w.cloud.limit = 2
	for range 4 {
		w.ctl.submit(1, true, 30*time.Minute, "htc", "hpc")
	}
	w.ticks(8 * time.Minute)
	require.Equal(t, 4, w.states()["RUNNING"], "%v", w.states())
	require.Len(t, downNodes(w.ctl), 2)
	w.ticks(2 * time.Hour)
	require.Equal(t, map[string]int{"COMPLETED": 4}, w.states())
	require.Empty(t, w.cloud.violations)
	w.emptied(t)
}

// One probe goes first while jobs want the offering, and a job that may not be requeued
// keeps its nodes until Slurm gives it up.
func TestProbe(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 6})
	defer func() { w.stop() }()
	w.cloud.stock = map[string]int{"htc": 0}
	fixed := w.ctl.submit(1, false, time.Minute, "htc")
	for range 5 {
		w.ctl.submit(1, true, time.Minute, "htc")
	}
	w.ticks(2 * time.Minute)
	require.Equal(t, "CONFIGURING", fixed.state)
	require.Equal(t, 5, w.states()["PENDING"])
	w.ticks(3 * time.Minute) // the nodes come back, and one is tried
	require.LessOrEqual(t, w.states()["CONFIGURING"], 2)
	w.ticks(6 * time.Minute)
	require.Equal(t, "NODE_FAIL", fixed.state)
	w.cloud.stock["htc"] = 6
	w.ticks(3 * time.Hour)
	require.Equal(t, map[string]int{"COMPLETED": 5, "NODE_FAIL": 1}, w.states())
	require.Empty(t, w.cloud.violations)
	w.emptied(t)
}

// Slurm looks at its jobs when it likes. The nodes behind a probe stay out until it has, and
// so one is tried at a time.
func TestProbeIsAwaited(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 6})
	defer func() { w.stop() }()
	w.ctl.rarely = time.Minute
	w.cloud.stock = map[string]int{"htc": 0}
	for range 5 {
		w.ctl.submit(1, true, time.Minute, "htc")
	}
	w.ticks(3 * time.Minute)
	require.Equal(t, 5, w.states()["PENDING"])
	tried := 0
	for range 120 {
		w.tick()
		waking := w.states()["CONFIGURING"]
		require.LessOrEqual(t, waking, 1)
		tried += waking
	}
	require.Positive(t, tried)
	w.cloud.stock["htc"] = 6
	w.ticks(3 * time.Hour)
	require.Equal(t, map[string]int{"COMPLETED": 5}, w.states())
	require.Empty(t, w.cloud.violations)
	w.emptied(t)
}

// A name that was suspended and resumed while no daemon ran has an old VM: it goes first.
func TestStaleVMGoesFirst(t *testing.T) {
	for _, heard := range []bool{true, false} {
		w := newPowerWorld(t, 1, map[string]int{"htc": 1})
		w.ctl.submit(1, true, time.Minute, "htc")
		w.ticks(5 * time.Minute)
		require.Equal(t, "up", w.ctl.node("htc-1").power)
		w.stop()
		for w.ctl.node("htc-1").power != "POWERED_DOWN" {
			w.pass(powerInterval)
		}
		again := w.ctl.submit(1, true, time.Minute, "htc")
		w.pass(powerInterval)
		require.Equal(t, "POWERING_UP", w.ctl.node("htc-1").power)
		if !heard {
			w.ctl.hooks.hooks = nil
		}
		w.start()
		w.ticks(10 * time.Minute)
		if heard {
			require.Zero(t, again.restarts)
			require.Equal(t, "COMPLETED", again.state)
		}
		w.ticks(40 * time.Minute)
		require.Equal(t, "COMPLETED", again.state)
		require.Equal(t, 2, w.cloud.creates)
		require.Empty(t, w.cloud.violations)
		w.emptied(t)
		w.stop()
	}
}

// Marks that a daemon left are found by one that starts with nothing, and taken back.
func TestMarksSurviveTheDaemon(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 4})
	w.cloud.stock = map[string]int{"htc": 0}
	w.ctl.submit(1, true, time.Minute, "htc")
	w.ctl.node("htc-4").down, w.ctl.node("htc-4").reason = true, "disk swap, ann"
	w.ticks(2 * time.Minute)
	require.True(t, w.ctl.node("htc-3").down)
	require.True(t, strings.HasPrefix(w.ctl.jobs[0].comment, slurm.Mark))
	w.stop()
	w.dir = t.TempDir()
	w.cloud.stock = nil
	w.start()
	defer func() { w.stop() }()
	w.ticks(2 * powerInterval)
	require.False(t, w.ctl.node("htc-3").down)
	w.ticks(20 * time.Minute)
	require.Equal(t, map[string]int{"COMPLETED": 1}, w.states())
	require.Empty(t, w.ctl.jobs[0].comment)
	require.Equal(t, "disk swap, ann", w.ctl.node("htc-4").reason)
	require.True(t, w.ctl.node("htc-4").down)
}

// Whatever goes wrong in a day: no node is removed that Slurm uses or waits for, none is
// made that it does not wait for, and in the end nothing is left.
func TestPowerDaysWithFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newPowerWorld(t, rapid.Uint64().Draw(rt, "seed"), map[string]int{"htc": 6, "hpc": 4})
		defer func() { w.stop() }()
		chance := func(percent int, what string) bool { return rapid.IntRange(1, 100).Draw(rt, what) <= percent }
		w.cloud.lost, w.cloud.never = 0.1, 0.05
		if chance(30, "scarce") {
			w.cloud.stock = map[string]int{"htc": rapid.IntRange(0, 6).Draw(rt, "htc")}
		}
		for range rapid.IntRange(3, 12).Draw(rt, "steps") {
			if chance(60, "submits") {
				count := rapid.IntRange(1, 4).Draw(rt, "nodes")
				w.ctl.submit(count, chance(80, "requeue"), time.Duration(rapid.IntRange(1, 30).Draw(rt, "minutes"))*time.Minute, rapid.SampledFrom([][]string{{"htc"}, {"hpc"}, {"htc", "hpc"}}).Draw(rt, "partitions")...)
			}
			w.ctl.jobsFail, w.ctl.nodesFail = chance(10, "squeue fails"), chance(5, "scontrol fails")
			if chance(10, "hooks lost") {
				w.ctl.hooks.hooks = nil
			}
			if chance(10, "slow deletes") {
				w.cloud.leave = 15 * time.Minute
			}
			if len(w.cloud.vms) > 0 && chance(10, "a VM dies") {
				w.cloud.vms = w.cloud.vms[1:]
			}
			span := time.Duration(rapid.IntRange(1, 40).Draw(rt, "ticks")) * powerInterval
			if !chance(15, "daemon down") {
				w.ticks(span)
				continue
			}
			w.stop()
			w.pass(span)
			w.start()
		}
		w.ctl.jobsFail, w.ctl.nodesFail = false, false
		w.cloud.lost, w.cloud.never, w.cloud.stock = 0, 0, nil
		for end := w.at.Add(8 * time.Hour); w.at.Before(end) && !w.over(); {
			w.ticks(5 * time.Minute)
		}
		w.tick() // what is left of hooks
		require.Empty(rt, w.cloud.violations)
		require.Zero(rt, w.states()["PENDING"]+w.states()["CONFIGURING"]+w.states()["RUNNING"], "%v", w.states())
		w.emptied(rt)
	})
}
