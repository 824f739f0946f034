package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLongTimesAreWordedInDays(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s":        0,
		"1m40s":     100*time.Second + 300*time.Millisecond,
		"47h59m59s": 48*time.Hour - time.Second,
		"2d":        48 * time.Hour,
		"14d":       336*time.Hour + 20*time.Minute,
		"31d14h":    757*time.Hour + 40*time.Minute,
	} {
		require.Equal(t, "may not start for another "+want, Reason{Code: ReasonNotYet, For: d}.String())
	}
}

// A gang that may start with less than all lacks only what it needs to start.
func TestNeedIsWhatTheGangCanStartWith(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 1)
	gang := wholeNodes(12)
	gang.Gang, gang.AtLeast = GangAtLeast, 2
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, jobs("g", 1, gang), nil)}
	require.Equal(t, Reason{Code: ReasonLimit, Subject: "bucket/a/F4", Want: 1, Need: 2, Unit: UnitNodes}, Decide(s, aPolicy("a")).Outcomes[0].Reason)
}

// While an offering backs off, the next try is told; on trial there is no such time.
func TestNextTryOfWhatFellShortIsTold(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 10)
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, jobs("j", 2, wholeNodes(1)), nil)}
	s.Memory.Offerings = map[OfferingID]Offering{"a/F4": {Failed: start.Add(-30 * time.Second), Probed: start.Add(-40 * time.Second), Budget: 1, Failures: 1, Detail: "no more"}}
	require.Equal(t, "a/F4 fell short 30s ago (capacity) and is on trial with 1 at a time, the next in 20s: no more", Decide(s, aPolicy("a")).Outcomes[0].Reason.String())
	s.At = start.Add(20 * time.Second)
	plan := Decide(s, aPolicy("a"))
	require.Equal(t, 1, plan.Grow[0].Count)
	require.Equal(t, "a/F4 fell short 50s ago (capacity) and is on trial with 1 at a time: no more", plan.Outcomes[1].Reason.String())
}

// Where a pool's own max and that of all are both reached, raising the pool's helps
// nobody, while raising that of all helps in another pool too.
func TestOfTwoFullLimitsTheWiderIsTold(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 10)
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, jobs("j", 3, wholeNodes(1)), nil)}
	p := aPolicy("a")
	p.Max, p.Pools[0].Max = 2, 2
	require.Equal(t, Reason{Code: ReasonLimit, Subject: "total", Have: 2, Want: 2, Need: 1, Unit: UnitNodes}, Decide(s, p).Outcomes[1].Reason)
}

// What runs on a node and whom a set of nodes is for is told by what users call the jobs.
func TestJobsAreCalledByTheirNames(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 10)
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{aNode("1", pool.ID, PhaseReady)}}, jobs("j", 1, wholeNodes(1)), nil)}
	member := s.Demand.Classes[0].Members[0].ID
	s.Demand.Names = map[JobID]string{"8": "7_1", member: "7_[2-3]"}
	s.Demand.Vouched, s.Demand.Use = true, map[string]HostUse{s.Supply.Nodes[0].Host: {Jobs: []JobID{"8"}, Whole: true}}
	plan := Decide(s, aPolicy("a"))
	require.Equal(t, Reason{Code: ReasonBusy, Subject: "7_1"}, plan.Nodes[0].Reason)
	require.Equal(t, []JobID{"7_[2-3]"}, plan.Grow[0].Jobs)
	require.EqualValues(t, "7_1/2", s.Demand.Called("8/2"), "a part of a job")
	require.EqualValues(t, "9", s.Demand.Called("9"))
}
