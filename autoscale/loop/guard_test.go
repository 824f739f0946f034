package loop

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What one read asks for is not bought; a restart between two reads makes no difference.
func TestJumpOfDemandIsReadTwice(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Policy.DemandJump = 10 })
	r.tick()
	r.queue.submit(r.at, 700)
	report := r.tick()
	require.Empty(t, report.Plan.Grow)
	require.Equal(t, 2800.0, r.series("autoscaled_demand_jump_cores")[""])
	require.Equal(t, 700.0, r.series("autoscaled_jobs_waiting")["demand_jump"])
	r.restart()
	report = r.tick()
	require.Equal(t, 700, report.Plan.Grow[0].Count)
	require.Zero(t, r.series("autoscaled_demand_jump_cores")[""])
}

// The rates hold over restarts, for creates as for removals, and a dry run uses up none.
func TestCreateRatesSurviveRestarts(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Policy.CreatesPerTick, o.Policy.CreatesPerHour = 3, 7 })
	r.options.DryRun = true
	r.restart()
	r.queue.submit(r.at, 20)
	r.ticks(5)
	r.options.DryRun = false
	r.restart()
	for _, want := range []int{3, 6, 7, 7} {
		r.tick()
		require.Equal(t, want, r.cloud.serial)
		r.restart()
	}
	r.ticks(115) // not quite an hour
	require.Equal(t, 7, r.cloud.serial)
	r.ticks(10)
	require.Equal(t, 14, r.cloud.serial)
}
