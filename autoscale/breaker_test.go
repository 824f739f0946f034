package autoscale

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// circuitRig is a cloud of pools a, b and c whose answers a test invents.
type circuitRig struct {
	at     time.Time
	supply Supply
	memory Memory
	policy Policy
}

func newCircuitRig(policies ...string) *circuitRig {
	r := &circuitRig{at: start, policy: aPolicy(policies...)}
	for _, name := range []string{"a", "b", "c"} {
		pool, limits := aPool(name, "F4", 4, 100)
		r.supply.Pools = append(r.supply.Pools, pool)
		r.supply.Limits = append(r.supply.Limits, limits...)
	}
	return r
}

// ends shows operations that ended a minute after they were asked for.
func (r *circuitRig) ends(ops ...Operation) *circuitRig {
	asked := r.at
	r.at = r.at.Add(time.Minute)
	for i := range ops {
		ops[i].Request, ops[i].Intended, ops[i].Sent, ops[i].Ended = RequestID(fmt.Sprint(r.at.Unix(), i)), asked, asked, r.at
	}
	r.memory = Advance(r.memory, observe(r.at, r.supply, nil, nil), ops, r.policy)
	return r
}

func failed(pool PoolID, phase OperationPhase, class ErrorClass) Operation {
	return Operation{Kind: OperationCreate, Phase: phase, Pool: pool, Count: 1, Class: class, Message: string(class)}
}

func TestRefusedCredentialsOpenAtOnce(t *testing.T) {
	r := newCircuitRig("a", "b").ends(failed("a/F4", OpRejected, ErrorAuth))
	require.True(t, r.memory.Breaker.Open())
	require.Empty(t, r.memory.Offerings, "the pool itself has not failed")
	_, blind := blindness(State{Observation: observe(r.at, r.supply, nil, nil), Memory: r.memory})
	require.True(t, blind)
}

// One nodearray with a bad image does not stop a cluster where others work, or
// may work; two of them do, and so does the only one.
func TestConfigErrorsOpenAfterThreeInARowOfTwoPools(t *testing.T) {
	bad := func(pool PoolID) Operation { return failed(pool, OpRejected, ErrorConfig) }
	good := Operation{Kind: OperationCreate, Phase: OpAccepted, Pool: "c/F4", Count: 1, Added: 1}
	for name, c := range map[string]struct {
		policies []string
		ends     [][]Operation
		open     bool
	}{
		"the only pool, three times": {[]string{"a"}, [][]Operation{{bad("a/F4")}, {bad("a/F4")}, {bad("a/F4")}}, true},
		"the only pool, twice":       {[]string{"a"}, [][]Operation{{bad("a/F4")}, {bad("a/F4")}}, false},
		"one pool of two":            {[]string{"a", "b"}, [][]Operation{{bad("a/F4")}, {bad("a/F4")}, {bad("a/F4")}, {bad("a/F4")}, {bad("a/F4")}}, false},
		"two pools of three":         {[]string{"a", "b", "c"}, [][]Operation{{bad("a/F4")}, {bad("b/F4")}, {bad("a/F4")}}, true},
		"many at one time":           {[]string{"a", "b", "c"}, [][]Operation{{bad("a/F4"), bad("b/F4"), bad("c/F4"), bad("a/F4")}}, false},
		"another works between":      {[]string{"a", "b", "c"}, [][]Operation{{bad("a/F4")}, {bad("b/F4")}, {good}, {bad("a/F4")}, {bad("b/F4")}}, false},
		"another works beside":       {[]string{"a", "b", "c"}, [][]Operation{{bad("a/F4"), good}, {bad("b/F4"), good}, {bad("a/F4"), good}}, false},
	} {
		r := newCircuitRig(c.policies...)
		for _, ops := range c.ends {
			r.ends(ops...)
		}
		require.Equal(t, c.open, r.memory.Breaker.Open(), name)
	}
}

func TestRowOfFailuresFades(t *testing.T) {
	bad := failed("a/F4", OpRejected, ErrorConfig)
	r := newCircuitRig("a").ends(bad).ends(bad)
	r.at = r.at.Add(failureFades)
	require.Equal(t, 1, r.ends(bad).memory.Breaker.Failures)
}

// The cloud takes every call, and each node says that CycleCloud itself lacks a
// permission: a call that is taken proves nothing then, and a node that comes up does.
func TestNodesOpenAndCloseTheBreaker(t *testing.T) {
	r := newCircuitRig("a")
	show := func(i int, phase Phase, class ErrorClass) {
		n := aNode(fmt.Sprint("n", i), "a/F4", phase)
		n.Class, n.Message = class, "AuthorizationFailed"
		r.supply.Nodes = []Node{n}
		op := Operation{Kind: OperationCreate, Phase: OpAccepted, Pool: "a/F4", Count: 1, Added: 1}
		r.ends(op)
	}
	for i := range 3 {
		require.False(t, r.memory.Breaker.Open())
		show(i, PhaseStarting, "")
		show(i, PhaseFailed, ErrorAuth)
	}
	require.True(t, r.memory.Breaker.Open())
	require.False(t, r.memory.Breaker.holdsAll(), "what can go may go")
	show(8, PhaseStarting, "")
	require.True(t, r.memory.Breaker.Open())
	show(8, PhaseFailed, ErrorAuth)
	require.Equal(t, 1, r.memory.Breaker.Trials)
	closed := *r
	show(9, PhaseStarting, "")
	show(9, PhaseReady, "")
	require.False(t, r.memory.Breaker.Open())
	*r = closed
	show(9, PhaseStarting, "")
	show(9, PhaseFailed, ErrorCapacity)
	require.False(t, r.memory.Breaker.Open(), "the cloud got as far as looking for a machine")
}

// While a try is under way there is no other, whatever time has passed.
func TestOneTrialAtATime(t *testing.T) {
	r := newCircuitRig("a").ends(failed("a/F4", OpRejected, ErrorAuth))
	r.at = r.at.Add(time.Hour)
	s := State{Observation: observe(r.at, r.supply, jobs("j", 5, wholeNodes(1)), nil), Memory: r.memory}
	require.Equal(t, map[PoolID]int{"a/F4": 1}, created(Decide(s, r.policy)))
	s.Operations = []Operation{{Request: "r", Kind: OperationCreate, Phase: OpSent, Pool: "a/F4", Count: 1, Intended: r.at.Add(-time.Minute)}}
	require.Equal(t, ReasonBreaker, Decide(s, r.policy).Hold.Code)
}

// A gang is for deallocated nodes and for new ones, and the former are started: else a
// cloud that gives nothing is asked twice.
func TestTrialIsOneActionEvenForAGang(t *testing.T) {
	for _, b := range []Breaker{{Class: ErrorAuth, Refused: true}, {Class: ErrorConfig, Failures: failuresToOpen}} {
		s, _ := deallocated(2)
		s.Supply.Pools[0].StartDraws = []Draw{{s.Supply.Limits[0].ID, 1}}
		b.Opened, b.Last = start.Add(-time.Hour), start.Add(-time.Hour)
		gang := wholeNodes(4)
		gang.Gang = GangAll
		s.Demand.Classes = Intern(append(jobs("g", 1, gang), jobs("j", 1, wholeNodes(1))...))
		s.Memory.Breaker = b
		plan := Decide(s, aPolicy("a"))
		require.Equal(t, []NodeID{"a", "b"}, started(plan))
		require.Empty(t, plan.Grow)
		require.Equal(t, map[JobID]ReasonCode{"g0": ReasonBreaker, "j0": ReasonBreaker}, waiting(plan, s.Demand))
		require.EqualValues(t, 2, plan.Limits[0].Used, "nothing else is asked for")
	}
}

// A start that was lost may be of many nodes: it is not what is tried.
func TestLostStartIsNoTrial(t *testing.T) {
	s, pool := deallocated(3)
	p := aPolicy("a")
	s.Demand.Classes = Intern(jobs("j", 3, wholeNodes(1)))
	s.Operations = []Operation{{Request: "r", Kind: OperationStart, Phase: OpAbsent, Pool: pool.ID, Nodes: []NodeID{"a", "b"}, Count: 2, Intended: start.Add(-5 * time.Minute)}}
	require.Len(t, Decide(s, p).Retry, 1)
	s.Memory.Breaker = Breaker{Class: ErrorConfig, Failures: failuresToOpen, Last: start.Add(-2 * time.Minute), Opened: start.Add(-2 * time.Minute)}
	plan := Decide(s, p)
	require.Empty(t, plan.Retry)
	require.Equal(t, []NodeID{"c"}, started(plan))
	require.Empty(t, plan.Grow)
}

func TestTrialsBackOff(t *testing.T) {
	var waits []time.Duration
	for n := range 7 {
		waits = append(waits, backoff(n))
	}
	require.Equal(t, []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, lastBackoff, lastBackoff}, waits)
}

// A clock that was set back does not put the next trial off.
func TestClockSetBackDoesNotKeepTheBreakerOpen(t *testing.T) {
	r := newCircuitRig("a").ends(failed("a/F4", OpRejected, ErrorAuth))
	r.at = start.Add(-24 * time.Hour)
	r.ends()
	require.False(t, r.memory.Breaker.nextTrial().After(r.at.Add(time.Minute)))
}

// Whatever comes of creates, and whatever nodes say, no shortage opens the breaker.
func TestPropertyShortagesNeverOpenTheBreaker(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newCircuitRig("a", "b", "c")
		classes := rapid.SampledFrom([]ErrorClass{ErrorCapacity, ErrorQuota, ErrorThrottle, ErrorBoot, ""})
		phases := rapid.SampledFrom([]OperationPhase{OpShort, OpRejected, OpAccepted, OpConverged, OpExpired})
		for range rapid.IntRange(1, 12).Draw(t, "rounds") {
			var ops []Operation
			for range rapid.IntRange(0, 3).Draw(t, "ends") {
				pool := rapid.SampledFrom(r.supply.Pools).Draw(t, "pool").ID
				ops = append(ops, failed(pool, phases.Draw(t, "phase"), classes.Draw(t, "class")))
			}
			r.supply.Nodes = nil
			for i := range rapid.IntRange(0, 4).Draw(t, "nodes") {
				n := aNode(fmt.Sprint("n", i), "a/F4", rapid.SampledFrom([]Phase{PhaseStarting, PhaseFailed, PhaseReady}).Draw(t, "nodePhase"))
				n.Class = classes.Draw(t, "nodeClass")
				r.supply.Nodes = append(r.supply.Nodes, n)
			}
			r.ends(ops...)
			require.False(t, r.memory.Breaker.Open())
		}
	})
}

// An open breaker creates and starts nothing, and one that stops everything does not
// remove either. When a try is due there is one action, and jobs and nodes know of no
// other.
func TestPropertyOpenBreakerCreatesNothingButOneTry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		ago := func(label string) time.Time {
			return start.Add(-time.Duration(rapid.IntRange(0, 600).Draw(t, label)) * time.Second)
		}
		s.Memory.Breaker = Breaker{
			Class: rapid.SampledFrom([]ErrorClass{ErrorAuth, ErrorConfig}).Draw(t, "class"), Refused: rapid.Bool().Draw(t, "refused"),
			Failures: 3, Trials: rapid.IntRange(0, 4).Draw(t, "trials"), Last: ago("last"), Opened: start.Add(-time.Hour),
		}
		w := newWorld(s, p)
		plan, due := w.plan, s.breaker()
		actions := len(plan.Grow) + len(plan.Start)
		for _, r := range plan.Retry {
			actions += boolRank(due.everything || r.Operation.Kind != OperationRemove)
		}
		if due.everything {
			actions += len(plan.Remove)
		}
		require.LessOrEqual(t, actions, boolRank(due.trial))
		require.True(t, due.trial || !due.everything || plan.Empty())
		coming := w.comingUp()
		for _, o := range plan.Outcomes {
			for _, s := range o.Served {
				require.Less(t, s.Grow, len(plan.Grow))
				require.True(t, !s.Start || coming[s.Nodes[0]])
			}
		}
	})
}
