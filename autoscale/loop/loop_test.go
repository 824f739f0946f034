package loop

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

func TestJobsGetNodesAndNodesGoAgain(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 3)
	report := r.tick()
	require.NoError(t, report.Err())
	require.True(t, report.Acted)
	require.Len(t, r.cloud.list(), 3)
	op := r.only()
	require.Equal(t, autoscale.OpAccepted, op.Phase)
	require.Equal(t, 3, op.Added)
	require.Equal(t, autoscale.ReasonDemand, op.Reason.Code)
	require.Equal(t, []autoscale.JobID{"job-001", "job-002", "job-003"}, op.Jobs)
	require.Equal(t, []autoscale.Operation{op}, report.Operations)

	r.ticks(int(bootTime / step))
	require.Len(t, r.cloud.list(), 3, "nothing is asked twice while nodes boot")
	require.Equal(t, 1, r.cloud.count("create"))
	report = r.tick()
	op = r.only()
	require.Equal(t, autoscale.OpConverged, op.Phase)
	require.Len(t, op.Nodes, 3)
	require.Empty(t, report.Operations)

	r.queue.clear()
	r.ticks(int(5*time.Minute/step) + 1)
	require.Equal(t, 1, r.cloud.count("remove"))
	r.ticks(int(goTime/step) + 1)
	require.Empty(t, r.cloud.list())
	require.Equal(t, autoscale.OpConverged, r.all()[1].Phase)
	require.True(t, r.tick().Plan.Empty())
	require.Equal(t, 1, r.cloud.count("remove"))
}

func TestUnknownDemandDoesNothing(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 2)
	r.ticks(12)
	r.queue.clear()
	r.queue.err = errors.New("squeue: connection refused")
	report := r.ticks(120)
	require.ErrorContains(t, report.Err(), "queue: squeue: connection refused")
	require.Equal(t, "squeue: connection refused", report.Observation.DemandProblem)
	require.Equal(t, autoscale.ReasonDemandUnknown, report.Plan.Hold.Code)
	require.Len(t, r.cloud.list(), 2)
	r.queue.err = nil
	r.ticks(4)
	require.Equal(t, 1, r.cloud.count("remove"))
}

func TestUnknownSupplyConcludesNothing(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 2)
	r.fail(1, "create", lostAfter)
	r.tick()
	r.cloud.observe = errors.New("cluster status: 500")
	before := r.only()
	require.Equal(t, autoscale.OpSent, before.Phase)
	report := r.ticks(200)
	require.ErrorContains(t, report.Err(), "cloud: cluster status: 500")
	require.Equal(t, before, r.only())
	require.Zero(t, r.cloud.count("resolve"))
	require.Equal(t, 1, r.cloud.count("create"))
}

func TestLostAnswerCreatesNothingTwice(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 3)
	r.fail(1, "create", lostAfter)
	report := r.tick()
	require.Len(t, report.Problems, 1)
	require.Equal(t, autoscale.OpSent, r.only().Phase)
	require.Equal(t, 3, r.only().Expected())
	r.ticks(30)
	op := r.only()
	require.Equal(t, autoscale.OpConverged, op.Phase)
	require.Equal(t, 3, op.Added)
	require.Len(t, r.cloud.list(), 3)
	require.Equal(t, 1, r.cloud.count("create"))
	require.Zero(t, r.cloud.count("resolve"), "its nodes tell")
}

func TestLostRequestIsSentAgainUnderItsID(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 3)
	r.fail(1, "create", lostBefore)
	r.tick()
	report := r.tick()
	require.Len(t, report.Plan.Retry, 1)
	require.Empty(t, report.Plan.Grow)
	op := r.only()
	require.Equal(t, autoscale.OpAccepted, op.Phase)
	require.Equal(t, 2, op.Attempts)
	require.Equal(t, start.Add(step), op.Sent)
	require.Equal(t, start, op.Intended)
	r.ticks(30)
	require.Equal(t, autoscale.OpConverged, r.only().Phase)
	require.Len(t, r.cloud.list(), 3)
}

func TestLostRequestNoLongerWantedExpires(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 3)
	r.fail(1, "create", lostBefore)
	r.tick()
	r.queue.clear()
	r.ticks(int(autoscale.DefaultAbsentFor / step))
	require.Equal(t, autoscale.OpAbsent, r.only().Phase)
	r.tick()
	op := r.only()
	require.Equal(t, autoscale.OpExpired, op.Phase)
	require.Equal(t, "connection reset: outcome unknown", op.Message)
	require.Empty(t, r.cloud.list())
	require.Equal(t, 1, r.cloud.count("create"))
}

func TestLateRequestIsFound(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 3)
	r.fail(1, "create", arrivesLate)
	r.tick()
	r.queue.clear()
	r.tick()
	require.Equal(t, autoscale.OpAbsent, r.only().Phase)
	r.tick()
	require.Equal(t, autoscale.OpAccepted, r.only().Phase)
	require.Equal(t, 3, r.only().Added)
	r.ticks(30)
	require.Empty(t, r.cloud.list(), "nodes that came late and are not wanted go")
}

func TestResolvedNodesNotYetObservedStayExpected(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 3)
	r.fail(1, "create", lostBefore)
	r.tick()
	// The request reaches the cloud between the tick's read and its question.
	request := r.only().Request
	r.cloud.fault = func(call string, _ autoscale.RequestID) fault {
		if call == "resolve" {
			r.cloud.add(autoscale.Grow{Request: request, Pool: poolID, Count: 3})
		}
		return works
	}
	report := r.tick()
	require.Equal(t, autoscale.OpAccepted, r.only().Phase)
	require.Equal(t, 3, r.only().Expected())
	require.Empty(t, report.Plan.Grow)
	r.ticks(20)
	require.Len(t, r.cloud.list(), 3)
	require.Equal(t, autoscale.OpConverged, r.only().Phase)
}

func TestRefusalIsFinalAndPlannedAnew(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 1)
	r.fail(1, "create", refused)
	report := r.tick()
	op := r.only()
	require.Equal(t, autoscale.OpRejected, op.Phase)
	require.Contains(t, op.Message, "quota")
	require.NoError(t, report.Err(), "a refusal does not make the tick bad")
	require.Equal(t, StepCreate, report.Problems[0].Step)
	r.ticks(2) // a minute later
	require.Len(t, r.all(), 2)
	require.Len(t, r.cloud.list(), 1)
}

// What is over with its answer is learnt from as well as what ends later.
func TestCloudThatMakesNothingIsAskedLessAndLess(t *testing.T) {
	for name, f := range map[string]fault{"refused": refused, "nothing added": soldOut} {
		r := newRig(t)
		r.queue.submit(r.at, 1)
		r.fail(-1, "create", f)
		r.ticks(3)
		r.cloud.observe = errors.New("away") // a tick that learns nothing
		r.tick()
		r.cloud.observe = nil
		r.ticks(36)
		require.Equal(t, 5, r.cloud.count("create"), "%s: after 0, 1, 3, 7 and 15 of 20 minutes", name)
	}
}

// A call that did not come through tells nothing of what the cloud has.
func TestUnreachableCloudIsAskedAgainAtOnce(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 1)
	r.fail(3, "create", unavailable)
	r.ticks(4)
	require.Equal(t, 4, r.cloud.count("create"))
	require.Len(t, r.cloud.list(), 1)
}

func TestRetryThatFailsLeavesTheRequestInDoubt(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 1)
	n := 0
	r.cloud.fault = func(call string, _ autoscale.RequestID) fault {
		if call != "create" {
			return works
		}
		n++
		return []fault{lostBefore, unavailable, works}[min(n-1, 2)]
	}
	r.ticks(2)
	require.Equal(t, autoscale.OpAbsent, r.only().Phase, "the first attempt may still arrive")
	r.tick()
	require.Equal(t, autoscale.OpAccepted, r.only().Phase)
	require.Equal(t, 3, r.only().Attempts)
}

func TestShortCreate(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 3)
	r.fail(1, "create", cutShort)
	r.tick()
	require.Equal(t, 1, r.only().Added)
	require.Equal(t, autoscale.OpAccepted, r.only().Phase)
	r.ticks(20)
	ops := r.all()
	require.Equal(t, autoscale.OpShort, ops[0].Phase)
	require.Equal(t, "limited by quota", ops[0].Message)
	require.Equal(t, autoscale.OpConverged, ops[1].Phase)
	require.Len(t, r.cloud.list(), 3)
}

func TestFailedCreateDoesNotSkipRemovals(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 2)
	r.ticks(10)
	r.queue.clear()
	r.ticks(int(5*time.Minute/step) - 1)
	// A coupled job can't use the ungrouped idle nodes.
	r.queue.pending = []autoscale.Job{{ID: "coupled", Shape: autoscale.Shape{
		Tasks: 2, PerTask: autoscale.Resources{Cores: 4}, Exclusive: autoscale.ExclusiveTask, Grouping: autoscale.Coupled,
	}}}
	r.fail(100, "create", refused)
	r.ticks(5)
	require.NotZero(t, r.cloud.count("create"))
	require.Equal(t, 1, r.cloud.count("remove"))
}

func TestEvictedNodeIsAccountedFor(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 2)
	r.ticks(3)
	r.cloud.vanish("node-001")
	r.queue.clear()
	r.queue.submit(r.at, 1)
	r.ticks(20)
	op := r.only()
	require.Equal(t, autoscale.OpConverged, op.Phase)
	require.Equal(t, []autoscale.NodeID{"node-001", "node-002"}, op.Nodes)
	require.Equal(t, 1.0, r.counter("autoscaled_nodes_evicted_total"))
}

func TestAcceptedNodesNeverSeenAreGivenUp(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 2)
	r.tick()
	r.cloud.vanish("node-001")
	r.ticks(int(autoscale.DefaultAbsentFor / step))
	require.Equal(t, autoscale.OpAccepted, r.all()[0].Phase)
	r.ticks(3)
	op := r.all()[0]
	require.Equal(t, autoscale.OpShort, op.Phase)
	require.Equal(t, "1 of the nodes that the cloud accepted were never seen", op.Message)
	require.Len(t, r.cloud.list(), 2, "and replaced")
}

func TestRemoveThatHasNoEffectIsGivenUp(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 1)
	r.ticks(10)
	r.queue.clear()
	r.cloud.ignore = true
	r.until(func() bool { return r.cloud.count("remove") > 0 })
	require.Equal(t, autoscale.OpAccepted, r.all()[1].Phase)
	r.ticks(int(removeWithin / step))
	require.Equal(t, autoscale.OpAccepted, r.all()[1].Phase)
	require.Equal(t, 1, r.cloud.count("remove"))
	r.tick()
	op := r.all()[1]
	require.Equal(t, autoscale.OpShort, op.Phase)
	require.Equal(t, "taken, but node node-001 did not go within 5m0s", op.Message)
	require.Equal(t, 1, r.cloud.count("remove"), "it is sent again after a while")
	r.ticks(3)
	require.Equal(t, 2, r.cloud.count("remove"), "and decided anew")
}

func TestLostRemovals(t *testing.T) {
	for name, f := range map[string]fault{"before": lostBefore, "after": lostAfter} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.queue.submit(r.at, 2)
			r.ticks(10)
			r.queue.clear()
			r.fail(1, "remove", f)
			r.ticks(30)
			require.Empty(t, r.cloud.list())
			ops := r.all()
			require.Len(t, ops, 2)
			require.Equal(t, autoscale.OpConverged, ops[1].Phase)
			want := map[string]int{"before": 2, "after": 1}[name]
			require.Equal(t, want, r.cloud.count("remove"))
			require.Equal(t, want, ops[1].Attempts)
		})
	}
}

func TestDryRunAndPlanChangeNothing(t *testing.T) {
	r := newRig(t, func(o *Options) { o.DryRun = true })
	r.queue.submit(r.at, 2)
	report := r.tick()
	require.False(t, report.Acted)
	require.Equal(t, 2, report.Plan.Grow[0].Count)
	require.Empty(t, r.all())
	require.Empty(t, r.cloud.calls)
	m, err := r.journal.Memory(t.Context())
	require.NoError(t, err)
	require.Zero(t, m)

	r = newRig(t)
	r.queue.submit(r.at, 2)
	report, err = r.loop.Plan(t.Context(), r.at)
	require.NoError(t, err)
	require.Equal(t, 2, report.Plan.Grow[0].Count)
	require.Empty(t, r.all())
	require.Empty(t, r.cloud.calls)
	require.Zero(t, r.loop.Last().At)
	require.Zero(t, r.counter("autoscaled_ticks_total"))
}

func TestDryRunRemembersIdleTime(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 1)
	r.ticks(10)
	r.queue.clear()
	r.options.DryRun = true
	r.restart()
	report := r.ticks(int(5*time.Minute/step) + 2)
	require.Len(t, report.Plan.Remove, 1)
	require.Zero(t, r.cloud.count("remove"))
}

func TestPolicyChangesWithTheNextTick(t *testing.T) {
	r := newRig(t)
	require.True(t, r.tick().Plan.Empty())
	p := r.options.Policy
	p.Pools = []autoscale.PoolPolicy{{Name: "all", Min: 2}}
	r.loop.SetPolicy(p)
	r.tick()
	require.Len(t, r.cloud.list(), 2)
	require.Equal(t, autoscale.ReasonMinimum, r.only().Reason.Code)
}

func TestReady(t *testing.T) {
	r := newRig(t)
	require.ErrorContains(t, r.loop.Ready(), "no tick has ended yet")
	r.cloud.observe = errors.New("401: not authorised")
	r.tick()
	require.ErrorContains(t, r.loop.Ready(), "no tick has gone well yet: cloud: 401")
	r.cloud.observe = nil
	good := r.tick()
	require.NoError(t, r.loop.Ready())
	require.Equal(t, good.At, r.loop.Last().At)
	r.queue.err = errors.New("bad document")
	r.ticks(2)
	require.NoError(t, r.loop.Ready())
	r.at = good.At.Add(3*step + time.Nanosecond)
	require.ErrorContains(t, r.loop.Ready(), "the last good tick was 1m30s ago: queue: bad document")
	r.queue.err = nil
	r.tick()
	require.NoError(t, r.loop.Ready())
}

func TestNewWantsItsNeighbours(t *testing.T) {
	_, err := New(Options{Cluster: "demo"})
	require.ErrorContains(t, err, "needs")
}
