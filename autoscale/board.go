package autoscale

import "time"

// board is the table on which a plan is made: everything observed, as dense
// indices, and what is left of it as jobs are placed.
type board struct {
	planner *Planner
	state   *State
	policy  *Policy
	dims    dims
	nothing vector // of anything
	// vectors, needs, servings and counts are where the plan's many short slices live.
	vectors  slab[int64]
	needs    slab[need]
	servings slab[Serving]
	counts   slab[int32]
	scratch  scratch
	coder    shapeCoder
	// choices are those met so far, by their selectors' keys.
	choices map[string]choice
	ledger  *ledger
	// empty is the ledger as if nothing were there, and most how many nodes each pool
	// could then have, see emptyOnce.
	empty    ledger
	most     []int
	pools    []poolState
	nodes    []nodeState
	hosts    hosts
	lots     lots
	classes  []classState
	inFlight []flight
	// lost are the open creates in pools that the cloud no longer lists.
	lost []*Operation
	plan Plan
	// growOf finds the set per pool and group that is for jobs.
	growOf map[place]int
	// headroom is what each policy has in use, once jobs are placed.
	headroom []headroom
	// startOf finds the one set to start per pool and group.
	startOf map[place]int
	// probing are the budgets that the present search has begun to draw on,
	// as a gang that is the probe.
	probing []int
	// createRates are the claims of a new node on what may be asked for at a time.
	createRates []claim
	// holds are what stopped a pool, by pool; a zero reason: nothing did.
	holds []Reason
	// breaker is what the cloud's breaker means for the plan, and trialLimit the
	// limit of its trial.
	breaker    breaker
	trialLimit int
	// reserved are the limits whose room is kept for a job that waited for long, by
	// index, kept is what it would take of them, and rest what is less than a node.
	reserved map[int]JobID
	kept     []take
	rest     []claim
	// shares are, by policy, how many nodes the group has whose first choice it is; nil:
	// no groups take turns.
	shares []int
	// plenty: jobs are being placed as if there were enough for all.
	plenty bool
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
	// overworked: it goes although it works.
	overworked bool
	// aging is what the plan makes of its age.
	aging aging
	// leaving: it is on its way out, and removing: an operation is at it.
	leaving, removing bool
	// start is the open operation that starts it, if it is seen deallocated, and
	// begun: this plan starts it.
	start *Operation
	begun bool
	// wanted: this plan gave it work, to tenants.
	wanted  bool
	tenants []Tenant
	// yields is for whom it makes way; nil: it does not.
	yields *inWay
	// reporting: it failed, and this plan reports it.
	reporting bool
	// keptFor is the gang that the node is kept for although it lacks the rest,
	// and held since when. released: that was for as long as it may be.
	keptFor  JobID
	held     time.Time
	released bool
}

func newBoard(planner *Planner, s *State, p *Policy, unwanted map[RequestID]bool) *board {
	b := &board{planner: planner, state: s, policy: p, plan: Plan{At: s.At}, growOf: make(map[place]int), startOf: make(map[place]int), reserved: make(map[int]JobID), nextGroup: make(map[string]int), choices: make(map[string]choice)}
	offers := offersOf(s.Supply.Pools, p)
	b.dims = newDims(offers, s.Demand.Classes)
	b.nothing = b.dims.vector(Resources{})
	b.ledger = newLedger(s.Supply.Limits, p.Limits)
	poolIndex := b.addPools(offers)
	b.holds = make([]Reason, len(b.pools))
	b.hosts = newHosts(&s.Demand, s.Supply.Nodes)
	b.addNodes(poolIndex)
	b.addFlights(poolIndex, unwanted)
	b.addMax()
	b.addBudgets()
	b.addPauses()
	b.addBreaker()
	b.addSurge()
	b.drawStarts()
	b.drawInFlight()
	b.addCapacity()
	b.addNames()
	b.pickAged()
	b.addLots()
	b.addStock()
	b.addClasses()
	b.addShares()
	return b
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
	b.nodes = b.planner.room(b.state.Supply.Nodes)
	for i := range b.nodes {
		n := &b.nodes[i]
		b.look(n, poolIndex, leaving)
		if n.node.Phase == PhaseDeallocated {
			n.start = starts[n.node.ID]
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

// look enters what is known of a node.
func (b *board) look(n *nodeState, poolIndex map[PoolID]int, leaving map[NodeID]bool) {
	node := n.node
	n.pool = -1
	n.memory = b.state.Memory.Nodes[node.ID]
	if n.memory.Asked.IsZero() {
		n.memory.Asked = b.state.At
	}
	n.removing = leaving[node.ID]
	n.leaving = n.removing || node.Phase == PhaseStopping
	n.use, n.vouched = b.hosts.useOf(node)
	if i, known := poolIndex[node.Pool]; known && b.pools[i].policy >= 0 {
		n.pool = i
		n.free = b.freeOn(n)
	}
	n.released = b.release(n)
	n.overworked = b.isOverworked(n)
	n.supply = n.counts() && n.pool >= 0 && node.Protected == "" && n.takesWork() && !b.late(n) && !b.misnamed(n)
}

// takesWork tells whether the queue gives a node work, now or once marks of ours are
// withdrawn, and the node stays to do it.
func (n *nodeState) takesWork() bool {
	return n.use.Drain != DrainForeign && n.use.Drain != DrainDone && !n.memory.Unjoined && !n.overworked
}

// freeOn is what the queue leaves free on a node. What the queue does not vouch
// for counts as free: its document then lists all unfinished jobs, and a node
// that counted as full would be created again and again.
func (b *board) freeOn(n *nodeState) vector {
	full := b.pools[n.pool].full
	if !n.use.Busy() {
		return full
	}
	if n.use.Whole {
		return b.nothing
	}
	free := b.vectors.copy(full)
	for dim, used := range b.dims.vector(n.use.Used) {
		free[dim] = max(0, free[dim]-used)
	}
	return free
}

// counts tells whether the node is one that stays: late and failed nodes, and
// those on their way out, don't count.
func (n *nodeState) counts() bool {
	if n.leaving {
		return false
	}
	return n.node.Phase == PhaseReady || n.node.Phase == PhaseStarting
}

// late tells whether a node that was never ready has taken longer than its pool
// allows.
func (b *board) late(n *nodeState) bool {
	return n.pool >= 0 && b.timed() && late(n.node, n.memory, b.state.At, b.bootTimeout(n.pool))
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
		if all >= 0 { // of two that leave the same the wider is told: other pools don't help
			bounds = append(bounds, claim{limit: all, amount: 1})
		}
		if pool.policy >= 0 && own[pool.policy] >= 0 {
			bounds = append(bounds, claim{limit: own[pool.policy], amount: 1})
		}
		pool.claims = append(b.ledger.claims(pool.Draws), bounds...)
		pool.startClaims = append(b.ledger.claims(pool.StartDraws), bounds...)
	}
}
