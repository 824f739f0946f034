package autoscale

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// One set serves many jobs, of classes that are placed one after the other: the
// highest priority counts, even below zero, and none where a min asks for nodes.
func TestGrowTellsTheHighestPriorityItServes(t *testing.T) {
	pool, limits := aPool("htc", "F4", 4, 100)
	for _, priorities := range [][2]int64{{7, 3}, {3, 7}, {-5, -2}} {
		first, second := jobs("a", 2, tasksOf(1, 4)), jobs("b", 2, tasksOf(1, 3))
		first[1].Priority, second[0].Priority = priorities[0], priorities[1]
		first[0].Priority, second[1].Priority = -9, -9
		p := aPolicy("htc")
		p.Pools[0].Min = 6
		o := observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, append(first, second...), nil)
		plan := Decide(State{Observation: o}, p)
		require.Len(t, plan.Grow, 2)
		require.Equal(t, max(priorities[0], priorities[1]), plan.Grow[0].Priority)
		require.Equal(t, ReasonMinimum, plan.Grow[1].Reason.Code)
		require.Zero(t, plan.Grow[1].Priority)
	}
}

// What a set tells is the highest priority of those whom outcomes say it serves.
func TestPropertyGrowsTellTheirPriority(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		highest := make(map[int]int64)
		for _, o := range w.plan.Outcomes {
			for _, s := range o.Served {
				if now, known := highest[s.Grow]; s.Grow >= 0 && (!known || w.Demand.Classes[o.Class].Members[o.From].Priority > now) {
					highest[s.Grow] = w.Demand.Classes[o.Class].Members[o.From].Priority
				}
			}
		}
		for i, g := range w.plan.Grow {
			require.Equal(t, highest[i], g.Priority)
		}
	})
}
