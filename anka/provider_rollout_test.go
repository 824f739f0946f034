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

// holder is a Mac that holds one tag of the template.
func holder(name, tag string) ankatest.NodeConfig {
	mac := arm(name)
	mac.DiskGB, mac.Holds = 500, []ankatest.HoldConfig{{Template: "macos-15-xcode-16", Tag: tag}}
	return mac
}

// rolling is the pool ios while v2 follows v1, or the other way round.
func (w world) rolling(tag, previous string) anka.PoolOptions {
	o := w.pool("ios", "macos-15-xcode-16", tag, "")
	o.PreviousTag = previous
	return o
}

// start starts one instance, lets it come up, and returns its tag.
func (w world) start(p *anka.Provider, request string) string {
	w.Helper()
	r, err := p.Create(w.ctx, grow(request, "ios", 1))
	require.NoError(w, err)
	require.Equal(w, 1, r.Added, r.Message)
	w.clock.Advance(2 * time.Minute)
	starts := w.server.Books().Starts
	return starts[len(starts)-1].Tag
}

func outdated(s autoscale.Supply) (all []string) {
	for _, n := range s.Nodes {
		if n.Outdated != "" {
			all = append(all, fmt.Sprint(n.Request, ": ", n.Outdated))
		}
	}
	return all
}

func TestThePreviousTagServesWhereTheTagIsNotYet(t *testing.T) {
	for _, percent := range []int{0, 30} {
		w := fleet(t, nil, holder("new", "v2"), holder("old", "v1"))
		o := w.rolling("v2", "v1")
		p := w.bounded(percent, o)
		require.Equal(t, 4, min(4, room(w.observe(p), "ios")))
		require.Equal(t, "v2 v2 v1", w.start(p, "r1")+" "+w.start(p, "r2")+" "+w.start(p, "r3"))
		require.Empty(t, outdated(w.observe(p)), "no Mac that holds v2 has room")
		for _, n := range w.observe(p).Nodes[:1] {
			_, err := p.Remove(w.ctx, autoscale.Remove{Nodes: []autoscale.Node{n}})
			require.NoError(t, err)
		}
		w.clock.Advance(2 * time.Minute)
		require.Equal(t, []string{"r3: it has tag v1, and the pool has v2"}, outdated(w.observe(p)))
		require.Equal(t, "v2", w.start(p, "r4"))
		require.Empty(t, outdated(w.observe(p)))
		require.Zero(t, w.server.Books().MostPulling)

		// Going back takes effect with the next start.
		require.NoError(t, p.SetPools([]anka.PoolOptions{w.rolling("v1", "v2")}))
		s := w.observe(p)
		require.Equal(t, []string{"r2: it has tag v2, and the pool has v1", "r4: it has tag v2, and the pool has v1"}, outdated(s))
		require.Equal(t, "v1", w.start(p, "r5"))
	}
}

func TestWithoutAPreviousTagOldOnesAreOutdatedAtOnce(t *testing.T) {
	w := fleet(t, nil, holder("old", "v1"))
	p := w.provide(w.rolling("v1", ""))
	require.Equal(t, "v1", w.start(p, "r1"))
	require.NoError(t, p.SetPools([]anka.PoolOptions{w.rolling("v2", "")}))
	require.Equal(t, []string{"r1: it has tag v1, and the pool has v2"}, outdated(w.observe(p)))
	require.NoError(t, p.SetPools([]anka.PoolOptions{w.rolling("v9", "")}))
	require.Empty(t, outdated(w.observe(p)), "there is nothing to follow it")
}

// A Mac whose VMs all are of the previous tag and that holds the new one replaces them.
func TestAMacThatHoldsBothTagsMovesOn(t *testing.T) {
	w := fleet(t, nil, holder("old", "v1"))
	p := w.provide(w.rolling("v1", ""))
	require.Equal(t, "v1 v1", w.start(p, "r1")+" "+w.start(p, "r2"))
	require.NoError(t, p.SetPools([]anka.PoolOptions{w.rolling("v2", "v1")}))
	require.Empty(t, outdated(w.observe(p)))
	_, err := w.client.Distribute(w.ctx, anka.DistributeRequest{TemplateID: w.template("macos-15-xcode-16"), Tag: "v2"})
	require.NoError(t, err)
	w.clock.Advance(time.Hour)
	require.Len(t, outdated(w.observe(p)), 2)
}

// A Mac without room for the tag still serves with the previous one.
func TestAFullDiskServesThePreviousTag(t *testing.T) {
	mac := holder("old", "v1")
	mac.DiskGB = 70
	w := fleet(t, nil, mac)
	require.Contains(t, invalid(w.observe(w.provide(w.rolling("v2", ""))), "ios"), "without room on the disk")
	p := w.provide(w.rolling("v2", "v1"))
	require.Equal(t, 2, room(w.observe(p), "ios"))
	require.Equal(t, "v1", w.start(p, "r1"))
	require.NoError(t, p.SetPools([]anka.PoolOptions{w.rolling("v2", "v0")}))
	require.Contains(t, invalid(w.observe(p), "ios"), "without room on the disk", "a tag that is not in the registry can't be started")
}
