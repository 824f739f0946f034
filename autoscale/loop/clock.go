package loop

import (
	"context"
	"sync/atomic"
	"time"
)

// clockTolerance is how far the wall clock must have been set to be followed. The two
// drift together, so they part only when one is set, or sleeps.
const clockTolerance = time.Second

// Clock is the time of a daemon: the time of its start plus the monotonic time since,
// so that nothing ages when the wall clock is set. The loop moves it, and all that is
// remembered with it, where the wall clock was set.
type Clock struct {
	wall  func() time.Time
	start time.Time // wall time, without a monotonic reading
	began time.Time // the same moment, for its monotonic reading
	ahead atomic.Int64
}

// NewClock returns a clock that starts at the wall clock's time. wall nil: time.Now.
func NewClock(wall func() time.Time) *Clock {
	if wall == nil {
		wall = time.Now
	}
	return &Clock{wall: wall, start: wall().Round(0), began: time.Now()}
}

// Now is the daemon's time.
func (c *Clock) Now() time.Time {
	return c.start.Add(time.Since(c.began) + time.Duration(c.ahead.Load()))
}

// skew is how far the wall clock is ahead, if that is more than the tolerance.
func (c *Clock) skew() time.Duration {
	by := c.wall().Round(0).Sub(c.Now())
	if by.Abs() < clockTolerance {
		return 0
	}
	return by
}

// follow sets the loop's clock to the wall clock if that was set, and moves what is
// remembered and under way along: each timer goes on from where it was. What can't be
// written is tried again before the next tick, and until then the clock stays.
func (l *Loop) follow(ctx context.Context) {
	if l.Clock == nil || l.DryRun {
		return
	}
	by := l.Clock.skew()
	if by == 0 || l.take(ctx) != nil {
		return
	}
	defer l.release()
	if err := l.Journal.Move(context.WithoutCancel(ctx), by); err != nil {
		l.log.notMoved(by, err)
		return
	}
	if l.memory != nil {
		m := l.memory.Moved(by)
		l.memory = &m
	}
	for i := range l.failed {
		l.failed[i] = l.failed[i].Moved(by)
	}
	l.mu.Lock()
	if !l.lastGood.IsZero() {
		l.lastGood = l.lastGood.Add(by)
	}
	l.Clock.ahead.Add(int64(by))
	l.mu.Unlock()
	for _, who := range []any{l.Cloud, l.Queue} {
		if m, remembers := who.(Mover); remembers {
			m.Moved(by)
		}
	}
	l.log.moved(by)
}
