package autoscale

import (
	"cmp"
	"slices"
	"time"
)

// startAgainAfter is how long a deallocated node is left alone that a start had no
// effect on, so that it does not stand in the way of others.
const startAgainAfter = time.Hour

// stock is the deallocated nodes of one pool and group that may be started: a row
// in lots.order, used from its beginning. The first drawn of them have drawn on
// limits already, for a start of them may still arrive.
type stock struct {
	group               string
	first, count, drawn int
}

// openStarts finds the operation that is starting a node, by node: of several one
// that the cloud knows. One from before the node was deallocated again is over for it.
func (b *board) openStarts() map[NodeID]*Operation {
	var starts map[NodeID]*Operation
	for i := range b.state.Operations {
		op := &b.state.Operations[i]
		if op.Kind != OperationStart || op.Phase.Final() {
			continue
		}
		if starts == nil {
			starts = make(map[NodeID]*Operation)
		}
		for _, id := range op.Nodes {
			over := b.state.Memory.Nodes[id].Deallocated.After(op.Intended)
			if !over && (starts[id] == nil || compareStarts(op, starts[id]) < 0) {
				starts[id] = op
			}
		}
	}
	return starts
}

func compareStarts(x, y *Operation) int {
	return cmp.Or(cmp.Compare(boolRank(x.Phase == OpAbsent), boolRank(y.Phase == OpAbsent)), byIntent(x, y))
}

// asked tells whether a deallocated node is being started, and so is on its way.
func (n *nodeState) asked() bool {
	return n.start != nil && n.start.Phase != OpAbsent && n.touchable()
}

// touchable tells whether a node is one that the daemon may act on and jobs may use.
func (n *nodeState) touchable() bool {
	return n.pool >= 0 && !n.leaving && n.node.Protected == "" && n.takesWork()
}

// startable tells whether this plan may start a node.
func (b *board) startable(n *nodeState) bool {
	switch {
	case n.node.Phase != PhaseDeallocated, !n.touchable(), n.asked():
		return false
	case n.node.KeepAlive, n.use.Busy(), !b.ours(n), b.pools[n.pool].closed():
		return false
	case n.start == nil:
		return !b.triedLately(n)
	}
	// The one try that an open breaker allows is a new one: what is sent again is whole.
	return n.start.Attempts < attemptsAtMost && b.breaker.reason.Code == "" && !b.ledger.exceeded(b.pools[n.pool].startClaims)
}

// triedLately tells whether a start of the node had no effect lately.
func (b *board) triedLately(n *nodeState) bool {
	return !n.memory.Tried.IsZero() && b.state.At.Sub(n.memory.Tried) < startAgainAfter
}

// drawStarts draws on limits for the nodes that are being started and still seen
// deallocated. What the cloud lists no pool for draws what is on record.
func (b *board) drawStarts() {
	for i := range b.nodes {
		n := &b.nodes[i]
		switch {
		case n.start == nil:
		case n.pool >= 0:
			b.ledger.take(b.pools[n.pool].startClaims, 1)
			b.pools[n.pool].starting += boolRank(n.asked())
		default:
			b.ledger.take(b.ledger.claims(n.start.Draws), 1)
		}
	}
}

// addStock lists what may be started after the nodes that exist: those first that
// a lost request may start anyway, then those deallocated last.
func (b *board) addStock() {
	var row []int
	for i := range b.nodes {
		if b.startable(&b.nodes[i]) && !b.keptByName(i) {
			row = append(row, i)
		}
	}
	slices.SortFunc(row, func(i, j int) int {
		x, y := &b.nodes[i], &b.nodes[j]
		return cmp.Or(
			cmp.Compare(x.pool, y.pool),
			cmp.Compare(x.node.Group, y.node.Group),
			cmp.Compare(boolRank(x.start == nil), boolRank(y.start == nil)),
			y.memory.Deallocated.Compare(x.memory.Deallocated),
			cmp.Compare(x.node.ID, y.node.ID))
	})
	for _, i := range row {
		n := &b.nodes[i]
		pool := &b.pools[n.pool]
		if last := len(pool.stock) - 1; last < 0 || pool.stock[last].group != n.node.Group {
			pool.stock = append(pool.stock, stock{group: n.node.Group, first: len(b.lots.order)})
		}
		s := &pool.stock[len(pool.stock)-1]
		s.count++
		s.drawn += boolRank(n.start != nil)
		b.lots.order = append(b.lots.order, i)
		b.lots.ids = append(b.lots.ids, n.node.ID)
	}
}

// stockAt is the stock of a place; nil: there is none.
func (b *board) stockAt(at place) *stock {
	row := b.pools[at.pool].stock
	for i := range row {
		if row[i].group == at.group {
			return &row[i]
		}
	}
	return nil
}

// startOfferAt is what starting nodes at a place draws on.
func (b *board) startOfferAt(at place) *offer {
	if at.group != "" {
		return &b.pools[at.pool].startGrouped
	}
	return &b.pools[at.pool].startAlone
}

// startRoom is how many nodes of a stock may be started for a class, or, where
// that is nil, for nobody in particular.
func (b *board) startRoom(c *classState, at place, s *stock) int {
	return min(s.count, s.drawn+b.roomOf(c, b.startOfferAt(at), b.pools[at.pool].startClaims))
}

// findStarts looks for room on deallocated nodes, pool by pool as the class prefers
// them, and draws on the limits for them.
func (b *board) findStarts(c *classState, takes []take, left int) ([]take, int) {
	for _, pool := range c.order {
		for i := range b.pools[pool].stock {
			at := place{pool, b.pools[pool].stock[i].group}
			if left == 0 {
				return takes, left
			}
			if c.Grouping != Ungrouped || at.group == "" {
				takes, left = b.drawStart(c, takes, left, at)
			}
		}
	}
	return takes, left
}

// drawStart takes nodes of a stock for left tasks.
func (b *board) drawStart(c *classState, takes []take, left int, at place) ([]take, int) {
	s := b.stockAt(at)
	if s == nil || left == 0 {
		return takes, left
	}
	perNode := c.share(b.pools[at.pool].full.fits(c.needs))
	room := b.startRoom(c, at, s)
	if perNode == 0 || room <= 0 {
		return takes, left
	}
	nodes := min(room, ceilDiv(left, perNode))
	t := b.takeStock(c, at, s, nodes)
	t.perNode, t.tasks = perNode, min(left, nodes*perNode)
	return append(takes, t), left - t.tasks
}

// takeStock takes the first nodes off a stock, and what starting them draws.
func (b *board) takeStock(c *classState, at place, s *stock, nodes int) take {
	t := take{lot: -1, place: at, nodes: nodes, start: true, first: s.first, drawn: min(nodes, s.drawn)}
	o := b.startOfferAt(at)
	if c != nil && b.probes(c, o) {
		b.probing = append(b.probing, o.trials...)
	}
	b.exceedRates(c)
	b.ledger.take(o.claims, t.nodes-t.drawn)
	s.first, s.count, s.drawn = s.first+nodes, s.count-nodes, s.drawn-t.drawn
	return t
}

// returnStock undoes takeStock.
func (b *board) returnStock(t take) {
	s := b.stockAt(t.place)
	b.ledger.take(b.startOfferAt(t.place).claims, t.drawn-t.nodes)
	s.first, s.count, s.drawn = s.first-t.nodes, s.count+t.nodes, s.drawn+t.drawn
}

// startNodes plans to start the nodes of a take, in the one set of their pool and group.
func (b *board) startNodes(t take) (lotIndex int) {
	i, known := b.startOf[t.place]
	if !known {
		i = len(b.plan.Start)
		b.startOf[t.place] = i
		b.plan.Start = append(b.plan.Start, Start{Pool: b.pools[t.place.pool].ID, Group: t.place.group, Draws: b.pools[t.place.pool].startDraws})
	}
	for _, n := range b.lots.order[t.first : t.first+t.nodes] {
		b.plan.Start[i].Nodes = append(b.plan.Start[i].Nodes, *b.nodes[n].node)
		b.nodes[n].begun = true
	}
	b.pools[t.place.pool].starting += t.nodes
	return b.lots.append(lot{source: sourceNew, started: true, pool: t.place.pool, group: t.place.group, free: b.pools[t.place.pool].full, empty: true, count: t.nodes, first: t.first, grow: i})
}

// startForMinimum starts nodes that a policy lacks to its min, and returns how many
// it still lacks.
func (b *board) startForMinimum(policy, lack int) int {
	for i := range b.pools {
		if b.pools[i].policy != policy {
			continue
		}
		for j := range b.pools[i].stock {
			s := &b.pools[i].stock[j]
			at := place{i, s.group}
			n := min(lack, b.startRoom(nil, at, s))
			if n <= 0 {
				continue
			}
			b.startNodes(b.takeStock(nil, at, s, n))
			lack -= n
			if set := &b.plan.Start[b.startOf[at]]; set.JobCount == 0 {
				set.Reason = b.targetReason(policy)
			}
		}
	}
	return lack
}

// retryStarts sends a start that the cloud does not know again under its own id,
// where all of its nodes are to be started anyway and it is not over for any.
func (b *board) retryStarts() {
	if len(b.plan.Start) == 0 {
		return
	}
	begun := make(map[NodeID]*Operation)
	for i := range b.nodes {
		if n := &b.nodes[i]; n.begun {
			begun[n.node.ID] = n.start
		}
	}
	for _, op := range b.absent(OperationStart) {
		if op.Attempts >= attemptsAtMost || !startsAll(op, begun) {
			continue
		}
		b.plan.Retry = append(b.plan.Retry, Retry{Operation: *op, Reason: Reason{Code: ReasonRetry, Subject: string(op.Request)}})
		for _, id := range op.Nodes {
			delete(begun, id)
		}
	}
	for i := range b.plan.Start {
		s := &b.plan.Start[i]
		s.Nodes = slices.DeleteFunc(s.Nodes, func(n Node) bool {
			_, left := begun[n.ID]
			return !left
		})
	}
	b.plan.Start = slices.DeleteFunc(b.plan.Start, func(s Start) bool { return len(s.Nodes) == 0 })
}

// startsAll tells whether the operation is what would start each of its nodes.
func startsAll(op *Operation, begun map[NodeID]*Operation) bool {
	for _, id := range op.Nodes {
		if begun[id] != op {
			return false
		}
	}
	return len(op.Nodes) > 0
}
