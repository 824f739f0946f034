package autoscale

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// idleCluster has n nodes of four cores that have been idle for an hour.
func idleCluster(n int) State {
	pool, limits := aPool("htc", "F4", 4, 5000)
	supply := Supply{Pools: []Pool{pool}, Limits: limits}
	for i := range n {
		supply.Nodes = append(supply.Nodes, aNode(fmt.Sprintf("n%d", i), pool.ID, PhaseReady))
	}
	return State{Observation: observe(start, supply, nil, nil), Memory: idleFor(start, time.Hour, supply.Nodes...)}
}

func TestAThousandIdleNodesServeAThousandJobs(t *testing.T) {
	for _, shape := range []Shape{tasksOf(1, 1), wholeNodes(1)} {
		s := idleCluster(1000)
		s.Demand.Classes = Intern(jobs("j", 1000, shape))
		plan := Decide(s, aPolicy("htc"))
		require.Empty(t, plan.Grow)
		require.Empty(t, waiting(plan, s.Demand))
	}
}

func TestIdleNodesStayWhileTheQueueIsUnreadable(t *testing.T) {
	s := idleCluster(50)
	require.Len(t, removed(Decide(s, aPolicy("htc"))), 50)
	s.DemandProblem = "exec qstat: exit status 1"
	for range 240 { // an hour
		s.At = s.At.Add(15 * time.Second)
		s.Memory = Advance(s.Memory, s.Observation, nil, aPolicy("htc"))
		plan := Decide(s, aPolicy("htc"))
		require.True(t, plan.Empty())
		require.Equal(t, ReasonDemandUnknown, plan.Hold.Code)
		require.Len(t, plan.Nodes, 50)
	}
}
