package loop_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
	"autoscaled/autoscale/loop"
	"autoscaled/cyclecloud"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// BenchmarkTick is a whole tick over a socket and a real journal against 5,000
// nodes that are up and all wanted, their records of at least 1.2 kB. The
// server's part of the time is in it.
func BenchmarkTick(b *testing.B) {
	const nodes = 5000
	cfg := cyclecloudtest.DefaultConfig()
	cfg.MinRecordBytes, cfg.Regions = 1200, nil
	cfg.Clusters[0].Nodearrays[1].MaxCount = 2 * nodes
	clock := cyclecloudtest.NewManualClock(begin)
	server, err := cyclecloudtest.New(cfg, clock, 1)
	require.NoError(b, err)
	_, err = server.AddNodes(cyclecloudtest.BucketKey{Cluster: "demo", Nodearray: "execute", MachineType: "Standard_F4s_v2"}, nodes)
	require.NoError(b, err)
	clock.Advance(24 * time.Hour)
	l := socketLoop(b, server, clock, cfg)

	for b.Loop() {
		clock.Advance(15 * time.Second)
		report, err := l.Tick(b.Context(), clock.Now())
		require.NoError(b, err)
		require.Len(b, report.Observation.Supply.Nodes, nodes+1)
		require.Empty(b, report.Problems)
	}
}

// socketLoop is a loop with everything real but the clock.
func socketLoop(b *testing.B, server *cyclecloudtest.Server, clock *cyclecloudtest.ManualClock, cfg cyclecloudtest.Config) *loop.Loop {
	b.Helper()
	url, err := server.Start("127.0.0.1:0")
	require.NoError(b, err)
	b.Cleanup(func() { _ = server.Close() })
	client, err := cyclecloud.New(cyclecloud.Options{
		URL: url, User: cfg.User, Password: func() (string, error) { return cfg.Password, nil },
	})
	require.NoError(b, err)
	j, err := journal.Open(b.TempDir(), journal.Options{Cluster: "demo"})
	require.NoError(b, err)
	b.Cleanup(func() { _ = j.Close() })
	queue := wholeNodes(5000)
	l, err := loop.New(loop.Options{
		Cluster: "demo", Cloud: cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: client, Cluster: "demo", Now: clock.Now}),
		Queue: &queue, Journal: j, Now: clock.Now,
		Policy: autoscale.Policy{Pools: []autoscale.PoolPolicy{{Name: "all", IdleTime: time.Hour}}},
	})
	require.NoError(b, err)
	return l
}
