package loop

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// step is the time from one tick to the next.
const step = 30 * time.Second

// must is what a rig needs of a *testing.T, a *testing.B or a *rapid.T.
type must interface {
	require.TestingT
	Helper()
	Context() context.Context
}

// rig is a loop in a small world whose time only the test moves.
type rig struct {
	t       must
	at      time.Time
	cloud   *fakeCloud
	queue   *fakeQueue
	journal *journal.Journal
	dir     string
	loop    *Loop
	options Options
	serial  int
	reports []Report
	metrics *prometheus.Registry
	// life, if set, ends the daemon in the middle of a tick.
	life *life
}

// newRig makes a loop over fresh fakes; change may alter its options.
func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	r := rigIn(t, t.TempDir(), change...)
	t.Cleanup(r.close)
	return r
}

func rigIn(t must, dir string, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, at: start, dir: dir, metrics: prometheus.NewRegistry()}
	r.cloud = newFakeCloud(func() time.Time { return r.at })
	r.queue = newFakeQueue()
	r.cloud.busy = r.queue.runs
	r.options = Options{
		Cluster: "demo", Cloud: r.cloud, Queue: r.queue, Metrics: NewMetrics(r.metrics),
		Interval: step,
		Policy: autoscale.Policy{Pools: []autoscale.PoolPolicy{{
			Name: "all", IdleTime: 5 * time.Minute, BootTimeout: 30 * time.Minute,
		}}},
		NewRequestID: func() autoscale.RequestID {
			r.serial++
			return autoscale.RequestID(fmt.Sprintf("request-%d", r.serial))
		},
		Now: func() time.Time { return r.at },
	}
	for _, c := range change {
		c(&r.options)
	}
	r.open()
	return r
}

// open starts a loop on the state directory, as after a restart.
func (r *rig) open() {
	r.t.Helper()
	j, err := journal.Open(r.dir, journal.Options{Cluster: "demo", Volatile: true})
	require.NoError(r.t, err)
	r.journal = j
	o := r.options
	o.Journal = j
	if r.life != nil {
		o.Journal = mortalJournal{j, r.life}
		o.Cloud = mortalCloud{o.Cloud, r.life}
	}
	l, err := New(o)
	require.NoError(r.t, err)
	r.loop = l
}

func (r *rig) close() { _ = r.journal.Close() }

// restart is a daemon killed and started again.
func (r *rig) restart() {
	r.t.Helper()
	require.NoError(r.t, r.journal.Close())
	r.open()
}

// tick ticks once and lets a step pass.
func (r *rig) tick() Report {
	report, _ := r.loop.Tick(r.t.Context(), r.at)
	r.reports = append(r.reports, report)
	r.at = r.at.Add(step)
	return report
}

// ticks ticks n times and returns the last report.
func (r *rig) ticks(n int) (last Report) {
	for range n {
		last = r.tick()
	}
	return last
}

// until ticks until it is so, and returns the last report.
func (r *rig) until(so func() bool) (last Report) {
	r.t.Helper()
	for range 200 {
		if last = r.tick(); so() {
			return last
		}
	}
	require.Fail(r.t, "it never came to it")
	return last
}

// all returns every operation on record.
func (r *rig) all() []autoscale.Operation {
	r.t.Helper()
	ops, err := r.journal.All(r.t.Context())
	require.NoError(r.t, err)
	return ops
}

// only returns the one operation there is.
func (r *rig) only() autoscale.Operation {
	r.t.Helper()
	ops := r.all()
	require.Len(r.t, ops, 1)
	return ops[0]
}

// fail lets the first n calls of a name fail.
func (r *rig) fail(n int, name string, f fault) {
	r.cloud.fault = func(call string, _ autoscale.RequestID) fault {
		if call != name || n == 0 {
			return works
		}
		n--
		return f
	}
}

func tempDir(t must) (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "loop")
	require.NoError(t, err)
	return dir, func() { _ = os.RemoveAll(dir) }
}
