package autoscale

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A gang gets the group that it would get if all of them were compared.
func TestPropertyGangGetsTheBestOfAllGroups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var supply Supply
		for _, name := range []string{"a", "b"} {
			pool, limits := aPool(name, "F4", 4, rapid.IntRange(0, 30).Draw(t, "room"))
			pool.GroupSize = rapid.IntRange(1, 8).Draw(t, "size")
			for g := range rapid.IntRange(0, 6).Draw(t, "groups") {
				pool.Groups = append(pool.Groups, Group{Name: fmt.Sprintf("g%d", g), Active: rapid.IntRange(0, 8).Draw(t, "active")})
			}
			supply.Pools = append(supply.Pools, pool)
			supply.Limits = append(supply.Limits, limits...)
		}
		for i := range rapid.IntRange(0, 6).Draw(t, "nodes") {
			n := aNode(fmt.Sprintf("n%d", i), supply.Pools[i%2].ID, PhaseReady)
			n.Group = fmt.Sprintf("g%d", rapid.IntRange(0, 6).Draw(t, "group"))
			supply.Nodes = append(supply.Nodes, n)
		}
		shape := wholeNodes(rapid.IntRange(1, 9).Draw(t, "tasks"))
		shape.Grouping, shape.Gang = Coupled, rapid.SampledFrom([]GangMode{GangAll, GangBestEffort}).Draw(t, "mode")
		state := State{Observation: observe(start, supply, jobs("j", 1, shape), nil)}
		policy := aPolicy("a", "b")
		b := newBoard(new(Planner), &state, &policy, nil)
		if len(b.classes) == 0 {
			return // no group is large enough
		}
		for range rapid.IntRange(1, 3).Draw(t, "gangs") {
			c := &b.classes[0]
			got, found := b.bestOption(c)
			want, any := bestOfAll(b, c)
			require.Equal(t, any, found)
			require.Equal(t, want, got)
			if b.placeOne(c, 0); !found {
				return
			}
		}
	})
}

func bestOfAll(b *board, c *classState) (best option, found bool) {
	have := b.roomInGroups(c)
	for rank, pool := range c.order {
		names := []string{""}
		for name, active := range b.pools[pool].groupActive {
			if active > 0 || !b.groupInUse(name) {
				names = append(names, name)
			}
		}
		for _, name := range names {
			at := place{pool, name}
			if o := b.option(c, at, rank, have[at]); o.tasks > 0 && (!found || compareOptions(o, best) < 0) {
				best, found = o, true
			}
		}
	}
	return best, found
}
