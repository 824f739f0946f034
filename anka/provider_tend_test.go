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

// spread is the pool ios with its tag brought to the Macs.
func (w world) spread(tag string) anka.PoolOptions {
	o := w.pool("ios", "macos-15-xcode-16", tag, "")
	o.Distribute = true
	return o
}

// states counts the deliveries by what became of them.
func states(p *anka.Provider) string {
	count := map[anka.DeliveryState]int{}
	for _, d := range p.Distributions() {
		count[d.State]++
	}
	return fmt.Sprint(count)
}

func TestATagIsBroughtToTheMacs(t *testing.T) {
	ages(t, func(w world, current bool) {
		w = newWorld(w.T, func(c *ankatest.Config) {
			c.Groups, c.Nodes = nil, []ankatest.NodeConfig{colds(20)}
			if !current {
				c.Shapes = ankatest.Shapes2019
			}
		})
		p := w.bounded(10, w.spread("v2"))
		for range 200 {
			w.observe(p)
			require.NoError(w, p.Tend(w.ctx))
			w.clock.Advance(time.Minute)
		}
		require.NoError(w, p.Tend(w.ctx))
		require.Equal(w, "map[done:20]", states(p))
		b := w.server.Books()
		require.Equal(w, 2, b.MostPulling)
		for _, n := range b.Nodes {
			require.Len(w, n.Pulls, 1)
			require.True(w, n.Pulls[0].Distributed)
		}
		require.Equal(w, 20, b.Calls["POST /api/v1/registry/vm/distribute"])
		require.Equal(w, current, room(w.observe(p), "ios") == 40, "old controllers don't tell what Macs hold")
	})
}

func TestDistributionsAreVisible(t *testing.T) {
	w := fleet(t, nil, colds(1))
	p := w.bounded(10, w.spread("v2"))
	require.NoError(t, p.Tend(w.ctx))
	at := w.clock.Now()
	w.clock.Advance(320 * time.Second)
	require.NoError(t, p.Tend(w.ctx))
	d := p.Distributions()
	require.Len(t, d, 1)
	require.NotEmpty(t, d[0].Request)
	require.InDelta(t, 0.5, d[0].Progress, 0.01)
	d[0].Request, d[0].Progress = "", 0
	id, err := w.server.NodeID("cold")
	require.NoError(t, err)
	require.Equal(t, anka.Delivery{
		TemplateID: w.template("macos-15-xcode-16"), Tag: "v2", NodeID: id, Node: "cold", State: anka.DeliveryAsked, Since: at, Tries: 1,
	}, d[0])
	w.clock.Advance(time.Hour)
	require.NoError(t, p.Tend(w.ctx))
	require.Equal(t, 1., p.Distributions()[0].Progress)
}

func TestDistributionsThatNobodyWantsAreCancelled(t *testing.T) {
	for _, current := range []bool{true, false} {
		w := newWorld(t, func(c *ankatest.Config) {
			c.Groups, c.Nodes = nil, []ankatest.NodeConfig{colds(4)}
			if !current {
				c.Shapes = ankatest.Shapes2019
			}
		})
		p := w.bounded(50, w.spread("v2"))
		require.NoError(t, p.Tend(w.ctx))
		require.Equal(t, "map[asked:2]", states(p))
		w.clock.Advance(time.Minute)

		require.NoError(t, p.SetPools([]anka.PoolOptions{w.spread("v1")}))
		require.NoError(t, p.Tend(w.ctx))
		require.NoError(t, p.Tend(w.ctx))
		if current {
			require.Equal(t, "map[asked:2]", states(p))
			require.Equal(t, 2, w.server.Books().Calls["DELETE /api/v1/registry/vm/distribute"])
		} else {
			require.Equal(t, "no pool wants it any more, and controllers before 1.43 can't cancel it", p.Distributions()[0].Message)
		}
		for range 60 {
			require.NoError(t, p.Tend(w.ctx))
			w.clock.Advance(time.Minute)
		}
		require.Equal(t, "map[done:4]", states(p), "what was finished for nobody is forgotten")
		b := w.server.Books()
		require.Equal(t, 2, b.MostPulling)
		for _, n := range b.Nodes {
			for _, pull := range n.Pulls {
				require.True(t, pull.Tag == "v1" || !current)
			}
		}
		require.NoError(t, p.SetPools([]anka.PoolOptions{w.pool("ios", "macos-15-xcode-16", "v1", "")}))
		require.NoError(t, p.Tend(w.ctx))
		calls := len(w.server.Books().Calls)
		require.NoError(t, p.Tend(w.ctx))
		require.Empty(t, p.Distributions())
		require.Equal(t, calls, len(w.server.Books().Calls))
	}
}

func TestDistributionsAskOnlyMacsThatCanPull(t *testing.T) {
	small, drained, intel, busy := colds(1), colds(1), colds(1), colds(1)
	small.Name, small.DiskGB = "small", 50
	drained.Name = "drained"
	intel.Name, intel.Arch = "intel", "amd64"
	busy.Name = "busy"
	w := fleet(t, nil, small, drained, intel, busy, arm("warm"))
	require.NoError(t, w.server.SetDrain("drained", true))
	id, err := w.server.NodeID("busy")
	require.NoError(t, err)
	_, err = w.client.StartInstances(w.ctx, anka.StartRequest{TemplateID: w.template("macos-14-xcode-15"), NodeID: id})
	require.NoError(t, err)
	w.clock.Advance(time.Minute)
	p := w.bounded(100, w.spread("v2"))
	require.NoError(t, p.Tend(w.ctx))
	require.Empty(t, p.Distributions())
	w.clock.Advance(time.Hour)
	require.NoError(t, p.Tend(w.ctx))
	require.Equal(t, "busy", p.Distributions()[0].Node)
	require.Len(t, p.Distributions(), 1)
}

func TestDistributionsThatFail(t *testing.T) {
	w := fleet(t, nil, colds(2))
	p := w.bounded(50, w.spread("v2"))
	distribute := "/api/v1/registry/vm/distribute"

	w.order(ankatest.Fault{Kind: ankatest.FaultStatus, Status: 429, Method: "POST", Path: distribute})
	err := p.Tend(w.ctx)
	require.ErrorIs(t, err, autoscale.ErrThrottled)
	require.Empty(t, p.Distributions())

	w.order(ankatest.Fault{Kind: ankatest.FaultCutBefore, Method: "POST", Path: distribute})
	require.Error(t, p.Tend(w.ctx))
	require.Equal(t, "its answer was lost", p.Distributions()[0].Message)
	require.NoError(t, p.Tend(w.ctx))
	require.Equal(t, "map[asked:1]", states(p), "it may be under way, and no more than one may be")
	w.clock.Advance(settle)
	require.NoError(t, p.Tend(w.ctx))
	require.Equal(t, "map[asked:1 failed:1]", states(p), "the other Mac")

	// Somebody else cancels it.
	for _, d := range p.Distributions() {
		if d.State == anka.DeliveryAsked {
			require.NoError(t, w.client.CancelDistribution(w.ctx, d.Request))
		}
	}
	require.NoError(t, p.Tend(w.ctx))
	require.Equal(t, "map[failed:2]", states(p))
	w.clock.Advance(9 * time.Minute)
	require.NoError(t, p.Tend(w.ctx))
	require.Equal(t, "map[failed:2]", states(p), "Macs that failed are left alone for a while")
	for range 60 {
		w.clock.Advance(time.Minute)
		require.NoError(t, p.Tend(w.ctx))
	}
	require.Equal(t, "map[done:2]", states(p))
	require.Equal(t, 2, p.Distributions()[0].Tries)
}

func TestADistributionThatTakesTooLong(t *testing.T) {
	mac := colds(1)
	mac.PullMBps = 1
	w := fleet(t, nil, mac)
	p, err := anka.NewProvider(anka.ProviderOptions{Client: w.client, Pools: []anka.PoolOptions{w.spread("v2")}, Now: w.clock.Now, PullTimeout: time.Hour})
	require.NoError(t, err)
	require.NoError(t, p.Tend(w.ctx))
	w.clock.Advance(61 * time.Minute)
	require.NoError(t, p.Tend(w.ctx))
	require.Equal(t, anka.DeliveryCancelled, p.Distributions()[0].State)
	require.Equal(t, "it took longer than 1h", p.Distributions()[0].Message)
	require.NoError(t, w.server.RemoveNode("cold"))
	require.NoError(t, p.Tend(w.ctx))
	require.Empty(t, p.Distributions(), "a Mac that is gone needs nothing")
}

// A Mac that was named for a start, and hasn't taken it yet, isn't made to pull: the
// instance would wait for as long as that takes.
func TestAMacThatWasNamedForAStartIsNotMadeToPull(t *testing.T) {
	w := fleet(t, nil, holder("old", "v1"))
	o := w.rolling("v2", "v1")
	o.Distribute = true
	p := w.bounded(100, o)
	r, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	require.Equal(t, 1, r.Added)
	require.NoError(t, p.Tend(w.ctx))
	require.Empty(t, p.Distributions())
	w.clock.Advance(2 * time.Minute)
	require.NoError(t, p.Tend(w.ctx))
	require.Len(t, p.Distributions(), 1)
}

// A tag that is wanted again is brought at once: nothing was the matter with the Macs
// when nobody wanted it.
func TestADistributionThatIsWantedAgain(t *testing.T) {
	w := fleet(t, nil, colds(2))
	p := w.bounded(0, w.spread("v2"))
	require.NoError(t, p.Tend(w.ctx))
	require.Equal(t, "map[asked:2]", states(p))
	without := w.spread("v2")
	without.Distribute = false
	require.NoError(t, p.SetPools([]anka.PoolOptions{without}))
	require.NoError(t, p.Tend(w.ctx))
	require.Equal(t, "map[cancelled:2]", states(p))
	require.NoError(t, p.SetPools([]anka.PoolOptions{w.spread("v2")}))
	require.NoError(t, p.Tend(w.ctx))
	require.Equal(t, "map[asked:2]", states(p))
	require.Equal(t, 1, p.Distributions()[0].Tries)
}
