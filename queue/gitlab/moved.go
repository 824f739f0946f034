package gitlab

import "time"

// Moved is told that the clock of SourceOptions.Now is set, forward by that much: nothing
// has lasted longer for it, above all no runner's pause, after which a request for a job
// may still be on its way.
func (s *Source) Moved(by time.Duration) {
	s.Client.limiter.moved(by)
	s.mu.Lock()
	defer s.mu.Unlock()
	move := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.Add(by)
		}
	}
	move(&s.search)
	for project, at := range s.probed {
		s.probed[project] = at.Add(by)
	}
	for host, r := range s.book.Records {
		move(&r.paused)
		move(&r.over)
		move(&r.lost)
		move(&r.idle)
		s.book.Records[host] = r
	}
}
