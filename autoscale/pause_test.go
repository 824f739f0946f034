package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A paused pool is not touched, whatever else there is; the others are as they were
// where the paused one has nothing that they share.
func TestPropertyPausedPoolsStayAsTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		name := rapid.SampledFrom([]string{"", "a"}).Draw(t, "paused")
		s.Memory = s.Memory.WithPause(Pause{Pool: name, Since: start.Add(-time.Hour)})
		w := newWorld(s, p)
		paused := func(pool PoolID) bool { return name == "" || w.managed(pool) != nil && w.managed(pool).Name == name }
		for _, g := range w.plan.Grow {
			require.False(t, paused(g.Pool))
		}
		for _, x := range w.plan.Start {
			require.False(t, paused(x.Pool))
		}
		for _, r := range w.plan.Remove {
			require.False(t, paused(r.Pool))
		}
		for _, r := range w.plan.Retry {
			require.False(t, paused(r.Operation.Pool))
		}
		for _, d := range w.plan.Drain {
			require.False(t, paused(d.Node.Pool))
		}
		for _, v := range w.plan.Pools {
			if w.managed(v.Pool) != nil && paused(v.Pool) {
				require.Equal(t, ReasonPaused, v.Reason.Code)
			}
		}
	})
}

func TestPausesEnd(t *testing.T) {
	at := func(d time.Duration) Observation { return observe(start.Add(d), Supply{}, nil, nil) }
	m := Memory{}.WithPause(Pause{Pool: "a", Since: start, Until: start.Add(time.Hour), Why: "x"})
	m = m.WithPause(Pause{Since: start})
	m = m.WithPause(Pause{Pool: "a", Since: start, Until: start.Add(2 * time.Hour)})
	require.Len(t, m.Paused, 2, "one a pool")
	m = Advance(m, at(2*time.Hour-1), nil, aPolicy("a"))
	require.Len(t, m.Paused, 2)
	ended := Advance(m, at(2*time.Hour), nil, aPolicy("a"))
	require.Equal(t, []Pause{{Since: start}}, ended.Paused)
	require.Equal(t, ended.Paused, Remember(ended, Plan{}).Paused)

	back := Advance(m, at(-24*time.Hour), nil, aPolicy("a")).Paused
	require.Equal(t, Pause{Pool: "a", Since: start.Add(-24 * time.Hour), Until: start.Add(-22 * time.Hour)}, back[1], "a clock set back does not make it longer")

	_, ok := m.Resumed("b")
	require.False(t, ok)
	left, ok := m.Resumed("a")
	require.True(t, ok)
	require.Len(t, left.Paused, 1)
	left, ok = m.Resumed("")
	require.True(t, ok)
	require.Empty(t, left.Paused)
}
