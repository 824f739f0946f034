package autoscale

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawReleasing is any state of a queue that releases its hosts itself, with a policy.
// Its jobs are what they are: a real one of this kind only names nodes, and others stay
// within every limit all the same.
func drawReleasing(t *rapid.T) world {
	s, p := drawState(t)
	s.Demand.Releases, s.Demand.Vouched = true, true
	if s.Demand.Use == nil {
		s.Demand.Use = make(map[string]HostUse)
	}
	for i := range s.Supply.Nodes {
		host := s.Supply.Nodes[i].Host
		use := s.Demand.Use[host]
		switch rapid.IntRange(0, 5).Draw(t, "known as") {
		case 0:
			delete(s.Demand.Use, host)
			continue
		case 1:
			use = HostUse{Drain: DrainDone}
		case 2:
			use = HostUse{Missing: true}
		}
		s.Demand.Use[host] = use
	}
	return newWorld(s, p)
}

// What the queue did not release stays, whatever the policy's times and numbers say.
func TestPropertyOnlyReleasedNodesGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawReleasing(t)
		for _, r := range w.plan.Remove {
			for _, n := range r.Nodes {
				w.checkReleased(t, n, r.Reason)
			}
		}
		for _, r := range w.plan.Retry {
			if r.Operation.Kind != OperationRemove {
				continue
			}
			for _, id := range r.Operation.Nodes {
				w.checkReleased(t, w.nodes[id], r.Reason)
			}
		}
		for _, d := range w.plan.Drain {
			w.checkReleased(t, d.Node, d.Reason)
		}
	})
}

func (w world) checkReleased(t *rapid.T, n Node, why Reason) {
	use, listed := newHosts(&w.Demand, w.Supply.Nodes).listed(&n)
	failed := n.Phase == PhaseFailed && (use.Missing || w.Memory.Nodes[n.ID].Ready.IsZero())
	require.True(t, use.Drain == DrainDone || !listed || failed || n.Phase == PhaseDeallocated, "%s goes: %s", n.ID, why)
	require.False(t, use.Busy(), "%s works: %s", n.ID, why)
	require.False(t, n.KeepAlive, "%s is kept: %s", n.ID, why)
}

// No node is made that nobody asks for.
func TestPropertyNothingIsMadeUnasked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawReleasing(t)
		for _, g := range w.plan.Grow {
			require.NotContains(t, []ReasonCode{ReasonMinimum, ReasonBuffer}, g.Reason.Code)
			require.Positive(t, g.JobCount)
		}
		for _, s := range w.plan.Start {
			require.Positive(t, s.JobCount)
		}
	})
}

// A released node is looked at again: the queue may want it back at any moment.
func TestReleasedNodesAreLookedAtAgain(t *testing.T) {
	node := aNode("n1", "a/F4", PhaseReady)
	look := func(use HostUse) Observation {
		return Observation{Supply: Supply{Nodes: []Node{node}}, Demand: Demand{Releases: true, Vouched: true, Use: map[string]HostUse{node.Host: use}}}
	}
	was := look(HostUse{Drain: DrainDone})
	require.Equal(t, []Node{node}, Unmarked(was, []Node{node}))
	require.Empty(t, Overtaken([]Node{node}, was, look(HostUse{Drain: DrainDone})))
	require.True(t, Overtaken([]Node{node}, was, look(HostUse{Missing: true}))["n1"], "it is resumed")
	require.True(t, Overtaken([]Node{node}, was, look(HostUse{}))["n1"])
	require.True(t, Overtaken([]Node{node}, look(HostUse{Missing: true}), look(HostUse{}))["n1"], "it registered")
}
