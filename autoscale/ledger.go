package autoscale

import "math"

// ledger holds what is left of every limit while a plan is made: what one pool
// takes, another no longer has.
type ledger struct {
	limits []Limit
	index  map[LimitID]int
}

// claim is a draw with its limit looked up.
type claim struct {
	limit  int
	amount int64
}

func newLedger(sets ...[]Limit) *ledger {
	l := &ledger{index: make(map[LimitID]int)}
	for _, set := range sets {
		for _, limit := range set {
			l.add(limit)
		}
	}
	return l
}

// add enters a limit. Of two with one id the tighter ceiling and the higher use
// hold, so that a limit seen twice is never wider than either.
func (l *ledger) add(limit Limit) int {
	if i, known := l.index[limit.ID]; known {
		l.limits[i].Max = min(l.limits[i].Max, limit.Max)
		l.limits[i].Used = max(l.limits[i].Used, limit.Used)
		return i
	}
	l.index[limit.ID] = len(l.limits)
	l.limits = append(l.limits, limit)
	return len(l.limits) - 1
}

// claims looks the draws up. A draw on a limit that nobody set is free.
func (l *ledger) claims(draws []Draw) []claim {
	out := make([]claim, 0, len(draws))
	for _, d := range draws {
		if i, known := l.index[d.Limit]; known && d.Amount > 0 {
			out = append(out, claim{limit: i, amount: d.Amount})
		}
	}
	return out
}

// room is how many times all claims can still be met.
func (l *ledger) room(claims []claim) int {
	room := int64(math.MaxInt32)
	for _, c := range claims {
		limit := &l.limits[c.limit]
		room = min(room, (limit.Max-limit.Used)/c.amount)
	}
	return int(max(0, room))
}

// take uses the claims n times; a negative n gives them back. It never checks:
// what the cloud already has may exceed a limit that was lowered.
func (l *ledger) take(claims []claim, n int) {
	for _, c := range claims {
		l.limits[c.limit].Used += c.amount * int64(n)
	}
}

// exceeded tells whether any limit that is claimed is over its ceiling.
func (l *ledger) exceeded(claims []claim) bool {
	for _, c := range claims {
		if limit := &l.limits[c.limit]; limit.Used > limit.Max {
			return true
		}
	}
	return false
}

// binding is the reason why the claims can't be met n times: the limit that
// leaves the least.
func (l *ledger) binding(claims []claim, n int) (Reason, bool) {
	tightest, room := -1, int64(n)
	var need int64
	for _, c := range claims {
		limit := &l.limits[c.limit]
		if left := (limit.Max - limit.Used) / c.amount; left < room {
			tightest, room, need = c.limit, left, c.amount*int64(n)
		}
	}
	if tightest < 0 {
		return Reason{}, false
	}
	limit := l.limits[tightest]
	code := ReasonLimit
	if limit.Kind == LimitBudget {
		code = ReasonBudget
	}
	return Reason{Code: code, Subject: string(limit.ID), Have: limit.Used, Want: limit.Max, Need: need, Unit: limit.Unit}, true
}
