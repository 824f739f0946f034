package pbs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

func TestDrain(t *testing.T) {
	w := newWorld(t)
	w.server.Submit("alice", "1:ncpus=4", "free")
	n := w.node("1", "exec-1")
	w.keep()
	nodes := []autoscale.Node{n, {ID: "9", Name: "execute-9"}}
	errs := w.Drain(t.Context(), nodes, "idle")
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], autoscale.ErrRejected)
	require.ErrorIs(t, w.Undrain(t.Context(), nodes)[1], autoscale.ErrNotFound)
	require.NoError(t, w.Drain(t.Context(), nodes, "idle")[0])
	require.Equal(t, "autoscaled: drains, idle", w.server.Vnodes()[0].Comment)
	use := w.demand().Use["exec-1"]
	require.Equal(t, autoscale.DrainOurs, use.Drain)
	require.True(t, use.Busy(), "its job goes on")
	require.NoError(t, w.Drain(t.Context(), nodes[:1], "idle")[0])

	require.NoError(t, w.Undrain(t.Context(), nodes[:1])[0])
	require.Equal(t, autoscale.NotDraining, w.demand().Use["exec-1"].Drain)
	require.Zero(t, w.server.Run("pbsnodes", "-o", "exec-1").Code, "an administrator, without a word")
	require.Equal(t, autoscale.DrainForeign, w.demand().Use["exec-1"].Drain)
}

// A host that PBS lost is drained before it goes, and is as silent as before: else it would be
// put back into service.
func TestDrainOfASilentHost(t *testing.T) {
	w := newWorld(t)
	n := w.node("1", "exec-1")
	w.keep()
	policy := autoscale.Policy{Pools: []autoscale.PoolPolicy{{Name: "all", Min: 1, IdleTime: time.Hour, JoinTimeout: time.Minute}}, Adopt: autoscale.AdoptAll}
	at, memory := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), autoscale.Memory{}
	tick := func(after time.Duration) autoscale.Plan {
		o := autoscale.Observation{At: at.Add(after), Supply: w.supply, Demand: w.demand()}
		memory = autoscale.Advance(memory, o, nil, policy)
		plan := autoscale.Decide(autoscale.State{Observation: o, Memory: memory, CanDrain: true}, policy)
		memory = autoscale.Remember(memory, plan)
		return plan
	}
	tick(0)
	w.server.MoM()
	tick(time.Minute)
	require.Len(t, tick(3*time.Minute).Drain, 1)
	require.NoError(t, w.Drain(t.Context(), []autoscale.Node{n}, "silent")[0])
	plan := tick(4 * time.Minute)
	require.Empty(t, plan.Undrain)
	require.Len(t, plan.Remove, 1)
	require.Equal(t, autoscale.ReasonJoinTimeout, plan.Remove[0].Reason.Code)
}

// Who is to go before its join is over is marked at once.
func TestDrainWhileJoining(t *testing.T) {
	w := newWorld(t)
	n := w.node("1", "exec-1")
	require.Zero(t, w.server.Run("qmgr", "-c", "create node exec-1").Code)
	require.Zero(t, w.server.Run("pbsnodes", "-C", joinMark, "-o", "exec-1").Code)
	require.NoError(t, w.Undrain(t.Context(), []autoscale.Node{n})[0])
	require.True(t, w.server.Vnodes()[0].Offline, "it is not whole")
	require.NoError(t, w.Drain(t.Context(), []autoscale.Node{n}, "idle")[0])
	w.keep()
	require.Equal(t, autoscale.DrainOurs, w.demand().Use["exec-1"].Drain)
}

// A node that is to go before it has a vnode gets one that takes no work.
func TestDrainBeforeJoining(t *testing.T) {
	w := newWorld(t)
	n := w.node("1", "exec-1")
	require.NoError(t, w.Drain(t.Context(), []autoscale.Node{n}, "idle")[0])
	require.Equal(t, autoscale.DrainOurs, w.demand().Use["exec-1"].Drain)
	w.gone()
	w.keep()
	require.Empty(t, w.server.Vnodes())
}
