package autoscale

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// someFailed has n failed nodes, n0 the oldest.
func someFailed(n int) State {
	pool, limits := aPool("a", "F4", 4, 20)
	s := State{CanReport: true}
	var nodes []Node
	s.Memory.Nodes = make(map[NodeID]NodeMemory)
	for i := range n {
		nodes = append(nodes, aNode(fmt.Sprint("n", i), pool.ID, PhaseFailed))
		s.Memory.Nodes[nodes[i].ID] = NodeMemory{Asked: start.Add(time.Duration(i-n) * time.Minute), Ours: true}
	}
	s.Observation = observe(start, Supply{Pools: []Pool{pool}, Limits: limits, Nodes: nodes}, nil, nil)
	return s
}

func reported(p Plan) (ids []NodeID) {
	for _, r := range p.Report {
		ids = append(ids, r.Node.ID)
	}
	return ids
}

func TestFailedNodesBeyondThoseKeptGo(t *testing.T) {
	s, p := someFailed(3), aPolicy("a")
	for keep, want := range [][]NodeID{{"n0", "n1", "n2"}, {"n0", "n1"}, {"n0"}, nil, nil} {
		p.Pools[0].KeepFailed = keep
		require.Equal(t, want, removed(Decide(s, p)), "keep %d", keep)
	}
}

// A node is reported until the cloud takes it or has refused too often, and then goes.
func TestFailedNodeIsReportedBeforeItGoes(t *testing.T) {
	s, p := someFailed(2), aPolicy("a")
	p.Pools[0].ReportFailed = "Resource.Hpc"
	tick := func(taken map[NodeID]bool) Plan {
		s.Memory = Advance(s.Memory, s.Observation, nil, p)
		plan := Decide(s, p)
		s.Memory = NoteReports(Remember(s.Memory, plan), taken)
		return plan
	}
	for i := range reportsAtMost {
		plan := tick(map[NodeID]bool{"n0": false, "n1": i == 1, "stranger": true})
		require.Contains(t, reported(plan), NodeID("n0"))
		require.Equal(t, i < 2, len(plan.Report) == 2)
		require.Equal(t, "Resource.Hpc", plan.Report[0].Category)
		require.Equal(t, i < 2, len(removed(plan)) == 0, "what the cloud has taken goes")
	}
	require.NotContains(t, s.Memory.Nodes, NodeID("stranger"))
	plan := tick(nil)
	require.Empty(t, plan.Report)
	require.Equal(t, []NodeID{"n0", "n1"}, removed(plan))

	s.Supply.Nodes[1].Phase = PhaseReady
	tick(nil)
	require.False(t, s.Memory.Nodes["n1"].Reported, "it came up after all")
}

func TestNoReportWhereNoneCanBeMade(t *testing.T) {
	for name, change := range map[string]func(*State, *Policy){
		"not wanted":   func(_ *State, p *Policy) { p.Pools[0].ReportFailed = "" },
		"not possible": func(s *State, _ *Policy) { s.CanReport = false },
		"refused us lately": func(s *State, _ *Policy) {
			s.Memory.Breaker = Breaker{Class: ErrorAuth, Refused: true, Failures: 1, Last: start.Add(-time.Hour), Opened: start.Add(-time.Hour)}
		},
	} {
		s, p := someFailed(1), aPolicy("a")
		p.Pools[0].ReportFailed = "Resource.Hpc"
		change(&s, &p)
		plan := Decide(s, p)
		require.Empty(t, plan.Report, name)
		require.Equal(t, []NodeID{"n0"}, removed(plan), name)
	}
}

// judged are the failed nodes of a policy that may go, by the plan's word on them.
// Those that have the name that a job waits for are left out.
func (w world) judged(p *PoolPolicy) map[ReasonCode][]NodeID {
	taken, list := w.named(), make(map[ReasonCode][]NodeID)
	for _, v := range w.plan.Nodes {
		n := w.nodes[v.Node]
		if n.Phase == PhaseFailed && w.managed(n.Pool) == p && !taken[lower(n.Name)] {
			list[v.Reason.Code] = append(list[v.Reason.Code], v.Node)
		}
	}
	return list
}

// Never more failed nodes stay than are to be kept, the newest, and none goes while
// fewer stay.
func TestPropertyTheNewestFailedNodesStay(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		for i := range w.policy.Pools {
			p := &w.policy.Pools[i]
			judged := w.judged(p)
			kept := judged[ReasonFailedKept]
			require.LessOrEqual(t, len(kept), p.KeepFailed)
			gone := append(judged[ReasonFailed], judged[ReasonReporting]...)
			if len(gone) > 0 {
				require.Len(t, kept, p.KeepFailed)
			}
			for _, old := range gone {
				for _, young := range kept {
					require.False(t, w.Memory.Nodes[old].IdleSince().After(w.Memory.Nodes[young].IdleSince()))
				}
			}
		}
	})
}

// Whoever is reported is a failed node of ours that stays until then, and nobody goes
// without whose report may still be taken.
func TestPropertyFailedNodesAreReportedBeforeTheyGo(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		due := func(n Node) bool {
			m := w.Memory.Nodes[n.ID]
			return n.Phase == PhaseFailed && w.CanReport && w.managed(n.Pool).ReportFailed != "" && !m.Reported && m.Reports < reportsAtMost
		}
		gone := removed(w.plan)
		for _, id := range gone {
			require.False(t, due(w.nodes[id]))
		}
		seen := make(map[NodeID]bool)
		for _, r := range w.plan.Report {
			require.True(t, due(r.Node))
			require.False(t, seen[r.Node.ID])
			seen[r.Node.ID] = true
			require.Equal(t, w.managed(r.Node.Pool).ReportFailed, r.Category)
			require.NotContains(t, gone, r.Node.ID)
			w.checkMayGo(t, r.Node)
		}
	})
}
