package slurm_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

// dryHTC is a day on which htc has no nodes to give: the four of it are out by our mark, and
// a job that tried is back in the queue.
func dryHTC(t *testing.T) *powerWorld {
	w := newPowerWorld(t, 1, map[string]int{"htc": 4, "hpc": 4})
	w.cloud.stock = map[string]int{"htc": 0}
	w.ctl.submit(1, true, time.Minute, "htc")
	w.ticks(time.Minute)
	require.Len(t, downNodes(w.ctl), 4)
	return w
}

// A pending job learns that the nodes it may use are out, and why, as the nodes say. It is
// told once for each failure, and no more once they are back.
func TestPendingJobsAreTold(t *testing.T) {
	w := dryHTC(t)
	defer func() { w.stop() }()
	jobs := []*ctlJob{w.ctl.submit(1, true, time.Hour, "htc"), w.ctl.submit(3, true, time.Hour, "htc")}
	mine := w.ctl.submit(1, true, time.Hour, "htc")
	mine.comment = "for Monday's talk"
	held := w.ctl.submit(1, true, time.Hour, "htc")
	held.reason = "JobHeldUser"
	w.tick()
	reason := w.ctl.node("htc-1").reason
	require.Contains(t, reason, "htc/F4 has run out (capacity); it is tried again at ")
	for _, j := range jobs {
		require.Equal(t, reason, j.comment)
	}
	require.Equal(t, "for Monday's talk", mine.comment)
	require.Empty(t, held.comment, "it waits for its user")
	writes, looks := w.ctl.comments, w.ctl.looks
	w.ticks(time.Minute)
	require.Equal(t, writes, w.ctl.comments)
	require.Equal(t, looks, w.ctl.looks, "nothing is asked for where nothing is new")

	w.ctl.rarely = time.Minute
	for range 24 { // it is tried once more, in vain
		w.tick()
		require.Contains(t, jobs[1].comment, slurm.Mark, "one node that is tried is not enough")
	}
	require.NotEqual(t, reason, w.ctl.node("htc-4").reason)
	for i := 1; i <= 4; i++ {
		require.Equal(t, w.ctl.node("htc-4").reason, w.ctl.node(fmt.Sprint("htc-", i)).reason, "all have the words of the latest failure")
	}
	for _, j := range jobs {
		require.Equal(t, w.ctl.node("htc-4").reason, j.comment)
	}
	require.LessOrEqual(t, w.ctl.comments-writes, 2*len(jobs)+4)

	w.cloud.stock = nil
	w.ticks(30 * time.Minute)
	require.False(t, slices.ContainsFunc(w.ctl.nodes, func(n *ctlNode) bool { return n.down }))
	for _, j := range append(jobs, held) {
		require.Empty(t, j.comment, "job %d", j.id)
	}
	require.Equal(t, "for Monday's talk", mine.comment)
	require.Empty(t, w.cloud.violations)
}

// Of a job that waits for what will come, such as a pool that is paused, nothing is asked
// either once it was told.
func TestPatientJobsAreNotAskedFor(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 2})
	defer func() { w.stop() }()
	_, err := w.loop.Pause(t.Context(), "htc", 0, "")
	require.NoError(t, err)
	j := w.ctl.submit(1, true, time.Minute, "htc")
	w.ticks(time.Minute)
	require.Contains(t, j.comment, "paused")
	looks := w.ctl.looks
	w.ticks(2 * time.Minute)
	require.Equal(t, looks, w.ctl.looks)
	require.Equal(t, "CONFIGURING", j.state)
}

// A job that may go elsewhere, and finds a node there, is told nothing; one that lacks some of
// its nodes is.
func TestPendingJobsThatMayGoElsewhere(t *testing.T) {
	w := dryHTC(t)
	defer func() { w.stop() }()
	w.ctl.rarely = time.Hour // so that nobody takes them
	elsewhere := w.ctl.submit(1, true, time.Hour, "htc", "hpc")
	later := w.ctl.submit(1, true, time.Hour, "htc")
	later.begin = w.at.Add(time.Hour)
	large := w.ctl.submit(5, true, time.Hour, "htc", "hpc") // 4 nodes of hpc are free
	w.tick()
	require.Empty(t, elsewhere.comment)
	require.Empty(t, later.comment)
	require.Contains(t, large.comment, "htc/F4 has run out")
}

// A job that Slurm has nodes for is not told that nothing could serve it because the configuration
// knows no pool by its feature: neither when it is for nodes to wait, nor for its time or its array.
func TestPendingJobsWhoseFeatureIsOnlySlurms(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 1})
	defer func() { w.stop() }()
	w.ctl.submit(1, true, time.Hour, "htc")
	w.ticks(10 * time.Second)
	list := make(map[string]*ctlJob)
	for _, name := range []string{"waits", "later", "limited", "nobody's"} {
		list[name] = w.ctl.submit(1, true, time.Hour, "htc")
		list[name].features = "cloud"
	}
	list["later"].begin = w.at.Add(time.Hour)
	list["limited"].reason = "JobArrayTaskLimit"
	list["nobody's"].features = "quantum"
	w.ticks(time.Minute)
	for name, j := range list {
		require.Equal(t, name == "nobody's", j.comment != "", "%s: %s", name, j.comment)
	}
}

// Many jobs are told over some ticks, those first that know nothing yet.
func TestManyPendingJobsAreTold(t *testing.T) {
	w := dryHTC(t)
	defer func() { w.stop() }()
	for range 120 {
		w.ctl.submit(1, true, time.Hour, "htc")
	}
	told := func() (count int) {
		for _, j := range w.ctl.jobs {
			if strings.HasPrefix(j.comment, slurm.Mark) {
				count++
			}
		}
		return count
	}
	for _, want := range []int{51, 101, 121} {
		w.tick()
		require.Equal(t, want, told())
	}
	for before := w.ctl.node("htc-4").reason; w.ctl.node("htc-4").reason == before; { // it fails again, and all are to be told so
		w.tick()
	}
	for range 30 {
		w.ctl.submit(1, true, time.Hour, "htc")
	}
	w.tick()
	require.Equal(t, 151, told())
}

// Tasks of an array are told each for itself. One that starts takes the comment of those
// that wait along, and loses it.
func TestCommentsOfArrays(t *testing.T) {
	for stock, want := range map[int][]bool{0: {true, true, true}, 1: {false, true, true}} {
		w := newPowerWorld(t, 1, map[string]int{"htc": 3})
		w.cloud.stock = map[string]int{"htc": stock}
		for i := range 3 {
			j := w.ctl.submit(1, false, time.Minute, "htc")
			j.array, j.task = 3, int64(i)
		}
		w.ticks(90 * time.Second)
		for i, j := range w.ctl.jobs {
			require.Equal(t, want[i], j.comment != "", "task %d with %d nodes", j.task, stock)
		}
		w.stop()
	}

	w := dryHTC(t)
	defer func() { w.stop() }()
	rest := w.ctl.submit(1, true, time.Hour, "htc")
	rest.array, rest.task = rest.id, 2
	w.tick()
	require.Contains(t, rest.comment, slurm.Mark)
	begun := w.ctl.submit(1, true, time.Hour, "hpc")
	begun.array, begun.task, begun.comment = rest.id, 1, rest.comment
	w.ticks(5 * time.Minute)
	require.Equal(t, "RUNNING", begun.state)
	require.Empty(t, begun.comment)
	require.Contains(t, rest.comment, slurm.Mark)
}

// What the planner says of the next try is what users read.
func TestNextTryIsOne(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 1})
	defer func() { w.stop() }()
	w.cloud.stock = map[string]int{"htc": 0}
	fixed := w.ctl.submit(1, false, time.Minute, "htc") // may not be requeued, so that it waits all the while
	w.tick()
	for range 12 {
		w.tick()
		last := w.loop.Last()
		i := slices.IndexFunc(last.Plan.Outcomes, func(o autoscale.Outcome) bool { return o.Reason.Code == autoscale.ReasonCapacity })
		require.GreaterOrEqual(t, i, 0, "%v", last.Plan.Outcomes)
		if r := last.Plan.Outcomes[i].Reason; r.Of > 0 {
			require.Contains(t, fixed.comment, "tried again at "+w.at.Add(r.Of).Format("15:04:05 UTC"), w.at)
		}
	}
}
