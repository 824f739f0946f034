package loop

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// What is on disk before a call leaves tells by itself what was asked, for whom, by
// which policy, and when it is late; a later policy moves the deadline only.
func TestIntentTellsAll(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Policy.Revision = "first" })
	r.queue.submit(r.at, 3)
	var intent autoscale.Operation
	r.cloud.fault = func(_ string, id autoscale.RequestID) fault {
		intent, _, _ = r.journal.Get(t.Context(), id)
		return works
	}
	r.tick()
	require.Equal(t, autoscale.OpSent, intent.Phase)
	require.Equal(t, 3, intent.Count)
	require.Equal(t, 3, intent.JobCount)
	require.Len(t, intent.Jobs, 3)
	require.Equal(t, "first", intent.Revision)
	require.Equal(t, start.Add(30*time.Minute), intent.Deadline)

	r.cloud.fault = func(string, autoscale.RequestID) fault { return works }
	accepted := r.all()[0]
	require.Equal(t, autoscale.OpAccepted, accepted.Phase)
	require.Equal(t, start.Add(autoscale.DefaultAbsentFor), accepted.Deadline, "its nodes were not seen yet")
	policy := r.options.Policy
	policy.Revision, policy.Pools[0].BootTimeout = "second", time.Hour
	r.loop.SetPolicy(policy)
	r.tick()
	seen := r.all()[0]
	require.Equal(t, "first", seen.Revision)
	require.Equal(t, start.Add(time.Hour), seen.Deadline)

	r.until(func() bool { return r.all()[0].Phase.Final() })
	require.Zero(t, r.all()[0].Deadline)
}

// A create that is sent again has the priority that it had, though a restart came between.
func TestRepeatedCreateKeepsItsPriority(t *testing.T) {
	var asked []int64
	r := newRig(t, func(o *Options) { o.Cloud = listening{o.Cloud.(*fakeCloud), &asked} })
	r.queue.submit(r.at, 2)
	r.queue.pending[1].Priority = 7
	r.fail(1, "create", lostBefore)
	r.tick()
	require.Equal(t, int64(7), r.only().Priority)
	r.restart()
	r.until(func() bool { return r.only().Phase == autoscale.OpAccepted })
	require.Equal(t, []int64{7, 7}, asked)
}

// listening is a cloud that hears the priorities of creates.
type listening struct {
	*fakeCloud
	asked *[]int64
}

func (c listening) Create(ctx context.Context, g autoscale.Grow) (autoscale.Receipt, error) {
	*c.asked = append(*c.asked, g.Priority)
	return c.fakeCloud.Create(ctx, g)
}
