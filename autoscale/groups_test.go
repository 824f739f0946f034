package autoscale

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// gangOf is the shape of a coupled job of n whole nodes.
func gangOf(n int) Shape {
	s := wholeNodes(n)
	s.Grouping = Coupled
	return s
}

// Whatever the template makes of nodearrays and machine types, also when they
// differ only in characters that no group's name may hold, no two new groups have
// one name, and none has that of a group with nodes.
func TestPropertyGroupNamesAreUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"a", "a.b", "a_b", "a b", "a/b", "a-b", "1", ""})
		var supply Supply
		policy := Policy{GroupName: rapid.SampledFrom([]string{"", "g{n}", "g", "{nodearray}{n}", "{nodearray}.{machine_type}_{n}", "{machine_type}{n}"}).Draw(t, "template")}
		for i := range rapid.IntRange(1, 4).Draw(t, "pools") {
			pool, limits := aPool(part.Draw(t, "nodearray"), part.Draw(t, "machineType"), 4, 100)
			pool.ID = PoolID(fmt.Sprint(pool.ID, "#", i))
			pool.GroupSize = 2
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a_pg0", "a_b_pg0", "g0", "g_0", "a_b0", "a1"}), 0, 2, rapid.ID).Draw(t, "groups") {
				pool.Groups = append(pool.Groups, Group{Name: name, Active: rapid.IntRange(0, 2).Draw(t, "active")})
			}
			supply.Pools = append(supply.Pools, pool)
			supply.Limits = append(supply.Limits, limits...)
		}
		policy.Pools = []PoolPolicy{{Name: "all"}}
		var waiting []Job
		for i := range supply.Pools {
			gang := gangOf(2)
			gang.Selector = HasLabel(LabelMachineType, supply.Pools[i].Labels[LabelMachineType])
			waiting = append(waiting, jobs(fmt.Sprint("j", i, "-"), 3, gang)...)
		}
		used := make(map[string]bool)
		for _, p := range supply.Pools {
			for _, g := range p.Groups {
				used[g.Name] = used[g.Name] || g.Active > 0
			}
		}
		plan := Decide(State{Observation: observe(start, supply, waiting, nil)}, policy)
		require.Len(t, plan.Grow, len(waiting))
		for _, g := range plan.Grow {
			require.Regexp(t, `^[A-Za-z0-9_-]+$`, g.Group)
			require.False(t, used[g.Group], "%s is used twice", g.Group)
			used[g.Group] = true
		}
		require.Equal(t, plan, Decide(State{Observation: observe(start, supply, waiting, nil)}, policy))
	})
}

// Groups whose nodes are asked for and not seen count, those of other policies don't.
func TestGroupsAreCountedByPolicy(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	a.GroupSize, a.Groups = 4, []Group{{Name: "g0", Active: 3}, {Name: "g1"}}
	z, lz := aPool("z", "F4", 4, 100)
	z.GroupSize, z.Groups = 4, []Group{{Name: "z0", Active: 1}, {Name: "z1", Active: 1}}
	policy := aPolicy("a", "z")
	policy.Pools[0].MaxGroups = 2
	gang := gangOf(2)
	gang.Selector = HasLabel(LabelNodearray, "a")
	s := State{Observation: observe(start, Supply{Pools: []Pool{a, z}, Limits: append(la, lz...)}, jobs("j", 3, gang), nil)}
	plan := Decide(s, policy)
	require.Len(t, plan.Grow, 1)
	require.Equal(t, "g1", plan.Grow[0].Group)
	require.Equal(t, 4, plan.Grow[0].Count)

	s.Operations = []Operation{{Request: "r", Kind: OperationCreate, Phase: OpSent, Pool: a.ID, Group: "g1", Count: 4}}
	plan = Decide(s, policy)
	require.Empty(t, plan.Grow)
	require.Equal(t, Reason{Code: ReasonLimit, Subject: "groups/a", Have: 2, Want: 2, Need: 1, Unit: UnitGroups}, plan.Outcomes[len(plan.Outcomes)-1].Reason)
}

// A lost request that would make one group too many is not sent again.
func TestLostRequestForAGroupTooManyIsNotSentAgain(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	a.GroupSize, a.Groups = 4, []Group{{Name: "g0", Active: 4}}
	s := State{Observation: observe(start, Supply{Pools: []Pool{a}, Limits: la}, jobs("j", 1, gangOf(2)), nil)}
	s.Operations = []Operation{{Request: "r", Kind: OperationCreate, Phase: OpAbsent, Pool: a.ID, Group: "g1", Count: 2, Attempts: 1}}
	policy := aPolicy("a")
	require.Len(t, Decide(s, policy).Retry, 1)
	policy.Pools[0].MaxGroups = 1
	require.True(t, Decide(s, policy).Empty())
}
