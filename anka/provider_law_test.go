package anka_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
)

// lab is a provider and a simulated fleet whose limits get in each other's way, without
// sockets. Its groups fall back to each other, so that the pools' Macs are disjoint or
// within each other.
type lab struct {
	*rapid.T
	server   *ankatest.Server
	clock    *ankatest.ManualClock
	client   *anka.Client
	provider *anka.Provider
	asked    int
}

func newLab(t *rapid.T, options ...func(*anka.ProviderOptions)) *lab {
	cfg := drawFleet(t)
	clock := ankatest.NewManualClock(time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC))
	server, err := ankatest.New(cfg, clock, 1)
	require.NoError(t, err)
	client, err := anka.New(anka.Options{URL: "http://anka.test", Transport: server.RoundTripper(), RetryWait: time.Millisecond})
	require.NoError(t, err)
	l := &lab{T: t, server: server, clock: clock, client: client}
	o := anka.ProviderOptions{Client: client, Now: clock.Now, Pools: drawPools(t, server)}
	for _, f := range options {
		f(&o)
	}
	l.provider, err = anka.NewProvider(o)
	require.NoError(t, err)
	return l
}

func drawFleet(t *rapid.T) ankatest.Config {
	some := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
	cfg := ankatest.DefaultConfig()
	cfg.Reschedule = rapid.Bool().Draw(t, "reschedule")
	cfg.Templates = []ankatest.TemplateConfig{
		{Name: "a", Arch: "arm64", Tags: []ankatest.TagConfig{{Tag: "1", SizeGB: 30}, {Tag: "2", SizeGB: 32, LayerGB: 5}}},
		{Name: "b", Arch: "arm64", VCPU: 2, Tags: []ankatest.TagConfig{{Tag: "1", SizeGB: 40}}},
		{Name: "c", Arch: "amd64", VCPU: 3, Tags: []ankatest.TagConfig{{Tag: "1", SizeGB: 20}}},
		{Name: "d", Arch: "amd64", VCPU: 5, VRAMMB: 12000, Tags: []ankatest.TagConfig{{Tag: "1", SizeGB: 25}}},
	}
	cfg.Groups = []ankatest.GroupConfig{{Name: "x", Fallback: "y"}, {Name: "y", Fallback: "z"}, {Name: "z"}}
	cfg.Nodes = nil
	for i := range some("Macs", 1, 6) {
		n := ankatest.NodeConfig{
			Name: fmt.Sprint("mac", i), Arch: rapid.SampledFrom([]string{"arm64", "amd64"}).Draw(t, "arch"), Capacity: some("capacity", 1, 4),
			DiskGB: float64(some("disk", 20, 150)), Groups: []string{rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "group")},
		}
		if rapid.Bool().Draw(t, "by resource") {
			n.CapacityMode, n.VCPUOverride, n.RAMOverride = "resource", some("vcpus", 0, 20), some("ram", 8, 40)*1000
		}
		if name := map[string]string{"arm64": "a", "amd64": "c"}[n.Arch]; rapid.Bool().Draw(t, "warm") && n.DiskGB >= 30 {
			n.Holds = []ankatest.HoldConfig{{Template: name, Tag: "1"}}
		}
		cfg.Nodes = append(cfg.Nodes, n)
	}
	return cfg
}

func drawPools(t *rapid.T, server *ankatest.Server) (pools []anka.PoolOptions) {
	kinds := []anka.PoolOptions{
		{TemplateID: "a", Tag: "1", VCPU: 4, VRAM: 8192}, {TemplateID: "a", Tag: "2", VCPU: 4, VRAM: 8192}, {TemplateID: "b", Tag: "1", VCPU: 2, VRAM: 8192},
		{TemplateID: "c", Tag: "1", VCPU: 3, VRAM: 8192}, {TemplateID: "d", Tag: "1", VCPU: 5, VRAM: 12000},
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "pools") {
		p := rapid.SampledFrom(kinds).Draw(t, "kind")
		p.Name = fmt.Sprint("p", i)
		var err error
		p.TemplateID, err = server.TemplateID(p.TemplateID)
		require.NoError(t, err)
		if g := rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(t, "of group"); g != "" {
			p.GroupID, err = server.GroupID(g)
			require.NoError(t, err)
		}
		pools = append(pools, p)
	}
	return pools
}

func (l *lab) observe() autoscale.Supply {
	s, err := l.provider.Observe(context.Background())
	require.NoError(l, err)
	return s
}

func (l *lab) create(pool autoscale.PoolID, count int) (request string) {
	l.asked++
	request = fmt.Sprint("r", l.asked)
	r, err := l.provider.Create(context.Background(), autoscale.Grow{Request: autoscale.RequestID(request), Pool: pool, Count: count})
	require.NoError(l, err)
	require.Equal(l, count, r.Added)
	return request
}

// stir lets the fleet have a past: our VMs in all states, others' on the Macs, drains.
func (l *lab) stir(s autoscale.Supply, macs int) {
	for range rapid.IntRange(0, 6).Draw(l.T, "steps") {
		name := fmt.Sprint("mac", rapid.IntRange(0, macs-1).Draw(l.T, "mac"))
		switch rapid.IntRange(0, 4).Draw(l.T, "what") {
		case 0:
			_, _ = l.server.StartForeign(name) // an arm64 Mac may be full
		case 1:
			require.NoError(l, l.server.SetDrain(name, rapid.Bool().Draw(l.T, "drain")))
		case 2:
			l.remove()
		default:
			p := rapid.SampledFrom(s.Pools).Draw(l.T, "pool")
			if n := room(l.observe(), string(p.ID)); n > 0 {
				l.create(p.ID, rapid.IntRange(1, n).Draw(l.T, "past"))
			}
		}
		l.clock.Advance(time.Duration(rapid.IntRange(0, 900).Draw(l.T, "seconds")) * time.Second)
	}
}

func (l *lab) remove() {
	for _, n := range l.observe().Nodes {
		if n.Protected == "" && rapid.Bool().Draw(l.T, "ends") {
			_, err := l.provider.Remove(context.Background(), autoscale.Remove{Nodes: []autoscale.Node{n}})
			require.NoError(l, err)
		}
	}
}

// settleDown lets everything that can start do so.
func (l *lab) settleDown() {
	for range 40 {
		l.clock.Advance(5 * time.Minute)
		l.observe()
	}
}

// waiting counts the instances of a request that are no VM after all that time.
func (l *lab) waiting(request string) (n int) {
	for _, i := range l.server.Books().Instances {
		if i.Metadata[anka.MetadataRequest] == request && i.State == "Scheduling" {
			n++
		}
	}
	return n
}

// What the supply tells that one pool can have, the fleet runs.
func TestSupplyPromisesNoMoreThanAPoolCanRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLab(t)
		l.stir(l.observe(), len(l.server.Books().Nodes))
		s := l.observe()
		pool := rapid.SampledFrom(s.Pools).Draw(t, "pool")
		if n := room(s, string(pool.ID)); n > 0 {
			request := l.create(pool.ID, n)
			l.settleDown()
			require.Zero(t, l.waiting(request), "%v", s.Limits)
		}
	})
}

// What the supply tells that all pools can have together, in any shares, the fleet
// runs, if those that can use the fewest Macs come first.
func TestSupplyPromisesNoMoreThanAllPoolsCanRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLab(t)
		l.stir(l.observe(), len(l.server.Books().Nodes))
		s := l.observe()
		left := make(map[autoscale.LimitID]int64)
		for _, limit := range s.Limits {
			left[limit.ID] = limit.Max - limit.Used
		}
		shares := make(map[autoscale.PoolID]int)
		for _, i := range rapid.Permutation(indices(s.Pools)).Draw(t, "order") {
			p := s.Pools[i]
			n := int64(room(s, string(p.ID)))
			for _, d := range p.Draws {
				n = min(n, max(0, left[d.Limit]))
			}
			n = int64(rapid.IntRange(0, int(n)).Draw(t, "share"))
			for _, d := range p.Draws {
				left[d.Limit] -= n
			}
			shares[p.ID] = int(n)
		}
		narrow := slices.SortedFunc(slices.Values(s.Pools), func(a, b autoscale.Pool) int { return len(b.Draws) - len(a.Draws) })
		for _, p := range narrow {
			if shares[p.ID] > 0 {
				request := l.create(p.ID, shares[p.ID])
				l.settleDown()
				require.Zero(t, l.waiting(request), "%v of %v", shares, s.Limits)
			}
		}
		for _, v := range l.server.Books().Violations {
			require.Fail(t, v.Text)
		}
	})
}

func indices[T any](list []T) []int {
	all := make([]int, len(list))
	for i := range all {
		all[i] = i
	}
	return all
}
