package loop

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// callsWithin counts the creates and removes of the next while.
func (r *rig) callsWithin(d time.Duration) int {
	before := r.cloud.count("create") + r.cloud.count("remove")
	r.ticks(int(d / step))
	return r.cloud.count("create") + r.cloud.count("remove") - before
}

// The cloud refuses our credentials for an hour, then takes them again.
func TestRefusedCredentialsStopEverythingUntilATryIsTaken(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 2)
	r.ticks(10)
	r.queue.submit(r.at, 3)
	r.fail(1000, "create", forbidden)
	r.ticks(2)
	require.Equal(t, 2, r.cloud.count("create"), "one before, one that is refused")
	last := r.reports[len(r.reports)-1]
	require.Equal(t, autoscale.ReasonBreaker, last.Plan.Hold.Code)
	for job := range last.Plan.Jobs(last.Observation.Demand) {
		require.Equal(t, autoscale.ReasonBreaker, job.Reason.Code)
	}
	require.Equal(t, 1.0, r.counter("autoscaled_breaker_open"))
	require.Equal(t, 1.0, r.counter("autoscaled_errors_total"))

	require.InDelta(t, 6, r.callsWithin(time.Hour), 1, "tries after 1, 2, 4, 8, 16 and 30 minutes")
	r.restart()
	require.LessOrEqual(t, r.callsWithin(time.Hour), 2, "a restart does not begin anew")

	r.cloud.fault = func(string, autoscale.RequestID) fault { return works }
	r.ticks(int(40 * time.Minute / step))
	require.Zero(t, r.counter("autoscaled_breaker_open"))
	require.Len(t, r.cloud.list(), 5)
}

// Idle nodes cost money: where nobody wants a new node the try is a removal.
func TestRemovalCanBeTheTry(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 2)
	r.ticks(10)
	r.queue.clear()
	r.fail(2, "remove", forbidden)
	r.ticks(int(time.Hour / step))
	require.Equal(t, 3, r.cloud.count("remove"))
	require.Empty(t, r.cloud.list())
	require.Zero(t, r.counter("autoscaled_breaker_open"))
}

// Creates of the only pool fail over its image, three times in a row: growth stops,
// and removals go on.
func TestConfigErrorsStopGrowth(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 1)
	r.ticks(10)
	r.queue.clear()
	r.fail(5, "create", badImage)
	coupled := autoscale.Job{ID: "coupled", Shape: autoscale.Shape{
		Tasks: 1, PerTask: autoscale.Resources{Cores: 4}, Exclusive: autoscale.ExclusiveTask, Grouping: autoscale.Coupled,
	}}
	r.queue.pending = []autoscale.Job{coupled}
	r.until(func() bool { return r.counter("autoscaled_breaker_open") == 1 })
	require.Equal(t, 1+3, r.cloud.count("create"))
	r.until(func() bool { return r.cloud.count("remove") == 1 })
	require.Equal(t, 1.0, r.counter("autoscaled_breaker_open"))
	r.until(func() bool { return r.counter("autoscaled_breaker_open") == 0 })
	require.Len(t, r.cloud.list(), 1)
}

// What the cloud has too little of never stops it.
func TestShortagesNeverOpenTheBreaker(t *testing.T) {
	for _, f := range []fault{refused, unavailable, cutShort, soldOut, lostBefore} {
		r := newRig(t)
		r.queue.submit(r.at, 5)
		r.fail(20, "create", f)
		for range 120 {
			r.tick()
			require.Zero(t, r.counter("autoscaled_breaker_open"))
		}
	}
}

func TestDryRunNeverOpensTheBreaker(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 2)
	r.fail(1000, "create", forbidden)
	plan, err := r.loop.Plan(t.Context(), r.at)
	require.NoError(t, err)
	require.Len(t, plan.Plan.Grow, 1)
	dry := newRig(t, func(o *Options) { o.DryRun = true })
	dry.queue.submit(dry.at, 2)
	dry.fail(1000, "create", forbidden)
	for range 20 {
		require.Len(t, dry.tick().Plan.Grow, 1)
		require.Zero(t, dry.counter("autoscaled_breaker_open"))
	}
}

func TestBreakerIsLogged(t *testing.T) {
	r, logs := logged(t)
	r.queue.submit(r.at, 1)
	r.fail(2, "create", forbidden)
	r.ticks(20)
	for message, times := range map[string]int{
		"errors that waiting does not end have stopped this cloud": 1,
		"a stopped cloud was tried in vain":                        1,
		"a stopped cloud works again":                              1,
	} {
		require.Equal(t, times, logs.FilterMessage(message).Len(), message)
	}
}
