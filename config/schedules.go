package config

import (
	"fmt"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// startsLooked is how many starts of a window are looked at for one at which
// another is open.
const startsLooked = 1000

// schedules checks a pool's windows, each for itself and then together.
func (s *source) schedules(p *Scaling, pool *Pool, at string) {
	var names []string
	before := len(s.problems)
	for i := range pool.Schedules {
		w, key := &pool.Schedules[i], fmt.Sprintf("%s.schedules[%d]", at, i)
		names = s.name(key, w.Name, names)
		s.window(w, key)
		if w.Min == nil && w.Max == nil && w.IdleTime == nil && !s.within(key+".") {
			s.add(key, "changes nothing; set min, max or idle_time")
		}
	}
	if len(s.problems) > before || s.within(at+".schedules") {
		return
	}
	for i := range pool.Schedules {
		s.bounds(p, pool, i, fmt.Sprintf("%s.schedules[%d]", at, i))
	}
}

// window checks when a window opens and closes.
func (s *source) window(w *Schedule, at string) {
	zone, err := parseZone(w.TimeZone)
	if err != nil {
		s.add(at+".time_zone", err.Error())
		zone = time.UTC
	}
	for _, t := range []struct{ key, text string }{{".start", w.Start}, {".end", w.End}} {
		if t.text == "" {
			s.add(at+t.key, "is missing")
		} else if _, err := parseCron(t.text, zone); err != nil {
			s.add(at+t.key, err.Error())
		}
	}
	if w.Start != "" && strings.Join(strings.Fields(w.Start), " ") == strings.Join(strings.Fields(w.End), " ") {
		s.add(at+".end", "is the same as start; the window would never be open")
	}
}

// bounds holds the min and max of a pool's ith window against those of the pool, of
// the windows that are open with it, and of all pools.
func (s *source) bounds(p *Scaling, pool *Pool, i int, at string) {
	w := &pool.Schedules[i]
	switch {
	case w.Min != nil && w.Max != nil:
		s.minWithin(at+".min", *w.Min, *w.Max, "max")
	case w.Min != nil:
		s.minWithin(at+".min", *w.Min, pool.Max, "the pool's max")
	case w.Max != nil:
		s.maxAbove(at+".max", *w.Max, pool.Min, "the pool's min")
	}
	for j := range pool.Schedules {
		o := &pool.Schedules[j]
		// The later window wins where it sets both.
		cross := w.Min != nil && o.Max != nil && (j > i && o.Min == nil || j < i && w.Max == nil)
		if cross && *w.Min > *o.Max && everBoth(w, o) {
			s.add(at+".min", fmt.Sprintf("%d is more than max (%d) of schedule %q, and both are open at times", *w.Min, *o.Max, o.Name))
		}
	}
	others := -pool.Min
	for j := range p.Pools {
		others += p.Pools[j].Min
	}
	switch {
	case w.Min == nil || p.Max == 0 || *w.Min+others <= p.Max:
	case others == 0:
		s.add(at+".min", fmt.Sprintf("%d is more than policy.max (%d)", *w.Min, p.Max))
	default:
		s.add(at+".min", fmt.Sprintf("%d and the other pools' min (%d) are more than policy.max (%d)", *w.Min, others, p.Max))
	}
}

func (s *source) minWithin(key string, low, high int, of string) {
	if high > 0 && low > high {
		s.add(key, fmt.Sprintf("%d is more than %s (%d)", low, of, high))
	}
}

func (s *source) maxAbove(key string, high, low int, of string) {
	if low > high {
		s.add(key, fmt.Sprintf("%d is less than %s (%d)", high, of, low))
	}
}

// everBoth tells whether two windows are ever open together: then one is open when
// the other opens.
func everBoth(x, y *Schedule) bool {
	a, b := x.schedule(), y.schedule()
	return openAtStarts(&a, &b) || openAtStarts(&b, &a)
}

// openAtStarts tells whether x is open at any of the starts of y that are looked at.
func openAtStarts(x, y *autoscale.Schedule) bool {
	at := firstDay
	for range startsLooked {
		at = y.Start.Next(at)
		if x.Open(at) && y.Open(at) {
			return true
		}
	}
	return false
}
