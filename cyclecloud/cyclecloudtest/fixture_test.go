package cyclecloudtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var testStart = time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC) // a Monday

// fixture is a server on a real socket whose clock the test holds.
type fixture struct {
	*testing.T
	server *Server
	clock  *ManualClock
	url    string
}

func start(t *testing.T, cfg Config) fixture {
	t.Helper()
	clock := NewManualClock(testStart)
	server, err := New(cfg, clock, 7)
	require.NoError(t, err)
	url, err := server.Start("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return fixture{t, server, clock, url}
}

// object is a decoded JSON object.
type object = map[string]any

// reply is an answer as a caller sees it.
type reply struct {
	*http.Response
	text []byte
}

func (f fixture) do(method, path, body string) (reply, error) {
	f.Helper()
	request, err := http.NewRequest(method, f.url+path, bytes.NewBufferString(body))
	require.NoError(f, err)
	request.SetBasicAuth("admin", "demo-password")
	if body != "" {
		request.Header.Set("Content-Type", "text/plain")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response, text}, err
}

// call sends a request and expects a status.
func (f fixture) call(status int, method, path, body string) reply {
	f.Helper()
	r, err := f.do(method, path, body)
	require.NoError(f, err)
	require.Equal(f, status, r.StatusCode, "%s %s: %s", method, path, r.text)
	return r
}

func (f fixture) get(path string) object {
	f.Helper()
	return f.call(200, "GET", path, "").object(f)
}

// post sends a request that is to be accepted.
func (f fixture) post(path, body string) object {
	f.Helper()
	r := f.call(202, "POST", path, body)
	o := r.object(f)
	if id, ok := o["operationId"].(string); ok {
		require.Equal(f, f.url+"/operations/"+id, r.Header.Get("Location"))
	}
	return o
}

func (r reply) object(t require.TestingT) object {
	var o object
	require.NoError(t, json.Unmarshal(r.text, &o), "%s", r.text)
	return o
}

// create asks for one set and returns what was added and the message.
func (f fixture) create(set string) (int, string) {
	f.Helper()
	o := f.post("/clusters/demo/nodes/create", `{"sets":[`+set+`]}`)
	s := o["sets"].([]any)[0].(object)
	message, _ := s["message"].(string)
	return int(s["added"].(float64)), message
}

// bucket finds a bucket in the cluster's status.
func (f fixture) bucket(array, machine string) object {
	f.Helper()
	for _, a := range f.get("/clusters/demo/status")["nodearrays"].([]any) {
		if a := a.(object); a["name"] == array {
			for _, b := range a["buckets"].([]any) {
				if b := b.(object); b["definition"].(object)["machineType"] == machine {
					return b
				}
			}
		}
	}
	f.Fatalf("no bucket %s/%s", array, machine)
	return nil
}

// node finds a node's record by name; nil if there is none.
func (f fixture) node(name string) object {
	f.Helper()
	for _, n := range f.get("/clusters/demo/nodes")["nodes"].([]any) {
		if n := n.(object); n["Name"] == name {
			return n
		}
	}
	return nil
}

func (f fixture) names() []string {
	f.Helper()
	list := []string{}
	for _, n := range f.get("/clusters/demo/nodes")["nodes"].([]any) {
		list = append(list, n.(object)["Name"].(string))
	}
	return list
}

// steady is DefaultConfig without chance in its times: boot takes 5 minutes, one of them until the
// VM is there.
func steady() Config {
	cfg := DefaultConfig()
	cfg.Timing.BootSigma = 0
	return cfg
}
