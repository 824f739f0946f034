package cyclecloudtest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNodeComesUp(t *testing.T) {
	cfg := steady()
	cfg.Timing.HostnameLate = 20 * time.Second
	f := start(t, cfg)
	f.create(`{"nodearray":"execute","count":1,"nodeAttributes":{"Owner":"me","Name":"mine","Configuration":{"slurm":{"hpc":true}}}}`)
	n := f.node("execute-1")
	require.Equal(t, "Acquiring", n["Status"])
	require.Equal(t, "Starting", n["State"])
	require.Equal(t, "Started", n["TargetState"])
	require.NotContains(t, n, "InstanceId")
	require.NotContains(t, n, "PrivateIp")

	f.clock.Advance(time.Minute)
	n = f.node("execute-1")
	require.Equal(t, "Preparing", n["Status"])
	require.NotEmpty(t, n["InstanceId"])

	f.clock.Advance(4*time.Minute - time.Nanosecond)
	require.Equal(t, "Preparing", f.node("execute-1")["Status"])
	f.clock.Advance(time.Nanosecond)
	n = f.node("execute-1")
	require.Equal(t, "Ready", n["Status"])
	require.NotContains(t, n, "Hostname")
	require.False(t, f.server.Nodes("demo")[1].Usable())
	f.clock.Advance(20 * time.Second)

	n = f.node("execute-1")
	id := n["NodeId"]
	require.True(t, f.server.Nodes("demo")[1].Usable())
	delete(n, "NodeId")
	delete(n, "InstanceId")
	require.Equal(t, object{
		"Name": "execute-1", "ClusterName": "demo", "Template": "execute", "MachineType": "Standard_F4s_v2",
		"Region": "westeurope", "CoreCount": 4.0, "Memory": 8.0, "Interruptible": false,
		"Status": "Ready", "State": "Started", "TargetState": "Started", "KeepAlive": false, "Fixed": false,
		"ShutdownPolicy": "Terminate", "CreationTime": "2026-03-02T08:00:00Z",
		"Hostname": "ip-0A000005", "PrivateIp": "10.0.0.5", "Owner": "me",
		"Configuration": object{
			"slurm":      object{"hpc": true},
			"cyclecloud": object{"node": object{"name": "execute-1", "template": "execute"}},
		},
	}, n)

	books := f.server.Books()
	require.Equal(t, id, books.Nodes[1].ID)
	require.Equal(t, testStart.Add(5*time.Minute), books.Nodes[1].ReadyAt)
	require.Equal(t, 4*time.Minute+20*time.Second, books.NodeTime, "paid for from the VM on")
}

// TestStatusMayBeOld: an answer is given again until it is as old as it may be, with nodes
// and without; what became of a request is told as it is.
func TestStatusMayBeOld(t *testing.T) {
	cfg := steady()
	cfg.Timing.StatusAge = 30 * time.Second
	f := start(t, cfg)
	shown := func() (nodes, active int) {
		status := f.get("/clusters/demo/status?nodes=true")
		array := f.get("/clusters/demo/status")["nodearrays"].([]any)[1].(object)
		return len(status["nodes"].([]any)), int(array["buckets"].([]any)[0].(object)["activeCount"].(float64))
	}
	expect := func(wantNodes, wantActive int, why string) {
		t.Helper()
		nodes, active := shown()
		require.Equal(t, [2]int{wantNodes, wantActive}, [2]int{nodes, active}, why)
	}
	expect(1, 0, "the head node alone")
	f.post("/clusters/demo/nodes/create", `{"requestId":"r","sets":[{"nodearray":"execute","count":2}]}`)
	require.Len(t, f.get("/clusters/demo/nodes?request_id=r")["nodes"], 2)
	f.clock.Advance(30*time.Second - 1)
	expect(1, 0, "as before")
	f.clock.Advance(1)
	expect(3, 2, "made anew")
	f.clock.Advance(30 * time.Second)
	f.post("/clusters/demo/nodes/terminate", `{"filter":"Name === \"execute-1\""}`)
	expect(3, 1, "no answer was given since")
}

func TestHeadNode(t *testing.T) {
	f := start(t, DefaultConfig())
	n := f.node("scheduler")
	require.Equal(t, "Ready", n["Status"])
	require.Equal(t, "scheduler", n["Template"])
	for _, a := range f.get("/clusters/demo/status?nodes=true")["nodearrays"].([]any) {
		for _, b := range a.(object)["buckets"].([]any) {
			require.Empty(t, b.(object)["activeNodes"])
		}
	}
	f.post("/clusters/demo/nodes/terminate", `{"names":["scheduler"]}`)
	require.Equal(t, ViolationHead, f.server.Books().Violations[0].Kind)
}

func TestStatusWithNodes(t *testing.T) {
	f := start(t, DefaultConfig())
	f.create(`{"nodearray":"execute","count":2}`)
	status := f.get("/clusters/demo/status?nodes=true")
	require.Len(t, status["nodes"], 3)
	bucket := status["nodearrays"].([]any)[1].(object)["buckets"].([]any)[0].(object)
	require.Equal(t, []any{"execute-1", "execute-2"}, bucket["activeNodes"])
	require.NotContains(t, f.bucket("execute", "Standard_F4s_v2"), "activeNodes")
}

func TestMinRecordBytes(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MinRecordBytes = 1200
	f := start(t, cfg)
	f.create(`{"nodearray":"execute","count":1}`)
	var list struct{ Nodes []json.RawMessage }
	require.NoError(t, json.Unmarshal(f.call(200, "GET", "/clusters/demo/nodes", "").text, &list))
	for _, record := range list.Nodes {
		require.GreaterOrEqual(t, len(record), 1200)
		require.Less(t, len(record), 1600)
	}
}

func TestNames(t *testing.T) {
	f := start(t, steady())
	f.create(`{"nodearray":"execute","count":3}`)
	f.post("/clusters/demo/nodes/terminate", `{"names":["execute-2"]}`)
	f.create(`{"nodearray":"execute","count":1}`)
	require.Contains(t, f.names(), "execute-4", "a name is taken until its node is gone")
	f.clock.Advance(time.Hour)
	f.create(`{"nodearray":"execute","count":1}`)
	require.Contains(t, f.names(), "execute-2", "then it is free")
	f.create(`{"nodearray":"execute","count":2,"nameFormat":"hpc-%03d","nameOffset":9}`)
	require.Contains(t, f.names(), "hpc-009")
	require.Contains(t, f.names(), "hpc-010")
	f.create(`{"nodearray":"execute","count":1,"nameFormat":"hpc-%03d","nameOffset":9}`)
	require.Contains(t, f.names(), "hpc-011")
}

func bucketF4() BucketKey { return BucketKey{"demo", "execute", "Standard_F4s_v2"} }

func TestOrderedOutcomes(t *testing.T) {
	f := start(t, steady())
	require.NoError(t, f.server.OrderLaunch(bucketF4(), OutcomeFailed, 1))
	require.NoError(t, f.server.OrderLaunch(bucketF4(), OutcomeStuckAcquiring, 1))
	require.NoError(t, f.server.OrderLaunch(bucketF4(), OutcomeStuckPreparing, 1))
	f.create(`{"nodearray":"execute","count":4}`)
	f.clock.Advance(100 * time.Hour)
	require.Equal(t, "Failed", f.node("execute-1")["Status"])
	require.Equal(t, "Failed", f.node("execute-1")["State"])
	require.NotEmpty(t, f.node("execute-1")["StatusMessage"])
	require.Equal(t, "Acquiring", f.node("execute-2")["Status"])
	require.Equal(t, "Preparing", f.node("execute-3")["Status"])
	require.Equal(t, "Ready", f.node("execute-4")["Status"])
	require.Equal(t, 4.0, f.bucket("execute", "Standard_F4s_v2")["activeCount"], "failed nodes are still there")
}

func TestChancesFollowTheSeed(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Chances = Chances{BootFailure: 0.2, NeverUp: 0.2}
	outcomes := func() map[string]int {
		f := start(t, cfg)
		f.create(`{"nodearray":"execute","count":200}`)
		f.clock.Advance(100 * time.Hour)
		count := map[string]int{}
		for _, n := range f.server.Nodes("demo")[1:] {
			count[n.Status]++
		}
		return count
	}
	got := outcomes()
	require.Equal(t, got, outcomes())
	require.InDelta(t, 40, got["Failed"], 15)
	require.InDelta(t, 40, got["Acquiring"]+got["Preparing"], 15)
	require.InDelta(t, 120, got["Ready"], 20)
}

func TestBootTimesAreSpread(t *testing.T) {
	f := start(t, DefaultConfig())
	f.create(`{"nodearray":"execute","count":200}`)
	f.clock.Advance(24 * time.Hour)
	within := 0
	for _, n := range f.server.Nodes("demo")[1:] {
		if boot := n.ReadyAt.Sub(n.Created); boot > 3*time.Minute && boot < 10*time.Minute {
			within++
		}
	}
	require.Greater(t, within, 170)
	require.Less(t, within, 200)
}

// The cloud has three VMs: the fourth node is accepted and then never gets one.
func TestStockRunsOutWhileAcquiring(t *testing.T) {
	cfg := steady()
	cfg.Clusters[0].Nodearrays[1].ThrottleCapacity = true
	f := start(t, cfg)
	require.NoError(t, f.server.SetStock(bucketF4(), 3))
	added, message := f.create(`{"nodearray":"execute","count":4,"definition":{"machineType":"Standard_F4s_v2"}}`)
	require.Equal(t, 4, added)
	require.Empty(t, message)
	require.Equal(t, -1.0, f.bucket("execute", "Standard_F4s_v2")["lastCapacityFailure"])
	f.clock.Advance(90 * time.Second)
	require.Equal(t, "Unavailable", f.node("execute-4")["Status"])
	require.Equal(t, "Started", f.node("execute-4")["TargetState"])
	require.Contains(t, f.node("execute-4")["StatusMessage"], "capacity")
	require.Equal(t, 30.0, f.bucket("execute", "Standard_F4s_v2")["lastCapacityFailure"])
	require.Equal(t, 1, f.server.Books().CapacityFailures)

	require.Zero(t, available(f, "execute", "Standard_F4s_v2"), "throttled")
	added, message = f.create(`{"nodearray":"execute","count":1,"definition":{"machineType":"Standard_F4s_v2"}}`)
	require.Zero(t, added)
	require.Contains(t, message, "throttled")
	require.NotZero(t, available(f, "execute", "Standard_F16s_v2"), "the other bucket is not")
	f.clock.Advance(270 * time.Second)
	require.NotZero(t, available(f, "execute", "Standard_F4s_v2"), "after ThrottleCapacityTime")
	require.Equal(t, 300.0, f.bucket("execute", "Standard_F4s_v2")["lastCapacityFailure"])
}

func TestStockRunsOutAtOnce(t *testing.T) {
	cfg := steady()
	cfg.Shortage = ShortageShort
	f := start(t, cfg)
	require.NoError(t, f.server.SetStock(bucketF4(), 3))
	added, message := f.create(`{"nodearray":"execute","count":4,"definition":{"machineType":"Standard_F4s_v2"}}`)
	require.Equal(t, 3, added)
	require.Contains(t, message, "capacity")
	require.Equal(t, 0.0, f.bucket("execute", "Standard_F4s_v2")["lastCapacityFailure"])
	f.clock.Advance(time.Hour)
	require.Equal(t, "Ready", f.node("execute-3")["Status"])
	f.post("/clusters/demo/nodes/terminate", `{"names":["execute-1"]}`)
	f.clock.Advance(time.Hour)
	added, _ = f.create(`{"nodearray":"execute","count":4,"definition":{"machineType":"Standard_F4s_v2"}}`)
	require.Equal(t, 1, added, "a VM that was given back can be had again")
}

func TestEviction(t *testing.T) {
	f := start(t, parse(t, twoArrays))
	f.create(`{"nodearray":"s","count":1}`)
	require.Error(t, f.server.Evict("s-1"), "it has no VM yet")
	f.clock.Advance(time.Hour)
	require.True(t, f.node("s-1")["Interruptible"].(bool))
	require.NoError(t, f.server.Evict("s-1"))
	require.Equal(t, "Terminating", f.node("s-1")["Status"])
	require.Contains(t, f.node("s-1")["StatusMessage"], "evicted")
	require.Error(t, f.server.Evict("s-1"))
	f.clock.Advance(time.Hour)
	require.Nil(t, f.node("s-1"))
	require.Equal(t, 1, f.server.Books().Evictions)
	require.Empty(t, f.server.Books().Violations)
}

func TestEvictionsByChanceHitSpotOnly(t *testing.T) {
	cfg := parse(t, twoArrays)
	cfg.Chances.EvictionsPerHour = 0.1
	f := start(t, cfg)
	f.create(`{"nodearray":"s","count":6}`)
	f.create(`{"nodearray":"a","count":6}`)
	f.clock.Advance(10 * time.Hour)
	evicted := f.server.Books().Evictions
	require.Positive(t, evicted)
	require.Less(t, evicted, 6)
	require.Len(t, f.names(), 1+6+6-evicted)
}

func TestNextEvent(t *testing.T) {
	f := start(t, steady())
	_, any := f.server.NextEvent()
	require.False(t, any)
	f.create(`{"nodearray":"execute","count":1}`)
	at, any := f.server.NextEvent()
	require.True(t, any)
	require.Equal(t, testStart.Add(time.Minute), at)
	f.post("/clusters/demo/nodes/terminate", `{"names":["execute-1"]}`)
	at, any = f.server.NextEvent()
	require.True(t, any, "the node leaves")
	require.True(t, at.Before(testStart.Add(time.Minute)))
	f.clock.Advance(time.Hour)
	_, any = f.server.NextEvent()
	require.False(t, any)
}

func TestAddNodes(t *testing.T) {
	f := start(t, DefaultConfig())
	added, err := f.server.AddNodes(BucketKey{Nodearray: "execute", MachineType: "standard_f4s_v2"}, 150)
	require.NoError(t, err)
	require.Len(t, added, 150)
	require.True(t, added[0].Usable())
	require.Len(t, f.names(), 151)
	_, err = f.server.AddNodes(bucketF4(), 51)
	require.ErrorContains(t, err, "nodearray execute maxCount")
	_, err = f.server.AddNodes(BucketKey{"demo", "none", "x"}, 1)
	require.Error(t, err)
	require.Equal(t, 150, f.server.Books().Peak[bucketF4()])
}
