package autoscale

import "time"

// Observation is one look at the world. What could not be read is unknown,
// never empty: its problem is set and its value must not be used.
type Observation struct {
	At     time.Time
	Supply Supply
	// SupplyProblem is why the cloud could not be read. Empty: it was.
	SupplyProblem string
	Demand        Demand
	// DemandProblem is why the queue could not be read. Empty: it was.
	DemandProblem string
}

// State is all that Decide looks at.
type State struct {
	Observation
	// Operations are those that are not final.
	Operations []Operation
	Memory     Memory
	// CanDrain: the queue can mark hosts for drain, so a removal takes two
	// steps. Otherwise a node must be seen idle in two successive reads.
	CanDrain bool
	// CanReport: the cloud can be told of failed nodes.
	CanReport bool
}

// Memory is what is learnt over time and survives a restart.
type Memory struct {
	Nodes map[NodeID]NodeMemory `json:"nodes,omitempty"`
	// Offerings are those that ran out of capacity lately.
	Offerings map[OfferingID]Offering `json:"offerings,omitempty"`
	// Breaker counts the failures that waiting does not end.
	Breaker Breaker `json:"breaker,omitzero"`
	// First is the first job in order that limits keep waiting, and Blocked the first
	// gang that finds no room: those that patience is counted for.
	First   Blocked `json:"first,omitzero"`
	Blocked Blocked `json:"blocked,omitzero"`
	// Paused are the pools that an operator paused, by name.
	Paused []Pause `json:"paused,omitempty"`
	// Surge is what the queue asks for, and a jump of it that waits to be confirmed.
	Surge Surge `json:"surge,omitzero"`
	// Boots are how long nodes took to come up, by offering.
	Boots map[OfferingID]Boots `json:"boots,omitempty"`
	// Spend is what nodes have cost this month.
	Spend Spend `json:"spend,omitzero"`
	// Removed are the nodes that plans removed within the last hour, by minute.
	Removed []Tally `json:"removed,omitempty"`
	// Created are those that plans asked for or started, likewise.
	Created []Tally `json:"created,omitempty"`
	// Failed are requests that failed when they were sent, and that no observation was
	// held against yet.
	Failed []RequestID `json:"failed,omitempty"`
	// Promises are whom the nodes of open requests are for, once they are seen.
	Promises map[RequestID]Promise `json:"promises,omitempty"`
}

// NodeMemory is what is remembered of one node. A zero time means never.
type NodeMemory struct {
	// Asked is when it was asked for, or first seen where that is not known.
	Asked time.Time `json:"asked"`
	// Ready is when it was first seen ready; it is never late again.
	Ready time.Time `json:"ready,omitzero"`
	// Joined is when the queue was first seen to have heard of it, once it was ready.
	Joined time.Time `json:"joined,omitzero"`
	// Lost is since when the queue has missed it in every read that told, for a node that
	// it had heard of. Zero: it hears of it, or never has.
	Lost time.Time `json:"lost,omitzero"`
	// Busy is when the queue was last seen running something on it.
	Busy time.Time `json:"busy,omitzero"`
	// BusySince is since when it has been running something in every read of the queue
	// that told. Zero: it is not running anything.
	BusySince time.Time `json:"busy_since,omitzero"`
	// Wanted is when a plan last gave it work.
	Wanted time.Time `json:"wanted,omitzero"`
	// Held is since when it has been kept for a gang that lacks the rest of its
	// nodes. It stays after the node was released, until something uses it.
	Held time.Time `json:"held,omitzero"`
	// Failed: the cloud said so, before it was ready.
	Failed bool `json:"failed,omitempty"`
	// Late: it took longer to come up than its pool allows.
	Late bool `json:"late,omitempty"`
	// Unjoined: the queue has not heard of it, or not any more, for longer than its pool allows.
	Unjoined bool `json:"unjoined,omitempty"`
	// Ours: it carries our owner mark, or a request of ours made it.
	Ours bool `json:"ours,omitempty"`
	// Pool it is of, and whether it stands in a placement group: what tells of
	// an offering once the node is gone.
	Pool    PoolID `json:"pool,omitempty"`
	Grouped bool   `json:"grouped,omitempty"`
	// Removing: a request of ours for its removal left, and was not refused.
	Removing bool `json:"removing,omitempty"`
	// Deallocated is when it was first seen deallocated; zero: it is not now.
	Deallocated time.Time `json:"deallocated,omitzero"`
	// Tried is when a start of it was last asked for, as long as it is
	// deallocated all the same.
	Tried time.Time `json:"tried,omitzero"`
	// Reports counts how often it was tried to report it as failed, and Reported tells
	// that the cloud took one. Both end when it is failed no more.
	Reports  int  `json:"reports,omitempty"`
	Reported bool `json:"reported,omitempty"`
	// Drain is how far its drain is.
	Drain DrainMemory `json:"drain,omitzero"`
	// Vain counts its removals that came to nothing.
	Vain Vain `json:"vain,omitzero"`
	// IdleReads counts the successive reads that vouched for it running
	// nothing, up to idleReadsNeeded.
	IdleReads int `json:"idle_reads,omitempty"`
	// For are the shapes of the jobs that the last plan gave it to.
	For []Tenant `json:"for,omitempty"`
}

// Tenant is a shape of jobs that a plan gave a node to. Jobs of this shape look
// there first in the next plan, in the order of turns, which is the order in
// which the plan filled nodes. Without it a plan made again would shuffle jobs
// among nodes, leave some node to nobody, and create another.
type Tenant struct {
	Shape ShapeKey `json:"shape"`
	Turn  int      `json:"turn"`
}

// Promise is whom the nodes of a request are for that were not seen when it was
// made.
type Promise struct {
	// Seen is how many nodes of the request were seen by then.
	Seen int    `json:"seen,omitempty"`
	For  []Wish `json:"for,omitempty"`
}

// Wish is a number of nodes, and whom they are for.
type Wish struct {
	Count   int      `json:"count"`
	Tenants []Tenant `json:"tenants,omitempty"`
}

// of is whom the node is for that the request brought as its nth.
func (p Promise) of(nth int) []Tenant {
	if nth -= p.Seen; nth < 0 {
		return nil
	}
	for _, wish := range p.For {
		if nth < wish.Count {
			return wish.Tenants
		}
		nth -= wish.Count
	}
	return nil
}

// idleReadsNeeded is how many successive reads must have seen a node idle before
// it goes, where the queue can't drain it first.
const idleReadsNeeded = 2

// IdleSince is since when nobody has wanted the node: the latest of when it was
// asked for, became ready, last ran something and was last given work.
func (m NodeMemory) IdleSince() time.Time {
	since := m.Asked
	for _, t := range []time.Time{m.Ready, m.Busy, m.Wanted} {
		if t.After(since) {
			since = t
		}
	}
	return since
}

// silentSince is since when the queue misses a node that is up: since it came up, or since
// the queue heard of it no more. A queue may miss all nodes for a while, as one does that
// was restarted, and then hears of those again that are well.
func (m *NodeMemory) silentSince() time.Time { return later(m.Ready, m.Lost) }

// rest notes that a node is deallocated, or no longer is. It then comes up anew, from
// when the latest of the starts was asked for, if there are any.
func (m *NodeMemory) rest(phase Phase, at time.Time, starts []*Operation) {
	if phase == PhaseDeallocated && m.Deallocated.IsZero() {
		m.Deallocated = at
		m.Ready, m.Joined, m.Lost, m.BusySince = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		m.Failed, m.Late, m.Unjoined = false, false, false
		m.Vain = m.Vain.over()
	}
	if m.Deallocated.IsZero() {
		return
	}
	for _, op := range starts {
		if op.Intended.After(m.Tried) && !op.Intended.Before(m.Deallocated) && op.Phase != OpExpired {
			m.Tried = op.Intended
		}
	}
	if phase == PhaseDeallocated {
		return
	}
	m.Asked = at
	if !m.Tried.IsZero() {
		m.Asked = m.Tried
	}
	m.Deallocated, m.Tried, m.Removing = time.Time{}, time.Time{}, false
}

// past pulls back what is yet to come: the clock was set back while nobody looked.
// Idle and boot times then run from now, and not from when it has caught up.
func (m *NodeMemory) past(now time.Time) {
	for _, t := range []*time.Time{&m.Asked, &m.Ready, &m.Joined, &m.Lost, &m.Busy, &m.BusySince, &m.Wanted, &m.Held, &m.Deallocated, &m.Tried, &m.Vain.Last} {
		if t.After(now) {
			*t = now
		}
	}
	m.Drain.past(now)
}
