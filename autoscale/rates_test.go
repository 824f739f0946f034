package autoscale

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// newNodes counts what a plan creates and starts.
func newNodes(p Plan) int {
	n := 0
	for _, g := range p.Grow {
		n += g.Count
	}
	for _, s := range p.Start {
		n += len(s.Nodes)
	}
	return n
}

// No plan asks for more nodes than the rates allow, but for one job that needs more
// at once, before which nothing went, and with which nothing else goes.
func TestPropertyCreateRatesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		p.CreatesPerTick = rapid.IntRange(0, 6).Draw(t, "createsPerTick")
		p.CreatesPerHour = rapid.IntRange(0, 9).Draw(t, "createsPerHour")
		before := rapid.IntRange(0, 6).Draw(t, "before")
		s.Memory.Created = []Tally{{At: s.At.Add(-time.Minute), Count: before}, {At: s.At.Add(-2 * time.Hour), Count: 100}}
		w := newWorld(s, p)
		w.holdsRate(t, 0, p.CreatesPerTick)
		w.holdsRate(t, before, p.CreatesPerHour)
		next := Remember(s.Memory, w.plan)
		require.Equal(t, before+newNodes(w.plan), lately(next.Created, s.At))
	})
}

func (w world) holdsRate(t *rapid.T, before, rate int) {
	n := newNodes(w.plan)
	for _, start := range w.plan.Start {
		n -= w.counted(start.Nodes)
	}
	if rate == 0 || n == 0 || before+n <= rate {
		return
	}
	require.Zero(t, before, "%d nodes beyond a rate of %d after others", n, rate)
	largest := 0 // of jobs that need more at once; others may use what room it leaves
	for _, o := range w.plan.Outcomes {
		got := 0
		for _, s := range o.Served {
			if s.Grow >= 0 || s.Start {
				got += s.Count
			}
			if s.Start {
				for _, id := range s.Nodes {
					got -= w.counted([]Node{{ID: id}})
				}
			}
		}
		if w.Demand.Classes[o.Class].Required() > rate {
			largest = max(largest, got)
		}
	}
	require.Equal(t, n, largest, "one job has all of them")
}

// counted is how many of the nodes a lost start may start anyway: they were counted
// when it was sent.
func (w world) counted(nodes []Node) int {
	n := 0
	for _, node := range nodes {
		for _, op := range w.Operations {
			if op.Kind == OperationStart && !op.Phase.Final() && slices.Contains(op.Nodes, node.ID) {
				n++
				break
			}
		}
	}
	return n
}

// A gang that is larger than what an hour allows is not starved by small jobs, as long
// as there is patience with gangs.
func TestGangBeyondTheHourIsNotStarved(t *testing.T) {
	a, la := aPool("a", "F4", 4, 1000)
	p := aPolicy("a")
	p.CreatesPerHour, p.GangPatience = 4, 15*time.Minute
	gang := wholeNodes(6)
	gang.Gang = GangAll
	all := append(jobs("gang", 1, gang), jobs("small", 100, wholeNodes(1))...)
	s := State{Observation: observe(start, Supply{Pools: []Pool{a}, Limits: la}, all, nil)}
	s.Memory.Created = []Tally{{At: start.Add(-30 * time.Minute), Count: 1}}
	for range 40 {
		s.At = s.At.Add(5 * time.Minute)
		s.Memory = Advance(s.Memory, s.Observation, nil, p)
		plan := Decide(s, p)
		s.Memory = Remember(s.Memory, plan)
		if len(plan.Grow) == 0 {
			continue
		}
		s.Demand.Classes = Intern(all[1+newNodes(plan):]) // the small ones that came by
		if plan.Grow[0].Count == 6 {
			require.Equal(t, []JobID{"gang0"}, plan.Grow[0].Jobs)
			return
		}
		s.Demand.Classes = Intern(all)
	}
	require.Fail(t, "the gang never got its nodes")
}
