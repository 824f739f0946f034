package ankatest

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

// reply is an answer as a caller sees it.
type reply struct {
	*http.Response
	text []byte
}

func (f fixture) do(method, path, body string) (reply, error) {
	f.Helper()
	request, err := http.NewRequest(method, f.url+path, bytes.NewBufferString(body))
	require.NoError(f, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response, text}, err
}

// call sends a request and expects a status.
func (f fixture) call(status int, method, path, body string) object {
	f.Helper()
	r, err := f.do(method, path, body)
	require.NoError(f, err)
	require.Equal(f, status, r.StatusCode, "%s %s: %s", method, path, r.text)
	var o object
	require.NoError(f, json.Unmarshal(r.text, &o), "%s", r.text)
	return o
}

// ok sends a request that is to succeed and returns the body.
func (f fixture) ok(method, path, body string) any {
	f.Helper()
	o := f.call(200, method, path, body)
	require.Equal(f, "OK", o["status"], "%s %s: %v", method, path, o)
	require.Equal(f, "", o["message"])
	return o["body"]
}

// fail sends a request that is to be refused and returns the message.
func (f fixture) fail(status int, method, path, body string) string {
	f.Helper()
	o := f.call(status, method, path, body)
	require.Equal(f, "FAIL", o["status"], "%s %s: %v", method, path, o)
	require.NotContains(f, o, "body")
	return o["message"].(string)
}

func (f fixture) get(path string) any { f.Helper(); return f.ok("GET", path, "") }

// vm starts instances and returns their ids.
func (f fixture) vm(body string) []string {
	f.Helper()
	var ids []string
	for _, id := range f.ok("POST", "/api/v1/vm", body).([]any) {
		ids = append(ids, id.(string))
	}
	return ids
}

// show is an instance as GET ?id= gives it.
func (f fixture) show(id string) object {
	f.Helper()
	return f.get("/api/v1/vm?id=" + id).(object)
}

func (f fixture) state(id string) string {
	f.Helper()
	return f.show(id)["instance_state"].(string)
}

func (f fixture) terminate(id string) {
	f.Helper()
	f.ok("DELETE", "/api/v1/vm", `{"id":"`+id+`"}`)
}

// node is a node by name, as the list gives it.
func (f fixture) node(name string) object {
	f.Helper()
	for _, n := range f.get("/api/v1/node").([]any) {
		if n := n.(object); n["node_name"] == name {
			return n
		}
	}
	f.Fatalf("no node %s", name)
	return nil
}

// where is the name of the Mac that has an instance; "" for none.
func (f fixture) where(id string) string {
	f.Helper()
	for _, i := range f.server.Books().Instances {
		if i.ID == id {
			return i.Node
		}
	}
	f.Fatalf("no instance %s", id)
	return ""
}

func (f fixture) after(d time.Duration) fixture { f.clock.Advance(d); return f }

// Ids of the test's world, as the reference has them.
const (
	buildID = "a29dcb72-f663-469d-9d83-8c4641b2e5dd"
	javaID  = "6b135004-0c89-43bb-b892-74796b8d266c"
	proID   = "f8707005-4630-4c9c-8403-c9c5964097f6"
	miniID  = "64230242-321c-442a-bd96-d87edd0943a3"
)

// small is a world without chance in its times: an Intel Mac that holds both templates, another one
// that holds nothing. Pickup takes 3 s, a start 25 s, a pull of 20 GB 200 s.
func small() Config {
	cfg := DefaultConfig()
	cfg.Timing.Sigma = 0
	cfg.Templates = []TemplateConfig{
		{Name: "build", ID: buildID, Arch: archIntel, VCPU: 2, VRAMMB: 2048, Tags: []TagConfig{{Tag: "t0", SizeGB: 18}, {Tag: "t1", SizeGB: 20, LayerGB: 2, Suspended: true}}},
		{Name: "mojave-w-java", ID: javaID, Arch: archIntel, VCPU: 2, VRAMMB: 2048, Tags: []TagConfig{{Tag: "teamcity", SizeGB: 30}}},
	}
	cfg.Groups = nil
	cfg.Nodes = []NodeConfig{
		{Name: "MacPro-02.local", ID: proID, Arch: archIntel, CPUs: 12, RAMGB: 64, Capacity: 6, DiskGB: 250, OtherGB: 60,
			Holds: []HoldConfig{{"build", "t1"}, {"mojave-w-java", "teamcity"}}},
		{Name: "mini", ID: miniID, Arch: archIntel, Capacity: 2, DiskGB: 100, OtherGB: 20},
	}
	return cfg
}

// aged is small with the answers of 2019.
func aged() Config {
	cfg := small()
	cfg.Shapes = Shapes2019
	return cfg
}
