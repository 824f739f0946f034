package autoscale

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// shrinking is a world in which nodes only go: each tick some become idle, and what
// was removed is gone in the next.
type shrinking struct {
	State
	policy Policy
	drains map[string]bool
}

func drawShrinking(t *rapid.T) *shrinking {
	a, la := aPool("a", "F4", 4, 100)
	a.GroupSize = 9
	w := &shrinking{policy: aPolicy("a"), drains: make(map[string]bool)}
	w.CanDrain = rapid.Bool().Draw(t, "canDrain")
	w.policy.Pools[0].Min = rapid.IntRange(0, 3).Draw(t, "min")
	w.policy.Pools[0].RemoveGroupsWhole = rapid.Bool().Draw(t, "whole")
	w.policy.RemovalsPerTick = rapid.IntRange(0, 4).Draw(t, "perTick")
	w.policy.RemovalsPerHour = rapid.IntRange(0, 9).Draw(t, "perHour")
	w.Memory.Nodes = make(map[NodeID]NodeMemory)
	w.Observation = observe(start, Supply{Pools: []Pool{a}, Limits: la}, nil, make(map[string]HostUse))
	for i := range rapid.IntRange(1, 30).Draw(t, "nodes") {
		n := aNode(fmt.Sprintf("n%02d", i), a.ID, rapid.SampledFrom([]Phase{PhaseReady, PhaseReady, PhaseReady, PhaseStarting, PhaseFailed}).Draw(t, "phase"))
		n.Group = rapid.SampledFrom([]string{"", "g1", "g2", "g3"}).Draw(t, "group")
		w.Supply.Nodes = append(w.Supply.Nodes, n)
	}
	return w
}

// tick lets time pass, plans, and lets what is removed vanish.
func (w *shrinking) tick(t *rapid.T) Plan {
	w.At = w.At.Add(time.Duration(rapid.IntRange(1, 900).Draw(t, "seconds")) * time.Second)
	w.Demand.Use = make(map[string]HostUse)
	for _, n := range w.Supply.Nodes {
		use := HostUse{Whole: n.Phase == PhaseReady && rapid.IntRange(0, 5).Draw(t, "busy") == 0}
		if w.drains[n.Host] {
			use.Drain = DrainOurs
		}
		w.Demand.Use[n.Host] = use
	}
	w.Memory = Advance(w.Memory, w.Observation, nil, w.policy)
	plan := Decide(w.State, w.policy)
	w.Memory = Remember(w.Memory, plan)
	if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
		w.Memory = restarted(t, w.Memory)
	}
	for _, d := range plan.Drain {
		w.drains[d.Node.Host] = true
	}
	for _, d := range plan.Undrain {
		delete(w.drains, d.Node.Host)
	}
	return plan
}

// restarted is the memory as a daemon finds it that starts anew.
func restarted(t *rapid.T, m Memory) Memory {
	text, err := json.Marshal(m)
	require.NoError(t, err)
	var again Memory
	require.NoError(t, json.Unmarshal(text, &again))
	return again
}

func (w *shrinking) take(gone []NodeID) {
	left := make(map[NodeID]bool)
	for _, id := range gone {
		left[id] = true
	}
	var nodes []Node
	for _, n := range w.Supply.Nodes {
		if !left[n.ID] {
			nodes = append(nodes, n)
		}
	}
	w.Supply.Nodes = nodes
}

// Whatever becomes idle when, no hour sees more removals than the rate, but for one
// group that is larger than the rate and goes alone; and no tick.
func TestPropertyRatesHoldForAnySequenceOfTicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawShrinking(t)
		var went []Tally
		for range rapid.IntRange(1, 30).Draw(t, "ticks") {
			plan := w.tick(t)
			gone := removed(plan)
			within(t, w, gone, len(gone), w.policy.RemovalsPerTick)
			hour := len(gone)
			for _, r := range went {
				if w.At.Sub(r.At) < time.Hour {
					hour += r.Count
				}
			}
			within(t, w, gone, hour, w.policy.RemovalsPerHour)
			went = append(went, Tally{w.At, len(gone)})
			require.LessOrEqual(t, len(w.Memory.Removed), 61)
			w.take(gone)
		}
	})
}

// within holds how many went against a rate: more only if all of them went now and
// are one group.
func within(t *rapid.T, w *shrinking, gone []NodeID, n, rate int) {
	if rate == 0 || n <= rate || len(gone) == 0 {
		return
	}
	require.Len(t, gone, n, "a rate of %d was exceeded", rate)
	groups := make(map[string]bool)
	for _, n := range w.Supply.Nodes {
		for _, id := range gone {
			if n.ID == id {
				groups[n.Group] = true
			}
		}
	}
	require.Len(t, groups, 1)
	require.NotContains(t, groups, "")
	require.True(t, w.policy.Pools[0].RemoveGroupsWhole)
}

// Whoever is not dead goes with all of its group that are not dead.
func TestPropertyWholeGroupsGoWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawShrinking(t)
		w.policy.Pools[0].RemoveGroupsWhole = true
		for range rapid.IntRange(1, 20).Draw(t, "ticks") {
			plan := w.tick(t)
			goes := make(map[NodeID]bool)
			for _, id := range removed(plan) {
				goes[id] = true
			}
			left, went := make(map[string]int), make(map[string]int)
			for _, n := range w.Supply.Nodes {
				m := w.Memory.Nodes[n.ID]
				if n.Group == "" || n.Phase == PhaseFailed && !w.Demand.Use[n.Host].Busy() || n.Phase == PhaseStarting && w.At.Sub(m.Asked) > DefaultBootTimeout {
					continue
				}
				if goes[n.ID] {
					went[n.Group]++
				} else {
					left[n.Group]++
				}
			}
			for group := range went {
				require.Zero(t, left[group], "%d of group %s are left", left[group], group)
			}
			w.take(removed(plan))
		}
	})
}

// Small ones that come up for removal in every tick can't keep a large group for
// ever: it is next when it has waited longest.
func TestLargeGroupIsNotOvertakenForever(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	a.GroupSize = 9
	p := aPolicy("a")
	p.Pools[0].RemoveGroupsWhole = true
	p.RemovalsPerHour = 2
	s := State{Observation: observe(start, Supply{Pools: []Pool{a}, Limits: la}, nil, nil)}
	for i := range 4 {
		n := aNode(fmt.Sprintf("g%d", i), a.ID, PhaseReady)
		n.Group = "g"
		s.Supply.Nodes = append(s.Supply.Nodes, n)
	}
	s.Memory = idleFor(start, time.Hour, s.Supply.Nodes...)
	s.Memory.Removed = []Tally{{At: start.Add(-30 * time.Minute), Count: 1}}
	for tick := range 40 {
		single := aNode(fmt.Sprintf("s%02d", tick), a.ID, PhaseReady)
		s.Supply.Nodes = append(s.Supply.Nodes, single)
		s.At = s.At.Add(5 * time.Minute)
		s.Memory = Advance(s.Memory, s.Observation, nil, p)
		plan := Decide(s, p)
		s.Memory = Remember(s.Memory, plan)
		if gone := removed(plan); len(gone) > 0 {
			require.Equal(t, []NodeID{"g0", "g1", "g2", "g3"}, gone)
			return
		}
	}
	require.Fail(t, "the group never went")
}

func TestRemovalsOfAClockSetBackAreForgotten(t *testing.T) {
	list := recent([]Tally{{At: start.Add(24 * time.Hour), Count: 3}, {At: start.Add(25 * time.Hour), Count: 2}}, start)
	require.Equal(t, []Tally{{At: start, Count: 5}}, list)
	require.Empty(t, recent(list, start.Add(61*time.Minute)))
}
