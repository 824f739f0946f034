package anka_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
)

func TestPriorityMapsMonotonously(t *testing.T) {
	require.Equal(t, anka.DefaultPriority, anka.Priority(0))
	require.Equal(t, 999, anka.Priority(1))
	require.Equal(t, 1001, anka.Priority(-1))
	require.Equal(t, anka.MinPriority, anka.Priority(math.MaxInt64))
	require.Equal(t, anka.MaxPriority, anka.Priority(math.MinInt64))
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		if a > b {
			require.LessOrEqual(t, anka.Priority(a), anka.Priority(b))
		}
		require.True(t, anka.MinPriority <= anka.Priority(a) && anka.Priority(a) <= anka.MaxPriority)
	})
}

func TestStartsCarryThePriorityOfTheirJobs(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	for request, on := range map[string]bool{"without": false, "with": true} {
		p, err := anka.NewProvider(anka.ProviderOptions{Client: w.client, Pools: []anka.PoolOptions{w.ios()}, Now: w.clock.Now, Priority: on})
		require.NoError(t, err)
		g := grow(request, "ios", 1)
		g.Priority = 100
		_, err = p.Create(w.ctx, g)
		require.NoError(t, err)
	}
	sent := map[any]int{}
	for _, s := range w.server.Books().Starts {
		sent[s.Metadata[anka.MetadataRequest]] = s.Priority
	}
	require.Equal(t, map[any]int{"without": 1000, "with": 900}, sent)
}
