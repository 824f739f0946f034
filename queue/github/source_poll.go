package github

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// step does what is due and polls once.
func (x *scaleSet) step(ctx context.Context, session *Session) error {
	if err := x.catchUp(ctx, session); err != nil {
		return err
	}
	began := x.source.options.Now()
	m, hurried, err := x.poll(ctx, session)
	switch {
	case hurried:
		return nil
	case err != nil:
		return err
	case m != nil:
		return x.take(ctx, session, m)
	}
	x.fresh(session)
	x.acquireWaiting(ctx, session)
	// A service in trouble answers empty polls at once; ten a second would be no use.
	x.source.pause(ctx, pollPace-x.source.options.Now().Sub(began))
	return nil
}

// pollPace is the least time from one empty poll to the next.
const pollPace = time.Second

// catchUp lists the runners after a start or a lost session, and after a long
// silence. Statistics are read anew after that, and once runners were seen to end of
// which no message told.
func (x *scaleSet) catchUp(ctx context.Context, session *Session) error {
	s := x.source
	s.mu.Lock()
	due := x.due || s.options.Now().Sub(x.seen) > s.options.Timings.Stale
	recount := due || x.outdated()
	s.mu.Unlock()
	if due {
		if err := s.list(ctx); err != nil {
			return err
		}
	}
	if !recount {
		return nil
	}
	if err := session.Refresh(ctx); err != nil { // after the listing: it counts none that ended before
		return err
	}
	x.newCounts()
	x.fresh(session)
	if due {
		x.settle(nil)
	}
	s.wake()
	return nil
}

// hurryOutdated ends a poll that waits while the counts are outdated. The caller holds
// the lock.
func (x *scaleSet) hurryOutdated() {
	if x.hurry != nil && x.outdated() {
		x.hurry()
	}
}

// newCounts notes that the counts were told just now.
func (x *scaleSet) newCounts() {
	x.update(func() { x.countsAt = x.source.serial })
}

// poll waits for news, or until it is hurried on: then it waited with a capacity
// that is no longer so, or the counts are outdated.
func (x *scaleSet) poll(ctx context.Context, session *Session) (m *Message, hurried bool, err error) {
	waiting, hurry := context.WithCancel(ctx)
	defer hurry()
	var capacity int
	x.update(func() {
		capacity, x.hurry = x.capacity, hurry
		x.hurryOutdated()
	})
	m, err = session.Next(waiting, capacity)
	x.update(func() { x.hurry = nil })
	return m, err != nil && waiting.Err() != nil && ctx.Err() == nil, err
}

// fresh takes over the session's statistics: the set was heard of just now.
func (x *scaleSet) fresh(session *Session) {
	counts, known := session.Statistics()
	x.saw(counts, known)
}

// saw notes counts of this moment. An empty poll brings those that were known.
func (x *scaleSet) saw(counts Statistics, known bool) {
	changed := false
	x.update(func() {
		changed = x.counts != counts || x.known != known
		x.counts, x.known, x.seen = counts, known, x.source.options.Now()
		if !x.due {
			x.problem = nil
		}
		if known && counts.Assigned == 0 {
			clear(x.queued)
		}
	})
	if changed {
		x.source.wake()
	}
}

// take acts on a message and acknowledges it. It may be one that came before.
func (x *scaleSet) take(ctx context.Context, session *Session, m *Message) error {
	s := x.source
	for _, err := range m.Unread {
		s.report(fmt.Errorf("scale set %q: %w", x.Name, err))
	}
	x.acquire(ctx, session, m.Events)
	if err := s.hear(ctx, x, m.Events); err != nil {
		return err
	}
	if len(m.Unread) > 0 { // of ends, perhaps
		if err := s.unhear(ctx, x); err != nil {
			return err
		}
		s.relist()
	}
	if _, known := session.Statistics(); !known {
		if err := session.Refresh(ctx); err != nil {
			s.report(fmt.Errorf("scale set %q: %w", x.Name, err))
		}
	}
	x.newCounts()
	x.fresh(session)
	s.wake()
	return session.Ack(ctx, m.ID)
}

// acquire takes the jobs that the message offers. What fails is no reason to hear
// the message again: jobs not acquired stay acquirable, see acquireWaiting.
func (x *scaleSet) acquire(ctx context.Context, session *Session, events []Event) {
	var requests []int64
	for _, e := range events {
		if e.Kind == JobAvailable && e.RequestID != 0 {
			requests = append(requests, e.RequestID)
		}
	}
	if _, err := session.Acquire(ctx, requests); err != nil {
		x.source.report(err)
	}
}

// acquireWaiting takes the jobs that were offered and not acquired: by a message
// that was lost, or to a daemon that has ended.
func (x *scaleSet) acquireWaiting(ctx context.Context, session *Session) {
	if counts, known := session.Statistics(); !known || counts.Available == 0 {
		return
	}
	x.source.mu.Lock()
	id := x.id
	x.source.mu.Unlock()
	jobs, err := x.source.options.Client.Acquirable(ctx, id)
	if err != nil {
		x.source.report(err)
		return
	}
	x.acquire(ctx, session, jobs)
}

// hear notes what events tell of runners and of waiting jobs. Hearing them again
// changes nothing.
func (s *Source) hear(ctx context.Context, x *scaleSet, events []Event) error {
	err := s.commit(ctx, func(records map[string]record) (durable bool) {
		for _, e := range events {
			if host, r, ok := ranOn(records, e); ok && s.learn(&r, e) {
				records[host], durable = r, true
			}
		}
		return durable
	})
	if err != nil {
		return err
	}
	x.update(func() {
		for _, e := range events {
			x.age(e)
		}
		x.boundQueued()
	})
	return nil
}

// ranOn finds the record of the runner that an event names.
func ranOn(records map[string]record, e Event) (string, record, bool) {
	host := strings.ToLower(e.RunnerName)
	if r, known := records[host]; known {
		return host, r, e.RunnerID == 0 || r.Runner == 0 || r.Runner == e.RunnerID
	}
	for host, r := range records {
		if e.RunnerID != 0 && r.Runner == e.RunnerID {
			return host, r, true
		}
	}
	return "", record{}, false
}

// learn takes an event of a runner to its record. News may come late and in any
// order: an end that was seen stays one.
func (s *Source) learn(r *record, e Event) (changed bool) {
	switch e.Kind {
	case JobStarted:
		changed = !r.Started
		r.Started = true
	case JobCompleted:
		if changed = !r.Ended; changed {
			r.end(s.options.Now())
		}
	default:
		return false
	}
	if r.Job == "" {
		r.Job = e.JobID
	}
	if r.Runner == 0 {
		r.Runner = e.RunnerID
	}
	r.heard, r.idle, r.changed = true, time.Time{}, s.serial
	return changed
}

// age keeps when a job that waits was queued.
func (x *scaleSet) age(e Event) {
	switch e.Kind {
	case JobAssigned:
		at := e.QueueTime
		if at.IsZero() {
			at = e.AssignTime
		}
		if !at.IsZero() {
			x.queued[e.Key()] = at
		}
	case JobStarted, JobCompleted:
		delete(x.queued, e.Key())
	}
}

// maxQueued bounds how many jobs' ages are kept beyond those assigned.
const maxQueued = 1000

// boundQueued forgets the oldest ages once there are many more than jobs: news of
// their ends was lost.
func (x *scaleSet) boundQueued() {
	for len(x.queued) > x.counts.Assigned+maxQueued {
		var oldest JobKey
		for key, at := range x.queued {
			if first := x.queued[oldest]; first.IsZero() || at.Before(first) {
				oldest = key
			}
		}
		delete(x.queued, oldest)
	}
}

// readOnly follows the set in a dry run: by its statistics alone.
func (x *scaleSet) readOnly(ctx context.Context) error {
	group, err := x.source.options.Client.FindGroup(ctx, x.Group)
	if err != nil {
		return err
	}
	found, err := x.source.options.Client.FindSet(ctx, group.ID, x.Name)
	if errors.Is(err, ErrSetNotFound) {
		return fmt.Errorf("a dry run makes no scale set, the daemon makes it when it runs without --dry-run: %w", err)
	}
	if err != nil {
		return err
	}
	x.update(func() { x.id = found.ID })
	for ctx.Err() == nil {
		if err := x.look(ctx, found.ID); err != nil {
			return err
		}
		x.failures = 0
		x.source.pause(ctx, readOnlyPace)
	}
	return ctx.Err()
}

// readOnlyPace is the time between two looks of a dry run.
const readOnlyPace = 30 * time.Second

func (x *scaleSet) look(ctx context.Context, id int) error {
	set, err := x.source.options.Client.Set(ctx, id)
	if err != nil {
		return err
	}
	if set.Statistics == nil {
		return fmt.Errorf("read scale set %d: %w: it tells no statistics", id, ErrMalformed)
	}
	x.newCounts()
	if err := x.source.list(ctx); err != nil {
		return err
	}
	x.saw(*set.Statistics, true)
	x.settle(nil)
	return nil
}
