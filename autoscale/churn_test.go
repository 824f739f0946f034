package autoscale

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// churnSeeds worlds of churnTicks each are 10,000 ticks.
	churnSeeds = 50
	churnTicks = churnStorm + churnCalm + churnStorm/2 + churnEmpty
	// churnStorm is how long jobs come and go and the cloud fails.
	churnStorm = 80
	// churnCalm is how long nothing happens then but what the daemon does. After
	// churnSettles it must do nothing any more: by then nodes that never come up are
	// gone, after boot_timeout, and so are those that nobody wants.
	churnCalm    = 50
	churnSettles = 30
	// churnEmpty is how long there are no jobs at all in the end.
	churnEmpty = 30
)

// converge holds the requests against what the cloud shows, as package loop does,
// and returns all that were open.
func (c *churn) converge() (all []Operation) {
	for _, r := range c.asked {
		switch {
		case r.Phase == OpSent && r.arrived:
			r.Phase = OpAccepted
		case r.Phase == OpSent:
			r.Phase = OpAbsent
		case r.Phase == OpAbsent && c.at.Sub(r.Sent) > c.policy.AbsentFor:
			c.end(r, OpExpired)
		}
		if r.Kind == OperationCreate {
			c.see(r)
		}
		if r.Kind != OperationCreate && r.arrived {
			c.end(r, OpConverged)
		}
		all = append(all, r.Operation)
	}
	c.asked = slices.DeleteFunc(c.asked, func(r *churnRequest) bool { return r.Phase.Final() })
	return all
}

func (c *churn) see(r *churnRequest) {
	for _, n := range c.nodes {
		if n.Request == r.Request && !slices.Contains(r.Nodes, n.ID) {
			r.Nodes = append(r.Nodes, n.ID)
		}
	}
	switch {
	case r.Phase != OpAccepted:
	case len(r.Nodes) < r.Added && c.at.Sub(r.Sent) < 10*time.Minute:
	case len(r.Nodes) < r.Added: // some went before they were seen
		c.end(r, OpShort)
	case r.Added == 0:
		c.end(r, OpRejected)
	case r.Added < r.Count:
		c.end(r, OpShort)
	default:
		c.end(r, OpConverged)
	}
}

func (c *churn) end(r *churnRequest, phase OperationPhase) { r.Phase, r.Ended = phase, c.at }

// tick is one tick of the daemon.
func (c *churn) tick() Plan {
	o := c.observation()
	var all []Operation
	if o.SupplyProblem == "" {
		all = c.converge()
	} else {
		for _, r := range c.asked {
			all = append(all, r.Operation)
		}
	}
	c.memory = Advance(c.memory, o, all, c.policy)
	open := slices.DeleteFunc(all, func(op Operation) bool { return op.Phase.Final() })
	plan := Decide(State{Observation: o, Operations: open, Memory: c.memory, CanDrain: c.canDrain}, c.policy)
	for i := range plan.Grow {
		plan.Grow[i].Request = RequestID(c.name("r"))
	}
	for i := range plan.Start {
		plan.Start[i].Request = RequestID(c.name("r"))
	}
	c.memory = Remember(c.memory, plan)
	return plan
}

// act carries out a plan, in the order in which package loop does.
func (c *churn) act(t *testing.T, p Plan) {
	c.mark(p.Undrain, false)
	for _, r := range p.Retry {
		switch r.Operation.Kind {
		case OperationCreate:
			c.create(c.request(r.Operation.Request))
		case OperationStart:
			c.start(t, c.request(r.Operation.Request))
		}
	}
	for _, start := range p.Start {
		r := &churnRequest{Operation: Operation{Request: start.Request, Kind: OperationStart, Pool: start.Pool, Group: start.Group, Count: len(start.Nodes), Draws: start.Draws, Intended: c.at}}
		for _, n := range start.Nodes {
			r.Nodes = append(r.Nodes, n.ID)
		}
		c.asked = append(c.asked, r)
		c.start(t, r)
	}
	for _, g := range p.Grow {
		r := &churnRequest{Operation: Operation{Request: g.Request, Kind: OperationCreate, Pool: g.Pool, Group: g.Group, Count: g.Count, Draws: g.Draws, Intended: c.at}}
		c.asked = append(c.asked, r)
		c.create(r)
	}
	c.checkLimits(t)
	c.mark(p.Drain, true)
	for _, r := range p.Retry {
		if r.Operation.Kind == OperationRemove {
			c.remove(t, c.request(r.Operation.Request))
		}
	}
	for _, remove := range p.Remove {
		r := &churnRequest{Operation: Operation{Request: RequestID(c.name("r")), Kind: OperationRemove, Pool: remove.Pool, Removal: remove.Removal, Intended: c.at}}
		for _, n := range remove.Nodes {
			r.Nodes = append(r.Nodes, n.ID)
		}
		c.asked = append(c.asked, r)
		c.remove(t, r)
	}
}

func (c *churn) request(id RequestID) *churnRequest {
	return c.asked[slices.IndexFunc(c.asked, func(r *churnRequest) bool { return r.Request == id })]
}

func (c *churn) mark(list []Drained, drained bool) {
	for _, d := range list {
		if n := c.node(d.Node.ID); n != nil {
			n.drained = drained
		}
	}
}

func (c *churn) node(id NodeID) *churnNode {
	i := slices.IndexFunc(c.nodes, func(n *churnNode) bool { return n.ID == id })
	if i < 0 {
		return nil
	}
	return c.nodes[i]
}

// create asks the cloud for nodes. The request may be lost on its way, or its
// answer; the cloud may give fewer; and what it gives may never come up.
func (c *churn) create(r *churnRequest) {
	r.Phase, r.Sent = OpSent, c.at
	r.Attempts++
	if r.arrived || c.chance(10) {
		return
	}
	r.arrived, r.Added = true, r.Count
	if c.chance(15) {
		r.Added, r.Message = c.random.IntN(r.Count), "sold out"
	}
	for range r.Added {
		id := c.name("n")
		n := &churnNode{Node: aNode(id, r.Pool, PhaseStarting), ready: c.at.Add(time.Duration(2+c.random.IntN(5)) * time.Minute)}
		n.Group, n.Request = r.Group, r.Request
		if c.chance(5) {
			n.ready = time.Time{}
		}
		c.nodes = append(c.nodes, n)
	}
}

func (c *churn) remove(t *testing.T, r *churnRequest) {
	r.Phase, r.Sent = OpSent, c.at
	r.Attempts++
	if c.chance(10) {
		return
	}
	r.arrived = true
	for _, id := range r.Nodes {
		switch n := c.node(id); {
		case n == nil:
		case n.Phase == PhaseDeallocated: // it draws on nothing, and goes at once
			c.lose(n)
		default:
			require.Empty(t, n.runs, "node %s is removed under a job at %s", id, c.at)
			n.Phase, n.gone, n.parks = PhaseStopping, c.at.Add(2*time.Minute), r.Removal == RemovalDeallocate
		}
	}
}

// start asks for deallocated nodes to come up. The request may be lost, and have no
// effect on a node.
func (c *churn) start(t *testing.T, r *churnRequest) {
	r.Phase, r.Sent = OpSent, c.at
	r.Attempts++
	if r.arrived || c.chance(10) {
		return
	}
	r.arrived = true
	for _, id := range r.Nodes {
		n := c.node(id)
		if n == nil || c.chance(10) {
			continue
		}
		require.Equal(t, PhaseDeallocated, n.Phase, "node %s is started at %s", id, c.at)
		n.Phase, n.ready = PhaseStarting, c.at.Add(time.Duration(2+c.random.IntN(3))*time.Minute)
	}
}

func (c *churn) checkLimits(t *testing.T) {
	for _, l := range c.used() {
		require.LessOrEqual(t, l.Used, l.Max, "limit %s at %s", l.ID, c.at)
	}
	groups, opened, price, running := make(map[place]int), make(map[int]int), 0.0, 0
	for _, n := range c.nodes {
		at, policy := place{c.poolOf(n.Pool), n.Group}, policyOf(&c.pools[c.poolOf(n.Pool)], &c.policy)
		if n.Phase != PhaseDeallocated {
			price += c.policy.Pools[policy].PricePerHour
			running++
		}
		if groups[at]++; at.group != "" && groups[at] == 1 {
			opened[policy]++
		}
	}
	require.False(t, c.policy.Max > 0 && running > c.policy.Max, "%d nodes of %d at %s", running, c.policy.Max, c.at)
	if most := c.policy.Budget.PerHour; most > 0 {
		require.LessOrEqual(t, price, most, "budget at %s", c.at)
	}
	for policy, n := range opened {
		most := c.policy.Pools[policy].MaxGroups
		require.False(t, most > 0 && n > most, "%d groups of %d at %s", n, most, c.at)
	}
	for at, n := range groups {
		require.False(t, at.group != "" && n > c.pools[at.pool].GroupSize, "group %s has %d nodes at %s", at.group, n, c.at)
	}
}

// The planner with its memory, in worlds that change at random, and then don't.
func TestChurnSettles(t *testing.T) {
	require.Equal(t, 10000, churnSeeds*churnTicks)
	for seed := range uint64(churnSeeds) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("again: go test ./autoscale -count 1 -run 'TestChurnSettles/seed=%d$'", seed)
				}
			})
			c := newChurn(seed)
			c.storm(t, churnStorm)
			c.calm(t)
			c.storm(t, churnStorm/2)
			c.empty(t)
		})
	}
}

// storm is churn of every kind.
func (c *churn) storm(t *testing.T, ticks int) {
	c.faults = true
	for range ticks {
		for range c.random.IntN(3) {
			c.arrive()
		}
		c.step(t, time.Minute)
	}
}

func (c *churn) step(t *testing.T, run time.Duration) Plan {
	c.at = c.at.Add(time.Minute)
	c.pass(run)
	c.schedule()
	plan := c.tick()
	c.act(t, plan)
	return plan
}

// calm: no job comes or ends and nothing fails. What the planner lets go as not
// needed it does not make again, what it marks for drain it does not unmark, and
// in the end it leaves everything as it is.
func (c *churn) calm(t *testing.T) {
	c.faults = false
	idle := make(map[place]bool)
	marked := make(map[NodeID]bool)
	for tick := range churnCalm {
		plan := c.step(t, 0)
		for _, g := range plan.Grow {
			// A gang is an exception: nodes of the wrong pool or group, or too few of
			// them, may go and leave the room that all of it needs.
			at := place{c.poolOf(g.Pool), g.Group}
			require.False(t, idle[at] && !c.forGangs(g), "a node of %s %s is made at %s after one was removed as idle", g.Pool, g.Group, c.at)
		}
		if slices.ContainsFunc(plan.Remove, func(r Remove) bool { return r.Reason.Code == ReasonBootTimeout || r.Reason.Code == ReasonFailed }) {
			clear(marked) // nodes that were counted on won't come, so others may be wanted
		}
		for _, d := range plan.Undrain {
			// The gang that has waited for its patience is an exception.
			require.False(t, marked[d.Node.ID] && c.policy.GangPatience == 0, "node %s is marked for drain and unmarked at %s", d.Node.ID, c.at)
		}
		for _, d := range plan.Drain {
			marked[d.Node.ID] = true
		}
		for _, r := range plan.Remove {
			for _, n := range r.Nodes {
				at := place{c.poolOf(n.Pool), n.Group}
				idle[at] = idle[at] || r.Reason.Code == ReasonIdle || r.Reason.Code == ReasonDrained
			}
		}
		require.True(t, tick < churnSettles || plan.Empty(), "in minute %d of calm: %d sets, %d removals, %d marks, %d withdrawn, %d retries", tick, len(plan.Grow), len(plan.Remove), len(plan.Drain), len(plan.Undrain), len(plan.Retry))
	}
}

// forGangs tells whether a set is for jobs that stand or fall as a whole.
func (c *churn) forGangs(g Grow) bool {
	gangs := 0
	for _, j := range c.jobs {
		if slices.Contains(g.Jobs, j.ID) && j.Required() > 1 {
			gangs++
		}
	}
	return gangs > 0 && gangs == g.JobCount
}

// empty: all jobs are cancelled. What stays is the min of each pool, or its buffer
// where that is more, and of groups that only go whole what neither can spare.
func (c *churn) empty(t *testing.T) {
	c.faults = false
	for _, j := range c.jobs {
		c.stop(j)
	}
	c.jobs = nil
	for range churnEmpty {
		c.step(t, 0)
	}
	standing := make(map[string]int)
	for _, n := range c.nodes {
		if n.Phase == PhaseDeallocated {
			continue
		}
		standing[c.pools[c.poolOf(n.Pool)].Labels[LabelNodearray]]++
	}
	for _, p := range c.policy.Pools {
		least := max(p.Min, p.Buffer)
		require.GreaterOrEqual(t, standing[p.Name], least, "nodes of %s when there is nothing to do", p.Name)
		require.True(t, p.RemoveGroupsWhole || standing[p.Name] == least, "%d nodes of %s stay when there is nothing to do", standing[p.Name], p.Name)
	}
}
