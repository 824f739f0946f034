package autoscale

import (
	"cmp"
	"slices"
	"time"
)

// agedAtOnce is the share of a pool's nodes, in percent, that is replaced for age
// at a time; at least one is.
const agedAtOnce = 10

// aging is what a plan makes of a node that is too old, or outdated.
type aging struct {
	// going: the node takes no new work and goes as soon as it may.
	going bool
	// outdated is why a new one would be another than it, or than one that it goes
	// with. Empty: it is for its age.
	outdated string
	// why an old node is not going yet; nil: it is not old, or goes.
	why *Reason
}

// old is nodes that are older than their pool lets them grow, or outdated: one, or a
// placement group that goes only whole, as old as its oldest.
type old struct {
	nodes []*nodeState
	asked time.Time
	// outdated is why the first that is; empty: none is.
	outdated string
	// working: one that is outdated runs something.
	working bool
	// draining: the drain of one has begun, and failed is how many of one did in a row.
	draining bool
	failed   int
}

// pickAged chooses, for each policy with a maximum age or with outdated nodes, those
// that go for it: the oldest first, and only as many as min can spare or as there is
// room to replace, so that none stands aside for a replacement that can't come.
func (b *board) pickAged() {
	if !b.timed() {
		return
	}
	outdated := b.outdatedPolicies()
	for p := range b.policy.Pools {
		if (b.policy.Pools[p].MaxAge > 0 || outdated[p]) && !b.pausedPolicy(p) {
			b.pickAgedOf(p)
		}
	}
}

func (b *board) pickAgedOf(policy int) {
	all, going, alive := b.oldOf(policy)
	most := max(1, alive*agedAtOnce/100)
	stay := b.standing(policy)
	room, short := b.roomToReplace(policy)
	var wait Reason // once one waits, all that are younger do
	for _, x := range all {
		n := len(x.nodes)
		if b.spareUndrained(x) {
			continue
		}
		switch lack := b.policy.Pools[policy].Min - (stay - n); {
		case wait.Code != "":
		case going > 0 && going+n > most:
			wait = Reason{Code: ReasonAgedTurn, Have: int64(going), Want: int64(most)}
		case lack > room:
			wait = Reason{Code: ReasonAgedKept, Detail: short.String()}
		default:
			going, stay = going+n, stay-n
			b.retireOld(x)
			continue
		}
		b.spareOld(x, wait)
	}
}

// retireOld takes old nodes out of service. Those that work still count to min, until
// they are empty.
func (b *board) retireOld(x old) {
	for _, n := range x.nodes {
		n.aging.going, n.aging.outdated = true, x.outdated
		if !n.use.Busy() {
			b.pools[n.pool].aging++
		}
	}
}

// spareUndrained keeps old nodes in service of which one could not be drained in time,
// until that may be tried again: others have their turn.
func (b *board) spareUndrained(x old) bool {
	for _, n := range x.nodes {
		if why, rests := b.drainRests(n); rests {
			for _, all := range x.nodes {
				all.aging.why = &why
			}
			return true
		}
	}
	return false
}

// spareOld notes why old nodes stay in service.
func (b *board) spareOld(x old, why Reason) {
	for _, n := range x.nodes {
		n.aging.outdated = x.outdated
		own := b.agedReason(n, why)
		n.aging.why = &own
	}
}

// age is how long ago a node was asked for, and how old it may grow.
func (b *board) age(n *nodeState) (age, most time.Duration) {
	return b.state.At.Sub(n.memory.Asked), b.poolPolicy(n.pool).MaxAge
}

// tooOld tells whether a node is older than its pool lets it grow, or outdated.
func (b *board) tooOld(n *nodeState) bool {
	age, most := b.age(n)
	return most > 0 && age > most || n.outdated() != ""
}

// oldOf lists the old nodes of a policy, the oldest first, and counts those that are
// on their way out and all that count to its min.
func (b *board) oldOf(policy int) (all []old, leaving, alive int) {
	seen := make(map[place]bool)
	for i := range b.nodes {
		n := &b.nodes[i]
		if n.pool < 0 || b.pools[n.pool].policy != policy {
			continue
		}
		if n.supply {
			alive++
		}
		at := place{n.pool, n.node.Group}
		switch {
		case !b.tooOld(n) || b.goesWhole(n) && seen[at]:
		case n.leaving, b.failsOut(n):
			leaving++
		case !n.supply:
		case b.goesWhole(n):
			seen[at] = true
			all = b.appendOld(all, b.groupOf(at))
		default:
			all = b.appendOld(all, []*nodeState{n})
		}
	}
	slices.SortStableFunc(all, compareOld)
	return all, leaving, alive
}

// failsOut tells whether a node has failed and is sent away by this plan. It counts as
// on its way out at once: if it did so only when it is, another would be retired for
// one plan, and put back into service by the next.
func (b *board) failsOut(n *nodeState) bool {
	return n.node.Phase == PhaseFailed && b.ours(n) && n.memory.Vain.Tries == 0 && b.poolPolicy(n.pool).KeepFailed == 0
}

// compareOld puts first what is being drained, then what it was tried with in vain less
// often, so that no drain that has begun is given up for another; then the oldest, but
// what is outdated and works last: there may be many of those at once, and idle ones
// would be given new work meanwhile.
func compareOld(x, y old) int {
	return cmp.Or(
		cmp.Compare(boolRank(!x.draining), boolRank(!y.draining)), cmp.Compare(x.failed, y.failed),
		cmp.Compare(boolRank(x.working), boolRank(y.working)), x.asked.Compare(y.asked))
}

// appendOld appends nodes that go together, if nothing forbids that all of them go
// for their age. One that a job waits for by its name is as good as at work, and so is
// one that is outdated and has yet to join the queue: it was made for a job.
func (b *board) appendOld(all []old, nodes []*nodeState) []old {
	x := old{nodes: nodes, asked: nodes[0].memory.Asked}
	for _, n := range nodes {
		if b.names.find(n.node.Name) != nil || n.outdated() != "" && n.use.Missing {
			return all
		}
		if !n.supply || n.node.Phase != PhaseReady || n.node.KeepAlive || !b.ours(n) {
			return all
		}
		if n.memory.Asked.Before(x.asked) {
			x.asked = n.memory.Asked
		}
		x.draining = x.draining || !n.memory.Drain.Since.IsZero()
		x.failed = max(x.failed, n.memory.Drain.Failed)
	}
	x.date()
	return append(all, x)
}

// groupOf lists the nodes of a placement group that go whole with it.
func (b *board) groupOf(at place) (list []*nodeState) {
	for i := range b.nodes {
		n := &b.nodes[i]
		if n.pool != at.pool || n.node.Group != at.group || n.leaving {
			continue
		}
		switch n.node.Phase {
		case PhaseGone, PhaseDeallocated, PhaseFailed:
		default:
			list = append(list, n)
		}
	}
	return list
}

// roomToReplace is how many new nodes a policy can have, and what is in the way of
// more.
func (b *board) roomToReplace(policy int) (room int, short Reason) {
	for i := range b.pools {
		if b.pools[i].policy != policy {
			continue
		}
		if !b.pools[i].closed() {
			room += b.ledger.room(b.pools[i].alone.claims)
		}
		if r, held := b.stop(nil, place{pool: i}, room+1); held && short.Code == "" {
			short = r
		}
	}
	return room, short
}

// agedVerdict judges a node that goes for its age, and on which nothing runs.
func (b *board) agedVerdict(n *nodeState) (reason Reason, goes bool) {
	switch {
	case !n.vouched:
		return Reason{Code: ReasonUseUnknown}, false
	case !b.state.CanDrain && n.memory.IdleReads < idleReadsNeeded:
		return Reason{Code: ReasonIdleOnce}, false
	}
	return b.agedReason(n, Reason{Code: ReasonMaxAge}), true
}

// stayOld is the reason why an old node stays, for the one that any other would
// have. One that is going says what it waits for; one in service says why it is not
// going, unless it works; one that could not be drained says so all the same.
func (b *board) stayOld(n *nodeState, why Reason) Reason {
	if n.aging.going {
		return b.agedReason(n, Reason{Code: ReasonAged, Detail: why.String()})
	}
	if n.aging.why == nil {
		return why
	}
	old := *n.aging.why
	switch why.Code {
	case ReasonIdleShort, ReasonIdleOnce, ReasonMinimum, ReasonBuffer:
	case ReasonBusy:
		if old.Code != ReasonDrainTimeout {
			return why
		}
	default:
		return why
	}
	if old.Code == ReasonDrainTimeout {
		old.Detail = why.String()
	}
	return old
}

// drainAged marks a node that goes for its age and still works for drain, so that it
// empties, and returns why it stays: as told, unless the queue does not show the mark.
// One that serves one job only takes no other anyway, and its queue could not mark it.
func (b *board) drainAged(n *nodeState, why Reason) Reason {
	if !n.aging.going || !b.state.CanDrain || n.use.Drain != NotDraining || !n.use.Busy() || b.pools[n.pool].Single {
		return why
	}
	sends := b.markable(n)
	if sends {
		b.sendMark(n, b.agedReason(n, Reason{Code: ReasonMaxAge}))
	}
	if unseen := b.draining(n, sends); unseen.Code == ReasonDrainUnseen {
		return unseen
	}
	return why
}
