package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A gang that no pool holds alone waits for two of them together.
func TestPatienceWithAGangOnTwoPools(t *testing.T) {
	a, la := aPool("a", "F4", 4, 6)
	z, lz := aPool("b", "F4", 4, 6)
	la[0].Used = 6 // until others go
	s := State{Observation: observe(start, Supply{Pools: []Pool{a, z}, Limits: append(la, lz...)}, nil, nil)}
	gang := wholeNodes(10)
	gang.Gang = GangAll
	s.Demand.Classes = Intern(append(jobs("g", 1, gang), jobs("j", 3, wholeNodes(1))...))
	p := aPolicy("a", "b")
	p.GangPatience = time.Minute
	s.Memory.Blocked = Blocked{Job: "g0", Since: start.Add(-time.Hour)}
	plan := Decide(s, p)
	require.Equal(t, JobID("g0"), plan.Blocked)
	require.Empty(t, plan.Grow)

	s.Supply.Limits[0].Max = 3 // both together would not hold it either
	require.Equal(t, map[PoolID]int{z.ID: 3}, created(Decide(s, p)))
}

// A pool that is preferred uses up a quota that the gang would fit into on the other.
func TestPatienceLooksAtEachPoolAlone(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	z, lz := aPool("b", "F2", 2, 100)
	quota := Limit{ID: "quota", Kind: LimitRegion, Unit: UnitCores, Max: 40, Used: 30}
	a.Draws, z.Draws = append(a.Draws, Draw{quota.ID, 4}), append(z.Draws, Draw{quota.ID, 2})
	s := State{Observation: observe(start, Supply{Pools: []Pool{a, z}, Limits: append(append(la, lz...), quota)}, nil, nil)}
	gang := wholeNodes(15)
	gang.Gang = GangAll
	s.Demand.Classes = Intern(jobs("g", 1, gang))
	require.Equal(t, JobID("g0"), Decide(s, aPolicy("a", "b")).Blocked)
}
