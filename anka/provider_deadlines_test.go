package anka_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
)

// hurried is a provider whose instances may wait 5, 20 and 10 minutes.
func (w world) hurried(pools ...anka.PoolOptions) *anka.Provider {
	w.Helper()
	p, err := anka.NewProvider(anka.ProviderOptions{
		Client: w.client, Pools: pools, Now: w.clock.Now, Settle: settle,
		ScheduleTimeout: 5 * time.Minute, PullTimeout: 20 * time.Minute, StartTimeout: 10 * time.Minute,
	})
	require.NoError(w, err)
	return p
}

// told is what an observation says of an instance, of which there is one that is not Started.
func (w world) told(p *anka.Provider) string {
	w.Helper()
	for _, n := range w.observe(p).Nodes {
		if n.Phase != autoscale.PhaseReady {
			return fmt.Sprint(n.Phase, " ", n.Class, " ", n.Message)
		}
	}
	return "all are ready"
}

func TestAnInstanceThatNoMacTakes(t *testing.T) {
	w := fleet(t, nil, arm("a"), arm("b"))
	p := w.hurried(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	_, err := p.Create(w.ctx, grow("r1", "ios", 4))
	require.NoError(t, err)
	w.clock.Advance(2 * time.Minute)
	require.Equal(t, "all are ready", w.told(p))
	_, err = p.Create(w.ctx, grow("r2", "ios", 1))
	require.NoError(t, err)
	require.Equal(t, "starting  ", w.told(p))
	w.clock.Advance(5 * time.Minute)
	require.Equal(t, "starting  ", w.told(p))
	require.NoError(t, w.server.SetDrain("b", true))
	w.clock.Advance(time.Minute)
	require.Equal(t, "failed capacity in Scheduling for 6m, longer than 5m: no Mac takes it: of 2 Macs 1 full, 1 not Active but Drain Mode", w.told(p))
	require.EqualValues(t, 1, w.observe(p).Limits[0].Used-w.observe(p).Limits[0].Max, "it takes its slot until it is gone")

	restarted := w.hurried(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	require.Contains(t, w.told(restarted), "in Scheduling for 6m", "what was there before counts by the controller's clock")
	require.Contains(t, w.told(w.hurried(w.pool("other", "macos-15-xcode-16", "v2", ""))), "its pool is no longer configured")
}

func TestAnInstanceThatAControllerForgets(t *testing.T) {
	w := newWorld(t, func(c *ankatest.Config) { c.Nodes, c.Groups, c.Chances.Stuck = []ankatest.NodeConfig{arm("a")}, nil, 1 })
	p := w.hurried(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	id := string(w.observe(p).Nodes[0].ID)
	w.clock.Advance(4 * time.Minute)
	require.NoError(t, w.client.UpdateInstance(w.ctx, id, anka.InstanceUpdate{Name: new("another")}))
	w.clock.Advance(90 * time.Minute)
	require.Equal(t, "failed capacity in Scheduling for 1h34m, longer than 5m: no Mac takes it: of 1 Macs 1 with a free slot, which the controller may see otherwise",
		w.told(p), "an update of its name is no progress")
}

func TestAPullThatTakesTooLong(t *testing.T) {
	mac := arm("a")
	mac.Holds, mac.PullMBps = nil, 20
	w := fleet(t, nil, mac)
	p := w.hurried(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	w.observe(p)
	w.clock.Advance(30 * time.Second)
	require.Equal(t, "starting  ", w.told(p))
	w.clock.Advance(20 * time.Minute)
	require.Equal(t, "starting  ", w.told(p))
	w.clock.Advance(time.Minute)
	require.Equal(t, "failed boot Pulling for 21m, longer than 20m: its Mac has 40 % of the template", w.told(p))
}

// Each part of the way has its own time, though the state's word is the same.
func TestAVMThatDoesNotComeUp(t *testing.T) {
	mac := arm("a")
	mac.Holds, mac.PullMBps = nil, 100
	w := newWorld(t, func(c *ankatest.Config) {
		c.Nodes, c.Groups, c.Timing.Start, c.Timing.Sigma, c.Reschedule = []ankatest.NodeConfig{mac}, nil, time.Hour, 0, true
	})
	p := w.hurried(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	for range 20 { // 11 minutes of which are the pull
		require.Equal(t, "starting  ", w.told(p))
		w.clock.Advance(time.Minute)
	}
	w.clock.Advance(3 * time.Minute)
	require.Contains(t, w.told(p), "failed boot on its Mac and not Started for 1")
	require.Contains(t, w.told(p), "longer than 10m: its VM does not come up")
	w.clock.Advance(time.Hour)
	require.Equal(t, "all are ready", w.told(p), "it came up after all, and may have work")
}

func TestNothingIsLateWithoutTimeouts(t *testing.T) {
	w := newWorld(t, func(c *ankatest.Config) { c.Chances.Stuck = 1 })
	p := w.provide(w.ios())
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	w.observe(p)
	w.clock.Advance(100 * time.Hour)
	require.Equal(t, "starting  ", w.told(p))
	require.Equal(t, settle, p.Settle())
}

func TestAGroupWithoutMacs(t *testing.T) {
	w := fleet(t, []ankatest.GroupConfig{{Name: "empty"}, {Name: "full"}}, arm("a", "full"))
	p := w.hurried(w.pool("ios", "macos-15-xcode-16", "v2", "empty"))
	require.Equal(t, "group empty has no Macs", invalid(w.observe(p), "ios"))
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	w.observe(p)
	w.clock.Advance(6 * time.Minute)
	require.Contains(t, w.told(p), "no Mac takes it: group empty has no Macs")
}
