package ankatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// crowded is a fleet where every limit is soon reached.
func crowded(t *rapid.T) Config {
	some := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
	cfg := DefaultConfig()
	cfg.Shapes = rapid.SampledFrom([]string{ShapesCurrent, Shapes2019}).Draw(t, "shapes")
	cfg.Errors = ErrorsStatus
	cfg.Reschedule = rapid.Bool().Draw(t, "reschedule")
	cfg.Chances = Chances{StartFailure: 0.1, ScriptFailure: 0.2, Stuck: 0.05, SlowPull: 0.1, SlowFactor: 4, OfflinePerHour: 0.5, OfflineFor: 5 * time.Minute}
	cfg.Templates = []TemplateConfig{
		{Name: "a", ID: "a", Arch: "arm64", Tags: []TagConfig{{Tag: "1", SizeGB: 30}, {Tag: "2", SizeGB: 32, LayerGB: 5}}},
		{Name: "b", ID: "b", Arch: "arm64", VCPU: 2, Tags: []TagConfig{{Tag: "1", SizeGB: 40}}},
		{Name: "c", ID: "c", Arch: "amd64", VCPU: 3, Tags: []TagConfig{{Tag: "1", SizeGB: 20}}},
	}
	cfg.Groups = []GroupConfig{{Name: "x", ID: "x", Fallback: "y"}, {Name: "y", ID: "y", Fallback: "x"}, {Name: "z", ID: "z"}}
	cfg.Nodes = []NodeConfig{
		{Name: "arm", Count: some("arm", 1, 3), Arch: "arm64", Capacity: some("capacity", 1, 4), DiskGB: float64(some("disk", 20, 120)), Groups: []string{"x"}},
		{Name: "big", Arch: "arm64", Capacity: 2, CapacityMode: "resource", VCPUOverride: some("vcpus", 0, 12), RAMOverride: 20000, Groups: []string{"y"},
			Holds: []HoldConfig{{"a", "2"}}},
		{Name: "intel", Count: some("intel", 1, 2), Arch: "amd64", Capacity: some("slots", 0, 4), DiskGB: 60, USB: []string{"ipad"}, Groups: []string{"y", "z"}},
	}
	return cfg
}

// machine is the server and the API as the property sees them.
type machine struct {
	server  *Server
	clock   *ManualClock
	client  http.Client
	foreign []string
	asked   int // instances that POST /vm said it made
}

func (m *machine) call(t *rapid.T, method, path, body string) (int, []byte) {
	r, err := http.NewRequest(method, "http://simulator"+path, strings.NewReader(body))
	require.NoError(t, err)
	response, err := m.client.Do(r)
	require.NoError(t, err)
	var text bytes.Buffer
	_, err = text.ReadFrom(response.Body)
	require.NoError(t, err)
	require.True(t, json.Valid(text.Bytes()), "%s %s: %s", method, path, text.Bytes())
	return response.StatusCode, text.Bytes()
}

type seenInstance struct {
	InstanceID string `json:"instance_id"`
	VM         struct {
		State  string  `json:"instance_state"`
		NodeID string  `json:"node_id"`
		VMID   string  `json:"vmid"`
		Prog   float64 `json:"progress"`
		Info   *struct {
			NodeID string `json:"node_id"`
			CPU    int    `json:"cpu_cores"`
			Status string
		} `json:"vminfo"`
	} `json:"vm"`
}

type seenNode struct {
	ID       string `json:"node_id"`
	Name     string `json:"node_name"`
	State    string
	VMs      int   `json:"vm_count"`
	VCPUs    int   `json:"vcpu_count"`
	Disk     int64 `json:"disk_size"`
	Free     int64 `json:"free_disk_space"`
	Anka     int64 `json:"anka_disk_usage"`
	Capacity int
}

func read[T any](t *rapid.T, m *machine, path string) T {
	status, text := m.call(t, "GET", path, "")
	require.Equal(t, 200, status)
	var answer struct {
		Status string
		Body   T
	}
	require.NoError(t, json.Unmarshal(text, &answer))
	require.Equal(t, "OK", answer.Status)
	return answer.Body
}

// check holds what the API tells of nodes against what it tells of instances, and both against the
// books and the limits.
func (m *machine) check(t *rapid.T) {
	instances := read[[]seenInstance](t, m, "/api/v1/vm")
	vms, cpus := map[string]int{}, map[string]int{}
	for _, i := range instances {
		require.True(t, i.VM.Prog >= 0 && i.VM.Prog <= 1)
		if i.VM.Info != nil {
			require.Equal(t, i.VM.NodeID, i.VM.Info.NodeID)
			vms[i.VM.NodeID]++
			cpus[i.VM.NodeID] += i.VM.Info.CPU
		}
		require.False(t, i.VM.State == "Started" && i.VM.Info == nil, "a started instance has a VM")
	}
	books := m.server.Books()
	require.Empty(t, books.Violations)
	macs := map[string]NodeRecord{}
	for _, r := range books.Nodes {
		macs[r.ID] = r
		if r.Arch == "arm64" {
			require.LessOrEqual(t, r.MostVMs, 2, r.Name)
		}
	}
	for _, n := range read[[]seenNode](t, m, "/api/v1/node") {
		r := macs[n.ID]
		require.Equal(t, n.VMs, vms[n.ID]+r.Foreign, "%s: slots are VMs and foreign ones", n.Name)
		require.Equal(t, n.VCPUs, cpus[n.ID]+r.Foreign*defaultVCPU, n.Name)
		require.GreaterOrEqual(t, n.Free, int64(0), n.Name)
		require.LessOrEqual(t, n.Anka+n.Free, n.Disk, n.Name)
	}
	m.balance(t, books, len(instances))
}

// balance: each instance comes from exactly one start, and is either listed or over.
func (m *machine) balance(t *rapid.T, books Books, listed int) {
	require.Len(t, books.Instances, m.asked)
	from := map[string]int{}
	for _, s := range books.Starts {
		for _, id := range s.Instances {
			from[id]++
		}
	}
	for _, i := range books.Instances {
		require.Equal(t, 1, from[i.ID])
		if i.Listed {
			listed--
		} else {
			require.False(t, i.HasVM, "nobody knows of the VM of an instance that is not listed")
			require.False(t, i.Over.IsZero())
		}
	}
	require.Len(t, from, m.asked)
	require.Zero(t, listed)
}

func (m *machine) start(t *rapid.T) {
	count := rapid.IntRange(1, 4).Draw(t, "count")
	extra := rapid.SampledFrom([]string{"", `,"group_id":"x"`, `,"group_id":"z"`, `,"priority":5`, `,"usb_device":"ipad"`, `,"tag":"1"`,
		`,"startup_script":"ZXhpdCAx","script_monitoring":true,"script_fail_handler":2`, `,"startup_script":"ZXhpdCAx","script_monitoring":true`,
		`,"vcpu":1,"vram":512`, `,"node_id":"none"`}).Draw(t, "extra")
	template := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "template")
	status, text := m.call(t, "POST", "/api/v1/vm", fmt.Sprintf(`{"vmid":%q,"count":%d%s}`, template, count, extra))
	if status == 200 {
		var answer struct{ Body []string }
		require.NoError(t, json.Unmarshal(text, &answer))
		require.Len(t, answer.Body, count)
		m.asked += count
	}
}

// onSome does something with a random listed instance.
func (m *machine) onSome(t *rapid.T, do func(id string)) {
	for _, i := range read[[]seenInstance](t, m, "/api/v1/vm") {
		if rapid.IntRange(0, 2).Draw(t, "hit") == 0 {
			do(i.InstanceID)
		}
	}
}

func (m *machine) misfortune(t *rapid.T) {
	s := m.server
	name := rapid.SampledFrom([]string{"arm", "arm-01", "arm-02", "big", "intel", "intel-01"}).Draw(t, "mac")
	on := rapid.Bool().Draw(t, "on")
	switch rapid.IntRange(0, 8).Draw(t, "what") {
	case 0:
		_ = s.SetDrain(name, on) // a Mac of that name may not be there
	case 1:
		_ = s.SetSilent(name, on)
	case 2:
		_ = s.SetLicensed(name, on)
	case 3:
		s.SetRegistry(on)
	case 4:
		if id, err := s.StartForeign(name); err == nil {
			m.foreign = append(m.foreign, id)
		}
	case 5:
		if len(m.foreign) > 0 {
			_ = s.EndForeign(m.foreign[0]) // its Mac may be gone
			m.foreign = m.foreign[1:]
		}
	case 6:
		m.onSome(t, func(id string) { _ = s.FailInstance(id, "x") })
	case 7:
		m.onSome(t, func(id string) { _ = s.StopInstance(id) })
	case 8:
		if rapid.IntRange(0, 9).Draw(t, "rarely") == 0 {
			_ = s.RemoveNode(name)
		}
	}
}

// Whatever is asked and whatever happens in whatever order, no limit is broken, every count agrees
// with the lists, and the books balance.
func TestNoRequestBreaksALimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := NewManualClock(testStart)
		server, err := New(crowded(t), clock, rapid.Uint64().Draw(t, "seed"))
		require.NoError(t, err)
		m := &machine{server: server, clock: clock, client: http.Client{Transport: server.RoundTripper()}}
		t.Repeat(map[string]func(*rapid.T){
			"":      m.check,
			"start": m.start,
			"terminate": func(t *rapid.T) {
				m.onSome(t, func(id string) { m.call(t, "DELETE", "/api/v1/vm", `{"id":"`+id+`"}`) })
			},
			"wait": func(t *rapid.T) {
				clock.Advance(time.Duration(rapid.IntRange(1, 900).Draw(t, "seconds")) * time.Second)
			},
			"distribute": func(t *rapid.T) {
				template := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "template")
				m.call(t, "POST", "/api/v1/registry/vm/distribute", `{"template_id":"`+template+`"}`)
				if rapid.Bool().Draw(t, "cancel") {
					for _, d := range read[[]struct{ Request struct{ Request_id string } }](t, m, "/api/v1/registry/vm/distribute") {
						m.server.mu.Lock()
						w := m.server.present()
						w.cancel(w.distribution(d.Request.Request_id))
						m.server.mu.Unlock()
					}
				}
			},
			"save": func(t *rapid.T) {
				m.onSome(t, func(id string) {
					m.call(t, "POST", "/api/v1/image", fmt.Sprintf(`{"id":%q,"tag":"s%d","target_vm_id":"a"}`, id, rapid.IntRange(0, 9).Draw(t, "tag")))
				})
			},
			"revert":     func(t *rapid.T) { m.call(t, "DELETE", "/api/v1/registry/revert?id=a&tag=2", "") },
			"capacity":   m.resize,
			"misfortune": m.misfortune,
		})
	})
}

func (m *machine) resize(t *rapid.T) {
	for _, n := range read[[]seenNode](t, m, "/api/v1/node") {
		m.call(t, "POST", "/api/v1/node/config", fmt.Sprintf(`{"node_id":%q,"max_vm_count":%d}`, n.ID, rapid.IntRange(0, 4).Draw(t, "capacity")))
	}
}

// When everything is mended, everything that fits is served in the end.
func TestWhatFitsIsServed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := macs("arm64", rapid.IntRange(1, 3).Draw(t, "macs"), 2)
		cfg.Nodes[0].Holds = nil
		clock := NewManualClock(testStart)
		server, err := New(cfg, clock, rapid.Uint64().Draw(t, "seed"))
		require.NoError(t, err)
		m := &machine{server: server, clock: clock, client: http.Client{Transport: server.RoundTripper()}}
		room := 2 * cfg.Nodes[0].Count
		m.call(t, "POST", "/api/v1/vm", many(room+3, ""))
		clock.Advance(time.Hour)
		count := map[string]int{}
		for _, i := range server.Books().Instances {
			count[i.State]++
		}
		require.Equal(t, map[string]int{"Started": room, "Scheduling": 3}, count)
	})
}

// Equal configs, seeds and requests give equal servers, to the byte.
func TestRunsRepeat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg, seed := crowded(t), rapid.Uint64().Draw(t, "seed")
		counts := rapid.SliceOfN(rapid.IntRange(1, 5), 1, 4).Draw(t, "counts")
		run := func() string {
			clock := NewManualClock(testStart)
			server, err := New(cfg, clock, seed)
			require.NoError(t, err)
			m := &machine{server: server, clock: clock, client: http.Client{Transport: server.RoundTripper()}}
			for _, n := range counts {
				m.call(t, "POST", "/api/v1/vm", fmt.Sprintf(`{"vmid":"a","count":%d}`, n))
				m.call(t, "POST", "/api/v1/registry/vm/distribute", `{"template_id":"c"}`)
				clock.Advance(2 * time.Minute)
			}
			_, vms := m.call(t, "GET", "/api/v1/vm", "")
			_, nodes := m.call(t, "GET", "/api/v1/node", "")
			return string(vms) + string(nodes)
		}
		require.Equal(t, run(), run())
	})
}

// Bodies of every kind get an answer with an envelope.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{startOne, `{"id":"x"}`, `{"template_id":"` + buildID + `","node_ids":["x"]}`, `[]`, `{"metadata":{"a":1e400}}`, ``, `{"vmid":null}`, `{"name":"g"}`} {
		f.Add([]byte(seed))
	}
	routes := []string{}
	for pattern := range apiRoutes() {
		routes = append(routes, pattern)
	}
	for pattern := range newerRoutes() {
		routes = append(routes, pattern)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		server, err := New(small(), NewManualClock(testStart), 1)
		require.NoError(t, err)
		client := http.Client{Transport: server.RoundTripper()}
		for _, pattern := range routes {
			method, path, _ := strings.Cut(pattern, " ")
			response, err := client.Do(request(t, t.Context(), method, path+"?id="+miniID, string(body)))
			require.NoError(t, err)
			var answer struct{ Status, Message string }
			require.NoError(t, json.NewDecoder(response.Body).Decode(&answer), pattern)
			require.Contains(t, []string{"OK", "FAIL"}, answer.Status)
		}
		require.Empty(t, server.Books().Violations)
	})
}
