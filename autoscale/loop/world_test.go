package loop

import (
	"cmp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// judged is one operation held against one look at the cloud, at start plus after.
type judged struct {
	name   string
	op     autoscale.Operation
	nodes  []autoscale.Node
	answer autoscale.Resolution
	after  time.Duration
	// want is compared in its phase, Added, Nodes, Refused and Expected.
	want     autoscale.OperationPhase
	added    int
	seen     int
	refused  int
	expected int
}

func createOf(phase autoscale.OperationPhase, added int, seen ...autoscale.NodeID) autoscale.Operation {
	op := autoscale.Operation{
		Request: "r", Kind: autoscale.OperationCreate, Phase: phase, Pool: poolID,
		Count: 3, Added: added, Nodes: seen, Intended: start, Sent: start, Attempts: 1,
	}
	if phase == autoscale.OpAccepted {
		op.Answered = start
	}
	if phase == autoscale.OpIntended {
		op.Sent, op.Attempts = time.Time{}, 0
	}
	return op
}

func removeOf(phase autoscale.OperationPhase, targets ...autoscale.NodeID) autoscale.Operation {
	op := createOf(phase, 0, targets...)
	op.Kind, op.Count = autoscale.OperationRemove, len(targets)
	return op
}

func by(how autoscale.Removal, op autoscale.Operation) autoscale.Operation {
	op.Removal = how
	return op
}

// nodesIn are n1, n2, … made by request r, in these phases.
func nodesIn(phases ...autoscale.Phase) (nodes []autoscale.Node) {
	for i, phase := range phases {
		id := autoscale.NodeID([]string{"n1", "n2", "n3"}[i])
		nodes = append(nodes, autoscale.Node{ID: id, Pool: poolID, Phase: phase, Request: "r"})
	}
	return nodes
}

var (
	arrived  = autoscale.Resolution{State: autoscale.ResolvedArrived}
	absent   = autoscale.Resolution{State: autoscale.ResolvedAbsent}
	unknown  = autoscale.Resolution{State: autoscale.ResolvedUnknown}
	brought2 = autoscale.Resolution{State: autoscale.ResolvedArrived, Nodes: []autoscale.NodeID{"n1", "n2"}}
)

const (
	starting = autoscale.PhaseStarting
	ready    = autoscale.PhaseReady
	stopping = autoscale.PhaseStopping
	gone     = autoscale.PhaseGone
	failed   = autoscale.PhaseFailed
	odd      = autoscale.PhaseUnknown
	parked   = autoscale.PhaseDeallocated
)

func TestJudgeCreate(t *testing.T) {
	answeredEmpty := createOf(autoscale.OpSent, 0)
	answeredEmpty.Answered = start.Add(time.Second)
	sentAgain := answeredEmpty
	sentAgain.Sent = start.Add(time.Minute)
	absentAgain := createOf(autoscale.OpAbsent, 0)
	absentAgain.Sent = start.Add(9 * time.Minute)
	for _, c := range []judged{
		{name: "absent, sent again since", op: absentAgain, answer: absent, after: 15 * time.Minute, want: autoscale.OpAbsent, expected: 3},
		{name: "in doubt", op: createOf(autoscale.OpSent, 0), answer: unknown, want: autoscale.OpSent, expected: 3},
		{name: "intended and unknown", op: createOf(autoscale.OpIntended, 0), answer: unknown, want: autoscale.OpIntended, expected: 3},
		{name: "intended and absent", op: createOf(autoscale.OpIntended, 0), answer: absent, want: autoscale.OpAbsent, expected: 3},
		{name: "absent at first", op: createOf(autoscale.OpSent, 0), answer: absent, after: time.Hour, want: autoscale.OpAbsent, expected: 3},
		{name: "absent still", op: createOf(autoscale.OpAbsent, 0), answer: absent, after: 10 * time.Minute, want: autoscale.OpAbsent, expected: 3},
		{name: "absent too long", op: createOf(autoscale.OpAbsent, 0), answer: absent, after: 10*time.Minute + 1, want: autoscale.OpExpired},
		{name: "absent and unknown", op: createOf(autoscale.OpAbsent, 0), answer: unknown, after: time.Hour, want: autoscale.OpAbsent, expected: 3},
		{name: "clock set back", op: createOf(autoscale.OpAbsent, 0), answer: absent, after: -time.Hour, want: autoscale.OpAbsent, expected: 3},
		{name: "arrived, two to be seen", op: createOf(autoscale.OpSent, 0), answer: brought2, want: autoscale.OpAccepted, added: 2, expected: 2},
		{name: "absent, then arrived", op: createOf(autoscale.OpAbsent, 0), answer: brought2, want: autoscale.OpAccepted, added: 2, expected: 2},
		{name: "arrived empty, first look", op: createOf(autoscale.OpSent, 0), answer: arrived, want: autoscale.OpSent, expected: 3},
		{name: "absent, then arrived empty", op: createOf(autoscale.OpAbsent, 0), answer: arrived, want: autoscale.OpSent, expected: 3},
		{name: "arrived empty, second look", op: answeredEmpty, answer: arrived, want: autoscale.OpShort},
		{name: "arrived empty, sent again since", op: sentAgain, answer: arrived, after: time.Hour, want: autoscale.OpSent, expected: 3},
		{name: "lost answer, nodes there", op: createOf(autoscale.OpSent, 0), nodes: nodesIn(starting, starting, starting), want: autoscale.OpAccepted, added: 3, seen: 3},
		{name: "lost answer, nodes up", op: createOf(autoscale.OpSent, 0), nodes: nodesIn(ready, ready, ready), want: autoscale.OpConverged, added: 3, seen: 3},
		{name: "lost answer, fewer nodes", op: createOf(autoscale.OpSent, 0), nodes: nodesIn(ready, ready), want: autoscale.OpShort, added: 2, seen: 2},
		{name: "accepted, none seen", op: createOf(autoscale.OpAccepted, 3), after: 10 * time.Minute, want: autoscale.OpAccepted, added: 3, expected: 3},
		{name: "accepted, none ever seen", op: createOf(autoscale.OpAccepted, 3), after: 10*time.Minute + 1, want: autoscale.OpShort},
		{name: "accepted, one never seen", op: createOf(autoscale.OpAccepted, 3), nodes: nodesIn(starting, starting), after: 10*time.Minute + 1, want: autoscale.OpAccepted, added: 2, seen: 2},
		{name: "booting", op: createOf(autoscale.OpAccepted, 3), nodes: nodesIn(ready, starting, ready), want: autoscale.OpAccepted, added: 3, seen: 3},
		{name: "odd state", op: createOf(autoscale.OpAccepted, 3), nodes: nodesIn(ready, odd, ready), want: autoscale.OpAccepted, added: 3, seen: 3},
		{name: "booting for too long", op: createOf(autoscale.OpAccepted, 3), nodes: nodesIn(ready, starting, ready), after: time.Hour + 1, want: autoscale.OpConverged, added: 3, seen: 3},
		{name: "all kinds of ends", op: createOf(autoscale.OpAccepted, 3), nodes: nodesIn(ready, failed, stopping), want: autoscale.OpConverged, added: 3, seen: 3},
		{name: "one evicted", op: createOf(autoscale.OpAccepted, 3, "n0"), nodes: nodesIn(ready, ready), want: autoscale.OpConverged, added: 3, seen: 3},
		{name: "fewer accepted", op: createOf(autoscale.OpAccepted, 2), nodes: nodesIn(ready, ready), want: autoscale.OpShort, added: 2, seen: 2},
		{name: "more than accepted", op: createOf(autoscale.OpAccepted, 1), nodes: nodesIn(ready, ready, starting), want: autoscale.OpAccepted, added: 3, seen: 3},
	} {
		t.Run(c.name, c.check)
	}
}

func TestJudgeRemove(t *testing.T) {
	two := []autoscale.NodeID{"n1", "n2"}
	for _, c := range []judged{
		{name: "all gone, in doubt", op: removeOf(autoscale.OpSent, two...), answer: unknown, want: autoscale.OpConverged},
		{name: "all gone, absent", op: removeOf(autoscale.OpAbsent, two...), answer: absent, want: autoscale.OpConverged},
		{name: "gone and deallocated", op: by(autoscale.RemovalDeallocate, removeOf(autoscale.OpAccepted, two...)), nodes: nodesIn(gone, parked), want: autoscale.OpConverged},
		{name: "shut down, deallocated", op: by(autoscale.RemovalShutdown, removeOf(autoscale.OpSent, two...)), nodes: nodesIn(parked, parked), answer: unknown, want: autoscale.OpConverged},
		{name: "to be terminated, deallocated", op: removeOf(autoscale.OpAccepted, two...), nodes: nodesIn(parked, parked), want: autoscale.OpAccepted},
		{name: "to be terminated, still deallocated", op: removeOf(autoscale.OpSent, two...), nodes: nodesIn(parked, parked), answer: absent, want: autoscale.OpAbsent},
		{name: "to be removed, deallocated", op: by(autoscale.RemovalRemove, removeOf(autoscale.OpAccepted, two...)), nodes: nodesIn(gone, parked), after: removeWithin + 1, want: autoscale.OpShort, seen: 1, refused: 1},
		{name: "on their way out, in doubt", op: removeOf(autoscale.OpSent, two...), nodes: nodesIn(stopping, stopping), answer: unknown, want: autoscale.OpAccepted},
		{name: "one untouched, in doubt", op: removeOf(autoscale.OpSent, two...), nodes: nodesIn(stopping, ready), answer: unknown, want: autoscale.OpSent},
		{name: "one untouched, arrived", op: removeOf(autoscale.OpSent, two...), nodes: nodesIn(stopping, ready), answer: arrived, want: autoscale.OpAccepted},
		{name: "untouched, absent", op: removeOf(autoscale.OpSent, two...), nodes: nodesIn(ready, ready), answer: absent, want: autoscale.OpAbsent},
		{name: "untouched, absent too long", op: removeOf(autoscale.OpAbsent, two...), nodes: nodesIn(ready, ready), answer: absent, after: 10*time.Minute + 1, want: autoscale.OpExpired},
		{name: "stopping for hours", op: removeOf(autoscale.OpAccepted, two...), nodes: nodesIn(stopping), after: goneWithin, want: autoscale.OpAccepted},
		{name: "stopping for too long", op: removeOf(autoscale.OpAccepted, two...), nodes: nodesIn(stopping, stopping), after: goneWithin + 1, want: autoscale.OpShort, refused: 2},
		{name: "stopping for too long, the other has gone", op: removeOf(autoscale.OpAccepted, two...), nodes: nodesIn(stopping), after: goneWithin + 1, want: autoscale.OpShort, seen: 1, refused: 1},
		{name: "not yet going", op: removeOf(autoscale.OpAccepted, two...), nodes: nodesIn(ready), after: removeWithin, want: autoscale.OpAccepted},
		{name: "not going", op: removeOf(autoscale.OpAccepted, two...), nodes: nodesIn(ready, ready), after: removeWithin + 1, want: autoscale.OpShort, refused: 2},
		{name: "one is not going", op: removeOf(autoscale.OpAccepted, two...), nodes: nodesIn(stopping, ready), after: removeWithin + 1, want: autoscale.OpAccepted, seen: 1, refused: 1},
		{name: "one did not go, the other has", op: removeOf(autoscale.OpAccepted, two...), nodes: nodesIn(ready), after: removeWithin + 1, want: autoscale.OpShort, seen: 1, refused: 1},
		{name: "one was refused, the other has gone", op: refusedBefore(removeOf(autoscale.OpAccepted, "n1")), want: autoscale.OpShort, seen: 1, refused: 1},
	} {
		c.seen = cmp.Or(c.seen, 2)
		t.Run(c.name, c.check)
	}
}

func refusedBefore(op autoscale.Operation) autoscale.Operation {
	op.Refused, op.Count = []autoscale.NodeID{"n9"}, op.Count+1
	return op
}

func (c judged) check(t *testing.T) {
	supply := autoscale.Supply{Nodes: c.nodes, Pools: []autoscale.Pool{{ID: poolID}}}
	policy := autoscale.Policy{Pools: []autoscale.PoolPolicy{{BootTimeout: time.Hour}}}
	at := start.Add(c.after)
	got := newWorld(at, supply, newTimeLimits(supply.Pools, policy)).judge(c.op, c.answer)
	require.Equal(t, c.want, got.Phase)
	require.Equal(t, c.added, got.Added)
	require.Len(t, got.Nodes, c.seen)
	require.Len(t, got.Refused, c.refused)
	require.Equal(t, c.expected, got.Expected())
	if got.Phase.Final() {
		require.Equal(t, at, got.Ended)
	} else {
		require.Zero(t, got.Ended)
	}
}

func TestClockSetBackStretchesNoDeadline(t *testing.T) {
	for _, c := range []struct {
		op     autoscale.Operation
		nodes  []autoscale.Node
		answer autoscale.Resolution
	}{
		{createOf(autoscale.OpAbsent, 0), nil, absent},
		{createOf(autoscale.OpAccepted, 3), nil, unknown},
		{createOf(autoscale.OpAccepted, 1), nodesIn(starting), unknown},
		{removeOf(autoscale.OpAccepted, "n1"), nodesIn(ready), unknown},
	} {
		at := start.Add(-24 * time.Hour)
		for _, wait := range []time.Duration{0, 2 * time.Hour} {
			require.False(t, c.op.Phase.Final())
			c.op = newWorld(at.Add(wait), autoscale.Supply{Nodes: c.nodes}, newTimeLimits(nil, autoscale.Policy{})).judge(c.op, c.answer)
		}
		require.True(t, c.op.Phase.Final(), "%+v", c.op)
	}
}

func TestDeadlines(t *testing.T) {
	pools := []autoscale.Pool{{ID: "a", Labels: map[string]string{"x": "1"}}, {ID: "b"}}
	limits := newTimeLimits(pools, autoscale.Policy{
		AbsentFor: 3 * time.Minute,
		Pools:     []autoscale.PoolPolicy{{Match: autoscale.HasLabel("x", "1"), BootTimeout: time.Hour}},
	})
	at := func(d time.Duration) time.Time { return start.Add(d) }
	in := func(pool autoscale.PoolID, op autoscale.Operation) autoscale.Operation { op.Pool = pool; return op }
	seen := createOf(autoscale.OpAccepted, 1, "n1")
	sent := removeOf(autoscale.OpSent, "n1")
	sent.Answered = time.Time{}
	for name, c := range map[string]struct {
		op   autoscale.Operation
		want time.Time
	}{
		"nodes are up by the boot timeout of their pool's policy": {in("a", seen), at(time.Hour)},
		"a pool that no policy matches":                           {in("b", seen), at(autoscale.DefaultBootTimeout)},
		"a pool that is not there":                                {in("nowhere", seen), at(autoscale.DefaultBootTimeout)},
		"in doubt":                                                {in("a", createOf(autoscale.OpSent, 0)), at(time.Hour)},
		"absent":                                                  {in("a", createOf(autoscale.OpAbsent, 0)), at(3 * time.Minute)},
		"accepted and never seen":                                 {in("a", createOf(autoscale.OpAccepted, 3)), at(3 * time.Minute)},
		"a removal":                                               {removeOf(autoscale.OpAccepted, "n1"), at(removeWithin)},
		"a removal in doubt":                                      {sent, at(removeWithin)},
	} {
		require.Equal(t, c.want, limits.deadline(c.op), name)
	}
}

func TestDue(t *testing.T) {
	accepted := createOf(autoscale.OpAccepted, 3)
	require.Zero(t, due(accepted), "written by an older daemon")
	accepted.Deadline = start.Add(time.Hour)
	require.Equal(t, start.Add(time.Hour+time.Millisecond), due(accepted))
	require.Equal(t, start.Add(askAgain), due(createOf(autoscale.OpSent, 0)))
	require.Equal(t, start.Add(askAgain), due(createOf(autoscale.OpIntended, 0)))
}
