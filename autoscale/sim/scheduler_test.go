package sim

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
)

var (
	_ loop.Queue   = (*Scheduler)(nil)
	_ loop.Drainer = (*Scheduler)(nil)
)

var epoch = time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

// whole is a job that takes nodes whole nodes.
func whole(id string, submit, nodes, run int) Job {
	return TraceJob{Run: time.Duration(run) * time.Second, Processors: nodes}.job(id, submit)
}

func (t TraceJob) job(id string, submit int) Job {
	j := t.WholeNodes(epoch, autoscale.Resources{Cores: 4})
	j.ID, j.Submitted = autoscale.JobID(id), at(submit)
	return j
}

func four(name string) Host { return Host{Name: name, Resources: autoscale.Resources{Cores: 4}} }

func newTestScheduler(t *testing.T, hosts ...string) *Scheduler {
	t.Helper()
	s := NewScheduler(epoch)
	for _, name := range hosts {
		require.NoError(t, s.Join(four(name)))
	}
	return s
}

func records(s *Scheduler) map[string]Record {
	out := map[string]Record{}
	for _, r := range s.Records() {
		out[string(r.ID)] = r
	}
	return out
}

func demand(t *testing.T, s *Scheduler) autoscale.Demand {
	t.Helper()
	d, err := s.Demand(context.Background())
	require.NoError(t, err)
	require.True(t, d.Vouched)
	return d
}

func TestJobsEndAndStartAtTheirOwnTimesBetweenTwoLooks(t *testing.T) {
	s := newTestScheduler(t, "A")
	require.NoError(t, s.Submit(whole("1", 10, 1, 30), whole("2", 11, 1, 5), whole("3", 12, 1, 100)))
	s.Advance(at(60))
	got := records(s)
	require.Equal(t, []time.Time{at(10), at(40)}, []time.Time{got["1"].Started, got["1"].Ended})
	require.Equal(t, []time.Time{at(40), at(45)}, []time.Time{got["2"].Started, got["2"].Ended})
	require.Equal(t, at(45), got["3"].Started)
	require.Zero(t, got["3"].Ended)
	require.Equal(t, Totals{
		Arrived: 3, Finished: 2, Running: 1, Hosts: 1, BusyHosts: 1, PeakHosts: 1,
		UpSeconds: 60, BusySeconds: 50, WorkSeconds: 50,
	}, s.Totals())
}

func TestBackfillLetsNarrowJobsPass(t *testing.T) {
	s := newTestScheduler(t, "a", "b")
	s.Backfill()
	require.NoError(t, s.Submit(whole("1", 0, 1, 100), whole("2", 1, 2, 10), whole("3", 2, 1, 10)))
	s.Advance(at(150))
	got := records(s)
	require.Equal(t, at(2), got["3"].Started)
	require.Equal(t, at(100), got["2"].Started)
	require.Equal(t, 3, s.Totals().Finished)
}

func TestAWideJobHoldsBackTheNarrowOnesBehindIt(t *testing.T) {
	s := newTestScheduler(t, "a", "b")
	require.NoError(t, s.Submit(whole("1", 0, 1, 100), whole("2", 1, 2, 10), whole("3", 2, 1, 10)))
	s.Advance(at(50))
	require.Equal(t, map[string]bool{"2": true, "3": true}, map[string]bool{
		"2": records(s)["2"].Started.IsZero(), "3": records(s)["3"].Started.IsZero(),
	}, "b is free, but job 2 is first in order")
	require.Equal(t, 3, s.Totals().WaitingTasks)
	s.Advance(at(200))
	require.Equal(t, at(100), records(s)["2"].Started)
	require.Equal(t, at(110), records(s)["3"].Started)
}

func TestPriorityGoesBeforeAge(t *testing.T) {
	s := newTestScheduler(t)
	urgent := whole("9", 5, 1, 10)
	urgent.Priority = 1
	require.NoError(t, s.Submit(whole("1", 0, 1, 10), urgent, whole("2", 0, 1, 10)))
	s.Advance(at(20))
	require.NoError(t, s.Join(four("a")))
	s.Advance(at(100))
	got := records(s)
	require.Equal(t, at(20), got["9"].Started)
	require.Equal(t, at(30), got["1"].Started)
	require.Equal(t, at(40), got["2"].Started)
}

func TestAHostThatLeavesKillsItsJobWhichKeepsItsPlace(t *testing.T) {
	s := newTestScheduler(t, "a", "b")
	require.NoError(t, s.Submit(whole("1", 0, 2, 100), whole("2", 1, 1, 10)))
	s.Advance(at(40))
	killed, err := s.Leave("B")
	require.NoError(t, err)
	require.Equal(t, 1, killed)
	s.Advance(at(60))
	require.Zero(t, records(s)["1"].Started, "one host is not enough")
	require.Zero(t, records(s)["2"].Started, "and job 1 is still first in order")
	require.NoError(t, s.Join(four("c")))
	s.Advance(at(160))
	require.Equal(t, Record{ID: "1", Tasks: 2, Submitted: at(0), Started: at(60), Ended: at(160), Kills: 1}, records(s)["1"])
	totals := s.Totals()
	require.Equal(t, 1, totals.Kills)
	require.Equal(t, 80.0, totals.LostSeconds)
	require.Equal(t, 200.0, totals.WorkSeconds, "what was lost is no work")
	require.Equal(t, 280.0, totals.BusySeconds)
	require.Equal(t, 40+160+100.0, totals.UpSeconds)
	_, err = s.Leave("b")
	require.ErrorContains(t, err, "host b has not joined")
}

func TestDemandShowsWaitingJobsUseAndMarks(t *testing.T) {
	s := newTestScheduler(t, "IP-0A000004", "ip-0a000005")
	require.NoError(t, s.Submit(whole("1", 0, 1, 100), whole("2", 1, 2, 10), whole("3", 2, 2, 10), whole("4", 900, 1, 1)))
	s.Advance(at(5))
	require.Empty(t, s.Drain(context.Background(), nil, "idle"))
	require.True(t, s.Busy("ip-0a000004"))
	require.False(t, s.Busy("ip-0a000005"))
	require.False(t, s.Busy("nobody"))
	answers := s.Drain(context.Background(), []autoscale.Node{{Host: "IP-0A000005"}, {Name: "execute-9", Host: "nobody"}}, "idle")
	require.Len(t, answers, 2)
	require.NoError(t, answers[0])
	require.ErrorContains(t, answers[1], `drain node execute-9: host "nobody" has not joined`)
	d := demand(t, s)
	require.Equal(t, 2, d.Jobs(), "job 4 is still to come")
	require.Len(t, d.Classes, 1, "equal shapes are one class")
	require.Equal(t, map[string]autoscale.HostUse{
		"ip-0a000004": {Jobs: []autoscale.JobID{"1"}, Used: autoscale.Resources{Cores: 4}, Whole: true},
		"ip-0a000005": {Drain: autoscale.DrainOurs},
	}, d.Use)
}

func TestADrainedHostTakesNothingNewAndKeepsWhatItRuns(t *testing.T) {
	s := newTestScheduler(t, "a")
	node := []autoscale.Node{{Host: "a"}}
	require.NoError(t, s.Submit(whole("1", 0, 1, 100), whole("2", 1, 1, 10)))
	s.Advance(at(50))
	require.Equal(t, []error{nil}, s.Drain(context.Background(), node, "idle"))
	s.Advance(at(150))
	require.Equal(t, at(100), records(s)["1"].Ended)
	require.Zero(t, records(s)["2"].Started)
	require.Equal(t, []error{nil}, s.Undrain(context.Background(), node))
	require.Equal(t, at(150), records(s)["2"].Started)
	require.Empty(t, demand(t, s).Use["a"].Drain)
}

func TestSharedTasksPackAndKeepToTheirSelectorAndGroup(t *testing.T) {
	s := NewScheduler(epoch)
	for name, group := range map[string]string{"a": "", "b": "pg0", "c": "pg1", "d": "pg1"} {
		h := four(name)
		h.Group, h.Labels = group, map[string]string{"kind": name}
		require.NoError(t, s.Join(h))
	}
	pair := whole("coupled", 0, 2, 60)
	pair.Grouping = autoscale.Coupled
	small := whole("small", 1, 2, 60)
	small.Exclusive, small.PerTask = autoscale.Shared, autoscale.Resources{Cores: 1}
	small.Selector = autoscale.HasLabel("kind", "A")
	spread := small
	spread.ID, spread.Submitted, spread.TasksPerNode, spread.Selector = "spread", at(2), 1, autoscale.Selector{}
	require.NoError(t, s.Submit(pair, small, spread))
	s.Advance(at(5))
	use := demand(t, s).Use
	require.Equal(t, []autoscale.JobID{"coupled"}, use["c"].Jobs, "pg1 is the only group with room for both")
	require.Equal(t, []autoscale.JobID{"coupled"}, use["d"].Jobs)
	require.Equal(t, autoscale.HostUse{Jobs: []autoscale.JobID{"small", "spread"}, Used: autoscale.Resources{Cores: 3}}, use["a"])
	require.Equal(t, autoscale.HostUse{Jobs: []autoscale.JobID{"spread"}, Used: autoscale.Resources{Cores: 1}}, use["b"])
	s.Advance(at(300))
	require.Equal(t, 60*(2+2.0/4+2.0/4), s.Totals().WorkSeconds, "shared hosts count by their share")
	require.Empty(t, demand(t, s).Use)
}

func TestSubmitRefusesWhatItCannotServe(t *testing.T) {
	for want, change := range map[string]func(*Job){
		"has no id":            func(j *Job) { j.ID = "" },
		"is negative":          func(j *Job) { j.Run = -1 },
		"at least 1 is needed": func(j *Job) { j.Tasks = 0 },
		"its gang mode allows": func(j *Job) { j.Tasks, j.Gang = 2, autoscale.GangBestEffort },
		"no holds":             func(j *Job) { j.Held = "JobHeldUser" },
		"no licences":          func(j *Job) { j.Draws = []autoscale.Draw{{Limit: "l", Amount: 1}} },
		"job id good is taken": func(j *Job) { j.ID = "good" },
		"dependencies":         func(j *Job) { j.DependsOn = []autoscale.JobID{"good"} },
		"or start times":       func(j *Job) { j.EarliestStart = at(99) },
	} {
		s := newTestScheduler(t, "a")
		bad := whole("bad", 0, 1, 10)
		change(&bad)
		require.ErrorContains(t, s.Submit(whole("good", 0, 1, 10), bad), want)
		require.Empty(t, s.Records(), "all or none")
	}
	s := newTestScheduler(t, "a")
	require.ErrorContains(t, s.Join(four("A")), "host A has joined already")
	require.ErrorContains(t, s.Join(four("")), "no name")
}

func TestStopArrivalsForgetsWhatIsToCome(t *testing.T) {
	s := newTestScheduler(t, "a")
	require.NoError(t, s.Submit(whole("1", 0, 1, 10), whole("2", 50, 1, 10), whole("3", 60, 1, 10)))
	s.Advance(at(55))
	require.Equal(t, 1, s.Totals().Coming)
	require.Equal(t, 1, s.StopArrivals())
	s.Advance(at(100))
	require.Len(t, s.Records(), 2)
	require.Equal(t, 2, s.Totals().Finished)
	require.NoError(t, s.Submit(whole("3", 70, 1, 5)), "its id is free again, and it arrives at once")
	require.Equal(t, at(100), records(s)["3"].Started)
}

func TestWaitAndSpread(t *testing.T) {
	done := Record{Submitted: at(0), Started: at(30), Ended: at(40)}
	require.Equal(t, 30*time.Second, done.Wait(at(99)))
	require.Equal(t, 99*time.Second, Record{Submitted: at(0)}.Wait(at(99)))

	values := make([]time.Duration, 0, 20)
	for i := 20; i >= 1; i-- {
		values = append(values, time.Duration(i))
	}
	require.Equal(t, Spread[time.Duration]{Count: 20, Mean: 10, P50: 10, P95: 19, Max: 20}, SpreadOf(values))
	require.Equal(t, Spread[float64]{Count: 1, Mean: 7, P50: 7, P95: 7, Max: 7}, SpreadOf([]float64{7}))
	require.Zero(t, SpreadOf[time.Duration](nil))
}
