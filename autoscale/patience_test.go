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

// What is asked of one class leaves no trace for the next.
func TestWhetherAJobEverFits(t *testing.T) {
	small, limits := aPool("a", "F4", 4, 3)
	large, more := aPool("a", "F8", 8, 3)
	supply := Supply{Pools: []Pool{small, large}, Limits: append(limits, more...)}
	gang := func(id string, tasks, cores int) Job {
		shape := tasksOf(tasks, cores)
		shape.Gang = GangAll
		return Job{ID: JobID(id), Shape: shape}
	}
	for id, c := range map[string]struct {
		job  Job
		fits bool
	}{
		"in one pool":         {gang("j", 3, 8), true},
		"in both together":    {gang("j", 9, 4), true},
		"in neither nor both": {gang("j", 10, 4), false},
		"one task":            {Job{ID: "j", Shape: tasksOf(1, 8)}, true},
	} {
		t.Run(id, func(t *testing.T) {
			s := State{Observation: observe(start, supply, []Job{c.job}, nil)}
			p := aPolicy("a")
			b := newBoard(new(Planner), &s, &p, nil)
			for range 3 {
				require.Equal(t, c.fits, b.everFits(&b.classes[0]))
			}
		})
	}
}
