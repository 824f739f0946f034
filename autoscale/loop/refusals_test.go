package loop

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// refusingCloud refuses creates, if it is told to.
type refusingCloud struct {
	*fakeCloud
	err  error
	sent atomic.Int64
}

func (c *refusingCloud) Create(ctx context.Context, g autoscale.Grow) (autoscale.Receipt, error) {
	c.sent.Add(1)
	if c.err != nil {
		return autoscale.Receipt{}, c.err
	}
	return c.fakeCloud.Create(ctx, g)
}

// A hundred nodes are asked for one by one. What is refused because of too many calls, or
// of the credentials, is not asked a hundred times; what fails by itself is.
func TestARefusalForAllEndsThePoolsCreates(t *testing.T) {
	for _, c := range []struct {
		err  error
		most int64
		all  bool
	}{
		{fmt.Errorf("start-up script: %w", autoscale.ErrThrottled), callsAtOnce, false},
		{fmt.Errorf("start-up script: %w", autoscale.ErrUnauthorized), callsAtOnce, false},
		{fmt.Errorf("an earlier attempt works: %w", autoscale.ErrUnavailable), 100, true},
		{fmt.Errorf("lost: %w: %w", autoscale.ErrThrottled, autoscale.ErrUncertain), 100, true},
	} {
		var cloud *refusingCloud
		r := newRig(t, func(o *Options) {
			cloud = &refusingCloud{fakeCloud: o.Cloud.(*fakeCloud), err: c.err}
			cloud.single = true
			o.Cloud = cloud
		})
		r.queue.submit(r.at, 100)
		report := r.tick()
		require.Len(t, report.Plan.Grow[0].Singly(), 100)
		require.LessOrEqual(t, cloud.sent.Load(), c.most, "%v", c.err)
		require.Equal(t, c.all, cloud.sent.Load() == 100, "%v", c.err)
		for _, op := range r.all() {
			require.Equal(t, failedPhase(autoscale.Operation{Attempts: 1}, c.err), op.Phase, "%v", c.err)
		}
		if cloud.err = nil; c.all {
			continue
		}
		r.ticks(60 * 2)
		require.Len(t, r.cloud.list(), 100, "all are asked for once it takes them")
	}
}
