package autoscale

import (
	"cmp"
	"slices"
	"time"
)

// What stands in a job's way may do nothing itself: idle nodes that the job can't use
// draw on the limit that keeps it from its own. A queue that starts jobs strictly in
// order leaves them idle for as long as the job waits, and in other queues the jobs
// after it use them again and again. So once the first job in order, or the first gang,
// has waited for the policy's patience, idle nodes that no job before it needs make way:
// they go as if nobody wanted them, if that gives the job all that it lacks, and no more
// than it takes. Until then what they leave is kept for it. Neither a buffer nor a
// promise to a later job keeps them; min does.

// inWay is what an idle node is told that makes way: for whom, what it draws on, and
// how long the job has been the first.
type inWay struct {
	job     JobID
	limit   LimitID
	waiting time.Duration
}

// shortage is how much of a limit a job lacks.
type shortage struct {
	limit  int
	amount int64
}

// bystanders are the nodes from which a job may hope for room: those on their way out,
// and parties of idle ones in the order in which they are asked to make way.
type bystanders struct {
	leaving []*nodeState
	idle    [][]*nodeState
	// spare is how many ready nodes each policy has beyond its min.
	spare []int
}

// wayTo is what it takes to have so many new nodes at a place, if they can be had.
type wayTo struct {
	place   place
	nodes   int
	limit   int // the first that is too short
	parties [][]*nodeState
}

// makeWayIn makes way in the first pool where that gives a job the tasks that it lacks.
func (b *board) makeWayIn(c *classState, job JobID, tasks int) {
	if tasks <= 0 {
		return
	}
	others := b.bystanders()
	for _, pool := range c.order {
		perNode := b.perNode(c, pool)
		if perNode == 0 || !b.offers(c, place{pool: pool}, ceilDiv(tasks, perNode)) {
			continue
		}
		if w, ok := b.wayTo(place{pool: pool}, ceilDiv(tasks, perNode), others); ok {
			b.makeWay(w, job)
			return
		}
	}
}

// wayTo chooses who makes way for new nodes at a place, and tells whether that is
// enough. A placement group's own nodes don't: they are what the new ones join.
func (b *board) wayTo(at place, nodes int, others bystanders) (w wayTo, enough bool) {
	w = wayTo{place: at, nodes: nodes}
	short := b.shortOf(b.pools[at.pool].claims, nodes)
	if len(short) == 0 {
		return w, true
	}
	w.limit = short[0].limit
	for _, n := range others.leaving {
		b.giveWay(short, n)
	}
	spare := slices.Clone(others.spare)
	for _, party := range others.idle {
		first := party[0]
		policy := b.pools[first.pool].policy
		joined := at.group != "" && first.pool == at.pool && first.node.Group == at.group
		if joined || spare[policy] < len(party) || !slices.ContainsFunc(party, func(n *nodeState) bool { return b.helps(short, n) }) {
			continue
		}
		for _, n := range party {
			b.giveWay(short, n)
		}
		spare[policy] -= len(party)
		w.parties = append(w.parties, party)
	}
	return w, !slices.ContainsFunc(short, func(s shortage) bool { return s.amount > 0 })
}

// makeWay lets the nodes go that are in a job's way, and keeps for it what is left of
// the limits that it needs.
func (b *board) makeWay(w wayTo, job JobID) {
	for _, x := range b.offerAt(w.place).claims {
		limit := &b.ledger.limits[x.limit]
		if rest := min(limit.Max-limit.Used, x.amount*int64(w.nodes)); rest > 0 {
			b.rest = append(b.rest, claim{x.limit, rest})
			limit.Used += rest
		}
	}
	waits := b.state.Memory.First
	if waits.Job != job {
		waits = b.state.Memory.Blocked
	}
	why := &inWay{job: job, limit: b.ledger.limits[w.limit].ID, waiting: b.state.At.Sub(waits.Since)}
	for _, party := range w.parties {
		for _, n := range party {
			n.yields = why
		}
	}
	if len(w.parties) > 0 {
		b.closeYielding()
	}
}

// giveBackRest gives back what was kept of limits while nodes make way.
func (b *board) giveBackRest() {
	for _, x := range b.rest {
		b.ledger.limits[x.limit].Used -= x.amount
	}
}

// shortOf is what of each claim is lacking for so many nodes.
func (b *board) shortOf(claims []claim, nodes int) (short []shortage) {
	for _, x := range claims {
		limit := &b.ledger.limits[x.limit]
		if lack := x.amount*int64(nodes) - (limit.Max - limit.Used); lack > 0 {
			short = append(short, shortage{x.limit, lack})
		}
	}
	return short
}

// gives is what a node draws on no more once it has gone as its pool's nodes go.
func (b *board) gives(n *nodeState) []claim {
	if n.node.Phase == PhaseReady && b.removalOf(n) == RemovalDeallocate {
		return b.pools[n.pool].startClaims
	}
	return b.pools[n.pool].claims
}

// giveWay takes off what a node gives back.
func (b *board) giveWay(short []shortage, n *nodeState) {
	for _, x := range b.gives(n) {
		for i := range short {
			if short[i].limit == x.limit {
				short[i].amount -= x.amount
			}
		}
	}
}

// helps tells whether a node gives back anything that is still short.
func (b *board) helps(short []shortage, n *nodeState) bool {
	for _, x := range b.gives(n) {
		for _, s := range short {
			if s.limit == x.limit && s.amount > 0 {
				return true
			}
		}
	}
	return false
}

// bystanders gathers them. Idle nodes go one by one or, of groups that go only whole,
// all of a group: those that are marked for drain already first, so that the choice
// stays the same until they are gone, then those that are for nobody, then the longest
// idle.
func (b *board) bystanders() (s bystanders) {
	s.spare = make([]int, len(b.policy.Pools))
	groups := make(map[place][]*nodeState)
	for i := range b.nodes {
		n := &b.nodes[i]
		if n.supply && n.node.Phase == PhaseReady && n.yields == nil {
			s.spare[b.pools[n.pool].policy]++
		}
		switch {
		case n.leaving && !n.stays() && n.pool >= 0 && n.node.Phase != PhaseGone:
			s.leaving = append(s.leaving, n)
		case !b.mayYield(n):
		case b.goesWhole(n):
			at := place{n.pool, n.node.Group}
			groups[at] = append(groups[at], n)
		default:
			s.idle = append(s.idle, []*nodeState{n})
		}
	}
	for p := range s.spare {
		s.spare[p] -= b.policy.Pools[p].Min
	}
	for at, members := range groups {
		if len(members) == len(b.groupOf(at)) {
			slices.SortFunc(members, compareYielding)
			s.idle = append(s.idle, members)
		}
	}
	slices.SortFunc(s.idle, func(x, y []*nodeState) int { return compareYielding(x[len(x)-1], y[len(y)-1]) })
	return s
}

func compareYielding(x, y *nodeState) int {
	return cmp.Or(
		cmp.Compare(yieldRank(x), yieldRank(y)),
		cmp.Compare(boolRank(len(x.memory.For) > 0), boolRank(len(y.memory.For) > 0)),
		x.memory.IdleSince().Compare(y.memory.IdleSince()),
		cmp.Compare(x.node.ID, y.node.ID))
}

// yieldRank puts nodes first that the queue shows marked, and last those of which it
// does not show the mark.
func yieldRank(n *nodeState) int {
	return 1 - boolRank(n.use.Drain == DrainOurs) + boolRank(n.memory.Drain.Unseen())
}

// mayYield tells whether a node is up, does nothing, is given nothing by the plan so
// far, and is ours to remove.
func (b *board) mayYield(n *nodeState) bool {
	idle := b.timed() && n.supply && n.node.Phase == PhaseReady && n.vouched && !n.use.Busy() && !n.wanted && n.keptFor == "" && n.yields == nil
	if !idle || n.node.KeepAlive || !b.ours(n) || b.pools[n.pool].paused.Code != "" || b.names.find(n.node.Name) != nil {
		return false
	}
	_, rests := b.drainRests(n)
	return !rests && !n.memory.Vain.next().After(b.state.At)
}

// closeYielding takes the nodes that make way out of the lots, so that no later job is
// given them.
func (b *board) closeYielding() {
	l := &b.lots
	for i := 0; i < len(l.all); i++ { // a lot that is split has its rest further on
		x := l.all[i]
		if x.source != sourceReady {
			continue
		}
		yields := func(at int) bool { return b.nodes[l.order[x.first+at]].yields != nil }
		first, n := yields(0), 1
		for n < x.count && yields(n) == first {
			n++
		}
		l.split(i, n)
		l.all[i].full = x.full || first
	}
}

// yieldVerdict judges an idle node that makes way.
func (b *board) yieldVerdict(n *nodeState) (reason Reason, goes bool) {
	if !b.state.CanDrain && n.memory.IdleReads < idleReadsNeeded {
		return Reason{Code: ReasonIdleOnce}, false
	}
	return Reason{Code: ReasonMakesWay, Subject: string(b.state.Demand.Called(n.yields.job)), Detail: string(n.yields.limit), For: n.yields.waiting, Of: b.policy.GangPatience}, true
}
