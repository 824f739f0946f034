package github

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"
)

// list holds the records against the runners that GitHub has.
func (s *Source) list(ctx context.Context) error {
	s.mu.Lock()
	if err := s.book.Load(ctx); err != nil {
		s.mu.Unlock()
		return err
	}
	began, at := s.serial, s.options.Now()
	s.mu.Unlock()
	runners, err := s.options.Client.Runners(ctx)
	if err != nil {
		return err
	}
	changed := false
	err = s.commit(ctx, func(records map[string]record) (durable bool) {
		l := newListing(runners, began, at, s.options.Timings.Relist)
		for host, r := range records {
			before := r
			l.hold(&r)
			records[host] = r
			changed = changed || r != before
			durable = durable || r.durable() != before.durable()
		}
		s.strangers, s.listed = s.strangersIn(records, runners), at
		return durable
	})
	if changed {
		s.wake()
	}
	return err
}

// durable is what of a record must survive a restart.
func (r record) durable() record {
	r.heard, r.silent, r.idle, r.changed, r.atWork, r.unheard = false, time.Time{}, time.Time{}, 0, false, false
	r.sending, r.endedIn = false, 0
	return r
}

// strangersIn finds runners of our sets that no record knows; the caller holds the
// lock.
func (s *Source) strangersIn(records map[string]record, runners []Runner) map[string]Runner {
	strangers := map[string]Runner{}
	for _, r := range runners {
		host := strings.ToLower(r.Name)
		if _, known := records[host]; !known && s.setOf(r.SetID) != nil {
			strangers[host] = r
		}
	}
	return strangers
}

// listing is all runners that there were at some moment since it began.
type listing struct {
	byID   map[int64]Runner
	byName map[string]Runner
	began  int64 // serial number: what changed later it knows nothing of
	at     time.Time
	sure   time.Duration // how long it takes for a state to be believed that may be a hiccup
}

func newListing(runners []Runner, began int64, at time.Time, sure time.Duration) *listing {
	l := &listing{byID: map[int64]Runner{}, byName: map[string]Runner{}, began: began, at: at, sure: sure}
	for _, r := range runners {
		l.byID[r.ID], l.byName[strings.ToLower(r.Name)] = r, r
	}
	return l
}

// hold takes to a record what the listing tells of its runner. That a runner is not
// listed proves something only where it had started its job, or its deletion was
// sent and the answer lost.
func (l *listing) hold(r *record) {
	if r.changed > l.began {
		return
	}
	runner, listed := l.byID[r.Runner]
	if r.Runner == 0 {
		if runner, listed = l.byName[strings.ToLower(r.Host)]; listed && runner.SetID == r.SetID {
			r.Runner = runner.ID
		}
	}
	switch {
	case listed:
		l.holdListed(r, runner)
	case r.busy() && r.endsUnlisted():
		r.end(l.at)
	case r.Deleting && !r.sending:
		r.Deleting, r.Deleted, r.Over = false, true, l.at
	default:
		l.holdSilent(r)
	}
}

func (l *listing) holdListed(r *record, runner Runner) {
	if r.Deleted || r.Gone {
		r.Deleted, r.Gone = false, false
		if !r.Ended {
			r.Over = time.Time{}
		}
	}
	r.atWork = r.busy()
	switch {
	case runner.Busy == nil || r.Ended:
	case *runner.Busy:
		r.Started, r.heard, r.atWork, r.idle = true, true, true, time.Time{}
	case r.Started && r.idle.IsZero():
		r.idle = l.at
	}
	switch strings.ToLower(runner.Status) {
	case "online":
		r.heard, r.silent = true, time.Time{}
	case "": // it doesn't say: what was known stays
	default:
		l.holdSilent(r)
	}
}

// holdSilent notes that a runner is not there. One that was is believed to be away
// once that has lasted.
func (l *listing) holdSilent(r *record) {
	switch {
	case r.silent.IsZero():
		r.silent = l.at
	case l.at.Sub(r.silent) >= l.sure:
		r.heard = false
	}
}

// relist asks for a listing soon.
func (s *Source) relist() {
	select {
	case s.kick <- struct{}{}:
	default: // asked for already
	}
}

// watch lists the runners from time to time, until the context ends.
func (s *Source) watch(ctx context.Context) {
	if s.options.DryRun {
		return
	}
	var tick <-chan time.Time
	for {
		if tick == nil {
			tick = s.options.After(s.options.Timings.Relist)
		}
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-tick:
			tick = nil
		case <-s.kick:
			asked = true
		}
		if !asked && !s.listingDue() {
			continue
		}
		if err := s.list(ctx); err != nil {
			if ctx.Err() == nil {
				s.report(err)
			}
			continue
		}
		s.removeIdle(ctx)
	}
}

// listingDue tells whether a listing could bring news that no message will, or has
// not been made for long.
func (s *Source) listingDue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.book.Records == nil {
		return false
	}
	for r := range maps.Values(s.book.Records) {
		if r.unsettled() {
			return true
		}
	}
	return len(s.book.Records) > 0 && s.options.Now().Sub(s.listed) >= s.options.Timings.Quiet
}

// unsettled: a listing may tell more of it.
func (r *record) unsettled() bool {
	switch {
	case r.done():
		return false
	case r.busy():
		return !r.atWork || !r.idle.IsZero() || r.Deleted
	}
	return r.Deleting || !r.Gone && (!r.heard || !r.silent.IsZero())
}

// unhear notes that news of a set may have been lost: of what runs, only listings
// tell the end.
func (s *Source) unhear(ctx context.Context, x *scaleSet) error {
	return s.commit(ctx, func(records map[string]record) bool {
		for host, r := range records {
			if r.busy() && strings.EqualFold(r.Set, x.Name) {
				r.unheard = true
				records[host] = r
			}
		}
		return false
	})
}

// removeIdle deletes runners whose job has started and, as listings say for a while,
// doesn't run: news of its end was lost, and they stayed behind. Whether that is so
// only the answer to the deletion tells.
func (s *Source) removeIdle(ctx context.Context) {
	now := s.options.Now()
	hosts := s.hosts(func(r *record) bool {
		return r.busy() && !r.idle.IsZero() && now.Sub(r.idle) >= s.options.Timings.Relist
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
