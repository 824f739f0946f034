package cyclecloud_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/cyclecloud/cyclecloudtest"
)

func namedGrow(id string, names ...string) autoscale.Grow {
	g := grow(id, "execute/Standard_F4s_v2", len(names))
	g.Names = names
	return g
}

// namesAt are the names of the nodes that the provider shows, the head node apart.
func (w *world) namesAt(t require.TestingT) []string {
	var names []string
	for _, n := range w.observe(t).Nodes[1:] {
		names = append(names, n.Name)
	}
	return names
}

func TestNamedNodesGetTheirNames(t *testing.T) {
	w := newWorld(t, cyclecloudtest.DefaultConfig())
	w.observe(t)
	var want []string
	for i, names := range [][]string{{"execute-7"}, {"execute-9", "execute-10", "execute-11"}, {"hpc-0", "hpc-1"}, {"c-pg0-2x", "c-pg0-3x"}, {"d008", "d009"}} {
		got, err := w.provider.Create(t.Context(), namedGrow(string(rune('a'+i)), names...))
		require.NoError(t, err)
		require.Equal(t, len(names), got.Added)
		want = append(want, names...)
	}
	require.Equal(t, want, w.namesAt(t))
}

func TestNamesThatCanNotBeAskedForAreRefused(t *testing.T) {
	w := newWorld(t, cyclecloudtest.DefaultConfig())
	w.observe(t)
	for _, names := range [][]string{{"login"}, {"a-1", "a-3"}, {"a-1", "b-2"}, {"d009", "d010"}, {"a%d-1"}, {"a-99999999999999999999"}} {
		_, err := w.provider.Create(t.Context(), namedGrow("r", names...))
		require.ErrorIs(t, err, autoscale.ErrRejected, names)
	}
	g := namedGrow("r", "a-1")
	g.Count = 2
	_, err := w.provider.Create(t.Context(), g)
	require.ErrorIs(t, err, autoscale.ErrRejected)
	require.Empty(t, w.namesAt(t))
}

// A job names nodes, of which one is still on its way out: the planner asks for the
// names only when all are free, and gets each node under its own.
func TestPlanGetsTheNamesThatJobsAskFor(t *testing.T) {
	w := newWorld(t, cyclecloudtest.DefaultConfig())
	w.observe(t)
	_, err := w.provider.Create(t.Context(), grow("old", "execute/Standard_F4s_v2", 3))
	require.NoError(t, err)
	w.clock.Advance(time.Hour)
	_, err = w.provider.Remove(t.Context(), autoscale.Remove{Request: "end", Nodes: w.observe(t).Nodes[2:3]})
	require.NoError(t, err)

	names := []string{"execute-2", "execute-3", "execute-4", "execute-5"}
	shape := autoscale.Shape{Tasks: len(names), Names: names, Exclusive: autoscale.ExclusiveTask, Gang: autoscale.GangAll, Selector: autoscale.HasLabel(autoscale.LabelMachineType, "Standard_F4s_v2")}
	demand := autoscale.Demand{Classes: autoscale.Intern([]autoscale.Job{{ID: "1", Shape: shape}}), Vouched: true}
	policy := autoscale.Policy{Pools: []autoscale.PoolPolicy{{Name: "all", IdleTime: time.Hour}}}
	decide := func() autoscale.Plan {
		o := autoscale.Observation{At: w.clock.Now(), Supply: w.observe(t), Demand: demand}
		return autoscale.Decide(autoscale.State{Observation: o}, policy)
	}
	plan := decide()
	require.Empty(t, plan.Grow)
	require.Equal(t, autoscale.ReasonNameTaken, plan.Outcomes[0].Reason.Code)
	require.Equal(t, "execute-2", plan.Outcomes[0].Reason.Subject)

	w.clock.Advance(10 * time.Minute)
	plan = decide()
	require.Len(t, plan.Grow, 2, "execute-3 is there")
	for i, g := range plan.Grow {
		g.Request = autoscale.RequestID([]string{"r1", "r2"}[i])
		got, err := w.provider.Create(t.Context(), g)
		require.NoError(t, err)
		require.Equal(t, g.Count, got.Added)
	}
	require.ElementsMatch(t, []string{"execute-1", "execute-2", "execute-3", "execute-4", "execute-5"}, w.namesAt(t))
	require.True(t, decide().Empty())
}
