package autoscale

import (
	"slices"
	"time"
)

// Tally is how many nodes plans removed, or asked for, within a minute that began at At.
type Tally struct {
	At    time.Time `json:"at"`
	Count int       `json:"count"`
}

// tallyKept is how long a minute's count is remembered: none of its nodes is then
// younger than the hour that a rate looks back on.
const tallyKept = time.Hour + time.Minute

// recent drops what no rate looks at any more. What is yet to come, as after a
// clock that was set back, counts from now.
func recent(list []Tally, at time.Time) []Tally {
	var kept []Tally
	for _, x := range list {
		switch {
		case x.At.After(at):
			kept = addTally(kept, Tally{At: at, Count: x.Count})
		case at.Sub(x.At) < tallyKept:
			kept = append(kept, x) // with its minute, even if that has moved with the clock
		}
	}
	return kept
}

// addTally adds a count to that of its minute, so that the list stays short.
func addTally(list []Tally, x Tally) []Tally {
	x.At = x.At.Truncate(time.Minute)
	if n := len(list); n > 0 && list[n-1].At.Equal(x.At) {
		x.Count += list[n-1].Count
		list = list[:n-1]
	}
	return append(slices.Clip(list), x)
}

// lately is how many nodes were counted within the hour before at.
func lately(list []Tally, at time.Time) int {
	n := 0
	for _, x := range recent(list, at) {
		n += x.Count
	}
	return n
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
	return rates{policy: b.policy, past: lately(b.state.Memory.Removed, b.state.At)}
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

// addCreateRates enters how many nodes may be asked for in this plan and within an
// hour. New nodes and those that are started draw on them alike.
func (b *board) addCreateRates() {
	add := func(key string, most, used int) {
		if most > 0 {
			b.createRates = append(b.createRates, claim{amount: 1, limit: b.ledger.add(Limit{
				ID: LimitID("rate/" + key), Kind: LimitRate, Name: key, Unit: UnitNodes, Max: int64(most), Used: int64(used),
			})})
		}
	}
	add("creates_per_tick", b.policy.CreatesPerTick, 0)
	add("creates_per_hour", b.policy.CreatesPerHour, lately(b.state.Memory.Created, b.state.At))
}

// waives tells whether a class may exceed a rate: one job that needs more at once
// than the rate allows, and before which nothing went but what its own search drew.
func (b *board) waives(c *classState, rate int) bool {
	limit := &b.ledger.limits[rate]
	return c != nil && int64(c.required) > limit.Max && (limit.Used == 0 || slices.Contains(b.probing, rate))
}

// ratedRoom is how many nodes the rates leave a class of so many.
func (b *board) ratedRoom(c *classState, room int) int {
	for i, rate := range b.createRates {
		if !b.waives(c, rate.limit) {
			room = min(room, b.ledger.room(b.createRates[i:i+1]))
		}
	}
	return room
}

// exceedRates notes the rates that a class is about to exceed with this search.
func (b *board) exceedRates(c *classState) {
	for _, rate := range b.createRates {
		if b.waives(c, rate.limit) {
			b.probing = append(b.probing, rate.limit)
		}
	}
}

// rateReason is the rate that keeps a class from so many nodes, if one does.
func (b *board) rateReason(c *classState, nodes int) (Reason, bool) {
	for _, rate := range b.createRates {
		limit := &b.ledger.limits[rate.limit]
		if limit.Max-limit.Used < int64(nodes) && !b.waives(c, rate.limit) {
			if job, kept := b.keptFor(limit.ID); kept {
				return Reason{Code: ReasonReserved, Subject: string(b.state.Demand.Called(job)), Detail: string(limit.ID)}, true
			}
			return Reason{Code: ReasonCreateRate, Subject: limit.Name, Have: limit.Used, Want: limit.Max}, true
		}
	}
	return Reason{}, false
}
