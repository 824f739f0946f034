package autoscale

import (
	"slices"
	"time"
)

// Times are moments that come again and again, such as 08:00 on weekdays. Next is
// the first after a moment; zero: there is none.
type Times interface {
	Next(after time.Time) time.Time
}

// Schedule changes a pool's policy while its window is open. What it does not set,
// nil, stays as it is.
type Schedule struct {
	Name string
	// Start opens the window and End closes it.
	Start, End Times
	Min, Max   *int
	IdleTime   *time.Duration
}

// Open tells whether the window is open: whether it ends before it starts again.
// The rule, KEDA's, needs no memory of when it was opened.
func (s *Schedule) Open(at time.Time) bool {
	start, end := s.Start.Next(at), s.End.Next(at)
	return !start.IsZero() && !end.IsZero() && end.Before(start)
}

// setBy names the schedules that set values of a pool's policy; empty: none did.
type setBy struct{ min, max, idle string }

// At is the policy in force at a moment, with no schedules left. Where windows of
// one pool overlap, the last listed that sets a value wins.
func (p Policy) At(at time.Time) Policy {
	if !slices.ContainsFunc(p.Pools, func(p PoolPolicy) bool { return len(p.Schedules) > 0 }) {
		return p
	}
	p.Pools = slices.Clone(p.Pools)
	for i := range p.Pools {
		for _, s := range p.Pools[i].Schedules {
			if s.Open(at) {
				p.Pools[i].follow(&s)
			}
		}
		p.Pools[i].Schedules = nil
	}
	return p
}

func (p *PoolPolicy) follow(s *Schedule) {
	if s.Min != nil {
		p.Min, p.set.min = *s.Min, s.Name
	}
	if s.Max != nil {
		p.Max, p.set.max = *s.Max, s.Name
	}
	if s.IdleTime != nil {
		p.IdleTime, p.set.idle = *s.IdleTime, s.Name
	}
}

// minimum is the reason for nodes that the pool's min asks for.
func (p *PoolPolicy) minimum() Reason {
	return Reason{Code: ReasonMinimum, Subject: p.Name + because(p.set.min), Want: int64(p.Min)}
}

// idleBy names the schedule that set the idle time, if one did.
func (p *PoolPolicy) idleBy() string {
	if p.set.idle == "" {
		return ""
	}
	return "schedule " + p.set.idle
}

// because tells which schedule set a value, if one did.
func because(schedule string) string {
	if schedule == "" {
		return ""
	}
	return " (schedule " + schedule + ")"
}
