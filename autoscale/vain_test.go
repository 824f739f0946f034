package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// vainWorld is one idle node, of which operations are told at a time.
type vainWorld struct {
	t      *testing.T
	node   Node
	use    HostUse
	memory Memory
}

func newVainWorld(t *testing.T) *vainWorld {
	return &vainWorld{t: t, node: aNode("n1", "a/F4", PhaseReady)}
}

// look folds an observation in, so long after the start.
func (w *vainWorld) look(after time.Duration, operations ...Operation) Vain {
	pool, limits := aPool("a", "F4", 4, 10)
	o := Observation{At: start.Add(after), Supply: Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{w.node}}}
	o.Demand = Demand{Vouched: true, Use: map[string]HostUse{w.node.Host: w.use}}
	w.memory = Advance(w.memory, o, operations, aPolicy("a"))
	return w.memory.Nodes["n1"].Vain
}

// removal was sent so long after the start.
func removal(phase OperationPhase, sent time.Duration) Operation {
	at := start.Add(sent)
	return Operation{Request: RequestID(sent.String()), Kind: OperationRemove, Phase: phase, Nodes: []NodeID{"n1"}, Intended: at, Sent: at, Attempts: 1, Message: string(phase)}
}

func TestRemovalsThatComeToNothingAreCounted(t *testing.T) {
	stayed := removal(OpShort, 0)
	stayed.Refused = []NodeID{"n1"}
	partly := removal(OpAccepted, 0)
	partly.Nodes, partly.Refused = []NodeID{"n2"}, []NodeID{"n1"}
	again := removal(OpAbsent, 0)
	again.Attempts, again.Message = 2, ""
	throttled := again
	throttled.Class = ErrorThrottle
	forbidden := removal(OpRejected, 0)
	forbidden.Class = ErrorAuth
	create := removal(OpRejected, 0)
	create.Kind = OperationCreate
	for name, c := range map[string]struct {
		op   Operation
		want Vain
	}{
		"refused":              {removal(OpRejected, 0), Vain{Tries: 1, Answer: "rejected"}},
		"refused in part":      {partly, Vain{Tries: 1, Answer: "accepted"}},
		"taken, and it stayed": {stayed, Vain{Tries: 1, Answer: "short"}},
		"not known, twice":     {again, Vain{Tries: 1, Answer: "the cloud does not know the request"}},
		"throttled, twice":     {throttled, Vain{}},
		"not known, once":      {removal(OpAbsent, 0), Vain{}},
		"under way":            {removal(OpAccepted, 0), Vain{}},
		"in doubt":             {removal(OpSent, 0), Vain{}},
		"it went":              {removal(OpConverged, 0), Vain{}},
		"others stayed":        {removal(OpShort, 0), Vain{}},
		"refused to us all":    {forbidden, Vain{}},
		"not a removal":        {create, Vain{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newVainWorld(t)
			w.look(0)
			if c.want.Tries > 0 {
				c.want.Last = start.Add(time.Minute)
			}
			require.Equal(t, c.want, w.look(time.Minute, c.op))
			require.Equal(t, c.want, w.look(2*time.Minute, c.op), "it is counted once")
		})
	}
}

func TestRemovalsInVainAddUpUntilTheNodeIsUsed(t *testing.T) {
	w := newVainWorld(t)
	w.look(0)
	for try := range 8 {
		sent := time.Duration(try) * time.Hour
		v := w.look(sent+time.Second, removal(OpRejected, sent))
		require.Equal(t, try+1, v.Tries)
		require.Equal(t, try >= 2, v.Stuck())
		wait := min(time.Minute<<try, 30*time.Minute)
		require.Equal(t, start.Add(sent+time.Second+wait), v.next())
	}
	last := removal(OpRejected, 7*time.Hour)
	w.use = HostUse{Jobs: []JobID{"j"}, Whole: true}
	require.Zero(t, w.look(8*time.Hour, last).Tries, "it runs something")
	w.use = HostUse{}
	require.Zero(t, w.look(9*time.Hour, last).Tries, "what was counted is not counted again")
	require.Zero(t, w.memory.Nodes["n1"].Vain.next())

	w.look(10*time.Hour, removal(OpRejected, 10*time.Hour-time.Second))
	w.node.Phase = PhaseDeallocated
	require.Zero(t, w.look(11*time.Hour).Tries, "it is deallocated")
	w.node.Phase = PhaseReady
	w.look(12*time.Hour, removal(OpRejected, 12*time.Hour-time.Second))
	w.node.Phase = PhaseGone
	require.Zero(t, w.look(13*time.Hour), "it is gone")
}

func TestClockSetBackStretchesNoWait(t *testing.T) {
	w := newVainWorld(t)
	w.look(0)
	w.look(24*time.Hour, removal(OpRejected, 24*time.Hour-time.Second))
	require.Equal(t, start.Add(2*time.Minute), w.look(time.Minute).next())
}

// A node goes once its wait is over, and the plan says until when it waits.
func TestNodeWaitsAfterARemovalInVain(t *testing.T) {
	w := newVainWorld(t)
	w.look(0)
	w.look(time.Hour, removal(OpRejected, time.Hour-time.Second))
	w.look(2*time.Hour, removal(OpRejected, 2*time.Hour-time.Second))
	decide := func(at time.Duration) Plan {
		w.look(2*time.Hour + at)
		pool, limits := aPool("a", "F4", 4, 10)
		s := State{Memory: w.memory, Observation: Observation{At: start.Add(2*time.Hour + at), Supply: Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{w.node}}, Demand: Demand{Vouched: true}}}
		return Decide(s, aPolicy("a"))
	}
	p := decide(2*time.Minute - time.Second)
	require.Empty(t, p.Remove)
	require.Equal(t, Reason{Code: ReasonRemovalBackoff, Have: 2, Of: time.Second, Detail: "rejected"}, p.Nodes[0].Reason)
	require.True(t, p.Nodes[0].Goes)
	require.Len(t, decide(2*time.Minute).Remove, 1)
}

// No node's removal is sent, or sent again, before its wait is over.
func TestPropertyNoRemovalBeforeItsWaitIsOver(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		waits := func(id NodeID) bool {
			v := w.Memory.Nodes[id].Vain
			return v.Tries > 0 && w.At.Sub(v.Last) < min(time.Minute<<(v.Tries-1), 30*time.Minute)
		}
		for _, r := range w.plan.Remove {
			for _, n := range r.Nodes {
				require.False(t, waits(n.ID), "%s is removed", n.ID)
			}
		}
		for _, r := range w.plan.Retry {
			for _, id := range r.Operation.Nodes {
				require.False(t, r.Operation.Kind == OperationRemove && waits(id), "the removal of %s is repeated", id)
			}
		}
		for _, d := range w.plan.Drain {
			require.False(t, waits(d.Node.ID) && d.Reason.Code != ReasonMaxAge, "%s is marked", d.Node.ID)
		}
	})
}

// reason is why the plan keeps a node or sends it away.
func (w world) reason(id NodeID) Reason {
	for _, v := range w.plan.Nodes {
		if v.Node == id {
			return v.Reason
		}
	}
	return Reason{}
}
