package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// busySince is what is remembered after reads of the queue, a minute apart: busy (b),
// idle (i), not vouched for (v), and unreadable (u).
func busySince(reads string) (NodeMemory, time.Time) {
	pool, _ := aPool("a", "F4", 4, 10)
	node := aNode("n", pool.ID, PhaseReady)
	var m Memory
	at := start
	for _, read := range reads {
		at = at.Add(time.Minute)
		o := observe(at, Supply{Pools: []Pool{pool}, Nodes: []Node{node}}, nil, nil)
		switch read {
		case 'b':
			o.Demand.Use = map[string]HostUse{node.Host: {Whole: true}}
		case 'v':
			o.Demand.Vouched = false
		case 'u':
			o.Demand, o.DemandProblem = Demand{}, "away"
		}
		m = Advance(m, o, nil, aPolicy("a"))
	}
	return m.Nodes["n"], at
}

func TestBusySinceTheLastBreak(t *testing.T) {
	for reads, minutes := range map[string]int{
		"i": -1, "b": 0, "bbb": 2, "ibb": 1, "bib": 0, "bi": -1, "bub": 2, "bvb": 2, "bu": 1, "biu": -1,
	} {
		m, at := busySince(reads)
		if minutes < 0 {
			require.Zero(t, m.BusySince, reads)
			continue
		}
		require.Equal(t, time.Duration(minutes)*time.Minute, at.Sub(m.BusySince), reads)
	}
}

// The count moves with the clock, does not run ahead of it, and ends with the VM.
func TestBusySinceFollowsTheClock(t *testing.T) {
	m := Memory{Nodes: map[NodeID]NodeMemory{"n": {BusySince: start}}}
	require.Equal(t, start.Add(time.Hour), m.Moved(time.Hour).Nodes["n"].BusySince)
	n := m.Nodes["n"]
	n.past(start.Add(-time.Hour))
	require.Equal(t, start.Add(-time.Hour), n.BusySince)
	n.rest(PhaseDeallocated, start, nil)
	require.Zero(t, n.BusySince)
}

// hung is a world with one node that has been busy for a day.
func hung() (State, Policy) {
	pool, limits := aPool("a", "F4", 4, 10)
	node := aNode("n", pool.ID, PhaseReady)
	p := aPolicy("a")
	p.Pools[0].MaxBusy = 6 * time.Hour
	use := map[string]HostUse{node.Host: {Jobs: []JobID{"j"}, Whole: true}}
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits, Nodes: []Node{node}}, nil, use)}
	s.CanDrain = true
	s.Memory.Nodes = map[NodeID]NodeMemory{"n": {Asked: start.Add(-25 * time.Hour), Ready: start.Add(-25 * time.Hour), Busy: start, BusySince: start.Add(-24 * time.Hour), Ours: true}}
	return s, p
}

func TestNodeGoesThoughItWorks(t *testing.T) {
	s, p := hung()
	plan := Decide(s, p)
	require.Empty(t, plan.Drain)
	require.Equal(t, []NodeID{"n"}, removed(plan))
	require.Equal(t, Reason{Code: ReasonMaxBusy, Subject: "j", For: 24 * time.Hour, Of: 6 * time.Hour}, plan.Remove[0].Reason)
	require.True(t, plan.Nodes[0].Goes)
	p.Pools[0].MaxBusy = 0
	require.True(t, Decide(s, p).Empty())
	p.Pools[0].MaxBusy = 24 * time.Hour
	require.True(t, Decide(s, p).Empty(), "not longer yet")
}

// It counts to no min, and goes before its replacement is there, past the rates' other
// candidates, and by itself out of a placement group that goes whole.
func TestOverworkedNodeIsReplacedAtOnce(t *testing.T) {
	s, p := hung()
	p.Pools[0].Min, p.Pools[0].RemoveGroupsWhole, p.RemovalsPerTick = 2, true, 1
	idle := aNode("i", "a/F4", PhaseReady)
	s.Supply.Pools[0].GroupSize = 5
	s.Supply.Nodes[0].Group, idle.Group = "g", "g"
	s.Supply.Nodes = append(s.Supply.Nodes, idle)
	s.Memory.Nodes["i"] = idleFor(start, time.Hour, idle).Nodes["i"]
	plan := Decide(s, p)
	require.Equal(t, []NodeID{"n"}, removed(plan))
	require.Equal(t, map[PoolID]int{"a/F4": 1}, created(plan))
}

// A removal that came to nothing is sent again after ever longer waits, although the node
// runs something all the time.
func TestRemovalOfABusyNodeInVainIsCounted(t *testing.T) {
	s, p := hung()
	refused := []Operation{{Request: "r", Kind: OperationRemove, Phase: OpRejected, Nodes: []NodeID{"n"}, Sent: start, Ended: start, Message: "locked"}}
	for tries := 1; tries <= 3; tries++ {
		s.At = s.At.Add(time.Hour)
		refused[0].Sent = s.At.Add(-time.Second)
		s.Memory = Advance(s.Memory, s.Observation, refused, p)
		require.Equal(t, tries, s.Memory.Nodes["n"].Vain.Tries)
		require.Empty(t, removed(Decide(s, p)))
		s.At = s.At.Add(30 * time.Minute)
		s.Memory = Advance(s.Memory, s.Observation, nil, p)
		require.Equal(t, []NodeID{"n"}, removed(Decide(s, p)))
	}
	p.Pools[0].MaxBusy = 0
	require.Zero(t, Advance(s.Memory, s.Observation, nil, p).Nodes["n"].Vain.Tries, "work ends the count of any other")
}

// In worlds of any kind: a node that works goes only where it has done so for longer than
// its pool allows, and nobody protects, keeps, drained or paused it; it gets no work.
func TestPropertyBusyNodesGoOnlyForMaxBusy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		for i := range p.Pools {
			p.Pools[i].MaxBusy = time.Duration(rapid.SampledFrom([]int{0, 30, 45}).Draw(t, "maxBusy")) * time.Minute
		}
		for id, m := range s.Memory.Nodes {
			if use, known := s.Demand.Use["host-"+string(id)]; known && use.Busy() {
				m.BusySince = start.Add(-time.Duration(rapid.IntRange(0, 60).Draw(t, "busyFor")) * time.Minute)
				s.Memory.Nodes[id] = m
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "pauses") == 0 {
			s.Memory = s.Memory.WithPause(Pause{Pool: "a", Since: start})
		}
		w := newWorld(s, p)
		for _, r := range w.plan.Remove {
			for _, n := range r.Nodes {
				use, _ := w.use(n)
				require.Equal(t, use.Busy(), w.reason(n.ID).Code == ReasonMaxBusy)
				if !use.Busy() {
					continue
				}
				m, most := s.Memory.Nodes[n.ID], w.managed(n.Pool).MaxBusy
				require.True(t, most > 0 && s.At.Sub(m.BusySince) > most)
				require.True(t, n.Protected == "" && !n.KeepAlive && n.Owned && use.Drain != DrainForeign)
				require.False(t, len(s.Memory.Paused) > 0 && w.managed(n.Pool).Name == "a", "its pool is paused")
				require.Zero(t, w.given()[n.ID])
			}
		}
		for _, x := range w.plan.Drain {
			require.NotEqual(t, ReasonMaxBusy, x.Reason.Code)
		}
	})
}
