package loop

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// The wall clock is hours off when the daemon starts again: no node that works is
// touched, nothing is made twice, and idle nodes go within their time, not hours later.
func TestClockIsHoursOffAfterARestart(t *testing.T) {
	for _, jump := range []time.Duration{-6 * time.Hour, 6 * time.Hour, -36 * time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			r := newRig(t)
			r.queue.submit(r.at, 2)
			r.until(func() bool {
				r.queue.schedule(r.at, r.cloud.list(), 1000*time.Hour)
				return len(r.queue.running) == 2
			})
			r.at = r.at.Add(jump)
			for _, n := range r.cloud.nodes {
				n.born = n.born.Add(jump)
			}
			r.restart()
			r.ticks(60)
			require.Len(t, r.cloud.list(), 2)
			require.Equal(t, 2, r.cloud.serial)
			require.Zero(t, r.cloud.count("remove"))
			clear(r.queue.running)
			r.ticks(int(5*time.Minute/step) + 4)
			require.Empty(t, r.cloud.list(), "idle time runs from now")
		})
	}
}

// The wall clock of a running daemon is set forward by five hours and back by three,
// again and again, in the middle of whatever is being waited for, and each other time
// the daemon is started again soon after: nothing happens more than a second earlier
// or later than by a clock that goes right.
func TestTimersGoOnWhenTheClockIsSet(t *testing.T) {
	for _, w := range timers() {
		t.Run(w.name, func(t *testing.T) {
			undisturbed := w.play(t)
			require.Len(t, undisturbed, w.sent, "%v", undisturbed)
			for seed := range uint64(4) {
				random := rand.New(rand.NewPCG(seed, 5))
				var kills []time.Duration
				w.jumps = map[int]time.Duration{}
				for at, forward := 1+random.IntN(40), true; at < int(w.takes/time.Second); at, forward = at+5+random.IntN(60), !forward {
					w.jumps[at] = 5*time.Hour + 17*time.Second
					if !forward {
						w.jumps[at] = -3 * time.Hour
					}
					if seed%2 == 1 { // a daemon that has ticked since
						kills = append(kills, time.Duration(at)*time.Second+2500*time.Millisecond)
					}
				}
				got := w.play(t, kills...)
				require.Len(t, got, len(undisturbed), "seed %d: %v, by a clock that goes right %v", seed, got, undisturbed)
				for i := range got {
					require.InDelta(t, undisturbed[i].Seconds(), got[i].Seconds(), float64(i+1),
						"seed %d: %v, by a clock that goes right %v", seed, got, undisturbed)
				}
			}
		})
	}
}

// While no daemon runs nobody sees that the clock is set. Forward it is as if the
// daemon had been away for as long: what was to come by then comes at once. Back, what
// is counted starts again with the daemon, and so comes late by its length at most.
func TestTimersAfterTheClockWasSetWhileDown(t *testing.T) {
	for _, w := range timers() {
		t.Run(w.name, func(t *testing.T) {
			undisturbed := w.play(t)
			first, second := undisturbed[0], undisturbed[1]
			w.takes += 15 * time.Minute
			at := (first + (second-first)*2/3).Truncate(time.Second)
			next := func(by time.Duration) time.Duration {
				w.jumps = map[int]time.Duration{int(at / time.Second): by}
				got := w.play(t, at+time.Millisecond)
				require.Greater(t, len(got), 1, "%v", got)
				require.InDelta(t, first.Seconds(), got[0].Seconds(), 1)
				return got[1]
			}
			require.InDelta(t, at.Seconds(), next(5*time.Hour).Seconds(), 5, "set forward: at once")
			back := next(-3 * time.Hour)
			require.GreaterOrEqual(t, back, second-time.Second, "set back: not before its time")
			require.LessOrEqual(t, back, at+(second-first)+5*time.Second, "nor hours later")
		})
	}
}

// movedCloud and movedQueue remember times of their own.
type (
	movedCloud struct {
		Cloud
		moves []time.Duration
	}
	movedQueue struct {
		Queue
		moves []time.Duration
	}
)

func (c *movedCloud) Moved(by time.Duration) { c.moves = append(c.moves, by) }
func (q *movedQueue) Moved(by time.Duration) { q.moves = append(q.moves, by) }

func TestCloudAndQueueFollowTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var set time.Duration
		var c *movedCloud
		var q *movedQueue
		r := newRig(t, func(o *Options) {
			o.Now, o.Clock = nil, NewClock(func() time.Time { return time.Now().Add(set) })
			c, q = &movedCloud{Cloud: o.Cloud}, &movedQueue{Queue: o.Queue}
			o.Cloud, o.Queue = c, q
		})
		broken := &immovable{Journal: r.journal, err: errors.New("no space left on device")}
		r.loop.Journal = broken
		set = time.Hour
		r.loop.follow(t.Context())
		require.Empty(t, c.moves, "before the journal could")
		broken.err = nil
		r.loop.follow(t.Context())
		r.loop.follow(t.Context())
		require.Equal(t, []time.Duration{time.Hour}, c.moves)
		require.Equal(t, []time.Duration{time.Hour}, q.moves)
	})
}

// What can't be written down is not forgotten by the clock either: until the journal
// can follow the daemon goes on by the old time.
func TestClockWaitsForTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var set time.Duration
		r := newRig(t, func(o *Options) {
			o.Now, o.Clock = nil, NewClock(func() time.Time { return time.Now().Add(set) })
		})
		broken := &immovable{Journal: r.journal, err: errors.New("no space left on device")}
		r.loop.Journal = broken
		r.loop.memory = &autoscale.Memory{}
		began := r.loop.Now()
		set = 5 * time.Hour
		r.loop.follow(t.Context())
		require.Equal(t, began, r.loop.Now())
		broken.err = nil
		r.loop.follow(t.Context())
		require.Equal(t, began.Add(5*time.Hour), r.loop.Now())
		r.loop.follow(t.Context())
		require.Equal(t, []time.Duration{5 * time.Hour, 5 * time.Hour}, broken.moves)
		set = -3 * time.Hour
		r.loop.follow(t.Context())
		require.Equal(t, began.Add(-3*time.Hour), r.loop.Now())
		r.loop.DryRun = true
		set = 0
		r.loop.follow(t.Context())
		require.Equal(t, began.Add(-3*time.Hour), r.loop.Now(), "a dry run writes nothing, and keeps its own time")
	})
}

// immovable is a journal whose times can't be moved.
type immovable struct {
	Journal
	err   error
	moves []time.Duration
}

func (j *immovable) Move(ctx context.Context, by time.Duration) error {
	j.moves = append(j.moves, by)
	if j.err != nil {
		return j.err
	}
	return j.Journal.Move(ctx, by)
}
