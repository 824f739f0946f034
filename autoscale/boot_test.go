package autoscale

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBootsKeepTheLatest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Boots
		var all []int
		for _, seconds := range rapid.SliceOfN(rapid.IntRange(0, 4000), 0, 200).Draw(t, "seconds") {
			b = b.add(time.Duration(seconds)*time.Second + 400*time.Millisecond)
			all = append(all, seconds)
		}
		require.Equal(t, len(all), b.Count)
		recent := all[max(0, len(all)-bootsKept):]
		require.Equal(t, recent, b.Recent)
		for _, p := range []int{0, 50, 95, 100} {
			got := b.Percentile(p)
			if len(recent) == 0 {
				require.Zero(t, got)
				continue
			}
			below, notAbove := 0, 0
			for _, s := range recent {
				if time.Duration(s)*time.Second < got {
					below++
				}
				if time.Duration(s)*time.Second <= got {
					notAbove++
				}
			}
			require.GreaterOrEqual(t, notAbove*100, len(recent)*p, "so many did not exceed it")
			require.LessOrEqual(t, below*100, len(recent)*p, "and it is the least such")
		}
	})
}

// Boot times are learnt of nodes of ours that were seen to come up, once each, by
// offering, and stay when the nodes are gone.
func TestAdvanceLearnsBootTimes(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	node := func(id, group string, phase Phase, owned bool) Node {
		return Node{ID: NodeID(id), Pool: "p", Group: group, Phase: phase, Owned: owned}
	}
	pool, _ := aPool("p", "F4", 4, 100)
	pool.ID = "p"
	var m Memory
	look := func(after time.Duration, nodes ...Node) {
		before := fmt.Sprint(m.Boots)
		was := m
		m = Remember(Advance(m, Observation{At: at.Add(after), Supply: Supply{Pools: []Pool{pool}, Nodes: nodes}}, nil, aPolicy("p")), Plan{At: at})
		require.Equal(t, before, fmt.Sprint(was.Boots), "what was remembered is not changed")
	}
	look(0, node("a", "", PhaseStarting, true), node("b", "g", PhaseStarting, true), node("c", "", PhaseStarting, false), node("d", "", PhaseReady, true))
	require.Empty(t, m.Boots)
	look(100*time.Second, node("a", "", PhaseReady, true), node("b", "g", PhaseStarting, true), node("c", "", PhaseReady, false), node("d", "", PhaseReady, true))
	require.Equal(t, map[OfferingID]Boots{"p": {Count: 1, Recent: []int{100}, Up: at}}, m.Boots)
	look(200*time.Second, node("a", "", PhaseReady, true), node("b", "g", PhaseReady, true))
	look(300 * time.Second)
	require.Equal(t, Boots{Count: 1, Recent: []int{100}, Up: at}, m.BootsOf("p", false))
	require.Equal(t, Boots{Count: 1, Recent: []int{200}, Up: at}, m.BootsOf("p", true))
}

// A clock that was set back by hours freezes no timer: what is yet to come counts
// from now.
func TestAdvanceAfterTheClockWasSetBack(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	later := at.Add(5 * time.Hour)
	m := Memory{
		Nodes:     map[NodeID]NodeMemory{"n": {Asked: later, Ready: later, Busy: later, Wanted: later, Held: later, Lost: later}},
		Offerings: map[OfferingID]Offering{"p": {Failed: later, Probed: later, Budget: 1, Failures: 1}},
		Blocked:   Blocked{Job: "j", Since: later},
		Breaker:   Breaker{Class: ErrorAuth, Failures: 1, Last: later, Opened: later},
		Surge:     Surge{Accepted: 1, Jump: 10_000, Since: later},
		Removed:   []Tally{{At: later, Count: 1}}, Created: []Tally{{At: later, Count: 1}},
	}
	next := Advance(m, Observation{At: at, DemandProblem: "away", Supply: Supply{Nodes: []Node{{ID: "n", Pool: "p", Phase: PhaseReady}}}}, nil, Policy{})
	require.Equal(t, at, next.Nodes["n"].IdleSince())
	require.Equal(t, at, next.Nodes["n"].Held)
	require.Equal(t, at, next.Nodes["n"].Lost)
	require.Equal(t, at.Add(firstBackoff), next.Offerings["p"].nextProbe())
	require.Equal(t, Blocked{"j", at}, next.Blocked)
	require.Equal(t, at, next.Breaker.Last)
	require.Equal(t, at, next.Breaker.Opened)
	require.Equal(t, at, next.Surge.Since)
	require.Equal(t, []Tally{{at, 1}}, next.Removed)
	require.Equal(t, []Tally{{at, 1}}, next.Created)
}
