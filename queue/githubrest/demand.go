package githubrest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// Demand is the queued jobs of all repositories that a rule maps to pools, and what
// runs on the hosts of all records. It waits until everything was read once, or why it
// was not is known. What is older than Timings.Stale is unknown, and what is unknown of
// one repository is an error for all: Use is complete or not told.
func (s *Source) Demand(ctx context.Context) (autoscale.Demand, error) {
	select {
	case <-s.told:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.book.Load(ctx); err != nil {
		return autoscale.Demand{}, translate("queue of GitHub", err)
	}
	if err := s.unknown(s.now()); err != nil {
		return autoscale.Demand{}, translate("queue of GitHub", err)
	}
	var jobs []autoscale.Job
	for _, w := range s.waiting() {
		jobs = append(jobs, s.options.job(w))
	}
	return autoscale.Demand{Classes: autoscale.Intern(jobs), Use: s.use(), Vouched: true}, nil
}

// past pulls back what is yet to come: the clock was set back. What was read, and what
// began, is as old as it is from now on, and not from when the clock has caught up. The
// caller holds the lock.
func (s *Source) past(now time.Time) {
	times := []*time.Time{&s.listed}
	for _, r := range s.repositories {
		times = append(times, &r.shot.began)
	}
	for _, t := range times {
		if t.After(now) {
			*t = now
		}
	}
	for host, r := range s.book.Records {
		if r.began.After(now) {
			r.began = now
			s.book.Records[host] = r
		}
	}
}

// maxNamed bounds how many repositories an error names.
const maxNamed = 3

// unknown is why demand is not known; nil: it is. The caller holds the lock.
func (s *Source) unknown(now time.Time) error {
	s.past(now)
	var problems []error
	unread := 0
	for _, r := range s.repositories {
		err := s.tooOld(now, r.shot.began, r.problem)
		switch {
		case err == nil:
		case len(problems) < maxNamed:
			problems = append(problems, fmt.Errorf("repository %s %w", r.name, err))
		default:
			unread++
		}
	}
	if unread > 0 {
		problems = append(problems, fmt.Errorf("%w: so are %d more", ErrUnavailable, unread))
	}
	if err := s.tooOld(now, s.listed, s.listing); err != nil {
		problems = append(problems, fmt.Errorf("the list of runners %w", err))
	}
	if len(problems) == 0 {
		return nil
	}
	if wait := s.client.budget.pausedFor(); wait > 0 {
		problems = append(problems, fmt.Errorf("%w: GitHub takes no more calls for %s", ErrThrottled, wait.Round(time.Second)))
	}
	return errors.Join(append(problems, s.shortage())...)
}

// tooOld is why a reading that began then says nothing any more; nil: it does.
func (s *Source) tooOld(now, began time.Time, problem error) error {
	switch age := now.Sub(began); {
	case began.IsZero() && problem == nil:
		return fmt.Errorf("has not been read yet: %w", ErrUnavailable)
	case began.IsZero():
		return fmt.Errorf("could not be read: %w", problem)
	case age <= s.options.Timings.Stale:
		return nil
	case problem == nil:
		return fmt.Errorf("was last read %s ago, which is more than %s: %w", age.Round(time.Second), s.options.Timings.Stale, ErrUnavailable)
	default:
		return fmt.Errorf("was last read %s ago, which is more than %s: %w", age.Round(time.Second), s.options.Timings.Stale, problem)
	}
}

// shortage says that the budget does not suffice, and what would; nil: it does, as far
// as is known. The caller holds the lock.
func (s *Source) shortage() error {
	cycle, n := s.client.budget.costs(whoRunners), int64(0)
	if cycle > 0 {
		cycle = 1 // of the runners, at least a page
	}
	for _, r := range s.repositories {
		calls := r.shot.calls
		if r.shot.began.IsZero() {
			calls = max(s.client.budget.costs(r.name), 2) // two lists of runs at least
		}
		if calls > 0 {
			n++
		}
		cycle += calls
	}
	stale := s.options.Timings.Stale
	needed := int64(float64(cycle)*float64(time.Hour)/float64(stale)) + 1
	if needed <= int64(s.options.CallsPerHour) {
		return nil
	}
	return fmt.Errorf("%w: reading %d repositories takes %d calls or more, and once in %s that is %d an hour, of which calls_per_hour allows %d: allow more, list fewer repositories, or let demand be older", ErrBudget, n, cycle, stale, needed, s.options.CallsPerHour)
}

// waiting are jobs that wait, with their repository and rule.
type waiting struct {
	job
	repository string
	selector   autoscale.Selector
}

// waiting lists the jobs that a rule maps to pools and that no runner has, the oldest
// first. The caller holds the lock.
func (s *Source) waiting() []waiting {
	var list []waiting
	younger := map[int64]time.Time{}
	for _, r := range s.repositories {
		for _, j := range r.shot.jobs {
			if j.Status == statusCompleted || j.Status == statusInProgress {
				continue
			}
			match, ours := s.options.Rules.Match(j.Labels)
			if !ours {
				continue
			}
			list = append(list, waiting{j, r.name, match.Selector()})
			younger[j.ID] = r.shot.began
		}
	}
	slices.SortFunc(list, func(a, b waiting) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return s.unseen(list, younger)
}

// unseen leaves out the jobs that runners have begun since the jobs were read: of each
// such runner the oldest that it can have, for which one it has is yet to be read.
// read is when that was, by job. The caller holds the lock.
func (s *Source) unseen(list []waiting, read map[int64]time.Time) []waiting {
	for _, host := range slices.Sorted(maps.Keys(s.book.Records)) {
		r := s.book.Records[host]
		if !r.Started || r.Job != 0 || r.began.IsZero() {
			continue
		}
		has := newLabelSet(r.Labels)
		i := slices.IndexFunc(list, func(w waiting) bool {
			return w.Status == statusQueued && read[w.ID].Before(r.began) && newLabelSet(w.Labels).within(has)
		})
		if i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
	}
	return list
}

// job is a waiting job as the planner has it. What is not queued waits for something
// else than a runner, and is no demand.
func (o *Options) job(w waiting) autoscale.Job {
	j := autoscale.Job{
		ID: jobID(w.repository, w.ID), Submitted: w.Created,
		Shape: autoscale.Shape{Tasks: 1, PerTask: o.PerTask, Exclusive: autoscale.ExclusiveTask, Selector: w.selector},
	}
	if w.Status != statusQueued {
		j.Held = "GitHub says " + w.Status
	}
	return j
}

// use is what all hosts do: those of our records, and of all other runners that have a
// job, for a record may have been lost. The caller holds the lock.
func (s *Source) use() map[string]autoscale.HostUse {
	use := make(map[string]autoscale.HostUse, len(s.book.Records)+len(s.strangers))
	for host, r := range s.strangers {
		var u autoscale.HostUse
		if r.Busy != nil && *r.Busy {
			u = working("job of " + r.Name)
		}
		use[host] = u
	}
	for _, r := range s.repositories {
		for _, j := range r.shot.jobs {
			_, ours := s.options.Rules.Match(j.Labels)
			if ours && j.Status == statusInProgress && j.RunnerName != "" {
				use[strings.ToLower(j.RunnerName)] = working(string(jobID(r.name, j.ID)))
			}
		}
	}
	for host, r := range s.book.Records {
		use[host] = r.use()
	}
	return use
}

func working(name string) autoscale.HostUse {
	return autoscale.HostUse{Jobs: []autoscale.JobID{autoscale.JobID(name)}, Whole: true}
}

func (r *record) use() (u autoscale.HostUse) {
	switch {
	case r.busy() && r.Job != 0:
		u = working(string(jobID(r.Repository, r.Job)))
	case r.busy():
		u = working("job of " + r.Host)
	}
	if r.done() {
		u.Drain = autoscale.DrainDone
	}
	u.Missing = r.missing()
	return u
}
