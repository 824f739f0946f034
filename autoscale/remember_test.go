package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A node that a plan gave work starts its idle time again, whether the queue uses it
// or not.
func TestWorkThatWasPlannedStartsTheIdleTimeAgain(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	n := aNode("n", a.ID, PhaseReady)
	m := idleFor(start, time.Hour, n)
	o := observe(start, Supply{Pools: []Pool{a}, Limits: la, Nodes: []Node{n}}, jobs("j", 1, wholeNodes(1)), nil)
	m = Remember(m, Decide(State{Observation: o, Memory: m}, aPolicy("a")))
	require.Equal(t, start, m.Nodes[n.ID].IdleSince())
	require.Len(t, m.Nodes[n.ID].For, 1)
}

// Whom new nodes are for is known when they are seen.
func TestNewNodesAreForWhomTheyWereMade(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	o := observe(start, Supply{Pools: []Pool{a}, Limits: la}, jobs("j", 2, wholeNodes(1)), nil)
	plan := Decide(State{Observation: o}, aPolicy("a"))
	plan.Grow[0].Request = "r"
	m := Remember(Memory{}, plan)
	n := aNode("n", a.ID, PhaseStarting)
	n.Request = "r"
	o.At, o.Supply.Nodes = start.Add(time.Minute), []Node{n}
	m = Advance(m, o, []Operation{{Request: "r", Kind: OperationCreate, Phase: OpAccepted, Pool: a.ID, Count: 2, Added: 2, Nodes: []NodeID{"n"}, Intended: start}}, aPolicy("a"))
	require.Equal(t, o.Demand.Classes[0].Key, m.Nodes["n"].For[0].Shape)
}
