package autoscale

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnmarkedNodesMayGetWork(t *testing.T) {
	nodes := []Node{aNode("n1", "a/F4", PhaseStarting), aNode("n2", "a/F4", PhaseReady), aNode("n3", "a/F4", PhaseDeallocated), aNode("n4", "a/F4", PhaseReady)}
	o := Observation{Demand: Demand{Use: map[string]HostUse{nodes[1].Host: {Drain: DrainOurs}, nodes[3].Host: {}}}}
	require.Equal(t, []Node{nodes[0], nodes[3]}, Unmarked(o, nodes))
}

func TestOvertakenNodes(t *testing.T) {
	node := aNode("n1", "a/F4", PhaseStarting)
	for name, c := range map[string]struct {
		change func(*Observation)
		want   bool
	}{
		"as it was":          {func(*Observation) {}, false},
		"gone":               {func(o *Observation) { o.Supply.Nodes = nil }, false},
		"gone, its record":   {func(o *Observation) { o.Supply.Nodes[0].Phase = PhaseGone }, false},
		"up":                 {func(o *Observation) { o.Supply.Nodes[0].Phase = PhaseReady }, true},
		"kept alive":         {func(o *Observation) { o.Supply.Nodes[0].KeepAlive = true }, true},
		"protected":          {func(o *Observation) { o.Supply.Nodes[0].Protected = "by somebody" }, true},
		"listed":             {func(o *Observation) { o.Demand.Use[node.Host] = HostUse{} }, true},
		"listed by its name": {func(o *Observation) { o.Demand.Use["up"], o.Supply.Nodes[0].Host = HostUse{}, "up" }, true},
		"busy":               {func(o *Observation) { o.Demand.Use[node.Host] = HostUse{Whole: true, Jobs: []JobID{"j"}} }, true},
		"drained by others":  {func(o *Observation) { o.Demand.Use[node.Host] = HostUse{Drain: DrainForeign} }, true},
		"no longer vouched":  {func(o *Observation) { o.Demand.Vouched = false }, true},
		"cloud unreadable":   {func(o *Observation) { *o = Observation{SupplyProblem: "down"} }, true},
		"queue unreadable":   {func(o *Observation) { o.Demand, o.DemandProblem = Demand{}, "down" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			look := func() Observation {
				return Observation{Supply: Supply{Nodes: []Node{node}}, Demand: Demand{Vouched: true, Use: map[string]HostUse{}}}
			}
			now := look()
			c.change(&now)
			require.Equal(t, c.want, Overtaken([]Node{node}, look(), now)["n1"])
		})
	}
}

// Where a node was listed and idle, work that came to it overtakes it.
func TestWorkOvertakesAListedNode(t *testing.T) {
	node := aNode("n1", "a/F4", PhaseReady)
	was := Observation{Supply: Supply{Nodes: []Node{node}}, Demand: Demand{Use: map[string]HostUse{node.Host: {}}}}
	now := was
	require.Empty(t, Overtaken([]Node{node}, was, now))
	now.Demand = Demand{Use: map[string]HostUse{node.Host: {Whole: true, Jobs: []JobID{"j"}}}}
	require.True(t, Overtaken([]Node{node}, was, now)["n1"])
}

// A node that goes although it works goes as long as it works on the same.
func TestOnlyOtherWorkOvertakesABusyNode(t *testing.T) {
	node := aNode("n1", "a/F4", PhaseReady)
	look := func(use HostUse) Observation {
		return Observation{Supply: Supply{Nodes: []Node{node}}, Demand: Demand{Vouched: true, Use: map[string]HostUse{node.Host: use}}}
	}
	two := HostUse{Jobs: []JobID{"i", "j"}, Used: Resources{Cores: 2}}
	for name, c := range map[string]struct {
		was, now HostUse
		want     bool
	}{
		"the same":          {two, two, false},
		"one of them ended": {two, HostUse{Jobs: []JobID{"j"}, Used: Resources{Cores: 1}}, false},
		"another":           {two, HostUse{Jobs: []JobID{"k"}, Whole: true}, true},
		"nothing":           {two, HostUse{}, true},
		"nobody says what":  {HostUse{Whole: true}, HostUse{Whole: true}, false},
		"now it does":       {HostUse{Whole: true}, two, true},
		"it came":           {HostUse{}, two, true},
	} {
		require.Equal(t, c.want, Overtaken([]Node{node}, look(c.was), look(c.now))["n1"], name)
	}
}
