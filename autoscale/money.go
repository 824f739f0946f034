package autoscale

import (
	"math"
	"strconv"
	"strings"
)

// Money is an amount in millionths of the operator's currency, whichever that
// is: nothing here knows its name.
type Money int64

const (
	// aWhole is one of the currency.
	aWhole = 1_000_000
	// MostMoney bounds budgets, in whole currency, so that sums of millionths fit.
	MostMoney = 1e12
	// MostPerHour bounds the price of one node, in whole currency.
	MostPerHour = 1e5
)

// moneyOf rounds an amount of whole currency to millionths. What is negative or no
// number is nothing.
func moneyOf(amount float64) Money {
	if !(amount > 0) {
		return 0
	}
	return Money(math.Round(min(amount, MostMoney) * aWhole))
}

// Float is the amount in whole currency.
func (m Money) Float() float64 { return float64(m) / aWhole }

// String prints two digits after the point, or up to four where they say more.
func (m Money) String() string {
	text := strings.TrimRight(strconv.FormatFloat(m.Float(), 'f', 4, 64), "0")
	point := strings.IndexByte(text, '.')
	for len(text) < point+len(".00") {
		text += "0"
	}
	return text
}

// Amount is n of the unit as people count it: money in whole currency, and not in
// millionths; all else as it is.
func (u Unit) Amount(n int64) float64 {
	if u == UnitMoney {
		return Money(n).Float()
	}
	return float64(n)
}

// Format prints n of the unit as people count it.
func (u Unit) Format(n int64) string {
	if u == UnitMoney {
		return Money(n).String()
	}
	return strconv.FormatInt(n, 10)
}
