package autoscale

import (
	"cmp"
	"slices"
)

// Decide plans: which nodes to create, to drain, to remove, and why, for every
// job, node and pool. It is pure, and equal inputs give equal plans in whatever
// order they are listed.
//
// A request that the cloud does not know can only be sent again as it was, so
// it is sent again only if all of its nodes are wanted. Whether they are is known
// once everything is placed; where only some were, it is planned again without.
// Likewise jobs are placed as if there were plenty for all, which is quick, and
// where there is not, again in portions.
func Decide(s State, p Policy) Plan { return new(Planner).Decide(s, p) }

// Decide plans, as the function Decide does.
func (p *Planner) Decide(s State, policy Policy) Plan {
	defer p.forget()
	policy = policy.At(s.At)
	if reason, blind := blindness(s); blind {
		return holdAll(s, policy, reason)
	}
	unwanted := make(map[RequestID]bool)
	for queue := newPortions(); ; {
		b := newBoard(p, &s, &policy, unwanted)
		if !b.placeJobs(queue) {
			continue
		}
		b.askForNames()
		b.fillMinimums()
		if b.findUnwanted(unwanted) {
			continue
		}
		b.noteTenants()
		b.retire()
		return b.finish()
	}
}

// blindness is why nothing may be decided, if so: unknown demand grows nothing
// and removes nothing, unknown supply does nothing at all, a cluster that is
// not started holds, and so does a cloud that refuses our credentials.
func blindness(s State) (Reason, bool) {
	switch {
	case s.SupplyProblem != "":
		return Reason{Code: ReasonSupplyUnknown, Detail: s.SupplyProblem}, true
	case s.Supply.Stopped != "":
		return Reason{Code: ReasonClusterStopped, Detail: s.Supply.Stopped}, true
	case s.DemandProblem != "":
		return Reason{Code: ReasonDemandUnknown, Detail: s.DemandProblem}, true
	}
	if b := s.breaker(); b.everything && !b.trial {
		return b.reason, true
	}
	return Reason{}, false
}

// holdAll explains every known job, node and pool by the one reason that holds all.
func holdAll(s State, p Policy, reason Reason) Plan {
	plan := Plan{At: s.At, Hold: reason}
	if s.DemandProblem == "" {
		for c := range s.Demand.Classes {
			if n := len(s.Demand.Classes[c].Members); n > 0 {
				plan.Outcomes = append(plan.Outcomes, Outcome{Class: c, To: n, Reason: reason})
			}
		}
	}
	if s.SupplyProblem == "" {
		b := newBoard(new(Planner), &State{Observation: Observation{At: s.At, Supply: s.Supply}, Memory: Memory{Spend: s.Memory.Spend}}, &p, nil)
		plan.Limits = b.limits()
		for i := range b.pools {
			plan.Pools = append(plan.Pools, PoolVerdict{Pool: b.pools[i].ID, Held: true, Reason: reason})
		}
		for _, n := range b.nodes {
			if n.node.Phase != PhaseGone {
				plan.Nodes = append(plan.Nodes, NodeVerdict{Node: n.node.ID, Reason: reason})
			}
		}
	}
	return plan
}

// finish hands the plan over, with its shared lists in order.
func (b *board) finish() Plan {
	b.retryWanted()
	b.onlyTrial()
	b.explainPools()
	b.giveBack(b.kept) // nothing of it is used yet
	b.giveBackRest()
	b.plan.Limits = b.limits()
	return b.plan
}

// limits lists what is left of each limit that the cloud or the policy sets.
func (b *board) limits() []Limit {
	list := slices.DeleteFunc(slices.Clone(b.ledger.limits), func(l Limit) bool { return l.Kind == LimitCapacity || l.Kind == LimitBreaker })
	slices.SortFunc(list, func(x, y Limit) int { return cmp.Compare(x.ID, y.ID) })
	return list
}
