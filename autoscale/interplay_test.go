package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A budget, a min and a buffer that exceed it: as many as can be paid, and then quiet.
func TestBudgetBoundsMinAndBuffer(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	p := aPolicy("a")
	p.Pools[0].Min, p.Pools[0].Buffer, p.Pools[0].PricePerHour = 3, 4, 1
	p.Budget.PerHour = 5
	s := State{Observation: observe(start, Supply{Pools: []Pool{a}, Limits: la}, jobs("j", 2, wholeNodes(1)), nil)}
	plan := Decide(s, p)
	require.Equal(t, map[PoolID]int{a.ID: 5}, created(plan))
	for range 5 {
		s = applied(world{State: s, policy: p, plan: plan})
		s.At = s.At.Add(time.Minute)
		plan = Decide(s, p)
		require.True(t, plan.Empty())
	}
}

// Aged deallocated nodes with keep_deallocated, and a started one whose age begins anew.
func TestMaxAgeLeavesDeallocatedNodes(t *testing.T) {
	s, _ := deallocated(3)
	p := aPolicy("a")
	p.Pools[0].MaxAge, p.Pools[0].KeepDeallocated, p.Pools[0].Removal = time.Hour, 2, RemovalDeallocate
	plan := Decide(s, p)
	require.Len(t, removed(plan), 1)
	s.Demand.Classes = Intern(jobs("j", 2, wholeNodes(1)))
	plan = Decide(s, p)
	require.Len(t, started(plan), 2)
	require.Empty(t, plan.Grow)
	require.Empty(t, removed(plan))
}

// A schedule raises min when everything is too old: the new ones come before any goes.
func TestScheduleRaisesMinWhileNodesAge(t *testing.T) {
	a, la := aPool("a", "F4", 4, 4)
	n1, n2 := aNode("n1", a.ID, PhaseReady), aNode("n2", a.ID, PhaseReady)
	la[0].Used = 2
	p := aPolicy("a")
	p.Pools[0].MaxAge = time.Hour
	four := 4
	p.Pools[0].Schedules = []Schedule{{Name: "day", Start: every(start.Add(24 * time.Hour)), End: every(start.Add(time.Hour)), Min: &four}}
	s := State{Observation: observe(start, Supply{Pools: []Pool{a}, Limits: la, Nodes: []Node{n1, n2}}, nil, nil), Memory: idleFor(start, 2*time.Hour, n1, n2)}
	plan := Decide(s, p)
	require.Empty(t, removed(plan))
	require.Equal(t, map[PoolID]int{a.ID: 2}, created(plan))
}

type every time.Time

func (e every) Next(time.Time) time.Time { return time.Time(e) }

// max_groups and a job that names the group.
func TestMaxGroupsHoldsForNamedGroups(t *testing.T) {
	a, la := aPool("a", "F4", 4, 9)
	a.GroupSize, a.Groups = 5, []Group{{Name: "pg0", Active: 1}}
	p := aPolicy("a")
	p.Pools[0].MaxGroups = 1
	gang := namingNodes("a-1", "a-2")
	gang.Grouping, gang.Group = Coupled, "pg1"
	s := State{Observation: observe(start, Supply{Pools: []Pool{a}, Limits: la}, jobs("g", 1, gang), nil)}
	plan := Decide(s, p)
	require.Empty(t, plan.Grow)
	require.Equal(t, ReasonLimit, plan.Outcomes[0].Reason.Code)
	require.Equal(t, "groups/a", plan.Outcomes[0].Reason.Subject)
}
