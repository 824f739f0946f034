package autoscale

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBufferIsRoundedUp(t *testing.T) {
	share := PoolPolicy{BufferPercent: 10}
	for used, want := range map[int]int{0: 0, 1: 1, 10: 1, 11: 2, 100: 10} {
		require.Equal(t, want, share.buffer(used), "of %d", used)
	}
	require.Equal(t, 3, (&PoolPolicy{Buffer: 3}).buffer(0))
}

// Jobs come and go; as long as nothing else changes, the buffer is what is idle, and
// no node goes in one tick to be made again in the next.
func TestPropertyBufferNeverOscillates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, la := aPool("a", "F4", 4, 40)
		p := aPolicy("a")
		p.Pools[0].Min = rapid.IntRange(0, 4).Draw(t, "min")
		p.Pools[0].Buffer = rapid.IntRange(0, 4).Draw(t, "buffer")
		if p.Pools[0].Buffer == 0 {
			p.Pools[0].BufferPercent = rapid.IntRange(1, 120).Draw(t, "percent")
		}
		s := State{Observation: observe(start, Supply{Pools: []Pool{a}, Limits: la}, nil, make(map[string]HostUse))}
		made := 0
		for range 3 {
			busy := rapid.IntRange(0, 12).Draw(t, "busy")
			var quiet, grew, went int
			for quiet = 0; quiet < 8; quiet++ {
				s.At = s.At.Add(2 * time.Minute)
				s.Demand = Demand{Vouched: true, Use: make(map[string]HostUse)}
				running := 0
				for _, n := range s.Supply.Nodes {
					if running < busy {
						s.Demand.Use[n.Host] = HostUse{Jobs: []JobID{"r"}, Whole: true}
						running++
					}
				}
				s.Demand.Classes = Intern(jobs("w", busy-running, wholeNodes(1)))
				s.Memory = Advance(s.Memory, s.Observation, nil, p)
				plan := Decide(s, p)
				s.Memory = Remember(s.Memory, plan)
				gone := removed(plan)
				grew, went = grew+len(plan.Grow), went+len(gone)
				s.Supply.Nodes = slices.DeleteFunc(slices.Clone(s.Supply.Nodes), func(n Node) bool { return slices.Contains(gone, n.ID) })
				for _, g := range plan.Grow {
					for range g.Count {
						s.Supply.Nodes = append(s.Supply.Nodes, aNode(fmt.Sprintf("n%04d", made), a.ID, PhaseReady))
						made++
					}
				}
			}
			require.Len(t, s.Supply.Nodes, max(p.Pools[0].Min, busy+p.Pools[0].buffer(busy)))
			require.False(t, grew > 0 && went > 0, "the same demand makes nodes and removes nodes")
		}
	})
}
