package loop_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
	"autoscaled/autoscale/loop"
	"autoscaled/cyclecloud"
	"autoscaled/cyclecloud/cyclecloudtest"
)

var (
	loadLoops = flag.Int("load-loops", 3, "TestLoad: loops in one process")
	loadNodes = flag.Int("load-nodes", 200, "TestLoad: nodes of each loop")
	loadHours = flag.Int("load-hours", 2, "TestLoad: virtual hours, at least 2")
)

// loadFaults: every call takes 200 ms, and one in 20 fails.
var loadFaults = []cyclecloudtest.FaultRate{
	{Kind: cyclecloudtest.FaultLatency, Rate: 1, Latency: 200 * time.Millisecond},
	{Kind: cyclecloudtest.FaultStatus, Rate: 0.03},
	{Kind: cyclecloudtest.FaultCutAfter, Rate: 0.02},
}

// loaded is one of many loops in a process, in a bubble's time.
type loaded struct {
	queue *changing
	cloud *cyclecloudtest.Server
	file  *journal.Journal
	loop  *loop.Loop

	mu    sync.Mutex
	ticks int
	last  time.Time
	late  time.Duration // the most that a tick began after it was due
}

// changing is a queue whose jobs are replaced while it is read.
type changing struct {
	mu   sync.Mutex
	jobs jobs
}

func (q *changing) Demand(ctx context.Context) (autoscale.Demand, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.jobs.Demand(ctx)
}

func (q *changing) want(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = wholeNodes(n)
}

func newLoaded(t *testing.T, dir string, seed uint64) *loaded {
	cfg := cyclecloudtest.DefaultConfig()
	cfg.Faults, cfg.Regions = loadFaults, nil
	cfg.Clusters[0].Nodearrays = []cyclecloudtest.NodearrayConfig{{
		Name: "execute", MaxCount: *loadNodes, Buckets: []cyclecloudtest.BucketConfig{{MachineType: "Standard_F4s_v2"}},
	}}
	l := &loaded{queue: &changing{}}
	l.queue.want(*loadNodes)
	var err error
	l.cloud, err = cyclecloudtest.New(cfg, cyclecloudtest.ClockFunc(time.Now), seed)
	require.NoError(t, err)
	client, err := cyclecloud.New(cyclecloud.Options{
		URL: "http://cyclecloud.test", User: cfg.User, Transport: l.cloud.RoundTripper(),
		Password: func() (string, error) { return cfg.Password, nil },
	})
	require.NoError(t, err)
	l.file, err = journal.Open(dir, journal.Options{Cluster: "demo", Volatile: true})
	require.NoError(t, err)
	l.loop, err = loop.New(loop.Options{
		Cluster: "demo", Queue: l.queue, Journal: l.file, Interval: time.Minute, OnTick: l.ticked,
		Cloud:  cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: client, Cluster: "demo", Now: time.Now}),
		Policy: autoscale.Policy{Pools: []autoscale.PoolPolicy{{Name: "all", IdleTime: autoscale.DefaultIdleTime, BootTimeout: autoscale.DefaultBootTimeout}}},
	})
	require.NoError(t, err)
	return l
}

func (l *loaded) ticked(r loop.Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ticks++; !l.last.IsZero() {
		l.late = max(l.late, r.At.Sub(l.last)-time.Minute)
	}
	l.last = r.At
}

// load is what a process holds.
type load struct {
	goroutines int
	heap       uint64 // bytes
}

func measure() load {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return load{runtime.NumGoroutine(), m.HeapAlloc}
}

// Many loops in one process, each with many nodes that come and go, over a slow
// cloud that fails: no tick is late, and nothing grows. That every goroutine ends
// with its loop is what the bubble checks.
func TestLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var running sync.WaitGroup
		all := make([]*loaded, *loadLoops)
		for i := range all {
			all[i] = newLoaded(t, t.TempDir(), uint64(i+1))
			running.Go(func() { _ = all[i].loop.Run(ctx) })
		}
		var early load
		for hour := range *loadHours {
			for _, l := range all {
				l.queue.want(*loadNodes - hour%2*(*loadNodes/20))
			}
			<-time.After(time.Hour - time.Second) // all sleep then
			synctest.Wait()
			if hour == 0 {
				early = measure()
			}
		}
		late := measure()
		stop()
		running.Wait()
		ticks, worst := 0, time.Duration(0)
		for _, l := range all {
			require.Empty(t, l.cloud.Books().Violations)
			ticks, worst = ticks+l.ticks, max(worst, l.late)
			require.NoError(t, l.file.Close())
		}
		fmt.Printf("%d loops of %d nodes for %d virtual hours: %d ticks, the latest by %s; goroutines %d, then %d; heap %d MB, then %d MB\n",
			*loadLoops, *loadNodes, *loadHours, ticks, worst, early.goroutines, late.goroutines, early.heap>>20, late.heap>>20)
		require.GreaterOrEqual(t, ticks, *loadLoops**loadHours*58)
		require.LessOrEqual(t, worst, time.Second)
		require.LessOrEqual(t, late.goroutines, early.goroutines+*loadLoops*4, "calls under way apart")
		require.LessOrEqual(t, late.heap, early.heap*3/2+32<<20)
	})
}
