package loop

import (
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
