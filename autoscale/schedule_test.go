package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// daily is an hour of every day, in UTC.
type daily int

func (d daily) Next(after time.Time) time.Time {
	next := after.UTC().Truncate(24 * time.Hour).Add(time.Duration(d) * time.Hour)
	if !next.After(after) {
		next = next.Add(24 * time.Hour)
	}
	return next
}

// never has no moments.
type never struct{}

func (never) Next(time.Time) time.Time { return time.Time{} }

func TestWindowIsOpenFromItsStartToItsEnd(t *testing.T) {
	day, night := Schedule{Start: daily(8), End: daily(18)}, Schedule{Start: daily(22), End: daily(6)}
	for hour, open := range map[int][2]bool{0: {false, true}, 6: {false, false}, 7: {false, false}, 8: {true, false}, 17: {true, false}, 18: {false, false}, 22: {false, true}} {
		at := start.Truncate(24 * time.Hour).Add(time.Duration(hour) * time.Hour)
		require.Equal(t, open, [2]bool{day.Open(at), night.Open(at)}, "at %d", hour)
		require.Equal(t, open[0], day.Open(at.Add(time.Millisecond)), "just after %d", hour)
	}
	require.False(t, (&Schedule{Start: daily(8), End: daily(8)}).Open(start))
	require.False(t, (&Schedule{Start: never{}, End: daily(8)}).Open(start))
	require.False(t, (&Schedule{Start: daily(8), End: never{}}).Open(start))
}

func TestLastOpenScheduleThatSetsAValueWins(t *testing.T) {
	one, two, three, long := 1, 2, 3, time.Hour
	p := aPolicy("a", "b")
	p.Pools[0].Min, p.Pools[0].Max = 0, 9
	p.Pools[0].Schedules = []Schedule{
		{Name: "x", Start: daily(0), End: daily(12), Min: &one, Max: &three},
		{Name: "y", Start: daily(6), End: daily(12), Min: &two},
		{Name: "z", Start: daily(9), End: daily(12), Min: &three, IdleTime: &long},
	}
	now := p.At(start)
	require.Equal(t, PoolPolicy{Name: "a", Match: p.Pools[0].Match, Min: 2, Max: 3, IdleTime: DefaultIdleTime, BootTimeout: DefaultBootTimeout, set: setBy{min: "y", max: "x"}}, now.Pools[0])
	require.Equal(t, p.Pools[1], now.Pools[1])
	require.Equal(t, now, now.At(start.Add(9*time.Hour)), "what is in force does not change any more")
	require.Len(t, p.Pools[0].Schedules, 3, "the policy itself is left as it was")
	later := p.At(start.Add(time.Hour)).Pools[0]
	require.Equal(t, []any{3, 3, long, "z"}, []any{later.Min, later.Max, later.IdleTime, later.set.idle})
	require.Equal(t, 9, p.At(start.Add(4 * time.Hour)).Pools[0].Max)
}

// A min above max, from two windows that cross, creates no more than max and
// removes nothing for it.
func TestMaxHoldsOverAScheduledMin(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	three, two := 3, 2
	p := aPolicy("a")
	p.Pools[0].Schedules = []Schedule{{Start: daily(0), End: daily(12), Min: &three}, {Name: "low", Start: daily(0), End: daily(12), Max: &two}}
	plan := Decide(State{Observation: observe(start, Supply{Pools: []Pool{a}, Limits: la}, nil, nil)}, p)
	require.Equal(t, map[PoolID]int{a.ID: 2}, created(plan))
	require.Equal(t, "pool/a (schedule low)", plan.Pools[0].Reason.Subject)
}
