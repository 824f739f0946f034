package loop

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// running is a loop that runs in a bubble of virtual time.
type running struct {
	*rig
	t0    time.Time
	stop  func() // ends Run's context and waits for its end
	ended chan time.Time

	mu   sync.Mutex
	list []time.Duration
}

// started tells when ticks started, from t0.
func (r *running) started() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// runs starts Run in the bubble. The world's time is the bubble's.
func runs(t *testing.T, prepare func(*rig), change ...func(*Options)) *running {
	t.Helper()
	run := &running{t0: time.Now(), ended: make(chan time.Time, 1)}
	all := append([]func(*Options){func(o *Options) {
		o.Now = nil
		o.OnTick = func(r Report) {
			run.mu.Lock()
			defer run.mu.Unlock()
			run.list = append(run.list, r.At.Sub(run.t0))
		}
	}}, change...)
	r := newRig(t, all...)
	run.rig = r
	r.cloud.now = time.Now
	if prepare != nil {
		prepare(r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	run.stop = cancel
	t.Cleanup(cancel)
	go func() {
		_ = r.loop.Run(ctx)
		run.ended <- time.Now()
	}()
	return run
}

// pass lets virtual time pass until t0 plus d, and everything in it happen.
func (r *running) pass(d time.Duration) {
	time.Sleep(time.Until(r.t0.Add(d)))
	synctest.Wait()
}

func TestRunTicksOnTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runs(t, nil)
		r.pass(95 * time.Second)
		require.Equal(t, []time.Duration{0, 30 * time.Second, 60 * time.Second, 90 * time.Second}, r.started())
		r.stop()
		require.Equal(t, 95*time.Second, (<-r.ended).Sub(r.t0))
	})
}

func TestRunDoesNotOverlapSlowTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runs(t, func(r *rig) { r.cloud.slow = 45 * time.Second })
		r.pass(100 * time.Second)
		require.Equal(t, []time.Duration{0, 45 * time.Second}, r.started())
		r.stop()
		<-r.ended
	})
}

func TestWakesAreMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runs(t, nil)
		r.pass(10 * time.Second)
		for range 5 {
			r.loop.Wake()
		}
		r.pass(10*time.Second + 500*time.Millisecond)
		require.Equal(t, []time.Duration{0, 10 * time.Second}, r.started())
		r.loop.Wake()
		r.loop.Wake()
		r.pass(20 * time.Second)
		require.Equal(t, []time.Duration{0, 10 * time.Second, 11 * time.Second}, r.started(), "a second apart at least")
		r.pass(50 * time.Second)
		require.Len(t, r.started(), 4)
		require.Equal(t, 41*time.Second, r.started()[3], "the interval counts from the last tick")
		r.stop()
		<-r.ended
	})
}

func TestWakeDuringATickIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runs(t, func(r *rig) { r.cloud.slow = 5 * time.Second })
		r.pass(2 * time.Second)
		r.loop.Wake()
		r.pass(12 * time.Second)
		require.Equal(t, []time.Duration{0, 5 * time.Second}, r.started())
		r.stop()
		<-r.ended
	})
}

func TestWakeDuringALongTickIsAnsweredByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runs(t, nil, func(o *Options) { o.Cloud = &slowOnce{fakeCloud: o.Cloud.(*fakeCloud), takes: 45 * time.Second} })
		r.pass(10 * time.Second)
		r.loop.Wake()
		r.pass(80 * time.Second)
		require.Equal(t, []time.Duration{0, 45 * time.Second, 75 * time.Second}, r.started())
		r.stop()
		<-r.ended
	})
}

// slowOnce takes its time to be observed the first time.
type slowOnce struct {
	*fakeCloud
	takes time.Duration
}

func (c *slowOnce) Observe(ctx context.Context) (autoscale.Supply, error) {
	takes := c.takes
	c.takes = 0
	if err := pause(ctx, takes); err != nil {
		return autoscale.Supply{}, err
	}
	return c.fakeCloud.Observe(ctx)
}

func TestLostAnswerIsAskedAboutSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runs(t, func(r *rig) {
			r.queue.submit(start, 2)
			r.fail(1, "create", lostAfter)
		})
		r.pass(20 * time.Second)
		require.Equal(t, []time.Duration{0, askAgain}, r.started())
		require.Equal(t, autoscale.OpAccepted, r.only().Phase)
		r.stop()
		<-r.ended
	})
}

func TestStopWhileObserving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runs(t, func(r *rig) {
			r.queue.submit(start, 2)
			r.cloud.slow = 20 * time.Second
		})
		r.pass(10 * time.Second)
		r.stop()
		require.Equal(t, 10*time.Second, (<-r.ended).Sub(r.t0))
		require.Empty(t, r.started())
		require.Empty(t, r.all())
		require.Equal(t, 1.0, r.counter("autoscaled_ticks_total"))
	})
}

func TestStopWhileCreating(t *testing.T) {
	for name, c := range map[string]struct {
		takes, ends time.Duration
		phase       autoscale.OperationPhase
		nodes       int
	}{
		"answer in time": {takes: 3 * time.Second, ends: 3 * time.Second, phase: autoscale.OpAccepted, nodes: 2},
		"no answer":      {takes: time.Minute, ends: time.Second + stopWithin, phase: autoscale.OpSent, nodes: 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := runs(t, func(r *rig) { r.queue.submit(start, 2) }, func(o *Options) {
					o.Cloud = slowCreate{o.Cloud.(*fakeCloud), c.takes}
				})
				r.pass(time.Second)
				r.stop()
				require.Equal(t, c.ends, (<-r.ended).Sub(r.t0))
				require.Equal(t, c.phase, r.only().Phase)
				require.Len(t, r.cloud.list(), c.nodes)
			})
		})
	}
}

// slowCreate observes at once and takes its time to create.
type slowCreate struct {
	*fakeCloud
	takes time.Duration
}

func (c slowCreate) Create(ctx context.Context, g autoscale.Grow) (autoscale.Receipt, error) {
	if err := pause(ctx, c.takes); err != nil {
		return autoscale.Receipt{}, err
	}
	return c.fakeCloud.Create(ctx, g)
}

func TestNothingMoreIsSentAfterTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runs(t, func(r *rig) { r.cloud.pools = 10 }, func(o *Options) {
			o.Policy = manyPools(10)
			o.Cloud = slowCreate{o.Cloud.(*fakeCloud), 3 * time.Second}
		})
		r.pass(time.Second)
		r.stop()
		require.Equal(t, 3*time.Second, (<-r.ended).Sub(r.t0))
		phases := make(map[autoscale.OperationPhase]int)
		for _, op := range r.all() {
			phases[op.Phase]++
		}
		require.Equal(t, map[autoscale.OperationPhase]int{autoscale.OpAccepted: callsAtOnce, autoscale.OpRejected: 10 - callsAtOnce}, phases)
		require.Equal(t, callsAtOnce, r.cloud.count("create"))
	})
}

func TestNothingIsMarkedAfterTheStop(t *testing.T) {
	r, q := newDrainRig(t)
	r.queue.submit(r.at, 2)
	r.ticks(10)
	r.queue.clear()
	r.until(func() bool {
		next, err := r.loop.Plan(t.Context(), r.at)
		require.NoError(t, err)
		return len(next.Plan.Drain) == 2
	})
	r.queue.submit(r.at, 1)
	r.queue.pending[0].Grouping = autoscale.Coupled // no node that is there will do
	ctx, stop := context.WithCancel(t.Context())
	r.cloud.fault = func(string, autoscale.RequestID) fault {
		stop()
		return works
	}
	report, err := r.loop.Tick(ctx, r.at)
	require.NoError(t, err)
	require.Len(t, report.Plan.Drain, 2)
	require.Len(t, r.cloud.list(), 3)
	require.Empty(t, q.marked)
}

func TestTicksAreASecondApart(t *testing.T) {
	l := newRig(t).loop
	op := createOf(autoscale.OpAbsent, 0)
	op.Deadline = start.Add(10 * time.Minute)
	for at, want := range map[time.Duration]time.Duration{
		5 * time.Minute:                5*time.Minute + step,
		10*time.Minute - 5*time.Second: 10*time.Minute + time.Millisecond,
		10*time.Minute - time.Second/2: 10*time.Minute + time.Second/2,
	} {
		next := l.nextTick(start.Add(at), Report{Operations: []autoscale.Operation{op}})
		require.Equal(t, want, next.Sub(start))
	}
}

func TestReadsHaveTheirOwnDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.QueueTimeout, o.CloudTimeout = 10*time.Second, 20*time.Second })
		r.queue.slow = 15 * time.Second
		r.cloud.slow = 15 * time.Second
		t0 := time.Now()
		report := r.tick()
		require.Equal(t, 15*time.Second, time.Since(t0), "read at the same time")
		require.Equal(t, "no answer within 10s: context deadline exceeded", report.Observation.DemandProblem)
		require.Empty(t, report.Observation.SupplyProblem)
		r.cloud.slow = time.Hour
		report = r.tick()
		require.Equal(t, "no answer within 20s: context deadline exceeded", report.Observation.SupplyProblem)
	})
}

func TestCallsHaveADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) {
			o.CallTimeout = 10 * time.Second
			o.Cloud = slowCreate{o.Cloud.(*fakeCloud), time.Hour}
		})
		r.queue.submit(r.at, 1)
		t0 := time.Now()
		report := r.tick()
		require.Equal(t, 10*time.Second, time.Since(t0))
		require.Equal(t, autoscale.OpSent, r.only().Phase, "a call cut off may have been handled")
		require.ErrorContains(t, report.Problems[0].Err, "no answer within 10s")
	})
}

func TestTickWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cloud.slow = 10 * time.Second
		go func() { _, _ = r.loop.Tick(t.Context(), r.at) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.loop.Plan(ctx, r.at)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		t0 := time.Now()
		_, err = r.loop.Plan(t.Context(), r.at)
		require.NoError(t, err)
		require.Equal(t, 19*time.Second, time.Since(t0))
	})
}

func TestScaledTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const speed = 100
		t0 := time.Now()
		r := runs(t, nil, func(o *Options) {
			o.Now = func() time.Time { return t0.Add(speed * time.Since(t0)) }
			o.After = func(d time.Duration) <-chan time.Time { return time.After(d / speed) }
		})
		r.pass(time.Second)
		require.Equal(t, []time.Duration{0, 30 * time.Second, 60 * time.Second, 90 * time.Second}, r.started())
		r.stop()
		<-r.ended
	})
}
