package loop

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"autoscaled/autoscale"
)

const (
	poolID   autoscale.PoolID = "execute/F4"
	bootTime                  = 4 * time.Minute
	goTime                    = time.Minute
)

// fault is what happens to one call.
type fault int

const (
	works       fault = iota
	lostBefore        // the connection breaks before the cloud has it
	lostAfter         // the cloud handles it, the answer is lost
	arrivesLate       // the connection breaks, and the cloud has it a minute later
	refused
	unavailable
	cutShort // a create brings one node, whatever was asked
	soldOut  // a create is taken and brings none
	forbidden
	badImage
)

var errLost = fmt.Errorf("connection reset: %w", autoscale.ErrUncertain)

// fakeCloud is a small world of one pool: nodes boot, stop and vanish with its
// time. A repeated request id is answered as the first was.
type fakeCloud struct {
	mu       sync.Mutex
	now      func() time.Time
	max      int
	pools    int // how many, all alike; execute/F4 is the first
	single   bool
	nodes    map[autoscale.NodeID]*fakeNode
	handled  map[autoscale.RequestID]int // nodes added, or 0 for a remove
	late     []lateCall
	lateAdd  int // nodes that late creates brought
	serial   int
	started  int // nodes that were started again
	stuck    map[autoscale.NodeID]bool
	fault    func(call string, id autoscale.RequestID) fault
	observe  error // what Observe answers, if anything
	slow     time.Duration
	ignore   bool // a remove is accepted and nothing happens
	calls    []string
	reports  []autoscale.HealthReport // those that were taken
	violated []string
	// busy tells whether the queue runs something on a node.
	busy func(autoscale.NodeID) bool
}

type fakeNode struct {
	autoscale.Node
	born, ends time.Time // ends is zero until it is removed
	keeps      bool      // it is deallocated when it ends
}

type lateCall struct {
	at     time.Time
	effect func()
}

func newFakeCloud(now func() time.Time) *fakeCloud {
	return &fakeCloud{
		now: now, max: 1000, pools: 1,
		nodes:   make(map[autoscale.NodeID]*fakeNode),
		handled: make(map[autoscale.RequestID]int),
		fault:   func(string, autoscale.RequestID) fault { return works },
		busy:    func(autoscale.NodeID) bool { return false },
	}
}

// settle lets the world come to its time.
func (c *fakeCloud) settle() {
	now := c.now()
	due := c.late
	c.late = nil
	for _, call := range due {
		if call.at.After(now) {
			c.late = append(c.late, call)
		} else {
			call.effect()
		}
	}
	for id, n := range c.nodes {
		switch {
		case !n.ends.IsZero() && !n.ends.After(now) && n.keeps:
			n.Phase, n.ends = autoscale.PhaseDeallocated, time.Time{}
		case !n.ends.IsZero() && !n.ends.After(now):
			delete(c.nodes, id)
		case !n.ends.IsZero():
			n.Phase = autoscale.PhaseStopping
		case n.Phase == autoscale.PhaseStarting && !n.born.Add(bootTime).After(now):
			n.Phase, n.State, n.Host = autoscale.PhaseReady, "Booted", strings.ToLower(n.Name)
		}
	}
}

func (c *fakeCloud) Observe(ctx context.Context) (autoscale.Supply, error) {
	if err := pause(ctx, c.slow); err != nil {
		return autoscale.Supply{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.observe != nil {
		return autoscale.Supply{}, c.observe
	}
	c.settle()
	s := autoscale.Supply{
		Limits: []autoscale.Limit{{ID: "cluster/nodes", Kind: autoscale.LimitCluster, Unit: autoscale.UnitNodes, Max: int64(c.max), Used: int64(len(c.nodes))}},
	}
	for i := range c.pools {
		s.Pools = append(s.Pools, autoscale.Pool{
			Single: c.single,
			ID:     nthPool(i), Labels: map[string]string{autoscale.LabelNodearray: "execute", "n": fmt.Sprint(i)},
			Node: autoscale.Resources{Cores: 4}, GroupSize: 100,
			Draws: []autoscale.Draw{{Limit: "cluster/nodes", Amount: 1}},
		})
	}
	for _, n := range c.nodes {
		s.Nodes = append(s.Nodes, n.Node)
	}
	slices.SortFunc(s.Nodes, func(a, b autoscale.Node) int { return cmp.Compare(a.ID, b.ID) })
	return s, nil
}

func nthPool(i int) autoscale.PoolID {
	if i == 0 {
		return poolID
	}
	return autoscale.PoolID(fmt.Sprintf("execute/F4-%d", i))
}

// manyPools is a policy that keeps a node in each of n pools.
func manyPools(n int) (p autoscale.Policy) {
	for i := range n {
		p.Pools = append(p.Pools, autoscale.PoolPolicy{
			Name: fmt.Sprint("p", i), Match: autoscale.HasLabel("n", fmt.Sprint(i)), Min: 1,
		})
	}
	return p
}

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// call notes a call, lets its fault happen, and runs its effect where it has one.
func (c *fakeCloud) call(ctx context.Context, name string, id autoscale.RequestID, effect func()) error {
	if err := pause(ctx, c.slow); err != nil {
		return fmt.Errorf("%w: %w", autoscale.ErrUncertain, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, name)
	c.settle()
	switch c.fault(name, id) {
	case refused:
		return fmt.Errorf("%s: quota: %w", name, autoscale.ErrRejected)
	case forbidden:
		return fmt.Errorf("%s: 403 Forbidden: %w", name, autoscale.ErrUnauthorized)
	case badImage:
		return badImageError{}
	case unavailable:
		return fmt.Errorf("%s: %w", name, autoscale.ErrUnavailable)
	case lostBefore:
		return errLost
	case lostAfter:
		effect()
		return errLost
	case arrivesLate:
		c.late = append(c.late, lateCall{c.now().Add(time.Minute), func() {
			before := c.serial
			effect()
			c.lateAdd += c.serial - before
		}})
		return errLost
	case cutShort:
		c.max = len(c.nodes) + 1
		effect()
		c.max = 1000
		return nil
	case soldOut:
		c.max = len(c.nodes)
		effect()
		c.max = 1000
		return nil
	}
	effect()
	return nil
}

func (c *fakeCloud) Create(ctx context.Context, g autoscale.Grow) (autoscale.Receipt, error) {
	err := c.call(ctx, "create", g.Request, func() { c.add(g) })
	c.mu.Lock()
	defer c.mu.Unlock()
	r := autoscale.Receipt{CloudID: "op-" + string(g.Request), Added: c.handled[g.Request]}
	if r.Added < g.Count {
		r.Message = "limited by quota"
	}
	if err != nil {
		r = autoscale.Receipt{}
	}
	return r, err
}

func (c *fakeCloud) add(g autoscale.Grow) {
	if _, seen := c.handled[g.Request]; seen {
		return
	}
	added := min(g.Count, c.max-len(c.nodes))
	c.handled[g.Request] = added
	for range added {
		c.serial++
		id := autoscale.NodeID(fmt.Sprintf("node-%03d", c.serial))
		c.nodes[id] = &fakeNode{born: c.now(), Node: autoscale.Node{
			ID: id, Name: fmt.Sprintf("Execute-%d", c.serial), Pool: g.Pool, Group: g.Group,
			Phase: autoscale.PhaseStarting, State: "Booting", Request: g.Request, Owned: true,
		}}
	}
}

func (c *fakeCloud) Start(ctx context.Context, s autoscale.Start) (autoscale.Receipt, error) {
	r := autoscale.Receipt{CloudID: "op-" + string(s.Request)}
	err := c.call(ctx, "start", s.Request, func() {
		c.handled[s.Request] = 0
		for _, n := range s.Nodes {
			if c.stuck[n.ID] {
				r.Refused = map[autoscale.NodeID]string{n.ID: "it is stuck"}
			} else if c.wake(n.ID) {
				c.started++
			}
		}
	})
	return r, err
}

// wake starts a node that is deallocated.
func (c *fakeCloud) wake(id autoscale.NodeID) bool {
	n, there := c.nodes[id]
	if !there || n.Phase != autoscale.PhaseDeallocated || c.ignore {
		return false
	}
	n.Phase, n.Host, n.born = autoscale.PhaseStarting, "", c.now()
	return true
}

func (c *fakeCloud) Remove(ctx context.Context, r autoscale.Remove) (autoscale.Receipt, error) {
	err := c.call(ctx, "remove", r.Request, func() {
		c.handled[r.Request] = 0
		for _, n := range r.Nodes {
			c.end(n.ID)
			if there := c.nodes[n.ID]; there != nil {
				there.keeps = r.Removal == autoscale.RemovalDeallocate
			}
		}
	})
	return autoscale.Receipt{CloudID: "op-" + string(r.Request)}, err
}

func (c *fakeCloud) end(id autoscale.NodeID) {
	n, there := c.nodes[id]
	if !there || !n.ends.IsZero() || c.ignore {
		return
	}
	if c.busy(id) {
		c.violated = append(c.violated, "busy node "+string(id)+" was removed")
	}
	n.ends, n.Phase = c.now().Add(goTime), autoscale.PhaseStopping
}

func (c *fakeCloud) ReportHealth(ctx context.Context, r autoscale.HealthReport) error {
	return c.call(ctx, "report", "", func() { c.reports = append(c.reports, r) })
}

// breakDown lets a node fail.
func (c *fakeCloud) breakDown(id autoscale.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[id].Phase, c.nodes[id].Message = autoscale.PhaseFailed, "the disk is gone"
}

func (c *fakeCloud) Resolve(ctx context.Context, id autoscale.RequestID) (autoscale.Resolution, error) {
	if err := pause(ctx, c.slow); err != nil {
		return autoscale.Resolution{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, "resolve")
	c.settle()
	if f := c.fault("resolve", id); f != works {
		return autoscale.Resolution{State: autoscale.ResolvedUnknown}, fmt.Errorf("ask: %w", autoscale.ErrUnavailable)
	}
	if _, seen := c.handled[id]; !seen {
		return autoscale.Resolution{State: autoscale.ResolvedAbsent}, nil
	}
	r := autoscale.Resolution{State: autoscale.ResolvedArrived, CloudID: "op-" + string(id)}
	for _, n := range c.nodes {
		if n.Request == id {
			r.Nodes = append(r.Nodes, n.ID)
		}
	}
	return r, nil
}

// vanish takes a node away as an eviction does.
func (c *fakeCloud) vanish(id autoscale.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.nodes, id)
}

// list is the nodes that are there, by phase.
func (c *fakeCloud) list() []autoscale.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle()
	var nodes []autoscale.Node
	for _, n := range c.nodes {
		nodes = append(nodes, n.Node)
	}
	slices.SortFunc(nodes, func(a, b autoscale.Node) int { return cmp.Compare(a.ID, b.ID) })
	return nodes
}

func (c *fakeCloud) count(call string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range c.calls {
		if name == call {
			n++
		}
	}
	return n
}

// badImageError is a refusal that its vendor has classed.
type badImageError struct{}

func (badImageError) Error() string                    { return "InvalidParameter: image x does not exist" }
func (badImageError) Is(target error) bool             { return target == autoscale.ErrRejected }
func (badImageError) ErrorClass() autoscale.ErrorClass { return autoscale.ErrorConfig }
