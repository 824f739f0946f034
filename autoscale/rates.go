package autoscale

import (
	"slices"
	"time"
)

// Removed is how many nodes plans removed within a minute that began at At.
type Removed struct {
	At    time.Time `json:"at"`
	Count int       `json:"count"`
}

// removedKept is how long a minute's removals are remembered: none of them is then
// younger than the hour that a rate looks back on.
const removedKept = time.Hour + time.Minute

// recentlyRemoved drops what no rate looks at any more. What is yet to come, as
// after a clock that was set back, counts from now.
func recentlyRemoved(list []Removed, at time.Time) []Removed {
	var recent []Removed
	for _, r := range list {
		if r.At.After(at) {
			r.At = at.Truncate(time.Minute)
		}
		if at.Sub(r.At) < removedKept {
			recent = addRemoved(recent, r)
		}
	}
	return recent
}

// addRemoved adds removals to those of their minute, so that the list stays short.
func addRemoved(list []Removed, r Removed) []Removed {
	r.At = r.At.Truncate(time.Minute)
	if n := len(list); n > 0 && list[n-1].At.Equal(r.At) {
		r.Count += list[n-1].Count
		list = list[:n-1]
	}
	return append(slices.Clip(list), r)
}

// rates hold back removals beyond so many in a tick and in an hour. Marks for drain
// are held to the same rates, apart, since each is to become a removal.
type rates struct {
	policy *Policy
	// past are the nodes removed within the last hour, and removed and marked
	// those of this plan.
	past, removed, marked int
	// noMore and noMarks are why no more are removed, or marked, in this plan, once
	// somebody was refused: who comes next waits too, for otherwise single nodes
	// would overtake large groups for ever.
	noMore, noMarks Reason
}

func (b *board) newRates() rates {
	r := rates{policy: b.policy}
	for _, x := range recentlyRemoved(b.state.Memory.Removed, b.state.At) {
		r.past += x.Count
	}
	return r
}

// remove tells whether so many nodes may be removed, and counts them if so.
func (r *rates) remove(n int) (why Reason, ok bool) {
	if r.noMore.Code == "" {
		r.noMore = r.exceeded(n, r.removed, r.past+r.removed)
	}
	if r.noMore.Code != "" {
		return r.noMore, false
	}
	r.removed += n
	return Reason{}, true
}

// mark tells whether so many nodes may be marked for drain, and counts them if so.
func (r *rates) mark(n int) (why Reason, ok bool) {
	if r.noMarks.Code == "" {
		r.noMarks = r.exceeded(n, r.marked, r.past+r.removed+r.marked)
	}
	if r.noMarks.Code != "" {
		return r.noMarks, false
	}
	r.marked += n
	return Reason{}, true
}

// exceeded is the rate that does not allow n more. Nodes that go together and are
// more than a rate go when nothing else went.
func (r *rates) exceeded(n, tick, hour int) Reason {
	for _, rate := range []struct {
		key       string
		most, now int
	}{{"removals_per_tick", r.policy.RemovalsPerTick, tick}, {"removals_per_hour", r.policy.RemovalsPerHour, hour}} {
		if rate.most > 0 && rate.now > 0 && rate.now+n > rate.most {
			return Reason{Code: ReasonRemovalRate, Subject: rate.key, Have: int64(rate.now), Want: int64(rate.most)}
		}
	}
	return Reason{}
}
