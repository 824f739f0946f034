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

// fleet is a controller with these Macs and groups.
func fleet(t *testing.T, groups []ankatest.GroupConfig, nodes ...ankatest.NodeConfig) world {
	return newWorld(t, func(c *ankatest.Config) { c.Groups, c.Nodes = groups, nodes })
}

var holdsV2 = []ankatest.HoldConfig{{Template: "macos-15-xcode-16", Tag: "v2"}}

func arm(name string, groups ...string) ankatest.NodeConfig {
	return ankatest.NodeConfig{Name: name, Arch: "arm64", Capacity: 2, Groups: groups, Holds: holdsV2}
}

func TestCapacityOfOneMac(t *testing.T) {
	with := func(change func(*ankatest.NodeConfig)) ankatest.NodeConfig {
		n := arm("m")
		change(&n)
		return n
	}
	for name, test := range map[string]struct {
		node ankatest.NodeConfig
		want int
		why  string
	}{
		"number":           {arm("m"), 2, ""},
		"at most two":      {with(func(n *ankatest.NodeConfig) { n.Capacity = 9 }), 2, ""},
		"one":              {with(func(n *ankatest.NodeConfig) { n.Capacity = 1 }), 1, ""},
		"intel":            {with(func(n *ankatest.NodeConfig) { n.Arch, n.Holds = "amd64", nil }), 0, "1 of another architecture"},
		"resource":         {with(func(n *ankatest.NodeConfig) { n.CapacityMode, n.VCPUOverride, n.RAMOverride = "resource", 7, 20000 }), 1, ""},
		"resource, by RAM": {with(func(n *ankatest.NodeConfig) { n.CapacityMode, n.VCPUOverride, n.RAMOverride = "resource", 99, 16000 }), 1, ""},
		"resource, arm":    {with(func(n *ankatest.NodeConfig) { n.CapacityMode, n.VCPUOverride, n.RAMOverride = "resource", 99, 99000 }), 2, ""},
		"resource, unset":  {with(func(n *ankatest.NodeConfig) { n.CapacityMode = "resource" }), 0, "1 too small"},
		"no disk":          {with(func(n *ankatest.NodeConfig) { n.Holds, n.DiskGB = nil, 40 }), 0, "1 without room on the disk"},
		"disk for a pull":  {with(func(n *ankatest.NodeConfig) { n.Holds, n.DiskGB = nil, 70 }), 2, ""},
		"template to evict": {with(func(n *ankatest.NodeConfig) {
			n.Holds, n.DiskGB = []ankatest.HoldConfig{{Template: "macos-14-xcode-15", Tag: "v1"}}, 70
		}), 1, ""},
	} {
		w := fleet(t, nil, test.node)
		s := w.observe(w.provide(w.pool("ios", "macos-15-xcode-16", "v2", "")))
		require.Equal(t, test.want, room(s, "ios"), name)
		if test.why == "" {
			require.Empty(t, invalid(s, "ios"), name)
		} else {
			require.Contains(t, invalid(s, "ios"), test.why, name)
		}
	}
}

func TestOnlyActiveMacsCount(t *testing.T) {
	w := fleet(t, nil, arm("a"), arm("b"), arm("c"), arm("d"), arm("e"))
	p := w.provide(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	require.Equal(t, 10, room(w.observe(p), "ios"))
	require.NoError(t, w.server.SetDrain("a", true))
	require.NoError(t, w.server.SetUpdating("b", true))
	require.NoError(t, w.server.SetLicensed("c", false))
	require.NoError(t, w.server.SetSilent("d", true))
	w.clock.Advance(3 * time.Minute)
	require.Equal(t, 2, room(w.observe(p), "ios"))
	require.NoError(t, w.server.SetDrain("e", true))
	require.Equal(t, "none of 5 Macs can run it: 2 not Active but Drain Mode, 1 not Active but Inactive (Invalid License), 1 not Active but Offline, 1 not Active but Updating",
		invalid(w.observe(p), "ios"))
}

func TestUnhealthyMacIsFull(t *testing.T) {
	w := fleet(t, nil, arm("a"))
	p := w.provide(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	_, err := p.Create(w.ctx, grow("r1", "ios", 2))
	require.NoError(t, err)
	w.clock.Advance(5 * time.Minute)
	for _, n := range w.observe(p).Nodes {
		require.NoError(t, w.server.FailInstance(string(n.ID), "broken"))
	}
	s := w.observe(p)
	require.Empty(t, invalid(s, "ios"))
	require.EqualValues(t, "2 of 2", fmt.Sprint(s.Limits[0].Used, " of ", s.Limits[0].Max))
}

func TestOthersVMsTakeSlots(t *testing.T) {
	w := fleet(t, nil, arm("a"), arm("b"))
	p := w.provide(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	_, err := w.server.StartForeign("a") // on the Mac itself
	require.NoError(t, err)
	require.Equal(t, 3, room(w.observe(p), "ios"))
	_, err = w.client.StartInstances(w.ctx, anka.StartRequest{TemplateID: w.template("macos-15-xcode-16"), Tag: "v2"})
	require.NoError(t, err)
	require.Equal(t, 2, room(w.observe(p), "ios"), "it waits")
	w.clock.Advance(5 * time.Minute)
	require.Equal(t, 2, room(w.observe(p), "ios"), "it runs")

	_, err = w.client.StartInstances(w.ctx, anka.StartRequest{TemplateID: w.template("macos-13-intel"), Count: 2})
	require.NoError(t, err)
	w.clock.Advance(time.Hour)
	require.Equal(t, 2, room(w.observe(p), "ios"), "what waits for ever fits nowhere")
}

func TestOursThatIsStuckKeepsItsSlot(t *testing.T) {
	w := newWorld(t, func(c *ankatest.Config) { c.Nodes, c.Groups, c.Chances.Stuck = []ankatest.NodeConfig{arm("a")}, nil, 1 })
	p := w.provide(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	w.clock.Advance(time.Hour)
	s := w.observe(p)
	require.Equal(t, 1, room(s, "ios"))
	require.Equal(t, autoscale.PhaseStarting, s.Nodes[0].Phase)
	_, err = p.Remove(w.ctx, autoscale.Remove{Nodes: s.Nodes})
	require.NoError(t, err)
	require.Equal(t, 2, room(w.observe(p), "ios"))
}

func TestAPullHoldsItsSlot(t *testing.T) {
	mac := arm("a")
	mac.Holds = nil
	w := fleet(t, nil, mac)
	p := w.provide(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	w.clock.Advance(30 * time.Second)
	require.EqualValues(t, "Pulling", w.server.Books().Instances[0].State)
	require.Equal(t, 1, room(w.observe(p), "ios"))
}

func TestFallbackGroups(t *testing.T) {
	circle := []ankatest.GroupConfig{{Name: "x", Fallback: "y"}, {Name: "y", Fallback: "x"}, {Name: "z"}, {Name: "own", Fallback: "z"}}
	w := fleet(t, circle, arm("a", "x"), arm("b", "y"), arm("c", "z"), arm("d", "own"))
	pools := []anka.PoolOptions{}
	for _, g := range []string{"x", "y", "z", "own"} {
		pools = append(pools, w.pool(g, "macos-15-xcode-16", "v2", g))
	}
	gone := pools[0]
	gone.Name, gone.GroupID = "gone", "nobody"
	s := w.observe(w.provide(append(pools, gone)...))
	require.Equal(t, "4 4 2 4", fmt.Sprint(room(s, "x"), room(s, "y"), room(s, "z"), room(s, "own")))
	require.Equal(t, []string{"macs/own+z 4", "macs/x+y 4", "macs/z 2"}, limitsOf(s))
	require.Equal(t, "there is no group nobody", invalid(s, "gone"))
}

func limitsOf(s autoscale.Supply) (list []string) {
	for _, l := range s.Limits {
		list = append(list, fmt.Sprint(l.ID, " ", l.Max-l.Used))
	}
	return list
}

func TestUnionsOfOverlappingSets(t *testing.T) {
	w := fleet(t, []ankatest.GroupConfig{{Name: "x"}, {Name: "y"}, {Name: "z"}},
		arm("a", "x"), arm("b", "x", "y"), arm("c", "y"), arm("d", "z"))
	s := w.observe(w.provide(
		w.pool("x", "macos-15-xcode-16", "v2", "x"), w.pool("x2", "macos-14-xcode-15", "v1", "x"),
		w.pool("y", "macos-15-xcode-16", "v2", "y"), w.pool("z", "macos-15-xcode-16", "v2", "z")))
	require.Equal(t, []string{"macs/x+x2 4", "macs/x+x2+y 6", "macs/y 4", "macs/z 2"}, limitsOf(s))
}

// More overlaps than can be told: each Mac counts once, and nobody gets more than there is.
func TestTooManyUnions(t *testing.T) {
	const n = 9
	var groups []ankatest.GroupConfig
	var nodes []ankatest.NodeConfig
	var all []string
	for i := range n {
		name := fmt.Sprint("g", i)
		all = append(all, name)
		groups = append(groups, ankatest.GroupConfig{Name: name})
		nodes = append(nodes, arm(fmt.Sprint("own", i), name))
	}
	w := fleet(t, groups, append(nodes, arm("hub", all...))...)
	var pools []anka.PoolOptions
	for _, g := range all {
		pools = append(pools, w.pool(g, "macos-15-xcode-16", "v2", g))
	}
	s := w.observe(w.provide(pools...))
	require.Len(t, s.Limits, n)
	sum := 0
	for _, g := range all {
		require.GreaterOrEqual(t, room(s, g), 2)
		sum += room(s, g)
	}
	require.Equal(t, 2*n+2, sum)
}

func TestSmallVMsDontPassForLargeOnes(t *testing.T) {
	mac := arm("a")
	mac.Arch, mac.Holds = "amd64", []ankatest.HoldConfig{{Template: "macos-13-intel", Tag: "base"}}
	mac.CapacityMode, mac.VCPUOverride, mac.RAMOverride = "resource", 12, 65536
	w := fleet(t, nil, mac)
	small, large := w.pool("small", "macos-13-intel", "base", ""), w.pool("large", "macos-13-intel", "base", "")
	small.Override, large.Override = true, true
	small.VCPU, large.VCPU = 2, 8
	require.Equal(t, []string{"macs/large+small 1"}, limitsOf(w.observe(w.provide(small, large))))
	p := w.provide(large, small)
	require.Equal(t, []string{"macs/large+small 1"}, limitsOf(w.observe(p)))
	_, err := p.Create(w.ctx, grow("r1", "small", 3))
	require.NoError(t, err)
	w.clock.Advance(5 * time.Minute)
	s := w.observe(p)
	require.Equal(t, []string{"macs/large 0", "macs/small 3"}, limitsOf(s))
	require.Empty(t, invalid(s, "large"), "it is merely full")
}

func TestRegistryThatCannotBeReached(t *testing.T) {
	cold := arm("cold")
	cold.Holds = nil
	w := fleet(t, nil, arm("warm"), cold)
	p := w.provide(w.pool("ios", "macos-15-xcode-16", "v2", ""))
	require.Equal(t, 4, room(w.observe(p), "ios"))
	w.server.SetRegistry(false)
	require.Equal(t, 2, room(w.observe(p), "ios"), "who holds the tag needs no registry")
}
