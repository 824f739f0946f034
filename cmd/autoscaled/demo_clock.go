package main

import (
	"sync"
	"time"
)

// demoClock is the time of the trace. It stands still while the daemon works and
// passes while it sleeps, so that an API call takes no longer in the trace's time
// than it would in real life; a clock that ran on would make hours of a slow
// machine's hiccup. Sleeps are paced so that the trace passes speed times as fast
// as real time, or as fast as the machine can where that is slower. What happens
// therefore does not depend on the machine.
type demoClock struct {
	began      time.Time // real
	start, end time.Time // of the trace
	speed      float64

	mu   sync.Mutex
	now  time.Time
	over func() // called when the end is reached; nil: the clock has stopped
}

func newDemoClock(start, end time.Time, speed float64) *demoClock {
	return &demoClock{began: time.Now(), start: start, end: end, speed: speed, now: start}
}

// Now is the time of the trace.
func (c *demoClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// elapsed is real time since the demo began.
func (c *demoClock) elapsed() time.Duration { return time.Since(c.began) }

// runs lets After pass time, and calls over once when the trace's end is reached.
func (c *demoClock) runs(over func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = over
}

// stop makes the time stand still for good.
func (c *demoClock) stop() { c.runs(nil) }

// After is the loop's timer, in the time of the trace. It passes the time when it
// fires. It never fires at the end of the trace or later, nor once the clock has
// stopped.
func (c *demoClock) After(d time.Duration) <-chan time.Time {
	to := c.Now().Add(d)
	fired := make(chan time.Time, 1)
	time.AfterFunc(c.pace(to), func() {
		if c.pass(to) {
			fired <- to
		}
	})
	return fired
}

// pace is the real time until the trace's time should be to.
func (c *demoClock) pace(to time.Time) time.Duration {
	if to.After(c.end) {
		to = c.end
	}
	return time.Duration(float64(to.Sub(c.start))/c.speed) - c.elapsed()
}

// pass moves the time, and tells whether to go on.
func (c *demoClock) pass(to time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over == nil {
		return false
	}
	if !to.Before(c.end) {
		c.now = c.end
		c.over()
		c.over = nil
		return false
	}
	if to.After(c.now) {
		c.now = to
	}
	return true
}
