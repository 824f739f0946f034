package cyclecloud_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// parked is a world with n deallocated nodes.
func parked(t *testing.T, n int) (*world, []autoscale.Node) {
	w := newWorld(t, cyclecloudtest.DefaultConfig())
	w.observe(t)
	_, err := w.provider.Create(t.Context(), grow("r1", "execute/Standard_F4s_v2", n))
	require.NoError(t, err)
	w.clock.Advance(time.Hour)
	nodes := w.observe(t).Nodes[1:]
	_, err = w.provider.Remove(t.Context(), autoscale.Remove{Request: "d1", Nodes: nodes, Removal: autoscale.RemovalDeallocate})
	require.NoError(t, err)
	w.clock.Advance(time.Hour)
	nodes = w.observe(t).Nodes[1:]
	require.Equal(t, autoscale.PhaseDeallocated, nodes[0].Phase)
	return w, nodes
}

func TestStart(t *testing.T) {
	w, nodes := parked(t, 3)
	got, err := w.provider.Start(t.Context(), autoscale.Start{Request: "s1", Nodes: nodes[:1]})
	require.NoError(t, err)
	require.Empty(t, got.Refused)
	require.NotEmpty(t, got.CloudID)
	require.Equal(t, autoscale.PhaseStarting, w.observe(t).Nodes[1].Phase)
	_, err = w.provider.Start(t.Context(), autoscale.Start{Request: "s1", Nodes: nodes[:1]})
	require.NoError(t, err, "a request id seen before is success")

	ghost := autoscale.Node{ID: "no-such-node"}
	got, err = w.provider.Start(t.Context(), autoscale.Start{Request: "s2", Nodes: []autoscale.Node{nodes[0], ghost}})
	require.NoError(t, err)
	require.Empty(t, got.Refused, "what is not deallocated needs no start")

	require.NoError(t, w.server.Order(cyclecloudtest.Fault{Kind: cyclecloudtest.FaultCutAfter, Path: "nodes/start"}))
	_, err = w.provider.Start(t.Context(), autoscale.Start{Request: "s3", Nodes: nodes[1:2]})
	require.ErrorIs(t, err, autoscale.ErrUncertain)
	resolved, err := w.provider.Resolve(t.Context(), "s3")
	require.NoError(t, err)
	require.Equal(t, autoscale.ResolvedArrived, resolved.State)

	w.clock.Advance(time.Hour)
	phases := map[autoscale.Phase]int{}
	for _, n := range w.observe(t).Nodes[1:] {
		phases[n.Phase]++
	}
	require.Equal(t, map[autoscale.Phase]int{autoscale.PhaseReady: 2, autoscale.PhaseDeallocated: 1}, phases)
	require.Equal(t, 2, w.server.Books().Starts)
	require.Equal(t, 3, w.server.Books().Deallocations)
}

func TestStartThatTheServerRefuses(t *testing.T) {
	const call = "POST /clusters/demo/nodes/start"
	s := newServer(t).on(call, accepted(`{"operationId":"o","nodes":[{"id":"1","status":"Error","error":"no way"}]}`)).
		on("GET /clusters/demo/nodes", ok(`{"nodes":[{"NodeId":"1","TargetState":"Deallocated","Status":"Deallocated"}]}`)).
		on(lookupOps, ok(`[]`)).on(lookupNodes, refusal(404, ""))
	one := autoscale.Start{Request: requestID, Nodes: []autoscale.Node{{ID: "1"}}}
	got, err := s.provider(t).Start(t.Context(), one)
	require.NoError(t, err)
	require.Equal(t, map[autoscale.NodeID]string{"1": "no way"}, got.Refused)

	s.on(call, refusal(409, "no such thing"))
	_, err = s.provider(t).Start(t.Context(), one)
	require.ErrorIs(t, err, autoscale.ErrRejected)
	s.on("GET /clusters/demo/nodes", ok(`{"nodes":[{"NodeId":"1","TargetState":"Started","Status":"Acquiring"}]}`))
	_, err = s.provider(t).Start(t.Context(), one)
	require.NoError(t, err, "it runs")
	_, err = s.provider(t).Start(t.Context(), autoscale.Start{Request: requestID})
	require.ErrorIs(t, err, autoscale.ErrRejected, "a start of nothing is never sent")
}

// A server that counts deallocated nodes to the quota's use has counted what starting
// them takes; of one that does not each start draws.
func TestStartDraws(t *testing.T) {
	for consumed, draws := range map[int]bool{0: true, 4: true, 7: true, 8: false, 20: false} {
		bucket := fmt.Sprintf(`{"definition":{"machineType":"F4"},"quotaCoreCount":40,"consumedCoreCount":%[1]d,"familyQuotaCoreCount":40,"familyConsumedCoreCount":%[1]d,`+
			`"regionalQuotaCoreCount":60,"regionalConsumedCoreCount":%[1]d,"availableCount":5,"virtualMachine":{"vcpuCount":4,"memory":8}}`, consumed)
		node := `{"NodeId":"%d","Template":"execute","MachineType":"F4","TargetState":"%s","Status":"%s"}`
		s := newServer(t).on("GET /clusters/demo/status?nodes=true", ok(`{"state":"Started","nodearrays":[{"name":"execute","maxCount":10,"nodearray":{"Region":"west"},"buckets":[`+bucket+`]}],"nodes":[`+
			fmt.Sprintf(node, 1, "Deallocated", "Deallocated")+`,`+fmt.Sprintf(node, 2, "Started", "Acquiring")+`]}`))
		supply, err := s.provider(t).Observe(t.Context())
		require.NoError(t, err)
		pool := supply.Pools[0]
		var want []autoscale.Draw
		for _, l := range supply.Limits {
			if draws && (l.Kind == autoscale.LimitFamily || l.Kind == autoscale.LimitRegion) {
				want = append(want, autoscale.Draw{Limit: l.ID, Amount: 4})
			}
		}
		require.ElementsMatch(t, want, pool.StartDraws, "%d cores consumed", consumed)
		if draws {
			require.Len(t, want, 2)
		}
		require.GreaterOrEqual(t, len(pool.Draws), 4)
	}
}
