package loop

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// twiceAsked is a queue in which something happens before it is read for the second time
// at one time.
type twiceAsked struct {
	*fakeQueue
	now   func() time.Time
	last  time.Time
	event func()
}

func (q *twiceAsked) Demand(ctx context.Context) (autoscale.Demand, error) {
	if at := q.now(); at.Equal(q.last) {
		q.event()
	} else {
		q.last = at
	}
	return q.fakeQueue.Demand(ctx)
}

// overworkedRig has one node that runs a job which never ends; event happens just
// before the queue is read once more in a tick.
func overworkedRig(t *testing.T, event func(*rig)) *rig {
	var queue *twiceAsked
	r := newRig(t, func(o *Options) {
		o.Policy.Pools[0].MaxBusy = 10 * time.Minute
		queue = &twiceAsked{fakeQueue: o.Queue.(*fakeQueue), now: o.Now}
		o.Queue = queue
	})
	queue.event = func() { event(r) }
	r.queue.submit(r.at, 1)
	r.until(func() bool { return len(r.cloud.list()) == 1 && r.cloud.list()[0].Phase == ready })
	r.queue.schedule(r.at, r.cloud.list(), 100*time.Hour)
	return r
}

// It has been busy in every read since, restarts or not, and is still when it is looked
// at again: so it goes.
func TestNodeThatNeverEndsItsJobGoes(t *testing.T) {
	looks := 0
	r := overworkedRig(t, func(*rig) { looks++ })
	began := r.at
	report := r.until(func() bool { r.restart(); return r.cloud.count("remove") > 0 })
	require.Equal(t, autoscale.ReasonMaxBusy, report.Plan.Remove[0].Reason.Code)
	require.Equal(t, autoscale.JobID("job-001"), autoscale.JobID(report.Plan.Remove[0].Reason.Subject))
	require.Equal(t, began.Add(10*time.Minute+step), r.at.Add(-step))
	require.Equal(t, 1, looks)
	removal := r.all()[1]
	require.Equal(t, autoscale.ReasonMaxBusy, removal.Reason.Code)
	r.until(func() bool { return len(r.cloud.list()) == 0 })
}

// A job that ends at the last moment saves the node: it did not hang.
func TestJobThatEndsMeanwhileSavesItsNode(t *testing.T) {
	r := overworkedRig(t, func(r *rig) { clear(r.queue.running) })
	r.until(func() bool { return len(r.queue.running) == 0 })
	require.Zero(t, r.cloud.count("remove"))
	r.tick()
	require.Zero(t, r.cloud.count("remove"))
	r.until(func() bool { return len(r.cloud.list()) == 0 })
	require.Equal(t, autoscale.ReasonIdle, r.all()[1].Reason.Code)
}
