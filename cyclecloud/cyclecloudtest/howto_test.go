package cyclecloudtest

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The calls of the public how-to, in its order and with its bodies.
func TestHowTo(t *testing.T) {
	f := start(t, DefaultConfig())

	status := f.get("/clusters/demo/status")
	require.Equal(t, "Started", status["state"])
	require.Equal(t, "Started", status["targetState"])
	require.NotContains(t, status, "nodes")
	require.EqualValues(t, 500, status["nodearrays"].([]any)[0].(object)["maxCoreCount"])
	require.NotEmpty(t, f.bucket("ondemand", "Standard_F32s_v2")["bucketId"])
	require.NotEmpty(t, f.bucket("ondemand", "Standard_HC44rs")["bucketId"])

	created := f.post("/clusters/demo/nodes/create", `{ "requestId" : "463270ca-3345-41c7-98d6-431ee3ef8ed5",
    "sets" : [
        {
            "count" : 1,
            "nodearray" : "ondemand"
        }
    ]
}`)
	require.Equal(t, []any{object{"added": 1.0}}, created["sets"])

	tracked := f.get("/clusters/demo/nodes?request_id=463270ca-3345-41c7-98d6-431ee3ef8ed5")
	require.Equal(t, object{"action": "create", "startTime": "2026-03-02T08:00:00Z"}, tracked["operation"])
	require.Len(t, tracked["nodes"], 1)
	node := tracked["nodes"].([]any)[0].(object)
	require.Equal(t, "ondemand-1", node["Name"])
	require.Equal(t, "463270ca-3345-41c7-98d6-431ee3ef8ed5", node["RequestId"])

	coupled := `"sets" : [
        {
            "count" : 4,
            "nodearray" : "ondemand",
            "placementGroupId" : "pg0",
            "definition" : { "machineType" : "Standard_Hc44rs" }
        }
    ]
}`
	repeated := f.call(409, "POST", "/clusters/demo/nodes/create", `{ "requestId" : "463270ca-3345-41c7-98d6-431ee3ef8ed5",`+coupled)
	require.Contains(t, string(repeated.text), "463270ca-3345-41c7-98d6-431ee3ef8ed5")
	created = f.post("/clusters/demo/nodes/create", `{ "requestId" : "7a4cf5e4-8a8b-4b84-9a22-8b2f6a8a1f5e",`+coupled)
	require.Equal(t, []any{object{"added": 4.0}}, created["sets"])
	require.Equal(t, []any{object{"name": "pg0", "activeCount": 4.0, "activeCoreCount": 176.0}},
		f.bucket("ondemand", "Standard_HC44rs")["placementGroups"])
	require.Equal(t, []string{"scheduler", "ondemand-1", "ondemand-2", "ondemand-3", "ondemand-4", "ondemand-5"}, f.names())

	id := node["NodeId"].(string)
	ended := f.post("/clusters/demo/nodes/terminate", `{ "ids" : ["`+id+`"] }`)
	require.Equal(t, []any{object{"name": "ondemand-1", "id": id, "status": "OK"}}, ended["nodes"])
	require.Equal(t, "Terminating", f.node("ondemand-1")["Status"])
	f.clock.Advance(time.Hour)
	require.Nil(t, f.node("ondemand-1"))
}

func TestOperations(t *testing.T) {
	f := start(t, DefaultConfig())
	created := f.post("/clusters/demo/nodes/create", `{"requestId":"r1","sets":[{"nodearray":"execute","count":2}]}`)
	f.clock.Advance(time.Second)
	ended := f.post("/clusters/demo/nodes/remove", `{"requestId":"r2","names":["execute-2"]}`)

	require.JSONEq(t, `[{"action":"create","startTime":"2026-03-02T08:00:00Z"},{"action":"remove","startTime":"2026-03-02T08:00:01Z"}]`,
		string(f.call(200, "GET", "/operations/", "").text))
	require.JSONEq(t, `[{"action":"remove","startTime":"2026-03-02T08:00:01Z"}]`, string(f.call(200, "GET", "/operations/?request_id=r2", "").text))
	require.JSONEq(t, `[]`, string(f.call(200, "GET", "/operations/?request_id=r3", "").text))
	f.call(400, "GET", "/operations/?request_id=", "")
	require.Equal(t, "create", f.get("/operations/" + created["operationId"].(string))["action"])
	f.call(404, "GET", "/operations/no-such", "")

	byOperation := f.get("/clusters/demo/nodes?operation=" + ended["operationId"].(string))
	require.Len(t, byOperation["nodes"], 1)
	require.Equal(t, "remove", byOperation["operation"].(object)["action"])
	f.call(404, "GET", "/clusters/demo/nodes?operation=no-such", "")
	f.call(400, "GET", "/clusters/demo/nodes?operation=x&request_id=y", "")

	f.clock.Advance(time.Hour)
	require.Empty(t, f.get("/clusters/demo/nodes?request_id=r2")["nodes"], "a node that is gone has no record")
	require.Len(t, f.get("/clusters/demo/nodes?request_id=r1")["nodes"], 1)
}

func TestUnknownRequestIDAnswersAsConfigured(t *testing.T) {
	for _, status := range []int{404, 400} {
		cfg := DefaultConfig()
		cfg.UnknownRequestStatus = status
		f := start(t, cfg)
		r := f.call(status, "GET", "/clusters/demo/nodes?request_id=never", "")
		require.Equal(t, "No operation found for request id never\n", string(r.text))
	}
}

func TestAuthentication(t *testing.T) {
	f := start(t, DefaultConfig())
	for _, auth := range [][2]string{{"", ""}, {"admin", "wrong"}, {"demo", "demo-password"}} {
		request, err := http.NewRequest("GET", f.url+"/clusters/demo/status", nil)
		require.NoError(t, err)
		if auth[0] != "" {
			request.SetBasicAuth(auth[0], auth[1])
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 401, response.StatusCode)
		require.Equal(t, `Basic realm="CycleCloud"`, response.Header.Get("WWW-Authenticate"))
	}
	response, err := http.Get(f.url + "/")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 200, response.StatusCode, "the help text needs no password")
}

func TestNotFoundAndInvalid(t *testing.T) {
	f := start(t, DefaultConfig())
	for _, path := range []string{"/clusters/other/status", "/clusters/other/nodes", "/clusters/other/usage", "/clusters/demo/nodes/none/ghr?category=x", "/no/such"} {
		f.call(404, "GET", path, "")
	}
	f.call(404, "POST", "/clusters/other/nodes/create", `{"sets":[{"nodearray":"execute","count":1}]}`)
	f.call(405, "DELETE", "/clusters/demo/nodes", "")
	f.call(400, "GET", "/clusters/demo/status?nodes=perhaps", "")
	for name, body := range map[string]string{
		"no JSON":           `count=1`,
		"HTML":              `<html>`,
		"empty":             ``,
		"two values":        `{"sets":[{"nodearray":"execute","count":1}]} {}`,
		"no sets":           `{"sets":[]}`,
		"no nodearray":      `{"sets":[{"count":1}]}`,
		"no count":          `{"sets":[{"nodearray":"execute"}]}`,
		"count 0":           `{"sets":[{"nodearray":"execute","count":0}]}`,
		"negative count":    `{"sets":[{"nodearray":"execute","count":-1}]}`,
		"count in words":    `{"sets":[{"nodearray":"execute","count":"one"}]}`,
		"unknown nodearray": `{"sets":[{"nodearray":"login","count":1}]}`,
		"head node":         `{"sets":[{"nodearray":"scheduler","count":1}]}`,
		"unknown machine":   `{"sets":[{"nodearray":"execute","count":1,"definition":{"machineType":"Standard_HC44rs"}}]}`,
		"group characters":  `{"sets":[{"nodearray":"execute","count":1,"placementGroupId":"pg 0"}]}`,
		"format":            `{"sets":[{"nodearray":"execute","count":1,"nameFormat":"n%s"}]}`,
		"format, two":       `{"sets":[{"nodearray":"execute","count":1,"nameFormat":"n%d-%d"}]}`,
		"offset":            `{"sets":[{"nodearray":"execute","count":1,"nameOffset":-1}]}`,
		"second set":        `{"requestId":"r","sets":[{"nodearray":"execute","count":1},{"nodearray":"execute","count":-1}]}`,
	} {
		r := f.call(409, "POST", "/clusters/demo/nodes/create", body)
		require.NotEmpty(t, r.text, name)
	}
	require.Equal(t, []string{"scheduler"}, f.names(), "a refused request adds nothing")
	f.post("/clusters/demo/nodes/create", `{"requestId":"r","sets":[{"nodearray":"execute","count":1}]}`) // nor does it use up its id
}

func TestClusterThatIsNotStarted(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Clusters[0].NeverStarted = true
	f := start(t, cfg)
	status := f.get("/clusters/demo/status")
	require.NotContains(t, status, "state")
	require.NotContains(t, status, "targetState")
	require.Equal(t, "Off", f.node("scheduler")["Status"])
	r := f.call(409, "POST", "/clusters/demo/nodes/create", `{"sets":[{"nodearray":"execute","count":1}]}`)
	require.Contains(t, string(r.text), "not started")
	f.call(409, "POST", "/clusters/demo/scale/execute?totalNodeCount=1", "")

	require.NoError(t, f.server.SetClusterState("demo", "Started"))
	require.Equal(t, "Started", f.get("/clusters/demo/status")["state"])
	added, _ := f.create(`{"nodearray":"execute","count":1}`)
	require.Equal(t, 1, added)
	require.Error(t, f.server.SetClusterState("other", "Started"))
}
