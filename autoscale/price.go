package autoscale

import (
	"math"
	"strings"
)

// Price is what one node costs an hour, in the operator's currency, as a line of a
// price file says it.
type Price struct {
	MachineType string
	// Region it holds in; empty: in any.
	Region  string
	Spot    bool
	PerHour float64
}

// Prices finds the price of a pool's nodes. The zero Prices knows none.
type Prices struct {
	perHour map[priceKey]Money
}

// priceKey has its names in lower case: machine types and regions are compared
// without case.
type priceKey struct {
	machineType, region string
	spot                bool
}

// NewPrices indexes a list of prices. One that is no price, zero included, is not
// known; of two for the same the higher holds.
func NewPrices(list []Price) Prices {
	if len(list) == 0 {
		return Prices{}
	}
	p := Prices{perHour: make(map[priceKey]Money, len(list))}
	for _, x := range list {
		if price, known := nodePrice(x.PerHour); known {
			key := priceKey{strings.ToLower(x.MachineType), strings.ToLower(x.Region), x.Spot}
			p.perHour[key] = max(p.perHour[key], price)
		}
	}
	return p
}

// of is the price for the pool's own region, or else the one for any region.
func (p Prices) of(labels map[string]string) (Money, bool) {
	if len(p.perHour) == 0 {
		return 0, false
	}
	key := priceKey{strings.ToLower(labels[LabelMachineType]), strings.ToLower(labels[LabelRegion]), isSpot(labels)}
	price, known := p.perHour[key]
	if !known {
		key.region = ""
		price, known = p.perHour[key]
	}
	return price, known
}

// isSpot tells whether a pool's nodes are spot nodes.
func isSpot(labels map[string]string) bool { return strings.EqualFold(labels[LabelSpot], "true") }

// nodePrice is a price an hour, if it is one. It is never nothing: what rounds to
// zero is a millionth, for zero would mean that any number of nodes is free.
func nodePrice(perHour float64) (price Money, known bool) {
	if !(perHour > 0) || perHour > MostPerHour || math.IsInf(perHour, 1) {
		return 0, false
	}
	return max(1, moneyOf(perHour)), true
}

// Price is what one node of the pool costs an hour, and whether that is known: the
// price of the pool's own policy, or else that of the price file. A pool that is
// not managed has none.
func (p *Policy) Price(pool *Pool) (perHour Money, known bool) {
	i := policyOf(pool, p)
	if i < 0 {
		return 0, false
	}
	return p.priceUnder(pool, i)
}

// priceUnder is Price where the pool's policy is known already.
func (p *Policy) priceUnder(pool *Pool, policy int) (perHour Money, known bool) {
	own := &p.Pools[policy]
	if isSpot(pool.Labels) {
		if price, known := nodePrice(own.SpotPricePerHour); known {
			return price, true
		}
	}
	if price, known := nodePrice(own.PricePerHour); known {
		return price, true
	}
	return p.Prices.of(pool.Labels)
}
