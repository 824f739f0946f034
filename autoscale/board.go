package autoscale

import (
	"cmp"
	"slices"
	"time"
)

// board is the table on which a plan is made: everything observed, as dense
// indices, and what is left of it as jobs are placed.
type board struct {
	state  *State
	policy *Policy
	dims   dims
	// vectors, needs, servings and counts are where the plan's many short slices live.
	vectors  slab[int64]
	needs    slab[need]
	servings slab[Serving]
	counts   slab[int32]
	scratch  scratch
	coder    shapeCoder
	// choices are those met so far, by their selectors' keys.
	choices  map[string]choice
	ledger   *ledger
	pools    []poolState
	nodes    []nodeState
	hosts    hosts
	lots     lots
	classes  []classState
	inFlight []flight
	// lost are the open creates in pools that the cloud no longer lists.
	lost []*Operation
	plan Plan
	// growOf finds the one set per pool and group.
	growOf map[place]int
	// headroom is what each policy has in use, once jobs are placed.
	headroom []headroom
	// startOf finds the one set to start per pool and group.
	startOf map[place]int
	// probing are the budgets that the present search has begun to draw on,
	// as a gang that is the probe.
	probing []int
	// holds are what stopped a pool, by pool; a zero reason: nothing did.
	holds []Reason
	// breaker is what the cloud's breaker means for the plan, and trialLimit the
	// limit of its trial.
	breaker    breaker
	trialLimit int
	// reserved are the limits whose room is kept for a gang, by index, and kept
	// is what it would take of them.
	reserved map[int]JobID
	kept     []take
	// groupLimit is, by policy, the limit on its placement groups; -1: none.
	groupLimit []int
	names      names
	// nextGroup is where to look on for a free number, by the group name's template.
	nextGroup map[string]int
}

// scratch are lists that are made again and again, and used up at once.
type scratch struct {
	needs []need
	takes []take
}

// place is where coupled nodes stand together; the group is empty for others.
type place struct {
	pool  int
	group string
}

// poolState is a pool with its policy and what one node of it takes.
type poolState struct {
	*Pool
	// labels are the cloud's and the policy's, by which jobs choose.
	labels map[string]string
	policy int // index in Policy.Pools; -1: not managed
	// offers is what an empty node offers to jobs, full as a vector.
	offers Resources
	full   vector
	// spotRank is the pool's place by the policy's preference of spot or regular.
	spotRank int
	// price is what a node costs an hour, if priced.
	price  Money
	priced bool
	// shut is why no new nodes are made here; without a code they are.
	shut Reason
	// draws is what a node draws on the cloud's limits and on budgets.
	draws []Draw
	// claims are what a node draws on limits; alone and grouped add what is
	// left after capacity failures.
	claims  []claim
	alone   offer
	grouped offer
	// startDraws, startClaims and the offers are the same for starting a
	// deallocated node, and stock are those that may be started.
	startDraws   []Draw
	startClaims  []claim
	startAlone   offer
	startGrouped offer
	stock        []stock
	// starting counts the deallocated nodes that are being started.
	starting int
	// alive counts the nodes that count to the policy's min.
	alive int
	// aging counts those of them that go for their age and run nothing.
	aging int
	// groupActive counts the nodes of each placement group, planned ones included.
	groupActive map[string]int
	// groups are those with room, once all that exist are counted.
	groups groupRoom
}

// nodeState is a node with its memory, its use, and its part in this plan.
type nodeState struct {
	node   *Node
	memory NodeMemory
	use    HostUse
	// vouched: the queue says what runs on it.
	vouched bool
	pool    int // index in board.pools; -1: not managed
	free    vector
	// supply: jobs may be given to it.
	supply bool
	// aging is what the plan makes of its age.
	aging aging
	// leaving: an operation is removing it.
	leaving bool
	// start is the open operation that starts it, if it is seen deallocated, and
	// begun: this plan starts it.
	start *Operation
	begun bool
	// wanted: this plan gave it work, to tenants.
	wanted  bool
	tenants []Tenant
	// keptFor is the gang that the node is kept for although it lacks the rest,
	// and held since when. released: that was for as long as it may be.
	keptFor  JobID
	held     time.Time
	released bool
}

// attemptsAtMost is how often a request is sent. One that the cloud still does not
// know then is watched until it expires, and its jobs are planned anew.
const attemptsAtMost = 3

// flight is nodes that were asked for and are not in the observation.
type flight struct {
	operation *Operation
	pool      int
	count     int
	// unwanted: they are no supply for jobs.
	unwanted bool
	// barred: the cloud does not know the request, and it may not be sent
	// again: its pool is closed, the breaker is open, a limit was lowered since,
	// or it was sent often enough.
	barred bool
	// used counts how many of them the plan gave work.
	used int
}

func newBoard(s *State, p *Policy, unwanted map[RequestID]bool) *board {
	b := &board{state: s, policy: p, plan: Plan{At: s.At}, growOf: make(map[place]int), startOf: make(map[place]int), reserved: make(map[int]JobID), nextGroup: make(map[string]int), choices: make(map[string]choice)}
	offers := offersOf(s.Supply.Pools, p)
	b.dims = newDims(offers, s.Demand.Classes)
	b.ledger = newLedger(s.Supply.Limits, p.Limits)
	poolIndex := b.addPools(offers)
	b.holds = make([]Reason, len(b.pools))
	b.hosts = newHosts(&s.Demand)
	b.addNodes(poolIndex)
	b.addFlights(poolIndex, unwanted)
	b.addMax()
	b.addBudgets()
	b.addBreaker()
	b.drawInFlight()
	b.drawStarts()
	b.addCapacity()
	b.addNames()
	b.pickAged()
	b.addLots()
	b.addStock()
	b.addClasses()
	return b
}

// addPools sorts the pools by the policy's order, so that the order in which
// the cloud lists them plays no part.
func (b *board) addPools(offers []Resources) map[PoolID]int {
	b.pools = make([]poolState, len(b.state.Supply.Pools))
	for i := range b.pools {
		b.pools[i] = b.newPool(&b.state.Supply.Pools[i], offers[i])
	}
	slices.SortFunc(b.pools, func(x, y poolState) int {
		return cmp.Or(
			cmp.Compare(-b.priority(x), -b.priority(y)),
			cmp.Compare(x.spotRank, y.spotRank),
			cmp.Compare(uint(x.policy), uint(y.policy)), // not managed ones, -1, come last
			cmp.Compare(listedRank(b.policy, x), listedRank(b.policy, y)),
			slices.Compare(x.full, y.full), // the smallest, where the policy does not say
			cmp.Compare(x.ID, y.ID))
	})
	index := make(map[PoolID]int, len(b.pools))
	for i := range b.pools {
		index[b.pools[i].ID] = i
	}
	return index
}

func (b *board) newPool(pool *Pool, offer Resources) poolState {
	p := poolState{Pool: pool, policy: policyOf(pool, b.policy), offers: offer, full: b.dims.vector(offer), spotRank: b.policy.Spot.rank(pool), draws: pool.Draws, startDraws: pool.StartDraws, groupActive: make(map[string]int)}
	for _, g := range pool.Groups {
		p.groupActive[g.Name] = g.Active
	}
	if pool.Invalid != "" {
		p.shut = Reason{Code: ReasonPoolInvalid, Subject: string(pool.ID), Detail: pool.Invalid}
	}
	p.labels = pool.Labels
	if p.policy >= 0 {
		p.labels = b.policy.Pools[p.policy].labelled(pool.Labels)
		p.price, p.priced = b.policy.priceUnder(pool, p.policy)
	}
	return p
}

func (p *poolState) closed() bool { return p.shut.Code != "" }

func (b *board) priority(p poolState) int {
	if p.policy < 0 {
		return 0
	}
	return b.policy.Pools[p.policy].Priority
}

// policyOf is the first policy that matches the pool; -1: none.
func policyOf(pool *Pool, p *Policy) int {
	for i := range p.Pools {
		if _, ok := p.Pools[i].Match.Match(pool.Labels); ok {
			return i
		}
	}
	return -1
}

// listedRank is where the policy's own match lists the pool, such as its machine
// type's place in machine_types.
func listedRank(p *Policy, pool poolState) int {
	if pool.policy < 0 {
		return 0
	}
	rank, _ := p.Pools[pool.policy].Match.Match(pool.Labels)
	return rank
}

func (b *board) addNodes(poolIndex map[PoolID]int) {
	leaving := make(map[NodeID]bool)
	for i := range b.state.Operations {
		if op := &b.state.Operations[i]; op.Kind == OperationRemove && !op.Phase.Final() && op.Phase != OpAbsent {
			for _, id := range op.Nodes {
				leaving[id] = true
			}
		}
	}
	starts := b.openStarts()
	order := make([]*Node, len(b.state.Supply.Nodes))
	for i := range order {
		order[i] = &b.state.Supply.Nodes[i]
	}
	slices.SortFunc(order, func(x, y *Node) int { return cmp.Compare(x.ID, y.ID) })
	b.nodes = make([]nodeState, len(order))
	for i, node := range order {
		b.nodes[i] = b.nodeState(node, poolIndex, leaving)
		if node.Phase == PhaseDeallocated {
			b.nodes[i].start = starts[node.ID]
		}
	}
	for i := range b.nodes {
		if n := &b.nodes[i]; n.supply {
			b.pools[n.pool].alive++
		}
	}
	b.countGroups()
}

// countGroups counts the nodes of placement groups itself too: a group may not
// be listed by the cloud although its last nodes are still going.
func (b *board) countGroups() {
	seen := make(map[place]int)
	for i := range b.nodes {
		if n := &b.nodes[i]; n.pool >= 0 && n.node.Group != "" && n.node.Phase != PhaseGone {
			seen[place{n.pool, n.node.Group}]++
		}
	}
	for at, n := range seen {
		active := b.pools[at.pool].groupActive
		active[at.group] = max(active[at.group], n)
	}
}

func (b *board) nodeState(node *Node, poolIndex map[PoolID]int, leaving map[NodeID]bool) nodeState {
	n := nodeState{node: node, memory: b.state.Memory.Nodes[node.ID], pool: -1}
	if n.memory.Asked.IsZero() {
		n.memory.Asked = b.state.At
	}
	n.leaving = leaving[node.ID] || node.Phase == PhaseStopping
	n.use, n.vouched = b.hosts.useOf(node)
	if i, known := poolIndex[node.Pool]; known && b.pools[i].policy >= 0 {
		n.pool = i
		n.free = b.freeOn(n)
	}
	n.released = b.release(&n)
	n.supply = n.counts() && n.pool >= 0 && node.Protected == "" && n.use.Drain != DrainForeign && !b.late(n)
	return n
}

// freeOn is what the queue leaves free on a node. What the queue does not vouch
// for counts as free: its document then lists all unfinished jobs, and a node
// that counted as full would be created again and again.
func (b *board) freeOn(n nodeState) vector {
	full := b.pools[n.pool].full
	if !n.use.Busy() {
		return full
	}
	free := b.vectors.copy(full)
	if n.use.Whole {
		clear(free)
		return free
	}
	for dim, used := range b.dims.vector(n.use.Used) {
		free[dim] = max(0, free[dim]-used)
	}
	return free
}

// counts tells whether the node is one that stays: late and failed nodes, and
// those on their way out, don't count.
func (n nodeState) counts() bool {
	if n.leaving {
		return false
	}
	return n.node.Phase == PhaseReady || n.node.Phase == PhaseStarting
}

// late tells whether a node that was never ready has taken longer than its pool
// allows.
func (b *board) late(n nodeState) bool {
	return n.pool >= 0 && late(n.node, n.memory, b.state.At, b.bootTimeout(n.pool))
}

func (b *board) bootTimeout(pool int) time.Duration {
	return b.poolPolicy(pool).bootTimeout()
}

func (b *board) idleTime(pool int) time.Duration {
	return b.poolPolicy(pool).IdleTime
}

// poolPolicy is the policy that a managed pool follows.
func (b *board) poolPolicy(pool int) *PoolPolicy { return &b.policy.Pools[b.pools[pool].policy] }

// addFlights enters what was asked for and is not yet seen.
func (b *board) addFlights(poolIndex map[PoolID]int, unwanted map[RequestID]bool) {
	for i := range b.state.Operations {
		op := &b.state.Operations[i]
		pool, known := poolIndex[op.Pool]
		if !known {
			b.lost = append(b.lost, op)
		}
		if count := op.Expected(); known && count > 0 {
			f := flight{operation: op, pool: pool, count: count}
			f.unwanted = b.pools[pool].policy < 0 || op.Phase == OpAbsent && unwanted[op.Request]
			b.inFlight = append(b.inFlight, f)
		}
	}
	slices.SortFunc(b.inFlight, func(x, y flight) int { return byIntent(x.operation, y.operation) })
}

// addMax enters the policy's max of each pool and of all, and looks up what a node
// of each pool draws on.
func (b *board) addMax() {
	nodes := make([]int64, len(b.policy.Pools))
	total := int64(0)
	for i := range b.nodes {
		n := &b.nodes[i]
		if n.pool >= 0 && n.node.Phase != PhaseGone && n.node.Phase != PhaseDeallocated {
			nodes[b.pools[n.pool].policy]++
			total++
		}
	}
	own := make([]int, len(b.policy.Pools))
	for i, p := range b.policy.Pools {
		own[i] = -1
		if p.Max > 0 {
			own[i] = b.ledger.add(Limit{ID: LimitID("pool/" + p.Name), Kind: LimitPool, Name: p.Name, Unit: UnitNodes, Max: int64(p.Max), Used: nodes[i], SetBy: p.set.max})
		}
	}
	all := -1
	if b.policy.Max > 0 {
		all = b.ledger.add(Limit{ID: "total", Kind: LimitTotal, Unit: UnitNodes, Max: int64(b.policy.Max), Used: total})
	}
	for i := range b.pools {
		pool := &b.pools[i]
		var bounds []claim
		if pool.policy >= 0 && own[pool.policy] >= 0 {
			bounds = append(bounds, claim{limit: own[pool.policy], amount: 1})
		}
		if all >= 0 {
			bounds = append(bounds, claim{limit: all, amount: 1})
		}
		pool.claims = append(b.ledger.claims(pool.Draws), bounds...)
		pool.startClaims = append(b.ledger.claims(pool.StartDraws), bounds...)
	}
}

// drawInFlight draws on every limit for what is in flight, for the observation can't
// show it. What a pool that is no longer listed draws is on record.
func (b *board) drawInFlight() {
	for _, op := range b.lost {
		b.ledger.take(b.ledger.claims(op.Draws), op.Expected())
	}
	for _, f := range b.inFlight {
		pool := &b.pools[f.pool]
		b.ledger.take(pool.claims, f.count)
		if f.operation.Group != "" {
			pool.groupActive[f.operation.Group] += f.count
		}
	}
	b.addGroups()
	for i := range b.inFlight {
		f := &b.inFlight[i]
		f.barred = f.operation.Phase == OpAbsent && (f.operation.Attempts >= attemptsAtMost || b.breaker.reason.Code != "" || b.overfull(f))
	}
}

// overfull tells whether what is in flight to a pool is more than it may have.
func (b *board) overfull(f *flight) bool {
	pool := &b.pools[f.pool]
	group := f.operation.Group
	return pool.closed() || b.ledger.exceeded(pool.claims) ||
		group != "" && (pool.groupActive[group] > pool.GroupSize || b.ledger.exceeded(b.groupClaims(f.pool)))
}
