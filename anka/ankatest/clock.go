package ankatest

import (
	"sync"
	"time"
)

// Clock tells the controller what time it is. A clock that runs backwards is read as standing still.
type Clock interface {
	Now() time.Time
}

// ClockFunc makes a Clock of a function, for worlds that keep their own time.
type ClockFunc func() time.Time

// Now calls the function.
func (f ClockFunc) Now() time.Time { return f() }

// NewClock returns a clock that starts at start and runs speed times as fast as real time.
func NewClock(start time.Time, speed float64) Clock {
	began := time.Now()
	return ClockFunc(func() time.Time {
		return start.Add(time.Duration(float64(time.Since(began)) * speed))
	})
}

// ManualClock stands still until it is moved. It is safe for concurrent use.
type ManualClock struct {
	mu  sync.Mutex
	now time.Time
}

// NewManualClock returns a clock that shows start.
func NewManualClock(start time.Time) *ManualClock {
	return &ManualClock{now: start}
}

// Now returns the time last set.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward by d; a negative d is ignored.
func (c *ManualClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > 0 {
		c.now = c.now.Add(d)
	}
}
