package cyclecloudtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ready starts a server with n running nodes execute-1, execute-2, …
func ready(t *testing.T, n string, attributes string) fixture {
	f := start(t, steady())
	f.create(`{"nodearray":"execute","count":` + n + `,"nodeAttributes":{` + attributes + `}}`)
	f.clock.Advance(time.Hour)
	return f
}

func (f fixture) manage(action, body string) []any {
	f.Helper()
	return f.post("/clusters/demo/nodes/"+action, body)["nodes"].([]any)
}

// okOf counts the nodes that answered OK and those that did not.
func okOf(results []any) (ok, failed int) {
	for _, r := range results {
		if r.(object)["status"] == "OK" {
			ok++
		} else {
			failed++
		}
	}
	return ok, failed
}

func TestManageTakesTheUnion(t *testing.T) {
	f := ready(t, "6", "")
	first, second := f.node("execute-1"), f.node("execute-2")
	results := f.manage("terminate", `{"ids":["`+first["NodeId"].(string)+`","none"],"names":["execute-1","execute-3","nobody"],
		"hostnames":["`+second["Hostname"].(string)+`","nowhere",""],"ip_addresses":["`+f.node("execute-4")["PrivateIp"].(string)+`","10.9.9.9"],
		"filter":"Name === \"execute-5\""}`)
	ok, failed := okOf(results)
	require.Equal(t, 5, ok, "execute-1 is named twice and ends once")
	require.Equal(t, 5, failed, "what is not there does not fail the others")
	require.Equal(t, object{"id": "none", "status": "Error", "error": "No node with id none"}, results[5])
	for _, name := range []string{"execute-1", "execute-2", "execute-3", "execute-4", "execute-5"} {
		require.Equal(t, "Terminating", f.node(name)["Status"])
		require.Equal(t, "Terminated", f.node(name)["TargetState"])
	}
	require.Equal(t, "Ready", f.node("execute-6")["Status"])
	ok, _ = okOf(f.manage("terminate", `{"names":["execute-1"]}`))
	require.Equal(t, 1, ok, "ending it again is fine while it is there")
	f.clock.Advance(time.Hour)
	require.Equal(t, []string{"scheduler", "execute-6"}, f.names())
	_, failed = okOf(f.manage("terminate", `{"names":["execute-1"]}`))
	require.Equal(t, 1, failed)
}

func TestManageRefuses(t *testing.T) {
	f := ready(t, "1", "")
	for _, body := range []string{``, `{}`, `{"ids":[]}`, `{"ids":"x"}`, `{"filter":"State ==="}`, `nodes`} {
		f.call(409, "POST", "/clusters/demo/nodes/terminate", body)
	}
	f.manage("restart", `{"requestId":"r","names":["execute-1"]}`)
	f.call(409, "POST", "/clusters/demo/nodes/terminate", `{"requestId":"r","names":["execute-1"]}`)
	require.Equal(t, "Restarting", f.node("execute-1")["Status"], "a repeat is ignored")
	require.Empty(t, f.manage("terminate", `{"filter":"State === \"Nothing\""}`))
}

func TestFixedNodesLeaveTheirRecord(t *testing.T) {
	f := ready(t, "1", `"Fixed":true`)
	require.Equal(t, true, f.node("execute-1")["Fixed"])
	f.manage("terminate", `{"names":["execute-1"]}`)
	f.clock.Advance(time.Hour)
	n := f.node("execute-1")
	require.Equal(t, "Terminated", n["Status"])
	require.NotContains(t, n, "InstanceId")
	require.Equal(t, 0.0, f.bucket("execute", "Standard_F4s_v2")["activeCount"])

	ok, _ := okOf(f.manage("start", `{"names":["execute-1"]}`))
	require.Equal(t, 1, ok)
	f.clock.Advance(time.Hour)
	require.Equal(t, "Ready", f.node("execute-1")["Status"])

	f.manage("remove", `{"names":["execute-1"]}`)
	f.clock.Advance(time.Hour)
	require.Nil(t, f.node("execute-1"))
}

func TestRemoveTakesTheRecordOfWhatIsTerminated(t *testing.T) {
	f := ready(t, "1", `"Fixed":true`)
	f.manage("terminate", `{"names":["execute-1"]}`)
	f.clock.Advance(time.Hour)
	f.manage("remove", `{"names":["execute-1"]}`)
	require.Nil(t, f.node("execute-1"))
}

func TestDeallocateAndStart(t *testing.T) {
	f := ready(t, "1", "")
	f.manage("deallocate", `{"names":["execute-1"]}`)
	require.Equal(t, "Deallocating", f.node("execute-1")["Status"])
	_, failed := okOf(f.manage("start", `{"names":["execute-1"]}`))
	require.Equal(t, 1, failed, "not before it is deallocated")
	f.clock.Advance(time.Hour)
	n := f.node("execute-1")
	require.Equal(t, "Deallocated", n["Status"])
	require.Equal(t, "Deallocated", n["TargetState"])
	require.Equal(t, 1.0, f.bucket("execute", "Standard_F4s_v2")["activeCount"], "it belongs to its bucket")
	held := f.server.Books().NodeTime
	f.clock.Advance(time.Hour)
	require.Equal(t, held, f.server.Books().NodeTime, "nothing is paid for meanwhile")
	f.manage("start", `{"names":["execute-1"]}`)
	require.Equal(t, "Acquiring", f.node("execute-1")["Status"])
	f.clock.Advance(time.Hour)
	require.Equal(t, "Ready", f.node("execute-1")["Status"])
	require.Len(t, f.server.Books().Nodes, 2, "it is the same node")
}

func TestShutdownFollowsThePolicy(t *testing.T) {
	f := ready(t, "1", "")
	f.create(`{"nodearray":"execute","count":1,"nodeAttributes":{"ShutdownPolicy":"Deallocate"}}`)
	f.clock.Advance(time.Hour)
	require.Equal(t, "Deallocate", f.node("execute-2")["ShutdownPolicy"])
	ok, _ := okOf(f.manage("shutdown", `{"names":["execute-1","execute-2"]}`))
	require.Equal(t, 2, ok)
	require.Equal(t, "Terminating", f.node("execute-1")["Status"])
	require.Equal(t, "Deallocating", f.node("execute-2")["Status"])
}

func TestRestartAndReimage(t *testing.T) {
	f := ready(t, "2", "")
	f.manage("restart", `{"names":["execute-1"]}`)
	f.manage("reimage", `{"names":["execute-2"]}`)
	require.Equal(t, "Restarting", f.node("execute-1")["Status"])
	require.Equal(t, "Reimaging", f.node("execute-2")["Status"])
	_, failed := okOf(f.manage("restart", `{"names":["execute-2"]}`))
	require.Equal(t, 1, failed)
	f.clock.Advance(time.Hour)
	require.Equal(t, "Ready", f.node("execute-1")["Status"])
	require.Equal(t, "Ready", f.node("execute-2")["Status"])
	require.NoError(t, f.server.FailNode("execute-1"))
	_, failed = okOf(f.manage("restart", `{"names":["execute-1"]}`))
	require.Equal(t, 1, failed)
	ok, _ := okOf(f.manage("reimage", `{"names":["execute-1"]}`))
	require.Equal(t, 1, ok)
}

func TestKeepAlive(t *testing.T) {
	f := ready(t, "2", `"KeepAlive":true`)
	require.NoError(t, f.server.SetKeepAlive("execute-2", false))
	require.Equal(t, true, f.node("execute-1")["KeepAlive"])
	require.Equal(t, false, f.node("execute-2")["KeepAlive"])
	for _, action := range []string{"terminate", "remove", "deallocate", "shutdown"} {
		_, failed := okOf(f.manage(action, `{"names":["execute-1"]}`))
		require.Equal(t, 1, failed, action)
	}
	ok, _ := okOf(f.manage("terminate", `{"names":["execute-2"]}`))
	require.Equal(t, 1, ok)
	require.Equal(t, "Ready", f.node("execute-1")["Status"])
	require.Len(t, f.server.Books().Violations, 4)
	require.Equal(t, ViolationKeepAlive, f.server.Books().Violations[0].Kind)
}

func TestBusyNodesAreNotedInTheBooks(t *testing.T) {
	f := ready(t, "2", "")
	require.NoError(t, f.server.MarkBusy("execute-1", true))
	require.NoError(t, f.server.MarkBusy("execute-2", true))
	require.NoError(t, f.server.MarkBusy("execute-2", false))
	require.Error(t, f.server.MarkBusy("execute-3", true))
	ok, _ := okOf(f.manage("terminate", `{"names":["execute-1","execute-2"]}`))
	require.Equal(t, 2, ok)
	f.manage("terminate", `{"names":["execute-1"]}`)
	violations := f.server.Books().Violations
	require.Len(t, violations, 1, "each removal once")
	require.Equal(t, ViolationBusy, violations[0].Kind)
	require.Equal(t, "execute-1", violations[0].Node)
}

func TestFailNode(t *testing.T) {
	f := ready(t, "1", "")
	id := f.node("execute-1")["NodeId"].(string)
	require.NoError(t, f.server.FailNode(id))
	require.Equal(t, "Failed", f.node("execute-1")["Status"])
	f.manage("terminate", `{"ids":["`+id+`"]}`)
	require.Error(t, f.server.FailNode(id), "it is leaving")
}

func TestGuestHealthReport(t *testing.T) {
	f := ready(t, "1", "")
	path := "/clusters/demo/nodes/execute-1/ghr"
	f.call(404, "GET", path+"?category=Resource.Hpc.Unhealthy", "")
	f.call(400, "GET", path, "")
	f.call(400, "POST", path+"?description=x", "")
	f.call(404, "POST", "/clusters/demo/nodes/none/ghr?category=x", "")
	f.call(202, "POST", path+"?category=Resource.Hpc.Unhealthy&description=GPU+lost", "")
	f.call(409, "POST", path+"?category=Resource.Hpc.Unhealthy&description=again", "")
	f.call(202, "POST", path+"?category=Other", "")
	require.Equal(t, "GPU lost", f.get(path + "?category=Resource.Hpc.Unhealthy")["description"])
	f.create(`{"nodearray":"execute","count":1}`)
	f.call(400, "POST", "/clusters/demo/nodes/execute-2/ghr?category=x", "")
}

func TestUsage(t *testing.T) {
	f := ready(t, "1", "")
	f.clock.Advance(47 * time.Hour) // Wednesday, 08:00
	usage := func(query string) []any { return f.get("/clusters/demo/usage" + query)["usage"].([]any) }

	days := usage("")
	require.Len(t, days, 4, "1 to 4 March")
	require.Equal(t, "2026-03-01T00:00:00Z", days[0].(object)["start"])
	require.Equal(t, "2026-03-04T08:00:00Z", days[3].(object)["end"])
	require.Equal(t, object{"category": "cluster", "hours": 0.0}, days[0].(object)["total"])
	tuesday := days[2].(object)
	require.Equal(t, 24.0*(4+4), tuesday["total"].(object)["hours"])
	breakdown := tuesday["breakdown"].([]any)
	machine, _ := DefaultConfig().machine("Standard_F4s_v2")
	cost := 24 * machine.Price
	require.Len(t, breakdown, 2)
	require.Equal(t, "node", breakdown[0].(object)["category"])
	require.Equal(t, "scheduler", breakdown[0].(object)["node"])
	require.Equal(t, object{"category": "nodearray", "node": "execute", "hours": 96.0, "cost": cost, "details": []any{object{
		"vm_size": "Standard_F4s_v2", "hours": 96.0, "core_count": 4.0, "region": "westeurope", "priority": "Regular", "os": "Linux", "cost": cost,
	}}}, breakdown[1])

	require.Len(t, usage("?timeframe=lastMonth"), 28)
	require.Len(t, usage("?timeframe=weekToDate"), 3)
	require.Len(t, usage("?timeframe=weekToDate&granularity=hourly"), 56)
	total := usage("?granularity=total")
	require.Len(t, total, 1)
	require.InDelta(t, 48*4+(48-1.0/60)*4, total[0].(object)["total"].(object)["hours"], 1e-9)
	custom := usage("?timeframe=custom&from=2026-03-03T10:00:00Z&to=2026-03-03T12:30:00Z&granularity=hourly")
	require.Len(t, custom, 3)
	require.Equal(t, 4.0, custom[2].(object)["total"].(object)["hours"], "half an hour of eight cores")

	for _, bad := range []string{"timeframe=lastYear", "granularity=minutely", "timeframe=custom", "timeframe=custom&from=x&to=y",
		"timeframe=custom&from=2026-03-03&to=2026-03-02", "timeframe=custom&from=1926-03-03&to=2026-03-02"} {
		f.call(400, "GET", "/clusters/demo/usage?"+bad, "")
	}
}
