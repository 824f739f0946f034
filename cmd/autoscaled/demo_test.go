package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale/sim"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// smallScript is a trace of a few hours on three nodes: single nodes, one wide
// job, and a pause that is long enough for nodes to go.
func smallScript() demoScript {
	return demoScript{start: demoEpoch, span: 12 * time.Hour, room: 3, jobs: []sim.Job{
		wholeNodes(1, 10*time.Minute, 1, 30*time.Minute), wholeNodes(2, 15*time.Minute, 2, time.Hour),
		wholeNodes(3, 20*time.Minute, 3, 10*time.Minute), wholeNodes(4, 25*time.Minute, 1, 5*time.Minute),
		wholeNodes(5, 7*time.Hour, 2, 20*time.Minute),
	}}
}

// watcher is a view that ends the demo when it has seen enough.
type watcher struct {
	enough func(demoFrame) bool
	end    context.CancelFunc
}

func (w watcher) show(f demoFrame, _ time.Duration) {
	if w.enough(f) {
		w.end()
	}
}

func (watcher) close() {}

// asFast is a speed that no machine has: ticks follow upon each other.
const asFast = 1e9

// toTheEnd is a view that shows nothing and ends nothing.
func toTheEnd(demoFrame) bool { return false }

// ownTemp gives the test a folder for temporary files, and expects it to be empty
// in the end. Its path is short, for a socket's must be.
func ownTemp(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	require.NoError(t, err)
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() { require.NoError(t, os.Remove(dir), "state directories are removed") })
}

func startDemo(t *testing.T, o demoOptions, script demoScript) *demo {
	t.Helper()
	ownTemp(t)
	d, err := newDemo(o, script)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.close()) })
	return d
}

// Every number of the summary, computed a second time from the simulator's node
// records and the jobs' own times.
func TestDemoServesEveryJobAndItsSummaryIsTrue(t *testing.T) {
	script := smallScript()
	d := startDemo(t, demoOptions{speed: asFast, seed: 7}, script)
	require.NoError(t, d.run(context.Background(), watcher{toTheEnd, nil}))
	s, err := d.summarize()
	require.NoError(t, err)
	books, err := d.world.follow() // the same, for the time stands still
	require.NoError(t, err)

	require.Empty(t, broken(s.Checks))
	require.Equal(t, script.span, s.Virtual)
	requireJobsTrue(t, s, script, d.world.jobs)
	requireNodesTrue(t, s, books)
	require.Equal(t, s.Ticks, s.Calls["GET /clusters/{cluster}/status"], "one look at the cloud a tick")
	require.Equal(t, int(script.span/demoLongest), s.Ticks, "the first at the start, none at the end")
	require.Zero(t, s.BadTicks)
	require.Equal(t, s.Creates, s.Calls["POST /clusters/{cluster}/nodes/create"], "nothing was sent twice")
}

func requireJobsTrue(t *testing.T, s demoSummary, script demoScript, jobs *sim.Scheduler) {
	t.Helper()
	n := len(script.jobs)
	require.Equal(t, []int{n, n, n, 0, 0}, []int{s.Offered, s.Queue.Arrived, s.Queue.Finished, s.Queue.Running, s.Queue.Waiting})
	needed, waited, most := 0.0, time.Duration(0), time.Duration(0)
	for i, r := range jobs.Records() {
		job := script.jobs[i]
		require.Equal(t, job.Run, r.Ended.Sub(r.Started), "job %s ran for its run time", r.ID)
		needed += float64(job.Tasks) * job.Run.Seconds()
		wait := r.Started.Sub(job.Submitted)
		require.GreaterOrEqual(t, wait, time.Duration(0))
		waited, most = waited+wait, max(most, wait)
	}
	require.InDelta(t, needed, s.Queue.WorkSeconds, 1e-3)
	require.Equal(t, n, s.Waits.Count)
	require.InDelta(t, waited/time.Duration(n), s.Waits.Mean, 1)
	require.Equal(t, most, s.Waits.Max)
	require.Equal(t, n, s.AlwaysOn.Finished)
	require.LessOrEqual(t, s.AlwaysOn.Waits.Mean, s.Waits.Mean, "nodes that are always there can't be slower")
	require.InDelta(t, s.Virtual.Hours()*float64(script.room), s.AlwaysOn.Hours, 1e-6)
}

func requireNodesTrue(t *testing.T, s demoSummary, books cyclecloudtest.Books) {
	t.Helper()
	created, held := 0, time.Duration(0)
	for _, n := range books.Nodes {
		if !n.Head {
			created++
			held += n.Held
		}
	}
	require.Equal(t, 5, created, "three for the morning, two for the evening")
	require.Equal(t, []int{created, created, 0}, []int{s.Created, s.Removed, s.There})
	require.InDelta(t, held.Hours(), s.UsedHours, 1e-9)
	require.GreaterOrEqual(t, s.UsedHours*3600, s.Queue.WorkSeconds, "work takes nodes")
	require.Equal(t, 3, s.Peak)
}

func TestDemoRunsAlikeOnAnyMachine(t *testing.T) {
	run := func(seed uint64, speed float64) (demoSummary, []sim.Record) {
		d := startDemo(t, demoOptions{speed: speed, seed: seed}, smallScript())
		require.NoError(t, d.run(context.Background(), watcher{toTheEnd, nil}))
		s, err := d.summarize()
		require.NoError(t, err)
		s.Real = 0
		return s, d.world.jobs.Records()
	}
	once, jobs := run(1, asFast)
	again, same := run(1, 100_000)
	require.Equal(t, once, again)
	require.Equal(t, jobs, same)
	_, others := run(2, asFast)
	require.NotEqual(t, jobs, others, "boot times come from the seed")
}

// Two days of the shipped week with every fault that the simulator knows.
func TestDemoWithFaultsLeaksNothing(t *testing.T) {
	script, err := weekScript()
	require.NoError(t, err)
	script.span = 48 * time.Hour
	d := startDemo(t, demoOptions{speed: asFast, seed: 3, faults: true}, script)
	require.NoError(t, d.run(context.Background(), watcher{toTheEnd, nil}))
	s, err := d.summarize()
	require.NoError(t, err)
	require.Empty(t, broken(s.Checks))
	kinds := map[cyclecloudtest.FaultKind]bool{}
	for _, f := range demoFaults() {
		kinds[f.Kind] = true
	}
	require.Len(t, kinds, 8, "every kind that there is")
	require.Len(t, s.Faults, len(kinds), "%v", s.Faults)
	require.Positive(t, s.Evicted)
	require.Positive(t, s.BadTicks)
	var out strings.Builder
	s.print(&out)
	require.Regexp(t, `(?m)^  faults       \d+\n +\d+  cut-after$`, out.String())
}

func TestDemoEndsEarlyWithASummary(t *testing.T) {
	d := startDemo(t, demoOptions{speed: 2000, seed: 1}, smallScript())
	ctx, end := context.WithCancel(context.Background())
	defer end()
	require.NoError(t, d.run(ctx, watcher{func(f demoFrame) bool { return f.Nodes.Busy > 0 }, end}))
	seen := d.clock.Now()
	s, err := d.summarize()
	require.NoError(t, err)
	require.Equal(t, seen.Sub(demoEpoch), s.Virtual, "time stands still in the end")
	require.Empty(t, broken(s.Checks), "nodes that are there are accounted for")
	require.Positive(t, s.There)
	require.Zero(t, s.Queue.Coming, "arrivals stopped")
}

func TestDemoPrintsProgressAndSummary(t *testing.T) {
	ownTemp(t)
	var out bytes.Buffer
	require.NoError(t, runDemo(context.Background(), &out, demoOptions{speed: 5040, length: 200 * time.Millisecond, listen: "127.0.0.1:0", seed: 1}))
	text := out.String()
	require.NotContains(t, text, "\x1b", "no escape codes where there is no terminal")
	require.Contains(t, text, "0:00  Mon 28 Apr 00:")
	require.Contains(t, text, "of 839 arrived")
	require.Equal(t, 5, strings.Count(text, "\n  ok "), text)
}

func TestDemoServesMetricsWhileItRuns(t *testing.T) {
	d := startDemo(t, demoOptions{speed: 5000, listen: "127.0.0.1:0", seed: 1}, smallScript())
	ctx, end := context.WithCancel(context.Background())
	defer end()
	var page string
	require.NoError(t, d.run(ctx, watcher{func(f demoFrame) bool {
		if f.Nodes.total() == 0 || page != "" {
			return false
		}
		page = fetch(t, d.daemon.metricsURL())
		end()
		return true
	}, end}))
	require.Contains(t, page, `cluster="demo"`)
	require.Contains(t, page, "autoscaled_")
}

func fetch(t *testing.T, url string) string {
	response, err := http.Get(url)
	if err != nil {
		return fmt.Sprint(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(text)
}

func TestDemoRefusesWhatItCannotDo(t *testing.T) {
	ownTemp(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for want, o := range map[string]demoOptions{
		"--speed must be at least 1":                      {speed: 0.5},
		"--speed must be at least 1 and --for":            {speed: math.NaN()},
		"--speed must be at least 1 and":                  {speed: math.Inf(1)},
		"--for not negative":                              {speed: 10, length: -time.Second},
		"choose another address with --listen":            {speed: 10, listen: taken.Addr().String()},
		"serve metrics and health (listen): listen tcp: ": {speed: 10, listen: "nowhere"},
	} {
		var out bytes.Buffer
		require.ErrorContains(t, runDemo(context.Background(), &out, o), want)
		require.Empty(t, out.String())
	}
}

func TestDemoTimePassesOnlyWhileTheDaemonSleeps(t *testing.T) {
	c := newDemoClock(demoEpoch, demoEpoch.Add(time.Hour), asFast)
	ended := make(chan struct{})
	c.runs(func() { close(ended) })
	require.Equal(t, demoEpoch, c.Now())
	require.Equal(t, demoEpoch.Add(50*time.Minute), <-c.After(50*time.Minute))
	require.Equal(t, demoEpoch.Add(50*time.Minute), c.Now())
	late := c.After(50 * time.Minute)
	<-ended
	require.Equal(t, demoEpoch.Add(time.Hour), c.Now(), "never beyond the end")
	require.Empty(t, late)
	require.False(t, c.pass(demoEpoch.Add(2*time.Hour)), "it has stopped")
}

func TestDemoIsPaced(t *testing.T) {
	c := newDemoClock(demoEpoch, demoEpoch.Add(time.Hour), 60)
	require.InDelta(t, 30*time.Second, c.pace(demoEpoch.Add(30*time.Minute)), float64(20*time.Second))
	require.Less(t, c.pace(demoEpoch.Add(9*time.Hour)), time.Minute+time.Second, "the end comes when it is due")
	for speed, want := range map[float64]string{1: "15s", 5040: "3m21.6s", 1e6: "5m0s"} {
		w := demoWiring{clock: newDemoClock(demoEpoch, demoEpoch, speed)}
		require.Equal(t, want, w.config("/s", "/s/p").Interval.Std().String())
	}
}
