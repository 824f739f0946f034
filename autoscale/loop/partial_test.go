package loop

import (
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// A queue that can tell of its hosts and of some of its jobs only gets what can be known,
// and the daemon says after a while that it does not know all.
func TestQueueThatIsReadInPart(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 3)
	r.until(func() bool { return r.inPhase(autoscale.PhaseReady) == 3 })
	r.queue.submit(r.at, 2)
	r.tick()
	require.Equal(t, 5.0, r.counter("autoscaled_demand_jobs"))

	r.queue.partial = "squeue: connection refused"
	r.queue.clear()
	r.queue.submit(r.at, 6)
	report := r.tick()
	require.False(t, report.Good())
	require.Equal(t, resultBlind, report.Result())
	require.True(t, report.Acted)
	require.NotEmpty(t, report.Plan.Grow, "what is known is served")
	require.NoError(t, r.loop.Ready(), "once is no trouble")
	require.Zero(t, r.counter("autoscaled_demand_known"))
	require.Equal(t, 5.0, r.counter("autoscaled_demand_jobs"), "the last that were all")
	require.Equal(t, 1.0, r.counter("autoscaled_supply_known"))
	r.ticks(3)
	require.ErrorContains(t, r.loop.Ready(), "queue: jobs are not known: squeue: connection refused")

	r.queue.partial = ""
	r.tick()
	require.NoError(t, r.loop.Ready())
	require.Equal(t, 1.0, r.counter("autoscaled_demand_known"))
	require.Equal(t, 6.0, r.counter("autoscaled_demand_jobs"))
}
