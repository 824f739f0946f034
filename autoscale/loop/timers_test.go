package loop

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// timed notes when creates and removals are sent.
type timed struct {
	*fakeCloud
	t0 time.Time
	*sends
}

// sends are when something was sent.
type sends struct {
	mu    sync.Mutex
	times []time.Duration
}

func (s *sends) note(at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = append(s.times, at)
}

func (s *sends) all() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.times)
}

func (c timed) Create(ctx context.Context, g autoscale.Grow) (autoscale.Receipt, error) {
	c.note(time.Since(c.t0))
	return c.fakeCloud.Create(ctx, g)
}

func (c timed) Remove(ctx context.Context, r autoscale.Remove) (autoscale.Receipt, error) {
	c.note(time.Since(c.t0))
	return c.fakeCloud.Remove(ctx, r)
}

// timedMarks notes when hosts are marked for drain, or unmarked.
type timedMarks struct {
	*drainQueue
	t0 time.Time
	*sends
}

func (q timedMarks) Drain(ctx context.Context, nodes []autoscale.Node, reason string) []error {
	q.note(time.Since(q.t0))
	return q.drainQueue.Drain(ctx, nodes, reason)
}

func (q timedMarks) Undrain(ctx context.Context, nodes []autoscale.Node) []error {
	q.note(time.Since(q.t0))
	return q.drainQueue.Undrain(ctx, nodes)
}

// withMarks lets the options' queue take marks.
func withMarks(o *Options) *drainQueue {
	q := &drainQueue{
		fakeQueue: o.Queue.(*fakeQueue), cloud: o.Cloud.(*fakeCloud),
		marked: make(map[string]bool), errs: make(map[autoscale.NodeID]error),
	}
	o.Queue = q
	return q
}

// timer is a small world in which something is sent when a time is up.
type timer struct {
	name   string
	takes  time.Duration
	change func(*Options)
	begin  func(*rig)
	// each is called every second.
	each func(r *rig, since time.Duration)
	// sent is how many requests the daemon sends in all.
	sent int
	// jumps are by how much the wall clock is set after so many seconds.
	jumps map[int]time.Duration
}

func timers() []timer {
	return []timer{
		{
			name: "idle time", takes: 12 * time.Minute, sent: 2,
			begin: func(r *rig) { r.queue.submit(start, 1) },
			each: func(r *rig, _ time.Duration) {
				r.queue.schedule(time.Now(), r.cloud.list(), 90*time.Second)
			},
		},
		{
			name: "boot timeout", takes: 4 * time.Minute, sent: 3, // the late node goes and another comes
			change: func(o *Options) { o.Policy.Pools[0].BootTimeout = 127 * time.Second },
			begin:  func(r *rig) { r.queue.submit(start, 1) },
		},
		{
			name: "backoff", takes: 9 * time.Minute, sent: 4,
			begin: func(r *rig) {
				r.queue.submit(start, 1)
				r.fail(100, "create", soldOut)
			},
		},
		{
			name: "gang hold", takes: 12 * time.Minute, sent: 2,
			change: func(o *Options) {
				o.Policy.GangHold = 397 * time.Second
				o.Policy.Pools[0].IdleTime = time.Hour
			},
			begin: func(r *rig) {
				r.queue.submit(start, 1)
				r.queue.pending[0].Tasks, r.queue.pending[0].Grouping = 4, autoscale.Coupled
				r.fail(1, "create", cutShort)
			},
			each: func(r *rig, since time.Duration) {
				if since == time.Second {
					r.cloud.mu.Lock()
					r.cloud.max = 1 // the rest will never come
					r.cloud.mu.Unlock()
				}
			},
		},
		{
			name: "drain", takes: 12 * time.Minute, sent: 3,
			change: func(o *Options) { withMarks(o) },
			begin:  func(r *rig) { r.queue.submit(start, 1) },
			each: func(r *rig, _ time.Duration) {
				r.queue.schedule(time.Now(), r.cloud.list(), 90*time.Second)
			},
		},
		{
			name: "drain timeout", takes: 30 * time.Minute, sent: 6, // marked, undone, marked, undone, and marked after twice the wait
			change: func(o *Options) {
				withMarks(o)
				o.Policy.Pools[0].MaxAge, o.Policy.Pools[0].DrainTimeout = 10*time.Minute, 217*time.Second
			},
			begin: func(r *rig) { r.queue.submit(start, 1) },
			each: func(r *rig, _ time.Duration) {
				r.queue.schedule(time.Now(), r.cloud.list(), time.Hour)
			},
		},
		{
			name: "mark that never shows", takes: 20 * time.Minute, sent: 5, // after one, two and four minutes
			change: func(o *Options) { withMarks(o).deaf = true },
			begin:  func(r *rig) { r.queue.submit(start, 1) },
			each: func(r *rig, _ time.Duration) {
				r.queue.schedule(time.Now(), r.cloud.list(), 90*time.Second)
			},
		},
	}
}

// afterEach kills a daemon before its next tick, whenever it sent something.
const afterEach = 0

// play runs a timer's world in a bubble, with a daemon that is killed and started
// again at each of the moments, and returns when it sent something.
func (w timer) play(t *testing.T, kills ...time.Duration) []time.Duration {
	var log sends
	synctest.Test(t, func(t *testing.T) {
		t0 := time.Now()
		var set atomic.Int64
		wall := func() time.Time { return time.Now().Add(time.Duration(set.Load())) }
		r := newRig(t, func(o *Options) {
			o.Now, o.Clock, o.Interval = nil, NewClock(wall), time.Second
			o.Cloud.(*fakeCloud).now = time.Now
			if w.change != nil {
				w.change(o)
			}
			if q, marks := o.Queue.(*drainQueue); marks {
				o.Queue = timedMarks{q, t0, &log}
			}
			o.Cloud = timed{o.Cloud.(*fakeCloud), t0, &log}
		})
		w.begin(r)
		stop := live(r)
		restart := func() {
			stop()
			r.options.Clock = NewClock(wall)
			r.restart()
			stop = live(r)
		}
		sent, often := 0, len(kills) == 1 && kills[0] == afterEach
		for second := time.Second; second <= w.takes; second += time.Second {
			for ; !often && len(kills) > 0 && kills[0] <= second; kills = kills[1:] {
				time.Sleep(time.Until(t0.Add(kills[0])))
				restart()
			}
			time.Sleep(time.Until(t0.Add(second)))
			synctest.Wait()
			if n := len(log.all()); often && n > sent {
				sent = n
				restart()
			}
			if w.each != nil {
				w.each(r, second)
			}
			set.Add(int64(w.jumps[int(second/time.Second)]))
		}
		stop()
	})
	return log.all()
}

// live runs the rig's loop until the returned function is called.
func live(r *rig) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.loop.Run(ctx)
	}()
	return func() { cancel(); <-ended }
}

// moments are when a daemon is killed: of the first seed after each thing sent, of
// others at random, about twice a minute.
func (w timer) moments(seed uint64) []time.Duration {
	if seed == 0 {
		return []time.Duration{afterEach}
	}
	random := rand.New(rand.NewPCG(seed, 4))
	after := func() time.Duration { return time.Duration(1+random.IntN(60_000)) * time.Millisecond }
	var kills []time.Duration
	for at := after(); at < w.takes; at += after() {
		kills = append(kills, at)
	}
	return kills
}

// TestTimersGoOnAfterARestart kills daemons at random moments, in the middle of
// whatever is being waited for: nothing happens more than a second earlier or later
// than without, for each time that a timer is up.
func TestTimersGoOnAfterARestart(t *testing.T) {
	for _, w := range timers() {
		t.Run(w.name, func(t *testing.T) {
			undisturbed := w.play(t)
			require.Len(t, undisturbed, w.sent, "%v", undisturbed)
			for seed := range uint64(4) {
				got := w.play(t, w.moments(seed)...)
				require.Len(t, got, len(undisturbed), "seed %d: %v, and without restarts %v", seed, got, undisturbed)
				for i := range got {
					require.InDelta(t, undisturbed[i].Seconds(), got[i].Seconds(), float64(i+1),
						"seed %d: each timer within a second, counted from the one before: %v, and without restarts %v", seed, got, undisturbed)
				}
			}
		})
	}
}
