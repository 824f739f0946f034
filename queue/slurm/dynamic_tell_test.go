package slurm_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

// One FUTURE node tells Slurm what nodes of a pool are.
func TestPoolsAreAnnounced(t *testing.T) {
	memory := autoscale.Bytes(7)
	announce := func(o *slurm.DynamicOptions) {
		o.Announce = 1
		o.Nodes = func(*autoscale.Pool) (slurm.PoolNodes, bool) {
			return slurm.PoolNodes{Features: []string{"htc"}, CPUs: 4, Memory: memory * autoscale.GiB, Gres: "gpu:2"}, true
		}
	}
	d := newDynamicTest(t, announce)
	require.Empty(t, d.tick().Use)
	require.Equal(t, &slurm.Node{
		Name: "pool-htc-f4-1", Host: "localhost", Address: "127.0.0.1", State: "FUTURE+DYNAMIC_NORM", Features: "htc", CPUs: 4, Memory: 7 << 10,
		Gres: "gpu:2", Comment: "autoscaled: pool htc/F4",
	}, d.slurm.nodes["pool-htc-f4-1"])
	changes := d.slurm.changes
	require.Empty(t, d.tick().Use, "it is no host")
	require.Equal(t, changes, d.slurm.changes)

	with(d.slurm.nodes["pool-htc-f4-1"], "IDLE", nil, nil) // by state=resume
	memory = 6
	d.restart(announce)
	d.tick()
	require.Equal(t, states{"pool-htc-f4-1": "DOWN"}, d.states())
	d.tick()
	require.Empty(t, d.states())
	d.tick()
	require.EqualValues(t, 6<<10, d.slurm.nodes["pool-htc-f4-1"].Memory)
	d.slurm.nodes["pool-htc-f4-1"].Comment = ""
	d.tick()
	require.Equal(t, "autoscaled: pool htc/F4", d.slurm.nodes["pool-htc-f4-1"].Comment, "we were interrupted")

	_, err := d.Demand(t.Context())
	require.NoError(t, err)
	require.NoError(t, d.Keep(t.Context(), autoscale.Supply{}, nil))
	require.Empty(t, d.states(), "the pool is no more")
	invalid := cloudOf()
	invalid.Pools[0].Invalid = "NotActivated"
	_, err = d.Demand(t.Context())
	require.NoError(t, err)
	require.NoError(t, d.Keep(t.Context(), invalid, nil))
	require.Empty(t, d.states())

	d.tick()
	require.NotEmpty(t, d.states())
	d.restart(func(o *slurm.DynamicOptions) { o.Announce = 0 })
	d.tick()
	require.Empty(t, d.states(), "none is to be announced any more")
}

// As many nodes stand for a pool as jobs are to ask for at the most, made in one call.
func TestPoolsAreAnnouncedManyTimes(t *testing.T) {
	announce := func(count int) func(o *slurm.DynamicOptions) {
		return func(o *slurm.DynamicOptions) { o.Announce = count }
	}
	many := func(count int) states {
		all := make(states)
		for i := range count {
			all[fmt.Sprintf("pool-htc-f4-%d", i+1)] = "FUTURE"
		}
		return all
	}
	d := newDynamicTest(t, announce(12))
	d.tick()
	require.Equal(t, many(12), d.states())
	require.Equal(t, 2, d.slurm.changes, "a call that makes them, and one that says what for")
	delete(d.slurm.nodes, "pool-htc-f4-7")
	d.tick()
	require.Equal(t, many(12), d.states())
	d.restart(announce(4))
	d.tick()
	require.Equal(t, many(4), d.states(), "those beyond go")
	for name := range many(4) {
		require.Equal(t, "autoscaled: pool htc/F4", d.slurm.nodes[name].Comment)
	}
	d.slurm.nodes["pool-htc-f4"] = &slurm.Node{Name: "pool-htc-f4", State: "FUTURE+DYNAMIC_NORM", Comment: "autoscaled: pool htc/F4"}
	d.slurm.nodes["pool-htc-f4-5"] = &slurm.Node{Name: "pool-htc-f4-5", State: "FUTURE+DYNAMIC_NORM", Comment: "ann's"}
	d.tick()
	delete(d.slurm.nodes, "pool-htc-f4-5")
	require.Equal(t, many(4), d.states(), "also one of another name")
	d.restart(announce(0))
	d.tick()
	require.Empty(t, d.states())
}

// Where Slurm fails half way, the rest follows.
func TestRegistrationThatFails(t *testing.T) {
	d := newDynamicTest(t, nil)
	_, err := d.Demand(t.Context())
	require.NoError(t, err)
	d.slurm.down = autoscale.ErrUnavailable
	err = d.Keep(t.Context(), cloudOf(cloudVM("1", "htc-1"), cloudVM("2", "htc-2"), cloudVM("3", "htc-3")), nil)
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorContains(t, err, "2 of 3 new nodes are registered later")
	d.slurm.down = nil
	d.tick(cloudVM("1", "htc-1"), cloudVM("2", "htc-2"), cloudVM("3", "htc-3"))
	require.Len(t, d.states(), 3)
}

// Users read in their jobs why these wait, until they don't.
func TestDynamicTellsUsers(t *testing.T) {
	k := &tickets{comments: map[int64]string{1: "", 2: "mine", 3: "", 4: "autoscaled: of an earlier daemon", 5: "", 6: "a task's own", 7: "autoscaled: inherited"}}
	d := newDynamicTest(t, func(o *slurm.DynamicOptions) { o.Details = k })
	d.slurm.tickets = k
	for id := range int64(4) {
		d.slurm.jobs = append(d.slurm.jobs, slurm.Job{ID: id + 1, State: "PENDING", Reason: "Resources", CPUs: 1, NodeCount: 1, Priority: 1})
	}
	d.slurm.jobs = append(d.slurm.jobs,
		slurm.Job{ID: 5, ArrayID: 5, ArrayTasks: "7-9", State: "PENDING", Reason: "Resources", CPUs: 1, NodeCount: 1, Priority: 1},
		slurm.Job{ID: 6, ArrayID: 5, ArrayTask: 5, State: "RUNNING", CPUs: 1, NodeCount: 1, Nodes: "htc-1"},
		slurm.Job{ID: 7, ArrayID: 5, ArrayTask: 6, State: "RUNNING", CPUs: 1, NodeCount: 1, Nodes: "htc-1"})
	_, err := d.Demand(t.Context())
	require.NoError(t, err)
	waits := autoscale.Reason{Code: autoscale.ReasonLimit, Subject: "cluster/nodes"}
	class := func(id autoscale.JobID, held string) autoscale.Class {
		return autoscale.Class{Shape: autoscale.Shape{Tasks: 1, Held: held}, Members: []autoscale.Member{{ID: id}}}
	}
	s := autoscale.State{}
	s.Demand.Classes = []autoscale.Class{class("1", ""), class("2", ""), class("3", "JobHeldUser: x"), class("5_7", "")}
	plan := autoscale.Plan{Outcomes: []autoscale.Outcome{
		{Class: 0, To: 1, Reason: waits}, {Class: 1, To: 1, Reason: waits}, {Class: 2, To: 1, Reason: autoscale.Reason{Code: autoscale.ReasonHeld}},
		{Class: 3, To: 1, Reason: waits},
	}}
	for range 3 {
		require.NoError(t, d.Report(t.Context(), s, plan))
	}
	said := slurm.Mark + waits.String()
	require.Equal(t, map[int64]string{1: said, 2: "mine", 3: "", 4: "", 5: said, 6: "a task's own", 7: ""}, k.comments)
	require.Equal(t, 4, k.writes, "once each")
	require.Equal(t, 1, k.asked, "nothing is asked for where nothing is new, whoever has a comment of his own")

	require.NoError(t, d.Report(t.Context(), s, autoscale.Plan{}), "nothing was planned")
	require.Equal(t, said, k.comments[1])
	plan.Outcomes[0] = autoscale.Outcome{Class: 0, To: 1, Tasks: 1, Served: []autoscale.Serving{{Count: 1}}, Reason: autoscale.Reason{Code: autoscale.ReasonOnNew}}
	require.NoError(t, d.Report(t.Context(), s, plan))
	require.Equal(t, map[int64]string{1: "", 2: "mine", 3: "", 4: "", 5: said, 6: "a task's own", 7: ""}, k.comments)

	d.slurm.down = autoscale.ErrUnavailable
	plan.Outcomes[0] = autoscale.Outcome{Class: 0, To: 1, Reason: waits}
	require.ErrorIs(t, d.Report(t.Context(), s, plan), autoscale.ErrUnavailable)
	d.slurm.down = nil
	require.NoError(t, d.Report(t.Context(), s, plan))
	require.Equal(t, said, k.comments[1])
}

// A job that waits for nodes of slurm.conf, which are none of the cloud's, is not told that the
// cloud has none for it.
func TestDynamicTellsNothingOfStandingNodes(t *testing.T) {
	k := &tickets{comments: map[int64]string{1: "", 2: "", 3: ""}}
	d := newDynamicTest(t, func(o *slurm.DynamicOptions) { o.Details = k })
	d.slurm.tickets = k
	d.slurm.nodes["login-1"] = &slurm.Node{Name: "login-1", State: "ALLOCATED", Partitions: "login,old", CPUs: 4, AllocCPUs: 4}
	pending := func(id int64, partition string) slurm.Job {
		return slurm.Job{ID: id, State: "PENDING", Reason: "Resources", Partition: partition, CPUs: 1, NodeCount: 1, Priority: 1}
	}
	d.slurm.jobs = []slurm.Job{pending(1, "x,login"), pending(2, "x"), pending(3, "login")}
	_, err := d.Demand(t.Context())
	require.NoError(t, err)
	s, plan := autoscale.State{}, autoscale.Plan{}
	for i, code := range []autoscale.ReasonCode{autoscale.ReasonNoPool, autoscale.ReasonNoPool, autoscale.ReasonLimit} {
		s.Demand.Classes = append(s.Demand.Classes, autoscale.Class{Shape: autoscale.Shape{Tasks: 1}, Members: []autoscale.Member{{ID: autoscale.JobID(fmt.Sprint(i + 1))}}})
		plan.Outcomes = append(plan.Outcomes, autoscale.Outcome{Class: i, To: 1, Reason: autoscale.Reason{Code: code}})
	}
	require.NoError(t, d.Report(t.Context(), s, plan))
	require.Empty(t, k.comments[1], "login-1 may run it")
	require.Contains(t, k.comments[2], "no pool matches")
	require.Contains(t, k.comments[3], slurm.Mark)
}
