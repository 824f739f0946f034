package cyclecloud_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// Each way to go is the call of that name, and leaves a node where it says.
func TestRemovalsCallWhatTheyName(t *testing.T) {
	for how, want := range map[autoscale.Removal]struct {
		action string
		phase  autoscale.Phase // empty: no record is left
	}{
		"":                          {"terminate", ""},
		autoscale.RemovalTerminate:  {"terminate", ""},
		autoscale.RemovalShutdown:   {"shutdown", autoscale.PhaseDeallocated},
		autoscale.RemovalDeallocate: {"deallocate", autoscale.PhaseDeallocated},
		autoscale.RemovalRemove:     {"remove", ""},
	} {
		cfg := cyclecloudtest.DefaultConfig()
		for i := range cfg.Clusters[0].Nodearrays {
			cfg.Clusters[0].Nodearrays[i].ShutdownPolicy = "Deallocate"
		}
		w := newWorld(t, cfg)
		w.observe(t)
		_, err := w.provider.Create(t.Context(), grow("r1", "execute/Standard_F4s_v2", 1))
		require.NoError(t, err)
		w.clock.Advance(time.Hour)
		nodes := w.observe(t).Nodes[1:]
		got, err := w.provider.Remove(t.Context(), autoscale.Remove{Request: "e1", Nodes: nodes, Removal: how})
		require.NoError(t, err)
		require.Empty(t, got.Refused)
		manages := w.server.Books().Manages
		require.Equal(t, want.action, manages[len(manages)-1].Action)
		w.clock.Advance(time.Hour)
		left := w.observe(t).Nodes[1:]
		if want.phase == "" {
			require.Empty(t, left, how)
			continue
		}
		require.Equal(t, want.phase, left[0].Phase, how)
	}
}

// What has gone as far as it was asked to is success, though the server refuses it.
func TestRemovalOfWhatHasGoneSoFarAlready(t *testing.T) {
	const body = `{"operationId":"o","nodes":[{"id":"1","status":"Error","error":"is Deallocated"}]}`
	s := newServer(t).
		on("POST /clusters/demo/nodes/deallocate", accepted(body)).
		on("POST /clusters/demo/nodes/terminate", accepted(body)).
		on("GET /clusters/demo/nodes", ok(`{"nodes":[{"NodeId":"1","TargetState":"Deallocated","Status":"Deallocated"}]}`))
	remove := autoscale.Remove{Request: requestID, Nodes: []autoscale.Node{{ID: "1"}}, Removal: autoscale.RemovalDeallocate}
	got, err := s.provider(t).Remove(t.Context(), remove)
	require.NoError(t, err)
	require.Empty(t, got.Refused)

	remove.Removal = autoscale.RemovalTerminate
	got, err = s.provider(t).Remove(t.Context(), remove)
	require.NoError(t, err)
	require.Contains(t, got.Refused["1"], "is Deallocated")
}
