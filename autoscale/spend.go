package autoscale

import "time"

// Spend is what managed nodes have cost in a calendar month, as far as their prices
// are known.
type Spend struct {
	// Month in the budget's time zone, such as "2026-03".
	Month string `json:"month,omitempty"`
	// Amount spent in it, in whole currency. Looks are seconds apart and
	// parts of a millionth add up, so it is not in Money.
	Amount float64 `json:"amount,omitempty"`
	// PerHour is what the nodes cost an hour that ran At the last look.
	PerHour Money     `json:"per_hour,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// in is what was spent in the month of a time.
func (s Spend) in(b Budget, at time.Time) Money {
	if month, _ := b.month(at); month != s.Month {
		return 0
	}
	return moneyOf(s.Amount)
}

// advanceSpend charges the time since the last look, however long that was: what ran
// then until now, and what has come since from when it was asked for. A new month
// starts with what its own hours cost. A clock that was set back, even into the month
// before, subtracts nothing.
func advanceSpend(before Memory, next map[NodeID]NodeMemory, o Observation, p *Policy) Spend {
	was, prices := before.Spend, pricesOf(o.Supply.Pools, p)
	if len(prices) == 0 && was.At.IsZero() {
		return Spend{}
	}
	month, from := p.Budget.month(o.At)
	s := Spend{Month: month, At: o.At}
	if month <= was.Month {
		s.Amount = was.Amount
	}
	last := was.At
	if last.IsZero() || last.After(o.At) {
		last = o.At
	}
	from = later(from, last)
	s.Amount += was.PerHour.Float() * o.At.Sub(from).Hours()
	var fresh Money
	for i := range o.Supply.Nodes {
		n := &o.Supply.Nodes[i]
		price, known := prices[n.Pool]
		if !known || !n.Phase.costs() {
			continue
		}
		s.PerHour += price
		if _, seen := before.Nodes[n.ID]; !seen {
			fresh += moneyOf(price.Float() * o.At.Sub(later(from, next[n.ID].Asked)).Hours())
		}
	}
	s.Amount += fresh.Float()
	return s
}

// pricesOf are the prices of the managed pools that have one.
func pricesOf(pools []Pool, p *Policy) map[PoolID]Money {
	prices := make(map[PoolID]Money, len(pools))
	for i := range pools {
		if price, known := p.Price(&pools[i]); known {
			prices[pools[i].ID] = price
		}
	}
	return prices
}

func later(x, y time.Time) time.Time {
	if y.After(x) {
		return y
	}
	return x
}
