package autoscale

import (
	"cmp"
	"slices"
	"time"
)

// OfferingID names what can be sold out by itself: the nodes of a pool that stand
// in placement groups, or those that do not.
type OfferingID string

func offeringOf(pool PoolID, grouped bool) OfferingID {
	if grouped {
		return OfferingID(pool + "/grouped")
	}
	return OfferingID(pool)
}

// Offering is what is remembered of an offering that ran out. As long as it is
// remembered, no more than Budget nodes of it may be on their way: one after a
// failure, and one more for each node that came up since, as in TCP's slow start.
type Offering struct {
	Failed time.Time `json:"failed"`
	Budget int       `json:"budget"`
	// Failures counts those in a row, with no node that came up between.
	Failures int `json:"failures"`
	// Probed is when nodes were last asked for.
	Probed time.Time `json:"probed,omitzero"`
	// Notice is how long it took from asking until the latest failure showed. No
	// try follows another sooner, for its outcome would not be known yet.
	Notice time.Duration `json:"notice,omitempty"`
	// Rest is how long after the latest failure the queue brings no try: Demand.Rest.
	Rest time.Duration `json:"rest,omitempty"`
	// Class is what kind of trouble it was, and Detail the cloud's word on it.
	Class  ErrorClass `json:"class,omitempty"`
	Detail string     `json:"detail,omitempty"`
}

const (
	// sameFailure is how far apart two tellings of one failure can be: the
	// server tells an age in seconds, and an operation's end is seen a tick late.
	sameFailure = 20 * time.Second
	// failureFades is when a failure says nothing any more.
	failureFades = time.Hour
	// budgetEnough is a budget that limits nobody.
	budgetEnough = 64
	// firstBackoff is doubled with each failure in a row, up to lastBackoff.
	firstBackoff = time.Minute
	lastBackoff  = 30 * time.Minute
)

// nextProbe is when the offering may be tried again after its latest failure.
func (o Offering) nextProbe() time.Time {
	next := o.Failed
	if o.Failures > 0 {
		next = next.Add(o.Rest)
	}
	if o.Probed.IsZero() {
		return next // told by the cloud: we have not tried ourselves
	}
	if probe := o.Probed.Add(max(backoff(o.Failures-1), o.Notice)); probe.After(next) || o.Failures == 0 {
		return probe
	}
	return next
}

// NextTry is when the offering may be tried again after its latest failure. Zero: it
// has come up since, and is tried as room allows.
func (o Offering) NextTry() time.Time {
	if o.Failures == 0 {
		return time.Time{}
	}
	return o.nextProbe()
}

// OfferingOf names the nodes of a pool that stand in placement groups, or those that
// do not.
func OfferingOf(pool PoolID, grouped bool) OfferingID { return offeringOf(pool, grouped) }

// offerings folds what an observation tells of capacity into what is remembered.
type offerings struct {
	at   time.Time
	rest time.Duration
	all  map[OfferingID]Offering
}

// advanceOfferings counts failures: what the cloud tells of its buckets,
// operations that ended short or were refused, nodes that failed before they were
// ready, or were late, and spot nodes that were evicted. It counts successes: nodes
// that came up. next is the memory of nodes and boots that goes with the observation,
// before is that of the one before it.
//
// Of nodes that serve one job there are many, and now and then one does not boot. While
// others do, that is no failure of the offering: it would stop a fleet for one bad VM.
func advanceOfferings(before Memory, next *Memory, o Observation, operations []Operation) map[OfferingID]Offering {
	f := offerings{at: o.At, rest: o.Demand.Rest, all: make(map[OfferingID]Offering, len(before.Offerings))}
	for id, was := range before.Offerings {
		if o.At.Sub(was.Failed) < failureFades && was.Budget < budgetEnough {
			was.Failed, was.Probed = past(was.Failed, o.At), past(was.Probed, o.At)
			f.all[id] = was
		}
	}
	for i := range o.Supply.Pools {
		pool := &o.Supply.Pools[i]
		if !pool.CapacityFailed.IsZero() {
			f.told(offeringOf(pool.ID, false), pool.CapacityFailed)
			f.told(offeringOf(pool.ID, true), pool.CapacityFailed)
		}
	}
	for i := range operations {
		f.operation(&operations[i])
	}
	single := singlePools(o.Supply.Pools)
	for i := range o.Supply.Nodes {
		node := &o.Supply.Nodes[i]
		was, now := before.Nodes[node.ID], next.Nodes[node.ID]
		alone := single[node.Pool] && now.FailedSince(was) && node.Trouble() == ErrorBoot
		if alone && next.Boots[offeringOf(node.Pool, now.Grouped)].provesOthers(&now) {
			continue
		}
		f.node(node, was, now)
	}
	f.evictions(before, o, operations)
	if len(f.all) == 0 {
		return nil
	}
	return f.all
}

// singlePools are the pools whose nodes serve one job; nil: there are none.
func singlePools(pools []Pool) map[PoolID]bool {
	var single map[PoolID]bool
	for i := range pools {
		if !pools[i].Single {
			continue
		}
		if single == nil {
			single = make(map[PoolID]bool)
		}
		single[pools[i].ID] = true
	}
	return single
}

// failure is that an offering did not bring what was asked of it.
type failure struct {
	of OfferingID
	// at is when it failed, and asked when what failed was asked for, if known.
	at, asked time.Time
	class     ErrorClass
	detail    string
}

// told counts a failure by the cloud's own word, which does not say what was asked:
// of one instant, within rounding, it is one failure.
func (f offerings) told(id OfferingID, at time.Time) {
	if was, known := f.all[id]; known && !at.After(was.Failed.Add(sameFailure)) {
		return
	}
	f.count(failure{of: id, at: at, class: ErrorCapacity, detail: "the cloud tells of a capacity failure"})
}

// fail counts a failure of something that we asked for. What was asked before the
// latest failure met the same shortage, and only tells how long that takes to show.
func (f offerings) fail(x failure) {
	was := f.all[x.of]
	if f.news(x.of, x.asked) {
		f.count(x)
		was.Notice = 0
	}
	took := min(max(was.Notice, x.at.Sub(x.asked)), lastBackoff)
	if was, known := f.all[x.of]; known {
		was.Notice = took
		f.all[x.of] = was
	}
}

// news tells whether what was asked then can tell of a failure that is not counted yet.
func (f offerings) news(id OfferingID, asked time.Time) bool {
	was, known := f.all[id]
	return !known || !asked.Before(was.Failed)
}

func (f offerings) count(x failure) {
	was := f.all[x.of]
	if f.at.Sub(x.at) >= failureFades {
		return
	}
	was.Failed, was.Budget, was.Class, was.Detail = x.at, 1, x.class, x.detail
	was.Failures++
	was.Rest = 0
	if x.class.Shortage() {
		was.Rest = f.rest
	}
	f.all[x.of] = was
}

// operation notes tries, and those that brought fewer nodes than asked: as soon as the
// cloud says so, and not only when the nodes that it did add are up.
func (f offerings) operation(op *Operation) {
	if op.Kind == OperationRemove {
		return
	}
	id := offeringOf(op.Pool, op.Group != "")
	if f.lacking(op) && f.news(id, op.Intended) {
		f.fail(failure{of: id, at: f.at, asked: op.Intended, class: op.Class, detail: op.Message})
	}
	if was, known := f.all[id]; known && op.Intended.After(was.Probed) {
		was.Probed = op.Intended
		f.all[id] = was
	}
}

// lacking tells whether a create brought, or is to bring, fewer nodes than asked. One
// whose credentials were refused tells nothing of what there is.
func (f offerings) lacking(op *Operation) bool {
	switch op.Phase {
	case OpAccepted:
		// Without a class it is not known yet how many there will be.
		return op.Class != "" && op.Added < op.Count
	case OpShort:
		return op.Ended.Equal(f.at)
	case OpRejected:
		return op.Ended.Equal(f.at) && op.Class != ErrorAuth
	}
	return false
}

func (f offerings) node(n *Node, before, now NodeMemory) {
	id := offeringOf(n.Pool, n.Group != "")
	if now.FailedSince(before) {
		f.fail(failure{of: id, at: f.at, asked: now.Asked, class: n.Trouble(), detail: n.Message})
		return
	}
	was, known := f.all[id]
	if known && before.Ready.IsZero() && !now.Ready.IsZero() && !now.Asked.Before(was.Failed) {
		was.Budget++
		was.Failures = 0
		f.all[id] = was
	}
}

// Trouble is why a node did not come up: what its message tells of, else boot.
func (n *Node) Trouble() ErrorClass { return cmp.Or(n.Class, ErrorBoot) }

// addCapacity limits the pools that ran out lately to their budgets.
func (b *board) addCapacity() {
	b.addCreateRates()
	for i := range b.pools {
		pool := &b.pools[i]
		pool.alone, pool.startAlone = b.newOffers(i, false)
		pool.grouped, pool.startGrouped = b.newOffers(i, true)
	}
}

// newOffers are what can be had of an offering by making nodes and by starting them:
// as much as the pool's limits allow, or, after a failure, its budget less what is
// on its way; and a trial's share, where the breaker allows only that.
func (b *board) newOffers(i int, grouped bool) (made, started offer) {
	pool := &b.pools[i]
	made, started = offer{risked: pool.claims}, offer{risked: pool.startClaims}
	defer func() {
		made.claims, started.claims = b.rated(made.risked), b.rated(started.risked)
	}()
	if b.breaker.trial {
		made.limit(b.trialLimit)
		started.limit(b.trialLimit)
	}
	id := offeringOf(pool.ID, grouped)
	o, failed := b.state.Memory.Offerings[id]
	if !failed {
		return made, started
	}
	limit := Limit{ID: LimitID("capacity/" + id), Kind: LimitCapacity, Name: string(id), Unit: UnitNodes, Max: int64(o.Budget), Used: b.onTheirWay(i, grouped)}
	if b.state.At.Before(o.nextProbe()) {
		limit.Used = max(limit.Used, limit.Max)
	}
	capacity := b.ledger.add(limit)
	made.limit(capacity)
	started.limit(capacity)
	return made, started
}

// rated adds the rates to what nodes draw on.
func (b *board) rated(claims []claim) []claim {
	if len(b.createRates) == 0 {
		return claims
	}
	return slices.Concat(claims, b.createRates)
}

// offer is what new nodes of an offering draw on: claims, of which all but those on
// the rates are risked.
type offer struct {
	claims, risked []claim
	// trials are those of the limits that bound what is risked.
	trials []int
}

func (o *offer) limit(limit int) {
	o.risked = append(slices.Clip(o.risked), claim{limit: limit, amount: 1})
	o.trials = append(o.trials, limit)
}

// untried tells whether nothing is at risk yet of what there is at risk at all, but
// by the search under way itself.
func (b *board) untried(o *offer) bool {
	for _, limit := range o.trials {
		if b.ledger.limits[limit].Used > 0 && !slices.Contains(b.probing, limit) {
			return false
		}
	}
	return len(o.trials) > 0
}

// offerAt is the offering that new nodes at a place are of.
func (b *board) offerAt(at place) *offer {
	if at.group != "" {
		return &b.pools[at.pool].grouped
	}
	return &b.pools[at.pool].alone
}

// roomFor is how many new nodes a gang, or single tasks, can have at a place.
func (b *board) roomFor(c *classState, at place) int {
	if b.pools[at.pool].closed() {
		return 0
	}
	return b.roomOf(c, b.offerAt(at), b.pools[at.pool].claims)
}

// roomOf is how many nodes of an offer a class can have. For a gang that is the
// probe only the claims count that the offer makes apart from its budget.
func (b *board) roomOf(c *classState, o *offer, claims []claim) int {
	if c == nil || !b.probes(c, o) {
		claims = o.risked
	}
	return b.ratedRoom(c, b.ledger.room(claims))
}

// probes tells whether a gang is the probe of an offer on trial itself, whole,
// however small the budget: nothing else of it is on its way.
func (b *board) probes(c *classState, o *offer) bool {
	return c.required > 1 && b.untried(o)
}

// onTheirWay counts the nodes of an offering that are not up yet.
func (b *board) onTheirWay(pool int, grouped bool) int64 {
	n := 0
	for i := range b.nodes {
		x := &b.nodes[i]
		coming := x.supply && x.node.Phase == PhaseStarting && x.memory.Ready.IsZero() || x.start != nil
		if x.pool == pool && coming && (x.node.Group != "") == grouped {
			n++
		}
	}
	for _, f := range b.inFlight {
		if f.pool == pool && (f.operation.Group != "") == grouped {
			n += f.count
		}
	}
	return int64(n)
}

// soldOut is the reason why an offering on trial gives no more.
func (b *board) soldOut(id OfferingID) Reason {
	o := b.state.Memory.Offerings[id]
	return Reason{
		Code: ReasonCapacity, Subject: string(id), For: b.state.At.Sub(o.Failed), Of: max(0, o.nextProbe().Sub(b.state.At)),
		Have: int64(o.Budget), Class: cmp.Or(o.Class, ErrorCapacity), Detail: o.Detail,
	}
}
