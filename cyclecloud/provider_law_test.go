package cyclecloud_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
	"autoscaled/cyclecloud"
	"autoscaled/cyclecloud/cyclecloudtest"
)

var start = time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC)

// world is a provider and the simulated server it talks to, without sockets.
type world struct {
	server   *cyclecloudtest.Server
	clock    *cyclecloudtest.ManualClock
	client   *cyclecloud.Client
	provider *cyclecloud.Provider
}

func newWorld(t require.TestingT, cfg cyclecloudtest.Config) *world {
	clock := cyclecloudtest.NewManualClock(start)
	server, err := cyclecloudtest.New(cfg, clock, 1)
	require.NoError(t, err)
	client, err := cyclecloud.New(cyclecloud.Options{
		URL: "http://cyclecloud.test", User: cfg.User, Transport: server.RoundTripper(),
		Password:  func() (string, error) { return cfg.Password, nil },
		RetryWait: time.Millisecond,
	})
	require.NoError(t, err)
	return &world{server, clock, client, cyclecloud.NewProvider(cyclecloud.ProviderOptions{
		Client: client, Cluster: cfg.Clusters[0].Name, Now: clock.Now,
	})}
}

func (w *world) observe(t require.TestingT) autoscale.Supply {
	supply, err := w.provider.Observe(context.Background())
	require.NoError(t, err)
	return supply
}

// rooms is what is left of each limit; take books nodes of a pool on it, as many
// as fit up to want.
type rooms map[autoscale.LimitID]int64

func roomsOf(s autoscale.Supply) rooms {
	r := rooms{}
	for _, l := range s.Limits {
		r[l.ID] = l.Max - l.Used
	}
	return r
}

func (r rooms) take(p autoscale.Pool, want int) int {
	room := int64(math.MaxInt32)
	if p.Invalid != "" {
		return 0
	}
	for _, d := range p.Draws {
		if d.Amount > 0 {
			room = min(room, r[d.Limit]/d.Amount)
		}
	}
	n := max(0, min(int64(want), room))
	for _, d := range p.Draws {
		r[d.Limit] -= n * d.Amount
	}
	return int(n)
}

// drawConfig makes a server whose limits really get in each other's way.
func drawConfig(t *rapid.T) cyclecloudtest.Config {
	cfg := cyclecloudtest.DefaultConfig()
	limit := func(name string) int { return rapid.IntRange(1, 60).Draw(t, name) }
	cfg.Regions = []cyclecloudtest.RegionConfig{{
		Name: "westeurope", Cores: 8 * limit("region"), SpotCores: 4 * limit("spot"),
		Families: []cyclecloudtest.FamilyConfig{
			{Name: "standardFSv2Family", Cores: 8 * limit("F")}, {Name: "standardDSv5Family", Cores: 16 + 8*limit("D")},
			{Name: "standardHBrsv3Family", Cores: 120 * limit("HB")},
		},
	}}
	cfg.Regions[0].Cores += 16 // for the head node
	c := &cfg.Clusters[0]
	c.MaxCount, c.MaxCores = limit("cluster nodes"), 8*limit("cluster cores")
	types := []string{"Standard_F2s_v2", "Standard_F4s_v2", "Standard_F16s_v2", "Standard_D4s_v5", "standard_hb120rs_V3", "Standard_HB120-16rs_v3"}
	c.Nodearrays = nil
	for i := range rapid.IntRange(1, 3).Draw(t, "arrays") {
		a := cyclecloudtest.NodearrayConfig{
			Name: fmt.Sprintf("array%d", i), MaxCount: limit("nodes"), MaxCores: 8 * limit("cores"),
			Spot: rapid.Bool().Draw(t, "spot array"), MaxGroupSize: limit("group"),
		}
		for _, m := range rapid.SliceOfNDistinct(rapid.SampledFrom(types), 1, 3, rapid.ID).Draw(t, "types") {
			a.Buckets = append(a.Buckets, cyclecloudtest.BucketConfig{MachineType: m, MaxCount: limit("bucket")})
		}
		c.Nodearrays = append(c.Nodearrays, a)
	}
	return cfg
}

// stir lets the cluster have a past: nodes in all states.
func (w *world) stir(t *rapid.T) {
	for i := range rapid.IntRange(0, 6).Draw(t, "steps") {
		supply := w.observe(t)
		pool := rapid.SampledFrom(supply.Pools).Draw(t, "pool")
		_, err := w.provider.Create(t.Context(), autoscale.Grow{
			Request: autoscale.RequestID(fmt.Sprintf("past-%d", i)), Pool: pool.ID, Count: rapid.IntRange(1, 20).Draw(t, "past"),
			Group: rapid.SampledFrom([]string{"", "pg0", "pg1"}).Draw(t, "group"),
		})
		require.NoError(t, err)
		w.clock.Advance(time.Duration(rapid.IntRange(0, 600).Draw(t, "seconds")) * time.Second)
		for _, n := range w.observe(t).Nodes {
			if n.Protected == "" && rapid.IntRange(0, 3).Draw(t, "fate") == 0 {
				_, err := w.provider.Remove(t.Context(), autoscale.Remove{Request: autoscale.RequestID("end-" + n.Name + fmt.Sprint(i)), Nodes: []autoscale.Node{n}})
				require.NoError(t, err)
			}
		}
	}
}

// What the supply's limits allow, over all pools at once, the server gives; and
// when all of it was taken, the server has no more.
func TestLimitsSayWhatTheServerGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, drawConfig(t))
		w.stir(t)
		supply := w.observe(t)
		left := roomsOf(supply)
		for i, p := range supply.Pools {
			n := left.take(p, math.MaxInt32)
			if n == 0 {
				continue
			}
			got, err := w.provider.Create(t.Context(), autoscale.Grow{Request: autoscale.RequestID(fmt.Sprintf("all-%d", i)), Pool: p.ID, Count: n})
			require.NoError(t, err)
			require.Equal(t, n, got.Added, "%s: %s", p.ID, got.Message)
		}
		for i, p := range supply.Pools {
			got, err := w.provider.Create(t.Context(), autoscale.Grow{Request: autoscale.RequestID(fmt.Sprintf("more-%d", i)), Pool: p.ID, Count: 1})
			require.NoError(t, err)
			require.Zero(t, got.Added, "the limits left room in %s that they didn't tell", p.ID)
		}
	})
}

// An older server doesn't tell the region's quota: still nothing is asked that
// it can't give, and repeated looks find all that it has.
func TestLimitsOfAnOlderServer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := drawConfig(t)
		cfg.OmitQuotaDetail = true
		w := newWorld(t, cfg)
		w.stir(t)
		for look := range 20 {
			supply := w.observe(t)
			left, total := roomsOf(supply), 0
			for i, p := range supply.Pools {
				n := left.take(p, math.MaxInt32)
				if total += n; n == 0 {
					continue
				}
				got, err := w.provider.Create(t.Context(), autoscale.Grow{Request: autoscale.RequestID(fmt.Sprintf("look-%d-%d", look, i)), Pool: p.ID, Count: n})
				require.NoError(t, err)
				require.Equal(t, n, got.Added, "%s: %s", p.ID, got.Message)
			}
			if total == 0 {
				break
			}
		}
		for i, p := range w.observe(t).Pools {
			got, err := w.provider.Create(t.Context(), autoscale.Grow{Request: autoscale.RequestID(fmt.Sprintf("more-%d", i)), Pool: p.ID, Count: 1})
			require.NoError(t, err)
			require.Zero(t, got.Added, p.ID)
		}
	})
}
