package anka_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
)

var _ loop.Mover = (*anka.Provider)(nil)

// settable is a provider whose clock is set forward by what set is told.
func (w world) settable(pools ...anka.PoolOptions) (p *anka.Provider, set func(time.Duration)) {
	w.Helper()
	var by time.Duration
	p, err := anka.NewProvider(anka.ProviderOptions{
		Client: w.client, Pools: pools, Now: func() time.Time { return w.clock.Now().Add(by) }, Settle: settle,
		ScheduleTimeout: 5 * time.Minute,
	})
	require.NoError(w, err)
	return p, func(more time.Duration) {
		by += more
		p.Moved(more)
	}
}

// No instance has waited longer, or less long, because the clock was set.
func TestWaitsGoOnWhenTheClockIsSet(t *testing.T) {
	w := fleet(t, nil, arm("a"))
	p, set := w.settable(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	w.observe(p)
	_, err := p.Create(w.ctx, grow("r1", "ios", 2))
	require.NoError(t, err)
	w.clock.Advance(2 * time.Minute)
	require.Equal(t, "all are ready", w.told(p))
	_, err = p.Create(w.ctx, grow("r2", "ios", 1))
	require.NoError(t, err)
	require.Equal(t, "starting  ", w.told(p))
	set(time.Hour)
	require.Equal(t, "starting  ", w.told(p))
	set(-3 * time.Hour)
	w.clock.Advance(5 * time.Minute)
	require.Equal(t, "starting  ", w.told(p))
	w.clock.Advance(time.Minute)
	require.Contains(t, w.told(p), "failed capacity in Scheduling for 6m")
}

// A lost start may arrive as long as before, and is not given up for the clock.
func TestALostStartSettlesNoSoonerWhenTheClockIsSet(t *testing.T) {
	w := fleet(t, nil, arm("a"))
	p, set := w.settable(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	w.clock.Advance(settle)
	w.observe(p)
	w.order(ankatest.Fault{Kind: ankatest.FaultCutBefore, Method: "POST", Path: "/api/v1/vm"})
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.ErrorIs(t, err, autoscale.ErrUncertain)
	for _, by := range []time.Duration{time.Hour, -3 * time.Hour} {
		set(by)
		_, err = p.Create(w.ctx, grow("r1", "ios", 1))
		require.ErrorIs(t, err, autoscale.ErrUncertain)
		r, err := p.Resolve(w.ctx, "r1")
		require.NoError(t, err)
		require.Equal(t, autoscale.ResolvedUnknown, r.State)
	}
	w.clock.Advance(settle)
	r, err := p.Resolve(w.ctx, "r1")
	require.NoError(t, err)
	require.Equal(t, autoscale.ResolvedAbsent, r.State)
	_, err = p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	require.Len(t, w.observe(p).Nodes, 1)

	other, set := w.settable(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	set(time.Hour)
	r, err = other.Resolve(w.ctx, "r2")
	require.NoError(t, err)
	require.Equal(t, autoscale.ResolvedUnknown, r.State, "of a daemon before")
}
