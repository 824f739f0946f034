package autoscale

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
// node of one pool be asked for, or what one gang needs.
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

// onlyTrial leaves of the plan one action that the cloud must take, where it refuses
// all: the first that starts nodes, else the first that creates, else the first that removes.
func (b *board) onlyTrial() {
	if !b.breaker.trial || !b.breaker.everything {
		return
	}
	p := &b.plan
	switch {
	case len(p.Start) > 0:
		p.Start, p.Grow, p.Retry, p.Remove = p.Start[:1], nil, nil, nil
	case len(p.Grow) > 0:
		p.Grow, p.Retry, p.Remove = p.Grow[:1], nil, nil
	case len(p.Retry) > 0:
		p.Retry, p.Remove = p.Retry[:1], nil
	case len(p.Remove) > 0:
		p.Remove = p.Remove[:1]
	}
}
