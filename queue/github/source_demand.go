package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"autoscaled/autoscale"
)

// Demand is the jobs that wait in all sets, and what runs on the hosts of all
// records. It waits until each set has been heard of, or why not is known. What is
// not known of one set is an error for all: Use is complete or not told.
func (s *Source) Demand(ctx context.Context) (autoscale.Demand, error) {
	for _, x := range s.sets {
		select {
		case <-x.told:
		case <-ctx.Done():
			return autoscale.Demand{}, translate(fmt.Sprintf("scale set %q", x.Name), fmt.Errorf("%w: nothing has been heard of it yet: %w", ErrUnavailable, ctx.Err()))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.book.Load(ctx); err != nil {
		return autoscale.Demand{}, translate("queue of GitHub", err)
	}
	now := s.options.Now()
	var unknown []error
	for _, x := range s.sets {
		if err := x.unknown(now); err != nil {
			unknown = append(unknown, fmt.Errorf("scale set %q: %w", x.Name, err))
		}
	}
	if len(unknown) > 0 {
		return autoscale.Demand{}, translate("queue of GitHub", errors.Join(unknown...))
	}
	var jobs []autoscale.Job
	for _, x := range s.sets {
		jobs = append(jobs, x.jobs(x.pending(s.book.Records), now)...)
	}
	return autoscale.Demand{Classes: autoscale.Intern(jobs), Use: s.use(), Vouched: true}, nil
}

// unknown is why the set's demand is not known; nil: it is. The caller holds the
// lock.
func (x *scaleSet) unknown(now time.Time) error {
	if x.seen.After(now) {
		x.seen = now // the clock was set back
	}
	switch {
	case !x.open || x.due:
		if x.problem != nil {
			return x.problem
		}
		return fmt.Errorf("%w: nothing has been heard of it yet", ErrUnavailable)
	case !x.known:
		return fmt.Errorf("%w: its statistics contradict its messages", ErrMalformed)
	case now.Sub(x.seen) > x.source.options.Timings.Stale:
		stale := fmt.Errorf("%w: it was last heard of at %s", ErrUnavailable, x.seen.UTC().Format(time.RFC3339))
		if x.problem != nil {
			return fmt.Errorf("%w: %w", x.problem, stale)
		}
		return stale
	}
	return nil
}

// pending is how many jobs of the set wait: those assigned less the runners that are
// known to have one. One whose end a listing told of is among the assigned until counts
// come that are newer. The caller holds the lock.
func (x *scaleSet) pending(records map[string]record) int {
	n := x.counts.Assigned
	for _, r := range records {
		if r.SetID == x.id && (r.busy() || x.stillCounted(&r)) {
			n--
		}
	}
	return max(n, 0)
}

// stillCounted tells that a runner's job has ended since the set's counts were told. The
// caller holds the lock.
func (x *scaleSet) stillCounted(r *record) bool {
	return r.Started && r.Ended && r.endedIn > x.countsAt
}

// outdated tells that runners were seen to end of which the set's counts know nothing.
// The caller holds the lock.
func (x *scaleSet) outdated() bool {
	for _, r := range x.source.book.Records {
		if r.SetID == x.id && x.stillCounted(&r) {
			return true
		}
	}
	return false
}

// jobs are the n that wait. Nobody knows which they are, so they are numbered, the
// oldest first. The caller holds the lock.
func (x *scaleSet) jobs(n int, now time.Time) []autoscale.Job {
	jobs := make([]autoscale.Job, 0, n)
	for i, at := range x.ages(n, now) {
		jobs = append(jobs, autoscale.Job{
			ID: autoscale.JobID(fmt.Sprintf("%s#%d", x.Name, i+1)), Submitted: at,
			Shape: autoscale.Shape{Tasks: 1, PerTask: x.PerTask, Exclusive: autoscale.ExclusiveTask, Selector: x.Select},
		})
	}
	return jobs
}

// ages are when n jobs were queued, in order: as messages told. The rest is as old as
// the count that told of it; if messages told of more, the oldest of those run by now.
func (x *scaleSet) ages(n int, now time.Time) []time.Time {
	var told []time.Time
	for _, at := range x.queued {
		if at.After(now) {
			at = now
		}
		told = append(told, at)
	}
	slices.SortFunc(told, time.Time.Compare)
	told = told[max(0, len(told)-n):]
	rest := n - len(told)
	x.counted = x.counted[max(0, len(x.counted)-rest):]
	for len(x.counted) < rest {
		x.counted = append(x.counted, now)
	}
	ages := append(told, x.counted...)
	slices.SortFunc(ages, time.Time.Compare)
	return ages
}

// use is what all hosts of our records do; the caller holds the lock.
func (s *Source) use() map[string]autoscale.HostUse {
	use := make(map[string]autoscale.HostUse, len(s.book.Records))
	for host, r := range s.book.Records {
		var u autoscale.HostUse
		if r.busy() {
			u.Whole = true
			u.Jobs = []autoscale.JobID{autoscale.JobID(r.Job)}
			if r.Job == "" {
				u.Jobs[0] = autoscale.JobID("job of " + r.Host)
			}
		}
		if r.done() {
			u.Drain = autoscale.DrainDone
		}
		u.Missing = r.missing() || r.open() && s.setOf(r.SetID) == nil
		use[host] = u
	}
	return use
}
