package githubrest

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// watch lists the runners from time to time until the context ends, and tidies up.
func (s *Source) watch(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		err := s.list(ctx)
		if ctx.Err() != nil {
			return
		}
		t := s.options.Timings
		if err != nil {
			if failures == 0 {
				s.report(fmt.Errorf("list runners: %w", err))
			}
			pause(ctx, min(t.Retry<<min(failures, 16), t.RetryMax))
			failures++
			continue
		}
		failures = 0
		s.tidy(ctx)
		pause(ctx, t.Gap)
		s.untilDue(ctx)
	}
}

// untilDue waits for the next listing.
func (s *Source) untilDue(ctx context.Context) {
	t := s.options.Timings
	wait := t.Quiet
	if len(s.hosts(func(r *record) bool { return !r.done() || r.Deleting })) > 0 {
		wait = t.Relist
	}
	wait = min(wait, t.Stale-t.Stale/4) // else it were unknown before it is due
	timer := time.NewTimer(max(wait-t.Gap, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.kick:
	case <-ctx.Done():
	}
}

// list holds the records against the runners that GitHub has.
func (s *Source) list(ctx context.Context) error {
	s.mu.Lock()
	err := s.book.Load(ctx)
	s.mu.Unlock()
	serial, at := s.moment()
	var runners []runner
	if err == nil {
		runners, err = s.client.runners(ctx, &reader{who: whoRunners, first: func() { serial, at = s.moment() }})
		err = hidden(err)
	}
	changed := false
	if err == nil {
		err = s.commit(ctx, func(records map[string]record) {
			l := newListing(runners, serial, at, s.options.Timings.Relist)
			l.now = s.now()
			for host, r := range records {
				was, before := r.use(), r.lasting()
				l.hold(&r)
				records[host] = r
				now := r.use()
				changed = changed || before != r.lasting() || was.Missing != now.Missing
			}
			s.strangers = l.strangers(records)
		})
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.mu.Lock()
	s.listing = err
	if err == nil {
		s.listed = at
	}
	s.mu.Unlock()
	s.heard()
	if changed {
		s.wake()
	}
	return err
}

// listing is the runners that there were while it was made: pages shift when runners
// go, so one that is missing from it may be there.
type listing struct {
	byID   map[int64]runner
	byName map[string]runner
	serial int64         // of what changed later it knows nothing
	at     time.Time     // when it began
	now    time.Time     // when it is taken to the records
	sure   time.Duration // how long it takes for a state to be believed that may be a hiccup
}

func newListing(runners []runner, serial int64, at time.Time, sure time.Duration) *listing {
	l := &listing{byID: map[int64]runner{}, byName: map[string]runner{}, serial: serial, at: at, sure: sure}
	for _, r := range runners {
		l.byID[r.ID], l.byName[strings.ToLower(r.Name)] = r, r
	}
	return l
}

// hold takes to a record what the listing tells of its runner.
func (l *listing) hold(r *record) {
	if r.changed > l.serial {
		return
	}
	runner, listed := l.byID[r.Runner]
	if r.Runner == 0 {
		if runner, listed = l.byName[strings.ToLower(r.Host)]; listed {
			r.Runner = runner.ID
		}
	}
	r.unlisted = !listed
	if !listed {
		l.holdSilent(r)
		return
	}
	r.Gone = false
	if r.Deleted && !r.Ended {
		r.Deleted, r.Deleting, r.Over = false, true, time.Time{}
	}
	switch {
	case r.Ended:
	case *runner.Busy:
		r.start(l.now)
	case r.Started && r.idle.IsZero():
		r.idle = l.at
	}
	if strings.EqualFold(runner.Status, "online") {
		r.heard, r.silent = true, time.Time{}
	} else {
		l.holdSilent(r)
	}
}

// holdSilent notes that a runner is not there. One that was is believed to be away once
// that has lasted.
func (l *listing) holdSilent(r *record) {
	switch {
	case r.silent.IsZero():
		r.silent = l.at
	case l.at.Sub(r.silent) >= l.sure:
		r.heard = false
	}
}

// strangers are the runners that no record knows.
func (l *listing) strangers(records map[string]record) map[string]runner {
	strangers := map[string]runner{}
	for host, r := range l.byName {
		if _, known := records[host]; !known {
			strangers[host] = r
		}
	}
	return strangers
}

// tidy sends deletions for runners whose job, as listings say, doesn't run any more, or
// that are in doubt: only the answer tells whether that is so.
func (s *Source) tidy(ctx context.Context) {
	if s.options.DryRun {
		return
	}
	now := s.now()
	hosts := s.hosts(func(r *record) bool {
		over := r.unlisted || !r.idle.IsZero() && now.Sub(r.idle) >= s.options.Timings.Relist
		return !r.done() && (r.Deleting || r.busy() && over)
	})
	for i, o := range s.remove(ctx, hosts) {
		if o.err != nil && ctx.Err() == nil {
			s.report(fmt.Errorf("tidy up runner %q: %w", hosts[i], o.err))
		}
	}
	if len(hosts) > 0 {
		s.wake()
	}
}
