package cyclecloud_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/cyclecloud"
	"autoscaled/cyclecloud/cyclecloudtest"
)

var _ loop.Cloud = (*cyclecloud.Provider)(nil)

func pool(t *testing.T, s autoscale.Supply, id autoscale.PoolID) autoscale.Pool {
	t.Helper()
	for _, p := range s.Pools {
		if p.ID == id {
			return p
		}
	}
	require.Fail(t, "no such pool", "%s in %v", id, s.Pools)
	return autoscale.Pool{}
}

func limit(t *testing.T, s autoscale.Supply, id autoscale.LimitID) autoscale.Limit {
	t.Helper()
	for _, l := range s.Limits {
		if l.ID == id {
			return l
		}
	}
	require.Fail(t, "no such limit", "%s in %v", id, s.Limits)
	return autoscale.Limit{}
}

func grow(id string, pool autoscale.PoolID, count int) autoscale.Grow {
	return autoscale.Grow{Request: autoscale.RequestID(id), Pool: pool, Count: count}
}

func TestObserveADefaultCluster(t *testing.T) {
	w := newWorld(t, cyclecloudtest.DefaultConfig())
	before := w.observe(t)
	_, err := w.provider.Create(t.Context(), autoscale.Grow{Request: "r1", Pool: "ondemand/Standard_HC44rs", Count: 2, Group: "pg0"})
	require.NoError(t, err)
	starting := w.observe(t)
	w.clock.Advance(time.Hour)
	ready := w.observe(t)

	require.Empty(t, before.Stopped)
	require.Len(t, before.Pools, 4)
	hc := pool(t, before, "ondemand/Standard_HC44rs")
	require.Equal(t, map[string]string{"nodearray": "ondemand", "machine_type": "Standard_HC44rs", "region": "westeurope", "spot": "false"}, hc.Labels)
	require.Equal(t, autoscale.Resources{Cores: 44, Memory: 352 * autoscale.GiB}, hc.Node)
	require.Equal(t, 100, hc.GroupSize)
	require.Empty(t, hc.Invalid)
	require.Zero(t, hc.CapacityFailed)
	require.Equal(t, []autoscale.Draw{
		{Limit: "cluster/nodes", Amount: 1}, {Limit: "cluster/cores", Amount: 44},
		{Limit: "nodearray/ondemand/nodes", Amount: 1}, {Limit: "nodearray/ondemand/cores", Amount: 44},
		{Limit: "family/westeurope/HCs/cores", Amount: 44}, {Limit: "region/westeurope/cores", Amount: 44},
		{Limit: "bucket/ondemand/Standard_HC44rs/nodes", Amount: 1},
	}, hc.Draws)
	require.Equal(t, autoscale.Limit{ID: "nodearray/ondemand/cores", Kind: autoscale.LimitNodearray, Name: "ondemand", Unit: autoscale.UnitCores, Max: 500},
		limit(t, before, "nodearray/ondemand/cores"))
	f4, f16 := pool(t, before, "execute/Standard_F4s_v2"), pool(t, before, "execute/Standard_F16s_v2")
	require.Contains(t, f4.Draws, autoscale.Draw{Limit: "family/westeurope/Fs_v2/cores", Amount: 4})
	require.Contains(t, f16.Draws, autoscale.Draw{Limit: "family/westeurope/Fs_v2/cores", Amount: 16})

	require.Len(t, before.Nodes, 1)
	require.Contains(t, before.Nodes[0].Protected, "head node")
	require.Equal(t, autoscale.PhaseReady, before.Nodes[0].Phase)
	require.False(t, before.Nodes[0].Owned)

	require.Len(t, starting.Nodes, 3)
	n := starting.Nodes[1]
	require.Equal(t, autoscale.PhaseStarting, n.Phase)
	require.Equal(t, "r1 ondemand/Standard_HC44rs pg0 true", fmt.Sprint(n.Request, " ", n.Pool, " ", n.Group, " ", n.Owned))
	require.Empty(t, n.Protected)
	require.EqualValues(t, 88, limit(t, starting, "nodearray/ondemand/cores").Used)
	require.EqualValues(t, 2, limit(t, starting, "cluster/nodes").Used)
	require.Equal(t, []autoscale.Group{{Name: "pg0", Active: 2}}, pool(t, starting, "ondemand/Standard_HC44rs").Groups)

	n = ready.Nodes[1]
	require.Equal(t, autoscale.PhaseReady, n.Phase)
	require.NotEmpty(t, n.Host)
	require.NotEmpty(t, n.Address)
}

func TestAnotherOwnersNodesAreNotOurs(t *testing.T) {
	w := newWorld(t, cyclecloudtest.DefaultConfig())
	w.observe(t)
	_, err := w.provider.Create(t.Context(), grow("r1", "execute/Standard_F4s_v2", 1))
	require.NoError(t, err)
	for owner, ours := range map[string]bool{"": true, cyclecloud.DefaultOwner: true, "somebody else": false} {
		p := cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: w.client, Cluster: "demo", Now: w.clock.Now, Owner: owner})
		supply, err := p.Observe(t.Context())
		require.NoError(t, err)
		require.Equal(t, ours, supply.Nodes[1].Owned, owner)
	}
}

func TestCapacityFailureIsATime(t *testing.T) {
	w := newWorld(t, cyclecloudtest.DefaultConfig())
	key := cyclecloudtest.BucketKey{Cluster: "demo", Nodearray: "execute", MachineType: "Standard_F4s_v2"}
	require.NoError(t, w.server.SetStock(key, 0))
	w.observe(t)
	_, err := w.provider.Create(t.Context(), grow("r1", "execute/Standard_F4s_v2", 1))
	require.NoError(t, err)
	w.clock.Advance(30 * time.Minute)
	first := pool(t, w.observe(t), "execute/Standard_F4s_v2").CapacityFailed
	require.False(t, first.Before(start))
	require.True(t, first.Before(w.clock.Now()))
	w.clock.Advance(time.Minute)
	require.WithinDuration(t, first, pool(t, w.observe(t), "execute/Standard_F4s_v2").CapacityFailed, time.Second)
}

func TestStoppedClusters(t *testing.T) {
	const arrays = `,"nodearrays":[],"nodes":[]}`
	for body, want := range map[string]string{
		`{"state":"Started","targetState":"Started"` + arrays:    "",
		`{"state":"started"` + arrays:                            "",
		`{"state":"Terminated","targetState":"Started"` + arrays: "cluster demo is Terminated, not Started",
		`{"state":"Started","targetState":"Terminated"` + arrays: "cluster demo is to become Terminated",
		`{"maxCount":1` + arrays:                                 "cluster demo was never started",
	} {
		supply := observeBody(t, body)
		require.Equal(t, want, supply.Stopped, body)
	}
}

// observeBody is what a provider makes of one status.
func observeBody(t *testing.T, status string) autoscale.Supply {
	t.Helper()
	s := newServer(t).on("GET /clusters/demo/status?nodes=true", ok(status))
	supply, err := s.provider(t).Observe(t.Context())
	require.NoError(t, err)
	return supply
}

func (s *server) provider(t *testing.T) *cyclecloud.Provider {
	return cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: s.client(t), Cluster: "demo", Now: func() time.Time { return start }})
}

const someArray = `"nodearrays":[{"name":"Execute","nodearray":{"Region":"westeurope"},"buckets":[
	{"definition":{"machineType":"Standard_F4s_v2"},"availableCount":5,"virtualMachine":{"vcpuCount":4,"pcpuCount":2,"memory":8}}]}]`

func TestPhases(t *testing.T) {
	const whole = `"InstanceId":"i","PrivateIp":"10.0.0.4","Hostname":"h"`
	tests := []struct {
		record string
		want   autoscale.Phase
	}{
		{`"TargetState":"Started","Status":"Ready",` + whole, autoscale.PhaseReady},
		{`"TargetState":"Started","Status":"Started",` + whole, autoscale.PhaseReady},
		{`"TargetState":"started","Status":"ready",` + whole, autoscale.PhaseReady},
		{`"TargetState":"Started","Status":"Ready","PrivateIp":"10.0.0.4","Hostname":"h"`, autoscale.PhaseStarting},
		{`"TargetState":"Started","Status":"Ready","InstanceId":"i","Hostname":"h"`, autoscale.PhaseStarting},
		{`"TargetState":"Started","Status":"Ready","InstanceId":"i","PrivateIp":"10.0.0.4","Hostname":null`, autoscale.PhaseStarting},
		{`"TargetState":"Started","Status":"Acquiring"`, autoscale.PhaseStarting},
		{`"TargetState":"Started","Status":"Allocating"`, autoscale.PhaseStarting},
		{`"TargetState":"Started","Status":"Allocation"`, autoscale.PhaseStarting},
		{`"TargetState":"Started","Status":"Preparing",` + whole, autoscale.PhaseStarting},
		{`"TargetState":"Started","Status":"Reimaging",` + whole, autoscale.PhaseStarting},
		{`"TargetState":"Started","Status":"Restarting",` + whole, autoscale.PhaseStarting},
		{`"TargetState":"Started","Status":"Off"`, autoscale.PhaseStarting},
		{`"TargetState":"Started","Status":"Terminating"`, autoscale.PhaseStopping},
		{`"TargetState":"Started","Status":"Deallocating"`, autoscale.PhaseStopping},
		{`"TargetState":"Started","Status":"Stopping"`, autoscale.PhaseStopping},
		{`"TargetState":"Started","Status":"Deallocated"`, autoscale.PhaseDeallocated},
		{`"TargetState":"Started","Status":"Failed"`, autoscale.PhaseFailed},
		{`"TargetState":"Started","Status":"Error"`, autoscale.PhaseFailed},
		{`"TargetState":"Started","Status":"Unavailable"`, autoscale.PhaseFailed},
		{`"TargetState":"Terminated","Status":"Failed"`, autoscale.PhaseFailed},
		{`"TargetState":"Started","Status":"Terminated"`, autoscale.PhaseUnknown},
		{`"TargetState":"Started","Status":"Daydreaming"`, autoscale.PhaseUnknown},
		{`"TargetState":"Started"`, autoscale.PhaseUnknown},
		{`"TargetState":"Terminated","Status":"Ready",` + whole, autoscale.PhaseStopping},
		{`"TargetState":"Off","Status":"Terminating"`, autoscale.PhaseStopping},
		{`"TargetState":"Terminated","Status":"Terminated"`, autoscale.PhaseGone},
		{`"TargetState":"Terminated","Status":"Off"`, autoscale.PhaseGone},
		{`"TargetState":"Off","Status":"Off"`, autoscale.PhaseGone},
		{`"TargetState":"Deallocated","Status":"Deallocated"`, autoscale.PhaseDeallocated},
		{`"TargetState":"Deallocated","Status":"Ready",` + whole, autoscale.PhaseStopping},
		{`"TargetState":"Deallocated","Status":"Off"`, autoscale.PhaseGone},
		{`"Status":"Ready",` + whole, autoscale.PhaseUnknown},
		{`"Status":"Off"`, autoscale.PhaseUnknown},
		{`"Status":"Failed"`, autoscale.PhaseUnknown},
		{`"TargetState":"Elsewhere","Status":"Ready",` + whole, autoscale.PhaseUnknown},
	}
	for _, test := range tests {
		supply := observeBody(t, `{"state":"Started",`+someArray+`,"nodes":[
			{"Name":"n","NodeId":"1","Template":"execute","MachineType":"standard_f4S_V2",`+test.record+`}]}`)
		node := supply.Nodes[0]
		require.Equal(t, test.want, node.Phase, test.record)
		require.EqualValues(t, "Execute/Standard_F4s_v2", node.Pool, "names are compared without case")
		held := int64(1)
		if test.want == autoscale.PhaseGone {
			held = 0
		}
		require.Equal(t, held, limit(t, supply, "bucket/Execute/Standard_F4s_v2/nodes").Used, test.record)
		require.Equal(t, held+5, limit(t, supply, "bucket/Execute/Standard_F4s_v2/nodes").Max, test.record)
	}
}

func TestProtectedNodes(t *testing.T) {
	const node = `"Name":"n","NodeId":"1","Template":"execute","MachineType":"Standard_F4s_v2","TargetState":"Started"`
	const offArray = `"nodearrays":[{"name":"execute","nodearray":{"Configuration":{"autoscale":{"enabled":false}}},"buckets":[
		{"definition":{"machineType":"Standard_F4s_v2"},"availableCount":5,"virtualMachine":{"vcpuCount":4}}]}]`
	for name, test := range map[string]struct{ array, record, want string }{
		"plain":                {someArray, node, ""},
		"allowed":              {someArray, node + `,"Configuration":{"autoscale":{"enabled":true}}`, ""},
		"head node":            {someArray, `"Name":"scheduler","NodeId":"1","Template":"scheduler"`, "head node"},
		"no template":          {someArray, `"Name":"scheduler","NodeId":"1"`, "head node"},
		"own configuration":    {someArray, node + `,"Configuration":{"autoscale":{"enabled":false}}`, "autoscale.enabled is false"},
		"dotted configuration": {someArray, node + `,"Configuration":{"autoscale.enabled":"False"}`, "autoscale.enabled is false"},
		"spaced":               {someArray, node + `,"Configuration" : { "autoscale" : {"enabled" : false } }`, "autoscale.enabled is false"},
		"escaped":              {someArray, node + `,"Configuration":{"autoscale":{"\u0065nabled":false}}`, "autoscale.enabled is false"},
		"something else off":   {someArray, node + `,"Configuration":{"autoscale":{"x":{"enabled":false},"enabled":true}},"enabled":false`, ""},
		"nodearray":            {offArray, node, "its nodearray's"},
		"no id":                {someArray, `"Name":"n","Template":"execute"`, "no NodeId"},
		"odd":                  {someArray, node + `,"KeepAlive":"yes"`, "odd: KeepAlive"},
	} {
		supply := observeBody(t, `{"state":"Started",`+test.array+`,"nodes":[{`+test.record+`}]}`)
		if test.want == "" {
			require.Empty(t, supply.Nodes[0].Protected, name)
		} else {
			require.Contains(t, supply.Nodes[0].Protected, test.want, name)
		}
		if test.array == offArray {
			require.Contains(t, supply.Pools[0].Invalid, "autoscale.enabled is false", name)
		}
	}
}

func TestNodesThatNoBucketOffers(t *testing.T) {
	supply := observeBody(t, `{"state":"Started","maxCount":10,`+someArray+`,"nodes":[
		{"Name":"a","NodeId":"1","Template":"execute","MachineType":"Standard_D8s_v3","CoreCount":8,"Memory":32,"TargetState":"Started","Status":"Preparing"},
		{"Name":"b","NodeId":"2","Template":"execute","MachineType":"Standard_F4s_v2","Interruptible":true,"TargetState":"Started","Status":"Preparing"}]}`)
	old := pool(t, supply, "Execute/Standard_D8s_v3")
	require.Contains(t, old.Invalid, "no longer offers it")
	require.Equal(t, autoscale.Resources{Cores: 8, Memory: 32 * autoscale.GiB}, old.Node)
	require.Equal(t, "Execute", old.Labels["nodearray"], "a policy for the nodearray manages them")
	spot := pool(t, supply, "Execute/Standard_F4s_v2/spot")
	require.NotEmpty(t, spot.Invalid)
	require.Equal(t, 4, spot.Node.Cores)
	require.Equal(t, 2, spot.PCPUs)
	require.EqualValues(t, 2, limit(t, supply, "cluster/nodes").Used)
	require.Zero(t, limit(t, supply, "bucket/Execute/Standard_F4s_v2/nodes").Used)
}

func TestBucketsAsToldByDifferentServers(t *testing.T) {
	supply := observeBody(t, `{"state":"Started","nodes":[],"nodearrays":[{"name":"a","nodearray":{"Region":"R","Interruptible":true,
		"Configuration":{"autoscale":{"resources":{"fpga":2,"mem":"8g","odd":1.5,"less":-1}}}},"buckets":[
		{"definition":{"machineType":"X1"},"valid":false,"invalidReason":"NotActivated","virtualMachine":{"vcpuCount":2}},
		{"definition":{"machineType":"X2"},"virtualMachine":{"vcpuCount":2,"gpuCount":1,"vcpuQuotaCount":8,"memory":-1},"availableCount":-3,
		 "quotaCoreCount":80,"consumedCoreCount":8,"maxPlacementGroupSize":50,"maxPlacementGroupCoreSize":20,"lastCapacityFailure":60},
		{"definition":{"machineType":"X3"}},
		{"definition":{"machineType":"x2"},"availableCount":99},
		{"definition":null,"availableCount":99},
		{"definition":{"machineType":"X4"},"virtualMachine":{"vcpuCount":2},"availableCount":9,"availableCoreCount":8,"maxPlacementGroupSize":-1,"lastCapacityFailure":-1}]}]}`)
	require.Len(t, supply.Pools, 4)
	require.Equal(t, "NotActivated", pool(t, supply, "a/X1/spot").Invalid)
	x2 := pool(t, supply, "a/X2/spot")
	require.Equal(t, autoscale.Resources{Cores: 2, GPUs: 1, Custom: map[string]int64{"fpga": 2}}, x2.Node)
	require.Equal(t, 10, x2.GroupSize)
	require.Equal(t, start.Add(-time.Minute), x2.CapacityFailed)
	require.Contains(t, x2.Draws, autoscale.Draw{Limit: "region/r/spot/cores", Amount: 8})
	require.EqualValues(t, 80, limit(t, supply, "region/r/spot/cores").Max)
	require.EqualValues(t, 8, limit(t, supply, "region/r/spot/cores").Used)
	require.Zero(t, limit(t, supply, "bucket/a/X2/spot/nodes").Max)
	require.NotEmpty(t, pool(t, supply, "a/X3/spot").Invalid)
	require.Equal(t, 100, pool(t, supply, "a/X3/spot").GroupSize)
	x4 := pool(t, supply, "a/X4/spot")
	require.Zero(t, x4.GroupSize)
	require.Zero(t, x4.CapacityFailed)
	require.EqualValues(t, 4, limit(t, supply, "bucket/a/X4/spot/nodes").Max)
}

func TestQuotaCountThatCannotBe(t *testing.T) {
	for _, count := range []string{"0", "-8"} {
		supply := observeBody(t, `{"state":"Started","nodes":[],"maxCoreCount":16,"nodearrays":[{"name":"a","nodearray":{},"buckets":[
			{"definition":{"machineType":"X1"},"virtualMachine":{"vcpuCount":4,"vcpuQuotaCount":`+count+`}}]}]}`)
		require.Contains(t, pool(t, supply, "a/X1").Draws, autoscale.Draw{Limit: "cluster/cores", Amount: 4}, count)
	}
}

func TestGroupsCountAllTheirNodes(t *testing.T) {
	supply := observeBody(t, `{"state":"Started","nodearrays":[{"name":"a","nodearray":{},"buckets":[{"definition":{"machineType":"X1"},
		"virtualMachine":{"vcpuCount":4},"placementGroups":[{"name":"g","activeCount":1},{"name":"h","activeCount":2}]}]}],"nodes":[
		{"Name":"n1","NodeId":"1","Template":"a","MachineType":"X1","PlacementGroupId":"g","TargetState":"Started","Status":"Ready"},
		{"Name":"n2","NodeId":"2","Template":"a","MachineType":"X1","PlacementGroupId":"g","TargetState":"Terminated","Status":"Terminating"},
		{"Name":"n3","NodeId":"3","Template":"a","MachineType":"X1","PlacementGroupId":"h","TargetState":"Started","Status":"Ready"}]}`)
	require.Equal(t, []autoscale.Group{{Name: "g", Active: 2}, {Name: "h", Active: 2}}, pool(t, supply, "a/X1").Groups,
		"the server leaves out those on their way out, and knows some that we don't see")
}

func TestStatusWithoutNodesIsReadTwice(t *testing.T) {
	s := newServer(t).on("GET /clusters/demo/status?nodes=true", ok(`{"state":"Started",`+someArray+`}`)).
		on("GET /clusters/demo/nodes", ok(`{"nodes":[{"Name":"n","NodeId":"1","Template":"execute","MachineType":"Standard_F4s_v2","TargetState":"Started"}]}`))
	supply, err := s.provider(t).Observe(t.Context())
	require.NoError(t, err)
	require.Len(t, supply.Nodes, 1)

	s.on("GET /clusters/demo/nodes", ok(`{}`))
	_, err = s.provider(t).Observe(t.Context())
	require.ErrorIs(t, err, autoscale.ErrMalformed, "no nodes told is not no nodes")
}

func TestRecordThatSaysWhatTheQueueCallsTheNode(t *testing.T) {
	supply := observeBody(t, `{"state":"Started",`+someArray+`,"nodes":[
		{"Name":"n","NodeId":"1","Template":"execute","MachineType":"Standard_F4s_v2","TargetState":"Started","AutoscaledHost":"vnode-7"},
		{"Name":"m","NodeId":"2","Template":"execute","MachineType":"Standard_F4s_v2","TargetState":"Started","AutoscaledHost":7}]}`)
	require.Equal(t, "vnode-7", supply.Nodes[0].QueueHost)
	require.Empty(t, supply.Nodes[1].QueueHost)
	require.Contains(t, supply.Nodes[1].Protected, cyclecloud.HostAttribute)
}
