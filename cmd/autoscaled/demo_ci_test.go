package main

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/internal/fleet"
)

// shortDay is the standard day with three hours, of which one is busy.
func shortDay() ciDay {
	d := standardDay()
	d.Span = 3 * time.Hour
	d.Peaks = []ciPeak{{Hour: 1, More: 60, Width: 0.3}}
	return d
}

func startCIDemo(t *testing.T, o demoOptions, day ciDay) *ciDemo {
	t.Helper()
	ownTemp(t)
	d, err := newCIDemo(o, day)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.close()) })
	return d
}

func playedCIDay(t *testing.T, o demoOptions, day ciDay) (*ciDemo, ciSummary) {
	t.Helper()
	d := startCIDemo(t, o, day)
	require.NoError(t, d.run(context.Background(), watcher{toTheEnd, nil}))
	s, err := d.summarize()
	require.NoError(t, err)
	return d, s
}

// Every number of the summary, computed a second time from the jobs' and the instances'
// own records.
func TestCIDemoServesTheDayAndItsSummaryIsTrue(t *testing.T) {
	day := shortDay()
	d, s := playedCIDay(t, demoOptions{speed: asFast, seed: 7}, day)
	b := d.world.Books() // the same, for the time stands still
	require.Empty(t, broken(s.Checks))
	require.Len(t, s.Checks, 8)
	require.Equal(t, day.Span, s.Virtual)
	require.Equal(t, len(d.jobs), s.Offered)
	require.Greater(t, s.Offered, 40)
	require.Equal(t, s.Offered, s.Arrived)
	require.Equal(t, s.Arrived, s.Succeeded+s.Cancelled+s.Failed+s.Running+s.Waiting)
	require.Zero(t, s.Failed)
	require.Zero(t, s.BadTicks)
	requireCIJobsTrue(t, s, b)
	requireCIMacsTrue(t, s, b)
	require.Equal(t, day.Span.Hours()*ciSlots, s.AlwaysOn.Hours)
	require.Less(t, s.AlwaysOn.Waits.Mean, s.Waits.Mean, "VMs that are always there can't be slower")
}

func requireCIJobsTrue(t *testing.T, s ciSummary, b fleet.Books) {
	t.Helper()
	ran, waited, most, started := time.Duration(0), time.Duration(0), time.Duration(0), 0
	for _, j := range b.Jobs {
		if j.Started.IsZero() {
			continue
		}
		started++
		waited += j.Started.Sub(j.At)
		most = max(most, j.Started.Sub(j.At))
		if j.Ended.IsZero() {
			ran += b.At.Sub(j.Started)
		} else {
			ran += j.Ended.Sub(j.Started)
		}
		if j.Result == "succeeded" {
			require.Equal(t, j.Length, j.Ended.Sub(j.Started), "it ran for its length")
		}
	}
	require.Equal(t, started, s.Waits.Count)
	require.Equal(t, most, s.Waits.Max)
	require.InDelta(t, waited/time.Duration(started), s.Waits.Mean, 1)
	require.InDelta(t, ran.Hours(), s.WorkHours, 1e-6)
	require.Equal(t, b.QueueTime(95), s.Waits.P95)
	kinds := 0
	for _, k := range s.ByKind {
		kinds += k.Waits.Count
	}
	require.Equal(t, started, kinds)
}

func requireCIMacsTrue(t *testing.T, s ciSummary, b fleet.Books) {
	t.Helper()
	held, there := time.Duration(0), 0
	for _, i := range b.Anka.Instances {
		over := i.Over
		if over.IsZero() {
			over = b.At
		}
		if i.Asked.IsZero() {
			there++
		}
		held += over.Sub(i.Created)
	}
	require.Equal(t, len(b.Anka.Instances), s.Starts)
	require.LessOrEqual(t, s.Starts, s.Arrived)
	require.Equal(t, there, s.There)
	require.InDelta(t, held.Hours(), s.UsedHours, 1e-6)
	require.Greater(t, s.UsedHours, s.WorkHours, "work takes VMs")
	require.Equal(t, s.Starts, s.Calls["POST /api/v1/vm"], "nothing was sent twice")
	require.LessOrEqual(t, s.Peak, ciSlots)
}

func TestCIDemoRunsAlikeOnAnyMachine(t *testing.T) {
	run := func(seed uint64, speed float64) (ciSummary, []fleet.JobRecord) {
		day := shortDay()
		day.Span = 80 * time.Minute // its end is in the middle of things
		d, s := playedCIDay(t, demoOptions{speed: speed, seed: seed}, day)
		s.Real = 0
		jobs := d.world.Books().Jobs
		for i := range jobs {
			jobs[i].ID, jobs[i].Runner = "", ""
		}
		return s, jobs
	}
	once, jobs := run(1, asFast)
	again, same := run(1, 20_000)
	require.Equal(t, once, again)
	require.Equal(t, jobs, same)
	_, others := run(2, asFast)
	require.NotEqual(t, jobs, others)
}

// The day is what its parameters say.
func TestCIDayIsDrawnFromItsParameters(t *testing.T) {
	day := standardDay()
	var jobs []fleet.Job
	const seeds = 20
	for seed := range uint64(seeds) {
		jobs = append(jobs, day.jobs(seed)...)
	}
	require.Equal(t, day.jobs(3), day.jobs(3))
	var lengths, logs []float64
	byHour, bySet, cancelled := map[int]float64{}, map[string]float64{}, 0.0
	for _, j := range jobs {
		require.GreaterOrEqual(t, j.Length, day.Shortest)
		require.LessOrEqual(t, j.Length, day.Longest)
		lengths = append(lengths, j.Length.Seconds())
		logs = append(logs, math.Pow(math.Log(j.Length.Seconds()/day.Median.Seconds()), 2))
		byHour[j.At.Hour()]++
		bySet[j.Set]++
		if j.CancelAfter > 0 {
			cancelled++
		}
	}
	slices.Sort(lengths)
	n := float64(len(jobs))
	require.InEpsilon(t, 254, lengths[len(lengths)/2], 0.03)
	sum := 0.0
	for _, x := range logs {
		sum += x
	}
	require.InEpsilon(t, day.Sigma, math.Sqrt(sum/n), 0.03)
	require.InDelta(t, day.Cancelled, cancelled/n, 0.005)
	for _, k := range day.Kinds {
		require.InDelta(t, k.Share, bySet[k.Set]/n, 0.01, k.Set)
	}
	for hour := range 24 {
		want := day.rate(day.Start.Add(time.Duration(hour)*time.Hour + 30*time.Minute))
		require.InDelta(t, want, byHour[hour]/seeds, 5*math.Sqrt(want/seeds)+2, "jobs from %d h", hour)
	}
	require.Greater(t, byHour[10], 10*byHour[3], "nights are quiet")
}

func TestCIKindsFillTheFleet(t *testing.T) {
	share, fixed := 0.0, 0
	for _, k := range standardDay().Kinds {
		share, fixed = share+k.Share, fixed+k.Fixed
	}
	require.InDelta(t, 1, share, 1e-9)
	require.Equal(t, ciSlots, fixed)
}

func TestCIFixedFleetServesInOrder(t *testing.T) {
	day := ciDay{Start: demoEpoch, Kinds: []ciKind{{Set: "a", Fixed: 1}, {Set: "b", Fixed: 2}}}
	at := func(m int) time.Time { return demoEpoch.Add(time.Duration(m) * time.Minute) }
	got := day.alwaysOn([]fleet.Job{
		{Set: "a", At: at(0), Length: 10 * time.Minute},
		{Set: "b", At: at(1), Length: 50 * time.Minute},
		{Set: "a", At: at(2), Length: time.Minute, CancelAfter: 5 * time.Minute}, // while it waits
		{Set: "a", At: at(4), Length: 30 * time.Minute, CancelAfter: 10 * time.Minute},
		{Set: "a", At: at(5), Length: time.Hour},
		{Set: "b", At: at(6), Length: time.Minute},
		{Set: "a", At: at(20), Length: time.Minute}, // has no VM by the end
	}, at(60))
	require.Equal(t, 5, got.Waits.Count)
	require.Equal(t, 4, got.Finished)
	require.Equal(t, 9*time.Minute, got.Waits.Max, "from 5 to 14, when the one before was cancelled")
	require.Equal(t, float64(ciSlots), got.Hours)
}

func TestCIDemoEndsEarlyWithASummary(t *testing.T) {
	d := startCIDemo(t, demoOptions{speed: 2000, seed: 1}, shortDay())
	ctx, end := context.WithCancel(context.Background())
	defer end()
	require.NoError(t, d.run(ctx, watcher{func(f demoFrame) bool { return f.Nodes.Busy > 0 }, end}))
	seen := d.stage.Now()
	s, err := d.summarize()
	require.NoError(t, err)
	require.Equal(t, seen.Sub(d.day.Start), s.Virtual, "time stands still in the end")
	require.Empty(t, broken(s.Checks))
	require.Positive(t, s.There)
}

func TestCIDemoPrintsItsParametersAndASummary(t *testing.T) {
	ownTemp(t)
	var out strings.Builder
	require.NoError(t, runCIDemo(context.Background(), &out, demoOptions{speed: ciDaySpeed, length: 300 * time.Millisecond, listen: "127.0.0.1:0", seed: 1}))
	text := out.String()
	require.NotContains(t, text, "\x1b")
	require.Contains(t, text, "A made-up day of CI on 20 simulated Macs")
	require.Contains(t, text, "lognormal, median 4m14s, sigma 1")
	require.Contains(t, text, "of the made-up day")
	require.Equal(t, 8, strings.Count(text, "\n  ok "), text)
	require.NotContains(t, text, ciDemoToken)
}

func TestDemoKnowsItsClouds(t *testing.T) {
	cmd := newDemoCommand()
	cmd.SetArgs([]string{"--cloud", "tape"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	require.ErrorContains(t, cmd.Execute(), `--cloud is cyclecloud or anka, not "tape"`)
}
