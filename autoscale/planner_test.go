package autoscale

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// With nothing to do, a plan allocates what it hands over, and that in one piece.
func TestNumberOfAllocationsDoesNotGrowWithNodes(t *testing.T) {
	allocations := func(nodes int) float64 {
		supply := benchSupply(10, 10000)
		use, memory := benchNodes(&supply, nodes, true)
		s := State{Observation: observe(start, supply, nil, use), Memory: memory}
		var planner Planner
		return testing.AllocsPerRun(3, func() { planner.Decide(s, aPolicy("htc")) })
	}
	require.InDelta(t, allocations(1000), allocations(4000), 10)
}

// A planner that planned for other worlds before plans as a new one does.
func TestPropertyPlannerKeepsNothingOfEarlierPlans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var planner Planner
		for range 2 {
			s, p := drawState(t)
			require.Equal(t, Decide(s, p), planner.Decide(s, p))
		}
	})
}
