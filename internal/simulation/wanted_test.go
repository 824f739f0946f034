package simulation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// TestWantedCountsSuccessors: beside a node that is too old there may be its successor,
// where the pool is to keep one, and no more than that.
func TestWantedCountsSuccessors(t *testing.T) {
	const most = 30 * time.Minute
	for name, c := range map[string]struct {
		keeps, nodes int
		age          time.Duration
		retired      bool
		tooMany      bool
	}{
		"as many as the pool keeps":         {keeps: 1, nodes: 1},
		"one beyond that":                   {keeps: 1, nodes: 2, age: most, tooMany: true},
		"an old one and its successor":      {keeps: 1, nodes: 2, age: most + 1},
		"two for one that is old":           {keeps: 1, nodes: 3, age: most + 1, tooMany: true},
		"an old one that is not to be kept": {keeps: 0, nodes: 1, age: most + 1, tooMany: true},
		"an old one that is retired":        {keeps: 0, nodes: 1, age: most + 1, retired: true},
		"one that is retired":               {keeps: 0, nodes: 1, age: most, retired: true, tooMany: true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := cyclecloudtest.DefaultConfig()
			cfg.Clusters[0].Name = cluster
			w, err := newWorld(scenario{cloud: cfg, policy: autoscale.Policy{Pools: []autoscale.PoolPolicy{
				{Name: "execute", Min: c.keeps, MaxAge: most, BootTimeout: time.Hour},
			}}})
			require.NoError(t, err)
			_, err = w.cloud.AddNodes(cyclecloudtest.BucketKey{Nodearray: "execute", MachineType: "Standard_F4s_v2"}, c.nodes)
			require.NoError(t, err)
			now := time.Now()
			made := autoscale.Operation{Kind: autoscale.OperationCreate, Intended: now.Add(-c.age)} // such nodes bear no request id
			for _, n := range w.ours() {
				w.retired[autoscale.NodeID(n.ID)] = c.retired
			}
			(&house{world: w}).checkWanted(map[autoscale.RequestID]autoscale.Operation{"": made}, now)
			require.Equal(t, c.tooMany, w.violated())
		})
	}
}
