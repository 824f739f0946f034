package loop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// drainQueue is a queue that marks hosts, as the cloud's calls see them in order.
type drainQueue struct {
	*fakeQueue
	cloud  *fakeCloud
	marked map[string]bool
	errs   map[autoscale.NodeID]error
	short  bool // answer for one node fewer
	deaf   bool // take marks and show none
}

func (q *drainQueue) Demand(ctx context.Context) (autoscale.Demand, error) {
	d, err := q.fakeQueue.Demand(ctx)
	if err != nil {
		return d, err
	}
	for host := range q.marked {
		use := d.Use[host]
		use.Drain = autoscale.DrainOurs
		d.Use[host] = use
	}
	return d, nil
}

func (q *drainQueue) Drain(_ context.Context, nodes []autoscale.Node, reason string) []error {
	return q.mark("drain "+reason, nodes, true)
}

func (q *drainQueue) Undrain(_ context.Context, nodes []autoscale.Node) []error {
	return q.mark("undrain", nodes, false)
}

func (q *drainQueue) mark(call string, nodes []autoscale.Node, on bool) []error {
	var names []string
	errs := make([]error, len(nodes))
	for i, n := range nodes {
		names = append(names, string(n.ID))
		if errs[i] = q.errs[n.ID]; errs[i] != nil {
			continue
		}
		if on && !q.deaf {
			q.marked[n.Host] = true
		} else {
			delete(q.marked, n.Host)
		}
	}
	q.cloud.calls = append(q.cloud.calls, call+" "+strings.Join(names, " "))
	if q.short {
		return errs[:len(errs)-1]
	}
	return errs
}

func newDrainRig(t *testing.T) (*rig, *drainQueue) {
	var q *drainQueue
	r := newRig(t, func(o *Options) { q = withMarks(o) })
	return r, q
}

func TestDrainedBeforeRemoved(t *testing.T) {
	r, _ := newDrainRig(t)
	r.queue.submit(r.at, 2)
	r.ticks(10)
	r.queue.clear()
	r.until(func() bool { return r.cloud.count("remove") > 0 })
	require.Equal(t, []string{"create", "drain idle node-001 node-002", "remove"}, r.cloud.calls)
	require.Equal(t, autoscale.ReasonDrained, r.all()[1].Reason.Code)
}

func TestMarkIsWithdrawnBeforeNodesAreCreated(t *testing.T) {
	r, q := newDrainRig(t)
	r.queue.submit(r.at, 2)
	r.ticks(10)
	r.queue.clear()
	r.until(func() bool { return len(q.marked) > 0 })
	r.queue.submit(r.at, 3)
	r.cloud.calls = nil
	r.tick()
	require.Equal(t, []string{"undrain node-001 node-002", "create"}, r.cloud.calls)
	require.Len(t, r.cloud.list(), 3)
}

// slowNames is a cloud that takes its time over nodes with names.
type slowNames struct{ *fakeCloud }

func (c slowNames) Create(ctx context.Context, g autoscale.Grow) (autoscale.Receipt, error) {
	if len(g.Names) > 0 {
		if err := pause(ctx, time.Second); err != nil {
			return autoscale.Receipt{}, err
		}
	}
	return c.fakeCloud.Create(ctx, g)
}

// CycleCloud numbers nodes by itself where nobody names them, and would give the names
// that a job waits for to nodes that a minimum asks for.
func TestNamesAreAskedForBeforeOtherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) {
			o.Cloud = slowNames{o.Cloud.(*fakeCloud)}
			o.Policy.Pools[0].Min = 3
		})
		r.queue.pending = []autoscale.Job{{ID: "j", Shape: autoscale.Shape{
			Tasks: 2, Exclusive: autoscale.ExclusiveTask, Gang: autoscale.GangAll, Names: []string{"execute-1", "execute-2"},
		}}}
		r.tick()
		var asked []autoscale.NodeID
		for _, op := range r.all() {
			if len(op.Names) > 0 {
				asked = nodesOf(r.cloud, op.Request)
			}
		}
		require.Equal(t, []autoscale.NodeID{"node-001", "node-002"}, asked)
		require.Len(t, r.cloud.list(), 3)
	})
}

func nodesOf(c *fakeCloud, id autoscale.RequestID) (list []autoscale.NodeID) {
	for _, n := range c.list() {
		if n.Request == id {
			list = append(list, n.ID)
		}
	}
	return list
}

func TestDrainThatFailsIsAProblemOfItsNode(t *testing.T) {
	r, q := newDrainRig(t)
	r.queue.submit(r.at, 2)
	r.ticks(10)
	r.queue.clear()
	q.errs["node-001"] = errors.New("invalid node name")
	report := r.until(func() bool { return len(q.marked) > 0 })
	require.NoError(t, report.Err())
	require.Equal(t, []Problem{{StepDrain, "Execute-1", errors.New("invalid node name")}}, report.Problems)
	require.Equal(t, []string{"execute-2"}, slices.Collect(maps.Keys(q.marked)))
	r.ticks(3)
	require.Equal(t, []autoscale.NodeID{"node-002"}, r.all()[1].Nodes, "the other node goes")

	q.short = true
	q.errs = nil
	clear(q.marked)
	report = r.until(func() bool { return len(q.marked) > 0 }) // not before the mark may be sent again
	require.ErrorContains(t, report.Problems[0].Err, "did not answer for every node")
}

func TestPartlyRefusedRemoval(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Cloud = refusing{o.Cloud.(*fakeCloud), map[autoscale.NodeID]string{"node-001": "node is locked"}}
	})
	r.queue.submit(r.at, 2)
	r.ticks(10)
	r.queue.clear()
	report := r.until(func() bool { return r.cloud.count("remove") > 0 })
	op := r.all()[1]
	require.Equal(t, autoscale.OpAccepted, op.Phase)
	require.Equal(t, []autoscale.NodeID{"node-002"}, op.Nodes)
	require.Equal(t, "node node-001: node is locked", op.Message)
	require.ErrorIs(t, report.Problems[0].Err, autoscale.ErrRejected)
	require.Equal(t, []autoscale.NodeID{"node-001"}, op.Refused)
	report = r.ticks(2)
	require.Len(t, r.all(), 2, "it waits")
	require.Equal(t, autoscale.ReasonRemovalBackoff, report.Plan.Nodes[0].Reason.Code)
	r.tick()
	r.tick()
	op = r.all()[2]
	require.Equal(t, autoscale.OpRejected, op.Phase, "what is left is asked for anew, and refused whole")
	require.Equal(t, []autoscale.NodeID{"node-001"}, op.Nodes)
}

type refusing struct {
	*fakeCloud
	words map[autoscale.NodeID]string
}

func (c refusing) Remove(ctx context.Context, m autoscale.Remove) (autoscale.Receipt, error) {
	receipt := autoscale.Receipt{Refused: make(map[autoscale.NodeID]string)}
	taken := m
	taken.Nodes = nil
	for _, n := range m.Nodes {
		if words, refused := c.words[n.ID]; refused {
			receipt.Refused[n.ID] = words
		} else {
			taken.Nodes = append(taken.Nodes, n)
		}
	}
	_, err := c.fakeCloud.Remove(ctx, taken)
	return receipt, err
}

func TestErrorsByWhatTheyLeave(t *testing.T) {
	for _, c := range []struct {
		err           error
		first, repeat autoscale.OperationPhase
	}{
		{autoscale.ErrRejected, autoscale.OpRejected, autoscale.OpAbsent},
		{autoscale.ErrUnauthorized, autoscale.OpRejected, autoscale.OpAbsent},
		{autoscale.ErrThrottled, autoscale.OpRejected, autoscale.OpAbsent},
		{autoscale.ErrUnavailable, autoscale.OpRejected, autoscale.OpAbsent},
		{errNotSent, autoscale.OpRejected, autoscale.OpAbsent},
		{errors.Join(autoscale.ErrUnavailable, autoscale.ErrUncertain), autoscale.OpSent, autoscale.OpSent},
		{errors.Join(autoscale.ErrRejected, autoscale.ErrUncertain), autoscale.OpSent, autoscale.OpSent},
		{autoscale.ErrMalformed, autoscale.OpSent, autoscale.OpSent},
		{context.DeadlineExceeded, autoscale.OpSent, autoscale.OpSent},
		{errors.New("something else"), autoscale.OpSent, autoscale.OpSent},
	} {
		err := fmt.Errorf("create: %w", c.err)
		require.Equal(t, c.first, failedPhase(autoscale.Operation{Attempts: 1}, err), "%v", err)
		require.Equal(t, c.repeat, failedPhase(autoscale.Operation{Attempts: 2}, err), "%v", err)
	}
}

// plain hides the owner mark, as a cloud that has none.
type plain struct{ *fakeCloud }

func (c plain) Observe(ctx context.Context) (autoscale.Supply, error) {
	s, err := c.fakeCloud.Observe(ctx)
	for i := range s.Nodes {
		s.Nodes[i].Owned = false
		s.Nodes[i].Phase = autoscale.PhaseReady
		s.Nodes[i].Host = s.Nodes[i].Name
	}
	return s, err
}

func TestNodesReadyAtFirstSightAreOurs(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Cloud = plain{o.Cloud.(*fakeCloud)} })
	r.queue.submit(r.at, 1)
	r.ticks(2)
	require.Equal(t, autoscale.OpConverged, r.only().Phase)
	require.True(t, r.loop.Last().Memory.Nodes["node-001"].Ours)
}
