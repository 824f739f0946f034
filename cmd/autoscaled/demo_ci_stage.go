package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"autoscaled/internal/fleet"
	"autoscaled/queue/github/githubtest"
)

// ciPoll is how long GitHub lets a poll wait that has nothing to tell.
const ciPoll = 50 * time.Second

// ciStage moves the time of the CI demo, from one thing that happens to the next, and only
// while the loop sleeps. After each it waits until all that the daemon does in the
// background has come to rest. So nothing depends on how fast the machine is.
type ciStage struct {
	*demoClock
	world  *fleet.World
	github *githubtest.Server
	sets   []string

	mu      sync.Mutex
	changed *sync.Cond
	ended   bool
	// actors is how many goroutines of the daemon's source there are: at rest each has
	// either a line or a timer.
	actors int
	lines  []*ciLine
	timers []ciTimer
	wake   func()    // wakes the loop
	woken  bool      // the source asked for that
	slept  time.Time // when the loop last ended a tick
}

// ciTimer is what a goroutine of the source waits for.
type ciTimer struct {
	at    time.Time
	fires chan time.Time
}

func newCIStage(clock *demoClock, github *githubtest.Server, sets []string) *ciStage {
	s := &ciStage{demoClock: clock, github: github, sets: sets}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// enter begins a life of the daemon, whose source listens to all sets and watches its
// runners; leave ends it.
func (s *ciStage) enter(wake func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actors, s.timers, s.wake, s.woken = len(s.sets)+1, nil, wake, false
}

func (s *ciStage) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actors, s.timers, s.wake = 0, nil, func() {}
}

// end lets nobody wait any more, once and for all.
func (s *ciStage) end() {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.changed.Broadcast()
}

// LoopAfter is the loop's timer. It never fires if the source wakes the loop before.
func (s *ciStage) LoopAfter(d time.Duration) <-chan time.Time {
	to := s.Now().Add(d)
	fired := make(chan time.Time, 1)
	s.mu.Lock()
	s.slept = s.Now()
	s.mu.Unlock()
	go func() {
		if s.play(to) {
			fired <- to
		}
	}()
	return fired
}

// SourceAfter is the source's timer.
func (s *ciStage) SourceAfter(d time.Duration) <-chan time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := ciTimer{s.Now().Add(d), make(chan time.Time, 1)}
	s.timers = append(s.timers, t)
	s.changed.Broadcast()
	return t.fires
}

// Wake is what the source calls when there is news.
func (s *ciStage) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.woken = true
}

// play lets everything happen up to a time. false: the loop was woken before it, or the
// demo is over.
func (s *ciStage) play(to time.Time) bool {
	for s.settle() {
		if wake := s.takeWake(); wake != nil {
			wake()
			return false
		}
		at := s.nextBefore(to)
		if !s.sleep(at) || !s.pass(at) {
			return false
		}
		s.world.Step()
		if !s.settle() {
			return false
		}
		s.hangUp()
		s.ring()
		if at.Equal(to) {
			return s.settle()
		}
	}
	return false
}

// idle lets the world go on without a daemon.
func (s *ciStage) idle(to time.Time) {
	for at := s.Now(); at.Before(to); {
		at = s.nextBefore(to)
		if !s.sleep(at) || !s.pass(at) {
			return
		}
		s.world.Step()
	}
}

// takeWake returns how to wake the loop, if it is to be woken.
func (s *ciStage) takeWake() (wake func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.woken && !s.Now().Before(s.slept.Add(ciGap)) {
		wake, s.woken = s.wake, false
	}
	return wake
}

// nextBefore is when something next happens, at the latest to.
func (s *ciStage) nextBefore(to time.Time) time.Time {
	next := to
	if at, ok := s.world.Next(); ok && at.Before(next) {
		next = at
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if wakes := s.slept.Add(ciGap); s.woken && wakes.Before(next) {
		next = wakes
	}
	for _, t := range s.timers {
		if t.at.Before(next) {
			next = t.at
		}
	}
	for _, l := range s.lines {
		if l.until.Before(next) {
			next = l.until
		}
	}
	if now := s.Now(); next.Before(now) {
		return now
	}
	return next
}

// sleep waits until a time is due; false: the demo is over.
func (s *ciStage) sleep(at time.Time) bool {
	const least = 2 * time.Millisecond // shorter ones cost more than they are worth
	if d := s.pace(at); d > least {
		due := time.AfterFunc(d, func() { // a lock is needed, or the news could come too early
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changed.Broadcast()
		})
		defer due.Stop()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.ended && s.pace(at) > least {
		s.changed.Wait()
	}
	return !s.ended
}

// settle waits until the source is at rest: nothing is left to tell it, and each of its
// goroutines waits. false: the demo is over.
func (s *ciStage) settle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.ended && s.actors > 0 && !s.atRest() {
		s.changed.Wait()
	}
	return !s.ended
}

// atRest tells whether nothing would happen if time stood still. News of which a poll is
// just being told are news until they are acknowledged. The caller holds the lock.
func (s *ciStage) atRest() bool {
	waiting := len(s.timers)
	for _, l := range s.lines {
		if l.ctx.Err() == nil && !s.github.HasNews(l.session) {
			waiting++
		}
	}
	return waiting == s.actors
}

// ring lets the timers fire that are due.
func (s *ciStage) ring() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	s.timers = slices.DeleteFunc(s.timers, func(t ciTimer) bool {
		due := !t.at.After(now)
		if due {
			t.fires <- now
		}
		return due
	})
}

// ciLine is a poll that waits.
type ciLine struct {
	session string // its id
	ctx     context.Context
	until   time.Time
	end     context.CancelFunc
	over    bool // it ends for the time is over
}

// hangUp ends the polls that have waited long enough.
func (s *ciStage) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if !l.until.After(s.Now()) && !l.over {
			l.over = true
			l.end()
		}
	}
}

func (s *ciStage) pickUp(ctx context.Context, session string) *ciLine {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &ciLine{session: session, until: s.Now().Add(ciPoll)}
	l.ctx, l.end = context.WithCancel(ctx)
	s.lines = append(s.lines, l)
	s.changed.Broadcast()
	return l
}

// putDown tells whether the poll ended because its time was over.
func (s *ciStage) putDown(l *ciLine) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.end()
	s.lines = slices.DeleteFunc(s.lines, func(x *ciLine) bool { return x == l })
	return l.over
}
