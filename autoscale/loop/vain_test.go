package loop

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"autoscaled/autoscale"
)

// idleRig is a rig with one idle node, whose removal the cloud refuses.
func idleRig(t *testing.T, change ...func(*Options)) *rig {
	r := newRig(t, append([]func(*Options){func(o *Options) {
		o.Cloud = refusing{o.Cloud.(*fakeCloud), map[autoscale.NodeID]string{"node-001": "the scope is locked"}}
	}}, change...)...)
	r.queue.submit(r.at, 1)
	r.ticks(10)
	r.queue.clear()
	return r
}

// removals is when removals of the rig's journal were sent, one after the other.
func (r *rig) removals() (times []time.Time) {
	for _, op := range r.all() {
		if op.Kind == autoscale.OperationRemove {
			times = append(times, op.Sent)
		}
	}
	return times
}

// requireBackoff tells that each removal waits twice as long as the one before, and no
// longer than a tick beyond that, once it was seen to have come to nothing.
func requireBackoff(t *testing.T, removals []time.Time, seenAfter time.Duration) {
	t.Helper()
	for i := range len(removals) - 1 {
		least := seenAfter + min(time.Minute<<i, 30*time.Minute)
		require.WithinRange(t, removals[i+1], removals[i].Add(least), removals[i].Add(least+2*step), "after %d removals", i+1)
	}
}

func TestRefusedRemovalIsSentEverMoreRarely(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	r := idleRig(t, func(o *Options) { o.Logger = zap.New(core) })
	for range 10 {
		r.ticks(40)
		r.restart()
	}
	require.Len(t, r.removals(), 11)
	requireBackoff(t, r.removals(), 0)
	require.Equal(t, 1, logs.FilterMessage("removals of a node come to nothing").Len(), "it is told once")
	r.tick()
	require.Equal(t, map[string]float64{"execute/F4": 1}, r.series("autoscaled_nodes_stuck"))

	r.options.Cloud = r.cloud
	r.restart()
	r.until(func() bool { return len(r.cloud.list()) == 0 })
	r.tick()
	require.Equal(t, map[string]float64{"execute/F4": 0}, r.series("autoscaled_nodes_stuck"))
	require.Empty(t, r.reports[len(r.reports)-1].Memory.Nodes, "it is forgotten")
}

func TestRemovalWithoutEffectIsSentEverMoreRarely(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 1)
	r.ticks(10)
	r.queue.clear()
	r.cloud.ignore = true
	r.ticks(400)
	requireBackoff(t, r.removals(), removeWithin)
	require.Equal(t, 1.0, r.counter("autoscaled_nodes_stuck"))

	r.cloud.ignore = false
	r.until(func() bool { return len(r.cloud.list()) == 0 })
}

// A node that comes back after it was on its way out, and one that stays there.
func TestNodeThatComesBackOrStaysOnItsWayOut(t *testing.T) {
	for name, becomes := range map[string]autoscale.Phase{"back": ready, "staying": stopping, "failed": failed} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.queue.submit(r.at, 1)
			r.ticks(10)
			r.queue.clear()
			r.until(func() bool { return r.cloud.count("remove") > 0 })
			require.Equal(t, stopping, r.cloud.list()[0].Phase)
			n := r.cloud.nodes["node-001"]
			n.ends, n.Phase = time.Time{}, becomes
			r.until(func() bool { return r.cloud.count("remove") > 1 })
			after := r.removals()[1].Sub(r.removals()[0])
			most := removeWithin
			if becomes == stopping {
				most = goneWithin
			}
			require.WithinRange(t, start.Add(after), start.Add(most+time.Minute), start.Add(most+time.Minute+2*step))
			require.Equal(t, autoscale.OpShort, r.all()[1].Phase)
			r.until(func() bool { return len(r.cloud.list()) == 0 })
		})
	}
}

// A cloud that is away, or refuses our credentials, tells nothing of the node.
func TestTroubleOfAllCallsIsNotCountedForTheNode(t *testing.T) {
	for _, f := range []fault{unavailable, forbidden} {
		r := newRig(t)
		r.queue.submit(r.at, 1)
		r.ticks(10)
		r.queue.clear()
		r.fail(3, "remove", f)
		r.until(func() bool { return r.cloud.count("remove") > 3 })
		for _, report := range r.reports {
			require.Zero(t, report.Memory.Nodes["node-001"].Vain)
		}
	}
}
