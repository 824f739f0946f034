package loop

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
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

// A node that comes after its request was given up is ours by the record alone, and
// goes when nobody wants it; it is counted and told of once.
func TestNodeOfARequestThatIsOverIsAdopted(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Policy.Adopt = autoscale.AdoptNone })
	r.queue.submit(r.at, 1)
	r.fail(1, "create", lostBefore)
	r.tick()
	r.queue.clear()
	r.until(func() bool { return r.all()[0].Phase == autoscale.OpExpired })
	late := autoscale.Grow{Request: r.all()[0].Request, Pool: poolID, Count: 1}
	r.cloud.add(late)
	late.Request = "somebody's"
	r.cloud.add(late)
	report := r.tick()
	require.Equal(t, 1.0, r.series("autoscaled_nodes_adopted_total")["execute/F4"])
	require.Equal(t, 1.0, r.series("autoscaled_nodes_foreign")["execute/F4"])
	require.Len(t, report.Orphans.Nodes, 1)
	require.Equal(t, autoscale.RequestID("somebody's"), report.Orphans.Nodes[0].Request)
	r.ticks(60)
	require.Len(t, r.cloud.list(), 1, "what is not ours stays")
	require.Equal(t, 1.0, r.series("autoscaled_nodes_adopted_total")["execute/F4"])
}

// A node that an operator hands over goes as any other that nobody wants, also after a
// restart. One that is ours already, or of which nothing is known, can't be.
func TestNodeIsAdoptedByCommand(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Policy.Adopt = autoscale.AdoptNone })
	r.cloud.add(autoscale.Grow{Request: "somebody's", Pool: poolID, Count: 2})
	report := r.tick()
	require.Len(t, report.Orphans.Nodes, 2)
	one, other := report.Orphans.Nodes[0], report.Orphans.Nodes[1]
	_, err := r.loop.Adopt(t.Context(), []string{one.Name, "nobody"})
	require.ErrorContains(t, err, "adopt nobody: it is no node of a managed pool that is not ours")
	r.ticks(60)
	require.Len(t, r.cloud.list(), 2, "all or none")
	nodes, err := r.loop.Adopt(t.Context(), []string{one.Name})
	require.NoError(t, err)
	require.Equal(t, one.ID, nodes[0].ID)
	require.Equal(t, 1.0, r.series("autoscaled_nodes_adopted_total")["execute/F4"])
	r.restart()
	r.ticks(60)
	require.Len(t, r.cloud.list(), 1)
	require.Equal(t, other.ID, r.cloud.list()[0].ID)
	_, err = r.loop.Adopt(t.Context(), []string{string(one.ID)})
	require.Error(t, err, "it is gone")
}

// A pause is on disk when it returns; what was asked for before goes on, and its time
// ends it.
func TestPausedLoopOnlyFollows(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 2)
	r.tick()
	_, err := r.loop.Pause(t.Context(), "", time.Hour, "new image")
	require.NoError(t, err)
	r.restart()
	r.queue.submit(r.at, 1)
	r.until(func() bool { return r.all()[0].Phase == autoscale.OpConverged })
	r.queue.clear()
	for r.at.Before(start.Add(time.Hour)) {
		r.tick()
	}
	require.Equal(t, []string{"create"}, r.cloud.calls)
	require.Equal(t, 1.0, r.series("autoscaled_paused")["all"])
	r.until(func() bool { return len(r.cloud.list()) == 0 })
	require.Zero(t, r.series("autoscaled_paused")["all"])
	_, err = r.loop.Resume(t.Context(), "all")
	require.ErrorContains(t, err, "it is not paused")
	_, err = r.loop.Pause(t.Context(), "none", 0, "")
	require.ErrorContains(t, err, "it has all")
	require.NoError(t, r.journal.Close())
	_, err = r.loop.Pause(t.Context(), "all", 0, "")
	require.Error(t, err, "what can't be written is not so")
	require.Empty(t, r.loop.memory.Paused)
}
