package anka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
)

// bounded is a provider that lets so many percent of the Macs pull.
func (w world) bounded(percent int, pools ...anka.PoolOptions) *anka.Provider {
	w.Helper()
	p, err := anka.NewProvider(anka.ProviderOptions{Client: w.client, Pools: pools, Now: w.clock.Now, Settle: settle, PullingPercent: percent})
	require.NoError(w, err)
	return p
}

// colds are so many Macs that hold nothing.
func colds(n int, groups ...string) ankatest.NodeConfig {
	mac := arm("cold", groups...)
	mac.Holds, mac.Count, mac.DiskGB = nil, n, 500
	return mac
}

func limitNamed(s autoscale.Supply, id autoscale.LimitID) (found autoscale.Limit) {
	for _, l := range s.Limits {
		if l.ID == id {
			found = l
		}
	}
	return found
}

func TestPullsAreBounded(t *testing.T) {
	w := fleet(t, nil, arm("warm"), colds(19))
	p := w.bounded(10, w.pool("ios", "macos-15-xcode-16", "v2", ""))
	s := w.observe(p)
	require.Equal(t, autoscale.Limit{
		ID: "pulls/ios", Kind: autoscale.LimitPulls, Unit: autoscale.UnitNodes, Max: 4,
		Name: "Macs that hold the image of ios, and 2 that may pull at a time",
	}, limitNamed(s, "pulls/ios"))
	require.Equal(t, 4, room(s, "ios"), "two slots on the one that holds it, and two pulls")
	r, err := p.Create(w.ctx, grow("r1", "ios", 6))
	require.NoError(t, err)
	require.Equal(t, 4, r.Added)
	require.Equal(t, "of 20 Macs 1 full, 2 pulling, 17 without the tag, and no more than 2 may pull at a time", r.Message)
	require.Equal(t, autoscale.ErrorCapacity, r.Class)
	for range 3 {
		s = w.observe(p)
		require.Zero(t, room(s, "ios"))
		require.EqualValues(t, 2, limitNamed(s, "pulls/ios").Used)
		w.clock.Advance(time.Minute)
	}
	require.Equal(t, 2, w.server.Books().MostPulling)
	r, err = p.Create(w.ctx, grow("r2", "ios", 1))
	require.NoError(t, err)
	require.Zero(t, r.Added)
	w.clock.Advance(30 * time.Minute)
	require.Equal(t, 4, room(w.observe(p), "ios"), "the second slots of two Macs, and two pulls")
	require.Equal(t, 4, ready(w, p))
}

// ready counts the nodes that are.
func ready(w world, p *anka.Provider) (n int) {
	for _, x := range w.observe(p).Nodes {
		if x.Phase == autoscale.PhaseReady {
			n++
		}
	}
	return n
}

// Each pool of many that use different Macs has its own limit, and all together have one:
// not one for each of the sets that there are, which nobody could count.
// A registry that can't be reached stops pulls, and nothing else: VMs are still seen and
// ended, and Macs that hold the tag are used.
func TestPullsWaitForTheRegistry(t *testing.T) {
	w := fleet(t, nil, arm("warm"), colds(19))
	pool := w.pool("ios", "macos-15-xcode-16", "v2", "")
	pool.Distribute = true
	p := w.bounded(10, pool)
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	w.clock.Advance(5 * time.Minute)
	w.server.SetRegistry(false)
	require.NoError(t, w.server.Order(ankatest.Fault{Kind: ankatest.FaultStatus, Method: "GET", Path: "/registry/vm/distribute", Times: 12}))
	s := w.observe(p)
	require.Equal(t, 1, room(s, "ios"), "the slot that is left on the one that holds it")
	require.ErrorIs(t, p.Tend(w.ctx), autoscale.ErrUnavailable)
	require.Empty(t, p.Distributions())
	_, err = p.Remove(w.ctx, autoscale.Remove{Nodes: s.Nodes})
	require.NoError(t, err)
	w.clock.Advance(2 * time.Minute)
	require.Equal(t, 2, room(w.observe(p), "ios"), "of which nobody tells who pulls")
	w.server.SetRegistry(true)
	require.Equal(t, 4, room(w.observe(p), "ios"))
	require.NoError(t, p.Tend(w.ctx))
	require.Len(t, p.Distributions(), 2)
}

func TestPullsOfManyPoolsAreBounded(t *testing.T) {
	const many = 64
	var groups []ankatest.GroupConfig
	var macs []ankatest.NodeConfig
	for i := range many {
		name := fmt.Sprintf("g%02d", i)
		groups = append(groups, ankatest.GroupConfig{Name: name})
		mac := colds(1, name)
		mac.Name = name
		macs = append(macs, mac)
	}
	w := fleet(t, groups, macs...)
	var pools []anka.PoolOptions
	for _, g := range groups {
		pools = append(pools, w.pool(g.Name, "macos-15-xcode-16", "v2", g.Name))
	}
	s := w.observe(w.bounded(5, pools...))
	bounds := 0
	for _, l := range s.Limits {
		if l.Kind == autoscale.LimitPulls {
			bounds++
		}
	}
	require.Equal(t, many+1, bounds)
	for _, p := range s.Pools {
		last := p.Draws[len(p.Draws)-1].Limit
		require.EqualValues(t, 3, limitNamed(s, last).Max, "three of 64 Macs may pull, for whichever pools")
	}
}

func TestPullsOfOthersCount(t *testing.T) {
	w := fleet(t, nil, colds(20))
	p := w.bounded(10, w.pool("ios", "macos-15-xcode-16", "v2", ""))
	require.Equal(t, 2, room(w.observe(p), "ios"))
	_, err := w.client.StartInstances(w.ctx, anka.StartRequest{TemplateID: w.template("macos-14-xcode-15")})
	require.NoError(t, err)
	w.clock.Advance(time.Minute)
	require.Equal(t, 1, room(w.observe(p), "ios"), "an instance of others pulls")
	id, err := w.server.NodeID("cold-20")
	require.NoError(t, err)
	d, err := w.client.Distribute(w.ctx, anka.DistributeRequest{TemplateID: w.template("macos-14-xcode-15"), NodeIDs: []string{id}})
	require.NoError(t, err)
	require.Zero(t, room(w.observe(p), "ios"), "a distribution of others pulls")
	require.NoError(t, w.client.CancelDistribution(w.ctx, d))
	require.Equal(t, 1, room(w.observe(p), "ios"))
}

// A start whose answer was lost may make its Mac pull yet.
func TestALostStartKeepsItsPull(t *testing.T) {
	for _, kind := range []ankatest.FaultKind{ankatest.FaultCutBefore, ankatest.FaultCutAfter} {
		w := fleet(t, nil, colds(3))
		p := w.bounded(10, w.pool("ios", "macos-15-xcode-16", "v2", ""))
		w.observe(p)
		w.order(ankatest.Fault{Kind: kind, Method: "POST", Path: "/api/v1/vm"})
		_, err := p.Create(w.ctx, grow("r1", "ios", 1))
		require.ErrorIs(t, err, autoscale.ErrUncertain)
		require.Zero(t, room(w.observe(p), "ios"))
		r, err := p.Create(w.ctx, grow("r2", "ios", 1))
		require.NoError(t, err)
		require.Zero(t, r.Added)
		w.clock.Advance(settle)
		want := map[ankatest.FaultKind]int{ankatest.FaultCutBefore: 1, ankatest.FaultCutAfter: 0}[kind]
		require.Equal(t, want, room(w.observe(p), "ios"))
	}
}

func TestAStartThatWasNeverSentKeepsNoPull(t *testing.T) {
	w := fleet(t, nil, colds(3))
	o := w.pool("ios", "macos-15-xcode-16", "v2", "")
	o.Startup = startup(func(autoscale.Attempt) (string, error) { return "", errors.New("no") })
	p := w.bounded(10, o)
	for range 2 {
		_, err := p.Create(w.ctx, grow("r1", "ios", 1))
		require.ErrorIs(t, err, autoscale.ErrUnavailable)
		require.ErrorContains(t, err, "no")
	}
	require.Equal(t, 1, room(w.observe(p), "ios"))
}

// Of three places of one start the second is refused, or its answer lost: what was not
// asked for keeps no pull, what was refused is told, and what is in doubt is not.
func TestAStartWhosePlacesDoNotAllCome(t *testing.T) {
	post := func(kind ankatest.FaultKind) ankatest.Fault {
		return ankatest.Fault{Kind: kind, Method: "POST", Path: "/api/v1/vm", Nth: 2, Status: 400}
	}
	w := fleet(t, nil, colds(3))
	p := w.bounded(100, w.pool("ios", "macos-15-xcode-16", "v2", ""))
	w.observe(p)
	w.order(post(ankatest.FaultStatus))
	r, err := p.Create(w.ctx, grow("r1", "ios", 3))
	require.NoError(t, err)
	require.Equal(t, 1, r.Added)
	require.NotEmpty(t, r.Message)
	require.Equal(t, 2, room(w.observe(p), "ios"))

	w = fleet(t, nil, colds(3))
	p = w.bounded(100, w.pool("ios", "macos-15-xcode-16", "v2", ""))
	w.observe(p)
	w.order(post(ankatest.FaultCutAfter))
	_, err = p.Create(w.ctx, grow("r1", "ios", 3))
	require.ErrorIs(t, err, autoscale.ErrUncertain)
	s := w.observe(p)
	require.Len(t, s.Nodes, 2)
	require.Equal(t, 1, room(s, "ios"))
	resolved, err := p.Resolve(w.ctx, "r1")
	require.NoError(t, err)
	require.Len(t, resolved.Nodes, 2)
}

func TestAnInstanceWhoseMacGoesAway(t *testing.T) {
	w := fleet(t, nil, colds(1))
	p, err := anka.NewProvider(anka.ProviderOptions{
		Client: w.client, Pools: []anka.PoolOptions{w.pool("ios", "macos-15-xcode-16", "v2", "")}, Now: w.clock.Now,
		PullingPercent: 100, ScheduleTimeout: time.Minute,
	})
	require.NoError(t, err)
	_, err = p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	require.NoError(t, w.server.SetDrain("cold", true))
	w.observe(p)
	w.clock.Advance(2 * time.Minute)
	require.Equal(t, "failed capacity in Scheduling for 2m, longer than 1m: no Mac takes it: cold, which it is for, is not Active but Drain Mode", w.told(p))
	require.NoError(t, w.server.RemoveNode("cold"))
	require.Contains(t, w.told(p), "is gone")
}

// What a set of pools may have beyond the Macs that hold their images is one bound for all.
func TestPoolsShareTheBound(t *testing.T) {
	w := fleet(t, nil, colds(20))
	p := w.bounded(10, w.pool("a", "macos-15-xcode-16", "v2", ""), w.pool("b", "macos-14-xcode-15", "v1", ""), w.pool("c", "macos-15-xcode-16", "v1", ""))
	s := w.observe(p)
	require.Len(t, s.Limits, 2)
	require.EqualValues(t, 2, limitNamed(s, "pulls/a+b+c").Max)
	_, err := p.Create(w.ctx, grow("r1", "b", 1))
	require.NoError(t, err)
	require.Equal(t, 1, room(w.observe(p), "c"))
}

// The controller, which favours Macs that hold a template, is never made to let more
// Macs pull than the bound by what we start, whatever the fleet does meanwhile.
func TestStartsKeepPullsWithinTheirBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		percent := rapid.IntRange(1, 60).Draw(t, "percent")
		groups := map[string]bool{}
		l := newLab(t, func(o *anka.ProviderOptions) {
			o.PullingPercent = percent
			for i := range o.Pools {
				if o.Pools[i].Tag == "2" && rapid.Bool().Draw(t, "rolls out") {
					o.Pools[i].PreviousTag = "1"
				}
				o.Pools[i].Distribute = rapid.Bool().Draw(t, "distributes")
				groups[o.Pools[i].GroupID] = true
			}
		})
		bound := l.bound(groups, percent)
		for range rapid.IntRange(1, 12).Draw(t, "ticks") {
			s := l.observe()
			for _, p := range s.Pools {
				for range min(room(s, string(p.ID)), rapid.IntRange(0, 3).Draw(t, "asked")) {
					l.ask(p.ID, rapid.IntRange(1, 3).Draw(t, "count"))
				}
			}
			_ = l.provider.Tend(context.Background()) // an answer may be lost
			l.upset()
			l.clock.Advance(time.Duration(rapid.IntRange(0, 600).Draw(t, "seconds")) * time.Second)
			require.LessOrEqual(t, l.server.Books().MostPulling, bound)
		}
		for range 40 {
			l.clock.Advance(time.Minute)
			require.LessOrEqual(t, l.server.Books().MostPulling, bound)
		}
	})
}

// bound is how many of the Macs of these groups, and of those they fall back to, may pull.
func (l *lab) bound(groups map[string]bool, percent int) int {
	nodes, err := l.client.Nodes(context.Background())
	require.NoError(l, err)
	falls, err := l.client.Groups(context.Background())
	require.NoError(l, err)
	for range falls {
		for _, g := range falls {
			if groups[g.ID] && g.FallbackGroupID != "" {
				groups[g.FallbackGroupID] = true
			}
		}
	}
	count := 0
	for _, n := range nodes {
		if groups[""] || groups[n.Groups[0].ID] {
			count++
		}
	}
	return max(1, count*percent/100)
}

// ask starts instances, sometimes in vain.
func (l *lab) ask(pool autoscale.PoolID, count int) {
	if rapid.IntRange(0, 5).Draw(l.T, "loses") == 0 {
		kind := rapid.SampledFrom([]ankatest.FaultKind{ankatest.FaultCutBefore, ankatest.FaultCutAfter}).Draw(l.T, "how")
		require.NoError(l, l.server.Order(ankatest.Fault{Kind: kind, Method: "POST"}))
	}
	l.asked++
	_, err := l.provider.Create(context.Background(), autoscale.Grow{Request: autoscale.RequestID(fmt.Sprint("r", l.asked)), Pool: pool, Count: count})
	if err != nil {
		require.ErrorIs(l, err, autoscale.ErrUncertain)
	}
}

// upset lets something happen to the fleet between two ticks.
func (l *lab) upset() {
	macs := l.server.Books().Nodes
	name := rapid.SampledFrom(macs).Draw(l.T, "mac").Name
	switch rapid.IntRange(0, 5).Draw(l.T, "what") {
	case 0:
		_, _ = l.server.StartForeign(name) // an arm64 Mac may be full
	case 1:
		require.NoError(l, l.server.SetDrain(name, rapid.Bool().Draw(l.T, "drain")))
	case 2:
		l.remove()
	}
}

// Starts that are asked for at once know of each other.
func TestStartsAtOnceShareTheBound(t *testing.T) {
	w := fleet(t, nil, colds(30))
	p := w.bounded(10, w.pool("ios", "macos-15-xcode-16", "v2", ""))
	w.observe(p)
	added := make(chan int, 8)
	for i := range cap(added) {
		go func() {
			r, err := p.Create(w.ctx, grow(fmt.Sprint("r", i), "ios", 1))
			if err != nil {
				t.Error(err)
			}
			added <- r.Added
		}()
	}
	sum := 0
	for range cap(added) {
		sum += <-added
	}
	require.Equal(t, 3, sum)
	w.clock.Advance(time.Minute)
	require.Equal(t, 3, w.server.Books().MostPulling)
}
