package loop

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"autoscaled/autoscale"
)

// A job that never ends keeps its old node from going. The node takes work again once
// the drain has lasted too long, and everybody who may want to know is told.
func TestDrainIsUndoneAtItsDeadline(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	var q *drainQueue
	r := newRig(t, func(o *Options) {
		o.Logger = zap.New(core)
		o.Policy.Pools[0].MaxAge, o.Policy.Pools[0].DrainTimeout = time.Hour, 30*time.Minute
		q = withMarks(o)
	})
	r.queue.submit(r.at, 1)
	marked := func() bool {
		r.queue.schedule(r.at, r.cloud.list(), 1000*time.Hour)
		return len(q.marked) > 0
	}
	r.until(marked)
	begun := r.at
	report := r.until(func() bool { return !marked() })
	require.Equal(t, 30*time.Minute, r.at.Sub(begun))
	require.Equal(t, autoscale.ReasonDrainTimeout, report.Plan.Undrain[0].Reason.Code)
	require.Equal(t, autoscale.ReasonDrainTimeout, report.Plan.Nodes[0].Reason.Code)
	told := logs.FilterMessage("node could not be drained in time, and takes work again").All()
	require.Len(t, told, 1)
	require.Equal(t, "drain_timeout", told[0].ContextMap()["reason"])
	require.EqualValues(t, 1, told[0].ContextMap()["failed_drains"])
	require.Equal(t, 1.0, r.counter("autoscaled_drain_timeouts_total"))
	require.Equal(t, map[string]float64{"execute/F4,timeout": 1, "execute/F4,unseen": 0}, r.series("autoscaled_nodes_undrainable"))

	undone := r.at
	r.until(marked)
	require.Equal(t, 30*time.Minute, r.at.Sub(undone), "tried again after as long as it was tried")
	r.until(func() bool { return !marked() })
	undone = r.at
	r.until(marked)
	require.Equal(t, time.Hour, r.at.Sub(undone), "and then after twice as long")

	for host, run := range r.queue.running {
		run.ends = r.at
		r.queue.running[host] = run
	}
	r.until(func() bool { return !marked() || r.cloud.count("remove") > 0 })
	require.Equal(t, 1, r.cloud.count("remove"), "the job has ended, and the node goes at once")
}

func TestMarkThatNeverShowsIsTold(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	r := newRig(t, func(o *Options) {
		o.Logger = zap.New(core)
		withMarks(o).deaf = true
	})
	r.queue.submit(r.at, 1)
	r.ticks(10)
	r.queue.clear()
	r.ticks(60)
	require.Equal(t, 5, r.cloud.count("drain idle node-001"), "after 1, 2, 4 and 8 minutes")
	again := logs.FilterMessage("node is being drained again, for the queue does not show the mark").All()
	require.Len(t, again, 4)
	require.EqualValues(t, 4, again[3].ContextMap()["marks_before"])
	require.Equal(t, autoscale.ReasonDrainUnseen, r.reports[len(r.reports)-1].Plan.Nodes[0].Reason.Code)
	require.Equal(t, map[string]float64{"execute/F4,timeout": 0, "execute/F4,unseen": 1}, r.series("autoscaled_nodes_undrainable"))
	require.Zero(t, r.cloud.count("remove"))
}

// A dry run sends no marks, so it misses none.
func TestDryRunMissesNoMarks(t *testing.T) {
	r := newRig(t, func(o *Options) { withMarks(o) })
	r.queue.submit(r.at, 1)
	r.ticks(10)
	r.queue.clear()
	r.options.DryRun = true
	r.restart()
	last := r.ticks(60)
	require.Len(t, last.Plan.Drain, 1)
	require.Zero(t, last.Plan.Drain[0].Before)
	require.Zero(t, last.Memory.Nodes["node-001"].Drain)
}
