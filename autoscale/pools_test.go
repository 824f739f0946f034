package autoscale

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPropertyEveryPoolIsExplainedOnce(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		verdicts := make(map[PoolID]PoolVerdict)
		for _, v := range w.plan.Pools {
			require.NotContains(t, verdicts, v.Pool)
			require.NotEmpty(t, v.Reason.Code)
			verdicts[v.Pool] = v
		}
		require.Len(t, verdicts, len(w.Supply.Pools))
		grown := created(w.plan)
		for id, v := range verdicts {
			require.Equal(t, w.managed(id) == nil, v.Reason.Code == ReasonUnmanaged, "pool %s", id)
			switch {
			case v.Reason.Code == ReasonGrows:
				require.EqualValues(t, grown[id], v.Reason.Have)
			case v.Held:
				require.Contains(t, []ReasonCode{ReasonLimit, ReasonBudget, ReasonNoPrice, ReasonCapacity, ReasonBreaker, ReasonReserved, ReasonPoolInvalid}, v.Reason.Code)
			default:
				require.Zero(t, grown[id], "pool %s grows, and says %s", id, v.Reason.Code)
			}
		}
	})
}

// A pool that gave what it could is still told to be held back: the jobs that it
// had no room for went elsewhere.
func TestPoolThatJobsPassOverSaysWhy(t *testing.T) {
	a, la := aPool("a", "F4", 4, 3)
	z, lz := aPool("z", "F4", 4, 100)
	s := State{Observation: observe(start, Supply{Pools: []Pool{z, a}, Limits: append(la, lz...)}, jobs("j", 5, wholeNodes(1)), nil)}
	require.Equal(t, []PoolVerdict{
		{Pool: a.ID, Offers: a.Node, Held: true, Reason: Reason{Code: ReasonLimit, Subject: "bucket/a/F4", Have: 3, Want: 3, Need: 2, Unit: UnitNodes}},
		{Pool: z.ID, Offers: z.Node, Reason: Reason{Code: ReasonGrows, Have: 2, Want: 2, Detail: "for 2 waiting jobs"}},
	}, Decide(s, aPolicy("a", "z")).Pools)

	gang := gangOf(4)
	s.Demand.Classes = Intern(jobs("g", 1, gang))
	for i := range s.Supply.Pools {
		s.Supply.Pools[i].GroupSize = 10
	}
	require.Equal(t, []PoolVerdict{
		{Pool: a.ID, Offers: a.Node, Held: true, Reason: Reason{Code: ReasonLimit, Subject: "bucket/a/F4", Want: 3, Need: 4, Unit: UnitNodes}},
		{Pool: z.ID, Offers: z.Node, Reason: Reason{Code: ReasonGrows, Have: 4, Want: 1, Detail: "for 1 waiting job"}},
	}, Decide(s, aPolicy("a", "z")).Pools)
}
