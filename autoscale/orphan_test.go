package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whose nodes are that no record tells of: marked ones, all of managed pools, or none.
// Those that once were ours stay so.
func TestAdoption(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	z, lz := aPool("z", "F4", 4, 100)
	foreign, other, head := aNode("foreign", a.ID, PhaseReady), aNode("other", z.ID, PhaseReady), aNode("head", a.ID, PhaseReady)
	foreign.Owned, other.Owned, head.Owned, head.Protected = false, false, false, "head node"
	made := aNode("made", a.ID, PhaseReady)
	made.Owned, made.Request = false, "r"
	// Another daemon's, of a pool that the policy does not name: its mark says nothing here.
	nodes := []Node{foreign, made, head, aNode("marked", a.ID, PhaseReady), other, aNode("theirs", z.ID, PhaseReady)}
	ops := []Operation{{Request: "r", Kind: OperationCreate, Phase: OpConverged, Pool: a.ID, Count: 1, Added: 1, Nodes: []NodeID{"made"}, Intended: start}}
	for adopt, ours := range map[Adoption][]NodeID{
		"":         {"made", "marked"},
		AdoptOwned: {"made", "marked"},
		AdoptAll:   {"foreign", "made", "marked"},
		AdoptNone:  {"made"},
	} {
		p := aPolicy("a")
		p.Adopt = adopt
		var m Memory
		var plan Plan
		for i := range 30 {
			o := observe(start.Add(time.Duration(i)*time.Minute), Supply{Pools: []Pool{a, z}, Limits: append(la, lz...), Nodes: nodes}, nil, nil)
			m = Advance(m, o, ops, p)
			plan = Decide(State{Observation: o, Memory: m}, p)
			found := FindOrphans(o, nil, m, p)
			require.Len(t, found.Nodes, 3-len(ours), "%q", adopt)
		}
		require.ElementsMatch(t, ours, removed(plan), "%q", adopt)
		p.Adopt = AdoptNone
		m = Advance(m, observe(start.Add(time.Hour), Supply{Pools: []Pool{a, z}, Nodes: nodes}, nil, nil), nil, p)
		require.False(t, m.Nodes["theirs"].Ours, "%q", adopt)
		for _, id := range ours {
			require.True(t, m.Nodes[id].Ours)
		}
	}
}

func TestOperationsWithoutNodes(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	n, gone := aNode("n", a.ID, PhaseStarting), aNode("gone", a.ID, PhaseGone)
	n.Request = "seen"
	gone.Owned = false
	o := observe(start, Supply{Pools: []Pool{a}, Limits: la, Nodes: []Node{n, gone}}, nil, nil)
	ops := []Operation{
		{Request: "seen", Kind: OperationCreate, Phase: OpAccepted, Count: 2, Added: 2},
		{Request: "lost", Kind: OperationCreate, Phase: OpAccepted, Count: 2, Added: 2, Nodes: []NodeID{"gone"}},
		{Request: "doubt", Kind: OperationCreate, Phase: OpSent, Count: 2},
		{Request: "over", Kind: OperationCreate, Phase: OpConverged, Count: 2},
		{Request: "going", Kind: OperationRemove, Phase: OpAccepted, Nodes: []NodeID{"n"}},
		{Request: "went", Kind: OperationRemove, Phase: OpAccepted, Nodes: []NodeID{"gone"}},
	}
	found := FindOrphans(o, ops, Memory{Nodes: map[NodeID]NodeMemory{"n": {Ours: true}}}, aPolicy("a"))
	require.Empty(t, found.Nodes)
	var list []RequestID
	for _, op := range found.Operations {
		list = append(list, op.Request)
	}
	require.Equal(t, []RequestID{"lost", "doubt", "went"}, list)
	o.SupplyProblem = "down"
	require.Empty(t, FindOrphans(o, ops, Memory{}, aPolicy("a")).Operations)
}
