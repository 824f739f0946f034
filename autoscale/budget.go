package autoscale

import (
	"slices"
	"time"
)

// Budget bounds what the managed nodes may cost, in the operator's currency. It
// only keeps nodes from being made: none is ever removed for it.
type Budget struct {
	// PerHour bounds the prices of all nodes that run or are asked for,
	// together. 0: no such limit.
	PerHour float64
	// PerMonth bounds what was spent in the calendar month, together with what
	// runs for another hour. 0: no such limit.
	PerMonth float64
	// Zone is where the month begins; nil: UTC.
	Zone *time.Location
}

func (b Budget) isSet() bool { return b.PerHour > 0 || b.PerMonth > 0 }

// month is the calendar month of a time, such as "2026-03", and its first moment.
func (b Budget) month(at time.Time) (name string, begins time.Time) {
	zone := b.Zone
	if zone == nil {
		zone = time.UTC
	}
	at = at.In(zone)
	return at.Format("2006-01"), time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, zone)
}

// The ids of the budgets.
const (
	BudgetPerHour  LimitID = "budget/hour"
	BudgetPerMonth LimitID = "budget/month"
)

// addBudgets enters the budgets as limits, on which each node draws its price. That
// of a month is for what was spent, and for another hour of what runs, so that a
// node may be made if an hour of it can still be paid. A pool without a price makes
// no new nodes: they might cost anything.
func (b *board) addBudgets() {
	budget := b.policy.Budget
	if !budget.isSet() {
		return
	}
	for i := range b.pools {
		if pool := &b.pools[i]; pool.policy >= 0 && !pool.priced && pool.shut.Code == "" {
			pool.shut = Reason{Code: ReasonNoPrice, Subject: string(pool.ID)}
		}
	}
	running := b.running()
	if budget.PerHour > 0 {
		b.addBudget(BudgetPerHour, moneyOf(budget.PerHour), running)
	}
	if budget.PerMonth > 0 {
		b.addBudget(BudgetPerMonth, moneyOf(budget.PerMonth), running+b.state.Memory.Spend.in(budget, b.state.At))
	}
}

func (b *board) addBudget(id LimitID, most, used Money) {
	limit := b.ledger.add(Limit{ID: id, Kind: LimitBudget, Name: string(id), Unit: UnitMoney, Max: int64(most), Used: int64(used)})
	for i := range b.pools {
		if pool := &b.pools[i]; pool.policy >= 0 && pool.priced {
			draw, claim := Draw{id, int64(pool.price)}, claim{limit: limit, amount: int64(pool.price)}
			pool.claims = append(pool.claims, claim)
			pool.draws = append(slices.Clip(pool.draws), draw)
			pool.startClaims = append(pool.startClaims, claim)
			pool.startDraws = append(slices.Clip(pool.startDraws), draw)
		}
	}
}

// running is what the managed nodes cost an hour that exist. Pools whose nodes can't
// be counted, for want of a price, are held to tell so.
func (b *board) running() Money {
	var sum Money
	for i := range b.nodes {
		n := &b.nodes[i]
		if n.pool < 0 || !n.node.Phase.costs() {
			continue
		}
		if pool := &b.pools[n.pool]; pool.priced {
			sum += pool.price
		} else {
			b.hold(n.pool, pool.shut)
		}
	}
	return sum
}

// costs tells whether a node in this phase is paid for, for all one can know.
func (p Phase) costs() bool { return p != PhaseGone && p != PhaseDeallocated }
