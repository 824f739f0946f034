package loop

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// recordQueue is a queue that has records of hosts.
type recordQueue struct {
	*fakeQueue
	supply []autoscale.Supply
	open   [][]autoscale.RequestID
	err    error
}

func (q *recordQueue) Keep(_ context.Context, s autoscale.Supply, open []autoscale.RequestID) error {
	q.supply, q.open = append(q.supply, s), append(q.open, open)
	return q.err
}

func withRecords(o *Options) *recordQueue {
	q := &recordQueue{fakeQueue: o.Queue.(*fakeQueue)}
	o.Queue = q
	return q
}

// A record is needed as long as its request may bring the node, and then as long as the
// node is there: there is no tick between in which neither is told.
func TestRecordsAreKeptFromTheRequestToTheNodesEnd(t *testing.T) {
	var q *recordQueue
	r := newRig(t, func(o *Options) { q = withRecords(o) })
	r.queue.submit(r.at, 1)
	r.tick()
	require.Equal(t, [][]autoscale.RequestID{{"request-1"}}, q.open, "in the tick that asked for it")
	r.until(func() bool { return len(r.all()) == 1 && r.only().Phase == autoscale.OpConverged })
	for i := range q.open {
		there := len(q.supply[i].Nodes) == 1
		require.True(t, there || len(q.open[i]) == 1, "tick %d", i)
	}
	require.Empty(t, q.open[len(q.open)-1])
}

func TestUpkeepThatFailsIsAProblemOfItsOwn(t *testing.T) {
	var q *recordQueue
	r := newRig(t, func(o *Options) { q = withRecords(o) })
	q.err = errors.New("no answer")
	report := r.tick()
	require.True(t, report.failed(StepKeep))
	require.True(t, report.Good())
}

// Who does not know the nodes can't say which records nobody needs.
func TestBlindTicksKeepAllRecords(t *testing.T) {
	var q *recordQueue
	r := newRig(t, func(o *Options) { q = withRecords(o) })
	r.cloud.observe = errors.New("down")
	r.tick()
	require.Empty(t, q.open)
	r.cloud.observe = nil
	r.loop.DryRun = true
	r.tick()
	require.Empty(t, q.open, "dry-run")
}

// What the journal lacks is not among the requests that are open: a record may be that of
// a node that is on its way.
func TestRecordsAreKeptWhileTheJournalFails(t *testing.T) {
	var q *recordQueue
	r := newRig(t, func(o *Options) { q = withRecords(o) })
	j := &brokenJournal{Journal: r.journal}
	o := r.options
	o.Journal = j
	var err error
	r.loop, err = New(o)
	require.NoError(t, err)
	r.tick()
	require.Len(t, q.open, 1)
	r.queue.submit(r.at, 1)
	j.put = errors.New("no space left on device")
	report := r.tick()
	require.True(t, report.Acted)
	require.True(t, report.failed(StepJournal))
	require.Len(t, q.open, 1)
	j.put = nil
	r.tick()
	require.Len(t, q.open, 2)
}

// tendedCloud has work of its own.
type tendedCloud struct {
	*fakeCloud
	tended int
}

func (c *tendedCloud) Tend(context.Context) error { c.tended++; return nil }

func TestCloudIsTendedOnceATick(t *testing.T) {
	var c *tendedCloud
	r := newRig(t, func(o *Options) { c = &tendedCloud{fakeCloud: o.Cloud.(*fakeCloud)}; o.Cloud = c })
	r.ticks(3)
	require.Equal(t, 3, c.tended)
}

// Nodes whose hosts are named before they are there are asked for one by one.
func TestSingleNodesHaveRequestsOfTheirOwn(t *testing.T) {
	r := newRig(t)
	r.cloud.single = true
	r.queue.submit(r.at, 5)
	report := r.tick()
	require.Len(t, report.Plan.Grow, 1)
	require.Equal(t, 5, r.cloud.count("create"))
	require.Len(t, r.all(), 5)
	for _, op := range r.all() {
		require.Equal(t, 1, op.Count)
		require.Len(t, op.Jobs, 1)
	}
	r.restart()
	r.until(func() bool { r.queue.schedule(r.at, r.cloud.list(), step); return r.queue.done == 5 })
	require.Equal(t, 5, r.cloud.count("create"), "none is made twice")
}
