package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/sim"
	"autoscaled/cyclecloud"
	"autoscaled/cyclecloud/cyclecloudtest"
)

var (
	_ loop.Queue   = demoQueue{}
	_ loop.Drainer = demoQueue{}
)

var demoEpoch = time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC)

// wholeNodes is a job that takes a number of nodes to itself.
func wholeNodes(id int64, submit time.Duration, nodes int, run time.Duration) sim.Job {
	return sim.TraceJob{ID: id, Submit: submit, Run: run, Processors: nodes}.WholeNodes(demoEpoch, autoscale.Resources{Cores: 1})
}

// heldWorld is a world whose clock the test holds.
type heldWorld struct {
	*demoWorld
	clock  *cyclecloudtest.ManualClock
	client *cyclecloud.Client
}

func newHeldWorld(t *testing.T, jobs ...sim.Job) heldWorld {
	t.Helper()
	clock := cyclecloudtest.NewManualClock(demoEpoch)
	password, cloud, err := newDemoCloud(10, clock, demoOptions{seed: 1})
	require.NoError(t, err)
	scheduler := sim.NewScheduler(demoEpoch)
	require.NoError(t, scheduler.Submit(jobs...))
	client, err := cyclecloud.New(cyclecloud.Options{
		URL: "http://simulator", User: demoUser, Password: func() (string, error) { return password, nil }, Transport: cloud.RoundTripper(),
	})
	require.NoError(t, err)
	return heldWorld{newDemoWorld(cloud, scheduler), clock, client}
}

func (w heldWorld) create(t *testing.T, count int) {
	t.Helper()
	_, err := w.client.CreateNodes(context.Background(), demoCluster, cyclecloud.NodeCreationRequest{
		RequestID: "6b1d9f3c-0000-4000-8000-000000000001",
		Sets: []cyclecloud.CreationSet{{
			Nodearray: demoNodearray, Count: count, Definition: &cyclecloud.Definition{MachineType: demoMachine},
		}},
	})
	require.NoError(t, err)
}

func (w heldWorld) pass(t *testing.T, d time.Duration) cyclecloudtest.Books {
	t.Helper()
	w.clock.Advance(d)
	books, err := w.follow()
	require.NoError(t, err)
	return books
}

// nodes are those of the nodearray.
func (w heldWorld) nodes() (list []cyclecloudtest.NodeRecord) {
	for _, n := range w.cloud.Books().Nodes {
		if !n.Head {
			list = append(list, n)
		}
	}
	return list
}

func (w heldWorld) record(t *testing.T, id string) sim.Record {
	t.Helper()
	for _, r := range w.jobs.Records() {
		if string(r.ID) == id {
			return r
		}
	}
	require.Fail(t, "no such job", id)
	return sim.Record{}
}

func TestNodesJoinWhenTheyAreReadyNotWhenSomebodyLooks(t *testing.T) {
	w := newHeldWorld(t, wholeNodes(1, 0, 2, time.Minute), wholeNodes(2, 0, 2, time.Minute))
	w.create(t, 2)
	w.pass(t, time.Hour)
	nodes := w.nodes()
	require.Len(t, nodes, 2)
	both := nodes[0].ReadyAt
	if nodes[1].ReadyAt.After(both) {
		both = nodes[1].ReadyAt
	}
	require.NotEqual(t, nodes[0].ReadyAt, nodes[1].ReadyAt, "or the test shows little")
	require.Equal(t, both, w.record(t, "1").Started)
	require.Equal(t, both.Add(time.Minute), w.record(t, "2").Started, "the next job starts when the first ends")
	require.Zero(t, w.killed)
}

func TestRemovedNodesLeaveWhenTheyAreTold(t *testing.T) {
	w := newHeldWorld(t, wholeNodes(1, 0, 1, 10*time.Hour))
	w.create(t, 1)
	w.pass(t, time.Hour)
	require.True(t, w.nodes()[0].Busy, "the simulator knows that the node is busy")
	started := w.record(t, "1").Started

	w.clock.Advance(time.Hour)
	told := w.cloud.Now()
	_, err := w.client.TerminateNodes(context.Background(), demoCluster, cyclecloud.NodeManagementRequest{IDs: []string{w.nodes()[0].ID}})
	require.NoError(t, err)
	books := w.pass(t, time.Hour)
	require.Equal(t, 1, w.killed)
	require.Zero(t, w.evicted)
	require.Equal(t, told.Sub(started).Seconds(), w.jobs.Totals().LostSeconds, "it ran until the very moment")
	require.Zero(t, w.jobs.Totals().Hosts)
	faults := busyRemovals(books, w.killed)
	require.Len(t, faults, 2, "both the simulator and the scheduler saw it: %v", faults)
	w.pass(t, time.Hour)
	require.Equal(t, 1, w.killed, "it is followed once")
}

func TestANodeThatGoesByItselfIsAnEviction(t *testing.T) {
	w := newHeldWorld(t, wholeNodes(1, 0, 1, 10*time.Hour))
	w.create(t, 1)
	w.pass(t, time.Hour)
	require.NoError(t, w.cloud.Evict(w.nodes()[0].ID))
	books := w.pass(t, time.Minute)
	require.Equal(t, 1, w.evicted)
	require.Zero(t, w.killed)
	require.Empty(t, busyRemovals(books, w.killed))
}

func TestANodeThatComesAndGoesBetweenTwoLooksServesItsJobs(t *testing.T) {
	w := newHeldWorld(t, wholeNodes(1, 0, 1, time.Second))
	w.create(t, 1)
	w.clock.Advance(time.Hour)
	_, err := w.client.TerminateNodes(context.Background(), demoCluster, cyclecloud.NodeManagementRequest{IDs: []string{w.nodes()[0].ID}})
	require.NoError(t, err)
	w.pass(t, time.Hour)
	require.Equal(t, w.nodes()[0].ReadyAt.Add(time.Second), w.record(t, "1").Ended)
	require.Zero(t, w.jobs.Totals().Hosts)
	require.Zero(t, w.killed)
}

func TestANodeSentAwayBeforeItComesUpNeverJoins(t *testing.T) {
	w := newHeldWorld(t)
	w.create(t, 1)
	w.clock.Advance(time.Second)
	_, err := w.client.TerminateNodes(context.Background(), demoCluster, cyclecloud.NodeManagementRequest{IDs: []string{w.nodes()[0].ID}})
	require.NoError(t, err)
	w.pass(t, time.Hour)
	require.Zero(t, w.jobs.Totals().PeakHosts)
}

func TestTheQueueIsUpToDateAtEachLook(t *testing.T) {
	w := newHeldWorld(t, wholeNodes(1, time.Hour, 1, 10*time.Hour))
	q := demoQueue{w.demoWorld}
	w.create(t, 2)
	w.clock.Advance(2 * time.Hour)
	d, err := q.Demand(context.Background())
	require.NoError(t, err)
	require.Zero(t, d.Jobs(), "it runs")
	require.Len(t, d.Use, 1)
	var idle []autoscale.Node
	for _, n := range w.nodes() {
		if !w.jobs.Busy(n.Hostname) {
			idle = append(idle, autoscale.Node{Host: n.Hostname})
		}
	}
	require.Len(t, idle, 1)
	require.Equal(t, []error{nil}, q.Drain(context.Background(), idle, "idle"))
	d, err = q.Demand(context.Background())
	require.NoError(t, err)
	require.Len(t, d.Use, 2)
	require.Equal(t, []error{nil}, q.Undrain(context.Background(), idle))
}
