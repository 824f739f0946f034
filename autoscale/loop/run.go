package loop

import (
	"context"
	"time"

	"autoscaled/autoscale"
)

const (
	// wakeGap is the least time between the starts of two ticks: a storm of
	// wake-ups is one tick a second.
	wakeGap = time.Second
	// askAgain is how soon after a call without an answer the cloud is asked
	// what became of it.
	askAgain = 2 * time.Second
)

// Wake asks for a tick soon. Wake-ups that come before it starts are merged.
func (l *Loop) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run ticks until ctx ends: on the interval, on Wake, and when an operation is
// due. A tick under way then ends within seconds: nothing new is sent, and calls
// under way get a short time for their answers. It returns nil.
func (l *Loop) Run(ctx context.Context) error {
	started := l.Now()
	next := started
	for l.await(ctx, started, next) {
		l.follow(ctx)
		started = l.Now()
		r, err := l.Tick(ctx, started)
		if err != nil && ctx.Err() != nil {
			break
		}
		next = l.nextTick(started, r)
	}
	return nil
}

// await returns true when the next tick is to start, and false when ctx ends.
func (l *Loop) await(ctx context.Context, last, next time.Time) bool {
	for ctx.Err() == nil {
		wait := next.Sub(l.Now())
		if wait <= 0 {
			l.forgetWakes()
			return true
		}
		select {
		case <-ctx.Done():
		case <-l.After(wait):
		case <-l.wake:
			if soonest := last.Add(wakeGap); soonest.Before(next) {
				next = soonest
			}
		}
	}
	return false
}

// forgetWakes drops wake-ups that the tick about to start answers anyway.
func (l *Loop) forgetWakes() {
	select {
	case <-l.wake:
	default:
	}
}

// nextTick is an interval after the start of the last, or earlier where an
// operation is due.
func (l *Loop) nextTick(last time.Time, r Report) time.Time {
	next := last.Add(l.Interval)
	for i := range r.Operations {
		if at := due(r.Operations[i]); at.After(last) && at.Before(next) {
			next = at
		}
	}
	if soonest := last.Add(wakeGap); next.Before(soonest) && l.Interval > wakeGap {
		next = soonest
	}
	return next
}

// due is when an open operation should next be looked at, apart from the
// interval. It may be past; then only the interval counts.
func due(op autoscale.Operation) time.Time {
	switch {
	case op.Phase == autoscale.OpIntended, op.Phase == autoscale.OpSent:
		return op.LastSent().Add(askAgain)
	case op.Deadline.IsZero():
		return time.Time{}
	}
	return op.Deadline.Add(time.Millisecond) // a deadline is passed only after it
}
