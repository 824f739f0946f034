package githubrest

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// pace is the least time between two reads, those that cost nothing included:
	// GitHub bears 900 a minute.
	pace = 100 * time.Millisecond
	// spare is the share of GitHub's own limit that reads leave to what must not wait:
	// registering and deleting runners.
	spare = 0.02
	// turnCost is what a read that cost nothing counts for among those who wait: it took
	// a turn, and who has only such reads would take all of them.
	turnCost = 0.1
	// maxPause bounds the wait after GitHub said that calls are too many.
	maxPause = time.Hour
)

// budget lets reads through one after the other, as GitHub asks for, at a rate that
// keeps to the calls that we may make. Who has had least goes first, so that a
// repository with many runs takes no turn of others. What changes something doesn't
// wait; it is counted, and reads make up for it.
type budget struct {
	perHour   int
	throttled time.Duration // first pause after a refusal that names no time

	mu      sync.Mutex
	tokens  float64 // calls that may be made now; below zero: owed
	filled  time.Time
	last    time.Time // when the last read was let through
	reading bool      // one is under way
	waiting []*turn
	had     map[string]float64 // calls by who made them, on a clock that all share
	clock   float64
	cost    map[string]int64 // calls that counted, by who made them
	timer   *time.Timer
	limits  limits
	paused  time.Time // no call before this
	pauses  int       // refusals in a row
	spent   int64     // calls that counted, all in all
	free    int64     // answers 304
}

// limits are GitHub's own, as its last answer told them.
type limits struct {
	known     bool
	limit     int
	remaining int
	reset     time.Time
}

// turn is a read that waits.
type turn struct {
	who   string
	ready chan struct{}
}

func newBudget(perHour int, throttled time.Duration) *budget {
	b := &budget{perHour: perHour, throttled: throttled, had: map[string]float64{}, cost: map[string]int64{}}
	b.tokens, b.filled = b.burst(), time.Now()
	return b
}

// burst is how many calls may follow each other undelayed: a minute's.
func (b *budget) burst() float64 { return max(1, float64(b.perHour)/60) }

// rate is how many calls a second may be made: by our own budget, or as many as GitHub
// has left until it counts anew. The caller holds the lock.
func (b *budget) rate(now time.Time) float64 {
	rate := float64(b.perHour) / 3600
	if l := b.limits; l.known && now.Before(l.reset) {
		left := float64(l.remaining) - spare*float64(l.limit)
		rate = min(rate, max(left, 0)/max(l.reset.Sub(now).Seconds(), 1))
	}
	return rate
}

// take waits until a read may be made. It is followed by done.
func (b *budget) take(ctx context.Context, who string) error {
	t := &turn{who: who, ready: make(chan struct{})}
	b.mu.Lock()
	b.had[who] = max(b.had[who], b.clock) // who was away saved nothing up
	b.waiting = append(b.waiting, t)
	b.dispatch()
	b.mu.Unlock()
	select {
	case <-t.ready:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.waiting, t); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
	} else { // it was its turn just now
		b.finish(who, true)
	}
	return fmt.Errorf("%w: waiting for a call within the budget: %w", ErrUnavailable, ctx.Err())
}

// done tells that a read is over, and whether it cost nothing.
func (b *budget) done(who string, free bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if free {
		b.free++
	}
	b.finish(who, free)
}

// finish gives back what a read did not cost; the caller holds the lock.
func (b *budget) finish(who string, free bool) {
	if free {
		b.tokens++
		b.had[who] -= 1 - turnCost
		b.cost[who]--
		b.spent--
	}
	b.reading = false
	b.dispatch()
}

// dispatch lets the next read through, or sees to it that it is looked for later. The
// caller holds the lock.
func (b *budget) dispatch() {
	if b.reading || len(b.waiting) == 0 {
		return
	}
	now := time.Now()
	b.refill(now)
	if wait := b.wait(now); wait > 0 {
		if b.timer != nil {
			b.timer.Stop()
		}
		b.timer = time.AfterFunc(wait, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.dispatch()
		})
		return
	}
	next := 0
	for i, t := range b.waiting {
		if b.had[t.who] < b.had[b.waiting[next].who] {
			next = i
		}
	}
	t := b.waiting[next]
	b.waiting = slices.Delete(b.waiting, next, next+1)
	b.clock = max(b.clock, b.had[t.who])
	b.had[t.who]++
	b.cost[t.who]++
	b.tokens--
	b.spent++
	b.reading, b.last = true, now
	close(t.ready)
}

// refill adds the calls that time has brought; the caller holds the lock.
func (b *budget) refill(now time.Time) {
	if elapsed := now.Sub(b.filled).Seconds(); elapsed > 0 {
		b.tokens = min(b.tokens+elapsed*b.rate(now), b.burst())
	}
	b.filled = now
}

// wait is how long no read is let through; the caller holds the lock.
func (b *budget) wait(now time.Time) time.Duration {
	wait := max(b.last.Add(pace).Sub(now), b.paused.Sub(now))
	if l := b.limits; l.known && now.Before(l.reset) && float64(l.remaining) <= spare*float64(l.limit) {
		wait = max(wait, l.reset.Sub(now))
	}
	if lack := 1 - b.tokens; lack > 1e-9 && b.rate(now) > 0 {
		seconds := math.Ceil(lack/b.rate(now)*1000) / 1000
		wait = max(wait, min(time.Duration(seconds*float64(time.Second)), time.Minute))
	}
	return wait
}

// charge counts a call that changes something; it fails while GitHub wants none.
func (b *budget) charge() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if wait := b.paused.Sub(now); wait > 0 {
		return fmt.Errorf("%w: GitHub wants no calls for another %s", ErrThrottled, wait.Round(time.Second))
	}
	b.refill(now)
	b.tokens--
	b.spent++
	return nil
}

// heard takes what an answer tells of GitHub's limits, and whether GitHub refused for
// too many calls; after is how long it then wants us to wait. 0: it doesn't say.
func (b *budget) heard(header http.Header, refused bool, after time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.refill(now)
	if resource := header.Get("X-Ratelimit-Resource"); resource == "" || resource == "core" {
		b.limits.read(header)
	}
	if !refused {
		b.pauses = 0
		return
	}
	switch l := b.limits; {
	case after > 0:
	case l.known && l.remaining == 0 && now.Before(l.reset):
		after = l.reset.Sub(now)
	default:
		after = b.throttled << min(b.pauses, 10)
		b.pauses++
	}
	if until := now.Add(min(after, maxPause)); until.After(b.paused) {
		b.paused = until
	}
}

// read takes over the headers if they are all there and make sense.
func (l *limits) read(h http.Header) {
	limit, err1 := strconv.Atoi(h.Get("X-Ratelimit-Limit"))
	remaining, err2 := strconv.Atoi(h.Get("X-Ratelimit-Remaining"))
	reset, err3 := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || limit <= 0 || remaining < 0 || reset <= 0 {
		return
	}
	*l = limits{true, limit, remaining, time.Unix(reset, 0)}
	if latest := time.Now().Add(maxPause + time.Minute); l.reset.After(latest) { // clocks differ
		l.reset = latest
	}
}

// pausedFor is how long GitHub wants no calls. 0: it takes them.
func (b *budget) pausedFor() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	wait := b.paused.Sub(now)
	if l := b.limits; l.known && float64(l.remaining) <= spare*float64(l.limit) {
		wait = max(wait, l.reset.Sub(now))
	}
	return max(wait, 0)
}

// costs is how many calls counted that were made for who, all in all.
func (b *budget) costs(who string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cost[who]
}
