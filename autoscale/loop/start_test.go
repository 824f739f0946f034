package loop

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// deallocating is a policy whose nodes are deallocated.
func deallocating(o *Options) {
	o.Policy.Pools[0].Removal = autoscale.RemovalDeallocate
}

// asleepRig has n deallocated nodes and nothing to do.
func asleepRig(t *testing.T, n int) *rig {
	r := newRig(t, deallocating)
	r.queue.submit(r.at, n)
	r.ticks(12)
	r.queue.clear()
	r.until(func() bool { return r.inPhase(autoscale.PhaseDeallocated) == n })
	r.tick()
	return r
}

func (r *rig) inPhase(phase autoscale.Phase) (n int) {
	for _, node := range r.cloud.list() {
		if node.Phase == phase {
			n++
		}
	}
	return n
}

// starts are the operations that start nodes, those that ended included.
func (r *rig) starts() (list []autoscale.Operation) {
	for _, op := range r.all() {
		if op.Kind == autoscale.OperationStart {
			list = append(list, op)
		}
	}
	return list
}

func TestDeallocatedNodesAreStartedBeforeOthersAreCreated(t *testing.T) {
	r := asleepRig(t, 2)
	r.queue.submit(r.at, 3)
	report := r.tick()
	require.Len(t, report.Plan.Start, 1)
	require.Len(t, report.Plan.Grow, 1)
	calls := r.cloud.calls[len(r.cloud.calls)-2:]
	require.Equal(t, []string{"start", "create"}, calls)
	require.Equal(t, 1.0, r.series("autoscaled_operations_open")["start,accepted"])
	require.Equal(t, 2.0, r.series("autoscaled_nodes_started_total")["execute/F4,demand"])
	r.ticks(20)
	require.Equal(t, 3, r.inPhase(autoscale.PhaseReady))
	require.Equal(t, 3, r.cloud.serial, "two were started, one created")
	require.Equal(t, 2, r.cloud.started)
	require.Len(t, r.starts(), 1)
	require.Equal(t, autoscale.OpConverged, r.starts()[0].Phase)
	require.Equal(t, 2, r.starts()[0].Added)
}

func TestDryRunStartsNothing(t *testing.T) {
	r := asleepRig(t, 1)
	r.options.DryRun = true
	r.restart()
	r.queue.submit(r.at, 1)
	for range 3 {
		require.Len(t, r.tick().Plan.Start, 1)
	}
	require.Zero(t, r.cloud.count("start"))
}

// A lost answer is resolved, a call that never arrived is sent again under its id,
// and no node is started twice or created beside it.
func TestStartWhoseAnswerIsLost(t *testing.T) {
	for name, c := range map[string]struct {
		fault    fault
		attempts int
	}{"before": {lostBefore, 2}, "after": {lostAfter, 1}, "late": {arrivesLate, 2}} {
		t.Run(name, func(t *testing.T) {
			r := asleepRig(t, 2)
			r.fail(1, "start", c.fault)
			r.queue.submit(r.at, 2)
			report := r.tick()
			require.Equal(t, StepStart, report.Problems[0].Step)
			r.until(func() bool { return r.inPhase(autoscale.PhaseReady) == 2 })
			require.Equal(t, 2, r.cloud.serial)
			require.Equal(t, 2, r.cloud.started)
			require.Len(t, r.starts(), 1)
			require.Equal(t, autoscale.OpConverged, r.starts()[0].Phase)
			require.Equal(t, c.attempts, r.starts()[0].Attempts)
		})
	}
}

// A start that is refused, of all or of some, or that has no effect, tells of
// capacity: what is lacking is created, one by one at first.
func TestStartThatFails(t *testing.T) {
	for name, spoil := range map[string]func(*rig){
		"refused":   func(r *rig) { r.fail(1, "start", refused) },
		"one stuck": func(r *rig) { r.cloud.stuck = map[autoscale.NodeID]bool{"node-001": true} },
		"no effect": func(r *rig) { r.cloud.ignore = true },
	} {
		t.Run(name, func(t *testing.T) {
			r := asleepRig(t, 2)
			spoil(r)
			r.queue.submit(r.at, 2)
			r.tick()
			last := r.until(func() bool { return len(r.starts()) > 0 && r.starts()[0].Phase.Final() })
			r.cloud.ignore = false
			require.NotEqual(t, autoscale.OpConverged, r.starts()[0].Phase)
			require.NotEmpty(t, r.starts()[0].Message)
			for range 3 {
				if len(last.Memory.Offerings) == 0 {
					last = r.tick()
				}
			}
			require.Equal(t, 1, last.Memory.Offerings[autoscale.OfferingID(poolID)].Failures)
			r.until(func() bool { return r.inPhase(autoscale.PhaseReady) == 2 })
			require.Less(t, len(r.starts()), 3, "what did not start is left alone")
		})
	}
}

func TestJudgeStart(t *testing.T) {
	two := []autoscale.NodeID{"n1", "n2"}
	of := func(phase autoscale.OperationPhase, count int) autoscale.Operation {
		op := removeOf(phase, two...)
		op.Kind, op.Count = autoscale.OperationStart, count
		return op
	}
	for _, c := range []judged{
		{name: "both begun, in doubt", op: of(autoscale.OpSent, 2), nodes: nodesIn(starting, ready), answer: unknown, want: autoscale.OpConverged, added: 2},
		{name: "both begun, absent", op: of(autoscale.OpAbsent, 2), nodes: nodesIn(starting, failed), answer: absent, want: autoscale.OpConverged, added: 2},
		{name: "begun, one was refused", op: of(autoscale.OpAccepted, 3), nodes: nodesIn(starting, starting), want: autoscale.OpShort, added: 2},
		{name: "one begun, in doubt", op: of(autoscale.OpSent, 2), nodes: nodesIn(starting, parked), answer: unknown, want: autoscale.OpAccepted, added: 1},
		{name: "none begun, arrived", op: of(autoscale.OpSent, 2), nodes: nodesIn(parked, parked), answer: arrived, want: autoscale.OpAccepted},
		{name: "none begun, in doubt", op: of(autoscale.OpSent, 2), nodes: nodesIn(parked, parked), answer: unknown, want: autoscale.OpSent},
		{name: "none begun, absent", op: of(autoscale.OpSent, 2), nodes: nodesIn(parked, parked), answer: absent, want: autoscale.OpAbsent},
		{name: "absent too long", op: of(autoscale.OpAbsent, 2), nodes: nodesIn(parked, parked), answer: absent, after: 10*time.Minute + 1, want: autoscale.OpExpired},
		{name: "not yet begun", op: of(autoscale.OpAccepted, 2), nodes: nodesIn(parked, starting), after: startWithin, want: autoscale.OpAccepted, added: 1},
		{name: "never begun", op: of(autoscale.OpAccepted, 2), nodes: nodesIn(parked, starting), after: startWithin + 1, want: autoscale.OpShort, added: 1},
		{name: "gone", op: of(autoscale.OpAccepted, 2), want: autoscale.OpConverged, added: 2},
	} {
		c.seen = 2
		t.Run(c.name, c.check)
	}
	require.Equal(t, start.Add(startWithin), newTimeLimits(nil, autoscale.Policy{}).deadline(of(autoscale.OpAccepted, 2)))
}

// TestKilledAroundAStart kills the daemon at every moment while it deallocates nodes
// and starts them again: nothing is ever created in their place.
func TestKilledAroundAStart(t *testing.T) {
	const most = 1000
	for moment := range most {
		killed := false
		t.Run(fmt.Sprint("moment ", moment), func(t *testing.T) {
			r := asleepRig(t, 3)
			r.life = &life{left: moment}
			r.restart()
			ticks := func(n int) {
				for range n {
					r.tick()
					if r.life.dead() && !killed {
						killed = true
						r.life.left = 1 << 30
						r.restart()
					}
				}
			}
			r.queue.submit(r.at, 3)
			ticks(25)
			require.Equal(t, 3, r.inPhase(autoscale.PhaseReady))
			r.queue.clear()
			ticks(25)
			require.Equal(t, 3, r.inPhase(autoscale.PhaseDeallocated))
			require.Equal(t, 3, r.cloud.serial, "none was created again")
			require.Equal(t, 3, r.cloud.started, "none was started twice")
			ops, err := r.journal.Operations(t.Context())
			require.NoError(t, err)
			require.Empty(t, ops, "every operation has ended")
		})
		if !killed {
			require.Greater(t, moment, 10)
			return
		}
	}
	t.Fatal("no run survived")
}
