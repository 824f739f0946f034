package githubrest

import "time"

// Status is what the source knows, for metrics and for who asks why.
type Status struct {
	Repositories []RepositoryStatus
	// Calls are those that counted, and NotModified the answers that cost nothing, since
	// the source was made.
	Calls, NotModified int64
	// Limit, Remaining and Reset are GitHub's own, as it told them last. Zero: not yet.
	Limit, Remaining int
	Reset            time.Time
	// Paused is how long GitHub wants no calls.
	Paused time.Duration
	// Shortage says that the budget does not suffice, and what would; nil: it does.
	Shortage error
}

// RepositoryStatus is what was last read of a repository.
type RepositoryStatus struct {
	Name string
	// Read is when the last reading began. Zero: there is none.
	Read time.Time
	// Problem is why the last reading failed; nil: it didn't.
	Problem error
	// Calls is what the last reading cost.
	Calls int64
	// Queued jobs are demand, Held ones wait for something else than a runner. NotOurs
	// are those of both that no rule maps to a pool.
	Queued, Held, NotOurs int
}

// Status tells what is known now.
func (s *Source) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.client.budget
	st := Status{Paused: b.pausedFor(), Shortage: s.shortage()}
	for _, r := range s.repositories {
		st.Repositories = append(st.Repositories, s.statusOf(r))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	st.Calls, st.NotModified = b.spent, b.free
	if b.limits.known {
		st.Limit, st.Remaining, st.Reset = b.limits.limit, b.limits.remaining, b.limits.reset
	}
	return st
}

// statusOf is a repository's; the caller holds the lock.
func (s *Source) statusOf(r *repository) RepositoryStatus {
	st := RepositoryStatus{Name: r.name, Read: r.shot.began, Problem: r.problem, Calls: r.shot.calls}
	for _, j := range r.shot.jobs {
		if j.Status == statusCompleted || j.Status == statusInProgress {
			continue
		}
		_, ours := s.options.Rules.Match(j.Labels)
		switch {
		case !ours:
			st.NotOurs++
		case j.Status == statusQueued:
			st.Queued++
		default:
			st.Held++
		}
	}
	return st
}
