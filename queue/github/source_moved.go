package github

import "time"

// Moved is told that the clock of SourceOptions.Now is set, forward by that much: nothing
// has lasted longer for it. Text in the store follows when it is written next.
func (s *Source) Moved(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	move := func(times ...*time.Time) {
		for _, t := range times {
			if !t.IsZero() {
				*t = t.Add(by)
			}
		}
	}
	move(&s.listed)
	for host, r := range s.book.Records {
		move(&r.Registered, &r.Over, &r.silent, &r.idle)
		s.book.Records[host] = r
	}
	for _, x := range s.sets {
		move(&x.seen)
		for i := range x.counted {
			move(&x.counted[i])
		}
	}
}
