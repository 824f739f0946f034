package autoscale

import "slices"

// breaker is what an open breaker means for this plan. Without a reason it is closed.
type breaker struct {
	reason Reason
	// trial: one action may be tried.
	trial bool
	// everything is stopped, and not only growth.
	everything bool
}

// breaker looks whether the cloud is stopped. The trial is due once the backoff has
// passed and no earlier trial is under way.
func (s *State) breaker() breaker {
	m := &s.Memory.Breaker
	if !m.Open() {
		return breaker{}
	}
	b := breaker{trial: !s.At.Before(m.nextTrial()), everything: m.holdsAll()}
	for i := range s.Operations {
		if op := &s.Operations[i]; !op.Intended.Before(m.Last) && (op.Kind != OperationRemove || b.everything) {
			b.trial = false
		}
	}
	b.reason = Reason{Code: ReasonBreaker, Class: m.Class, For: s.At.Sub(m.Opened), Of: max(0, m.nextTrial().Sub(s.At)), Detail: m.Detail}
	return b
}

// addBreaker shuts all pools while the breaker is open. For a trial it lets one
// node of one pool be asked for, or what one gang needs: of that, onlyTrial leaves one
// action.
func (b *board) addBreaker() {
	if b.breaker = b.state.breaker(); b.breaker.reason.Code == "" {
		return
	}
	if b.breaker.trial {
		b.trialLimit = b.ledger.add(Limit{ID: "breaker/trial", Kind: LimitBreaker, Unit: UnitNodes, Max: 1})
		return
	}
	b.shutAll(b.breaker.reason)
}

// onlyTrial leaves of the plan the one action that a trial is: the first that starts
// nodes, else the first that creates, else, where the cloud refuses even those, the
// first that removes. A gang that needs several actions gets the first of them only.
func (b *board) onlyTrial() {
	if !b.breaker.trial {
		return
	}
	t := onlyOne{board: b, left: 1, off: make(map[NodeID]bool)}
	t.starts()
	t.creates()
	if b.breaker.everything {
		t.removals()
	}
	t.explain()
}

// onlyOne puts the actions of a plan off but for so many.
type onlyOne struct {
	*board
	left int
	// off are the nodes that were to be started or removed.
	off map[NodeID]bool
}

// take is how many of a row of actions are left in the plan.
func (t *onlyOne) take(actions int) int {
	n := min(actions, t.left)
	t.left -= n
	return n
}

func (t *onlyOne) starts() {
	n := t.take(len(t.plan.Start))
	for _, s := range t.plan.Start[n:] {
		t.ledger.take(t.poolOf(s.Pool).startClaims, -len(s.Nodes))
		t.putOff(s.Nodes)
	}
	t.plan.Start = t.plan.Start[:n]
}

func (t *onlyOne) creates() {
	n := t.take(len(t.plan.Grow))
	for _, g := range t.plan.Grow[n:] {
		t.ledger.take(t.poolOf(g.Pool).claims, -g.Count)
	}
	t.plan.Grow = t.plan.Grow[:n]
}

// removals puts off those sent again too: with the breaker open nothing else is.
func (t *onlyOne) removals() {
	n := t.take(len(t.plan.Retry))
	for _, r := range t.plan.Retry[n:] {
		for _, id := range r.Operation.Nodes {
			t.off[id] = true
		}
	}
	t.plan.Retry = t.plan.Retry[:n]
	n = t.take(len(t.plan.Remove))
	for _, r := range t.plan.Remove[n:] {
		t.putOff(r.Nodes)
	}
	t.plan.Remove = t.plan.Remove[:n]
}

func (t *onlyOne) putOff(nodes []Node) {
	for i := range nodes {
		t.off[nodes[i].ID] = true
	}
}

func (t *onlyOne) poolOf(id PoolID) *poolState {
	return &t.pools[slices.IndexFunc(t.pools, func(p poolState) bool { return p.ID == id })]
}

// explain tells the nodes that were to go, and the jobs whose nodes were to come, what
// put that off.
func (t *onlyOne) explain() {
	for i := range t.plan.Nodes {
		if v := &t.plan.Nodes[i]; t.off[v.Node] {
			v.Reason = t.breaker.reason
		}
	}
	for i := range t.plan.Outcomes {
		o := &t.plan.Outcomes[i]
		if slices.ContainsFunc(o.Served, func(s Serving) bool { return s.Grow >= len(t.plan.Grow) || s.Start && t.off[s.Nodes[0]] }) {
			*o = Outcome{Class: o.Class, From: o.From, To: o.To, Reason: t.breaker.reason}
		}
	}
}
