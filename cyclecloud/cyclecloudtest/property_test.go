package cyclecloudtest

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

// crowded is a server where every limit is soon reached.
func crowded(t *rapid.T) Config {
	some := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
	return Config{
		User: "u", Password: "p", UnknownRequestStatus: 404,
		Shortage: rapid.SampledFrom([]string{ShortageFail, ShortageShort}).Draw(t, "shortage"),
		Timing:   Timing{Boot: 5 * time.Minute, BootSigma: 0.5, Terminate: 3 * time.Minute, Restart: time.Minute},
		Chances:  Chances{BootFailure: 0.1, NeverUp: 0.1, EvictionsPerHour: 1},
		Regions: []RegionConfig{{Name: "westeurope", Cores: some("region", 60, 200), SpotCores: some("spot", 8, 60), UsedCores: 3,
			Families: []FamilyConfig{{Name: "standardFSv2Family", Cores: some("family", 40, 120)}}}},
		Clusters: []ClusterConfig{{Name: "demo", MaxCount: some("cluster", 5, 30), MaxCores: some("cores", 40, 200), Nodearrays: []NodearrayConfig{
			{Name: "a", MaxCount: some("a", 2, 12), MaxCores: some("a cores", 16, 100), ThrottleCapacity: true, MaxGroupSize: 3,
				Buckets: []BucketConfig{{MachineType: "Standard_F4s_v2", MaxCount: some("bucket", 1, 9)}, {MachineType: "Standard_F16s_v2"}}},
			{Name: "b", Buckets: []BucketConfig{{MachineType: "Standard_F4s_v2"}, {MachineType: "Standard_HB120-16rs_v3"}}},
			{Name: "s", Spot: true, Buckets: []BucketConfig{{MachineType: "Standard_F4s_v2"}}},
		}}},
	}
}

// world and API as the property sees them.
type machine struct {
	server *Server
	clock  *ManualClock
	client http.Client
}

func (m *machine) call(t *rapid.T, method, path, body string) (int, []byte) {
	r, err := http.NewRequest(method, "http://simulator"+path, strings.NewReader(body))
	require.NoError(t, err)
	r.SetBasicAuth("u", "p")
	response, err := m.client.Do(r)
	require.NoError(t, err)
	var text bytes.Buffer
	_, err = text.ReadFrom(response.Body)
	require.NoError(t, err)
	return response.StatusCode, text.Bytes()
}

type seenNode struct{ Name, NodeId, Template, MachineType, Status, TargetState, PlacementGroupId string }

// seen is the status as an independent reader decodes it.
type seen struct {
	MaxCount, MaxCoreCount int
	Nodes                  []seenNode
	Nodearrays             []struct {
		Name                   string
		MaxCount, MaxCoreCount int
		Buckets                []struct {
			Definition                                             struct{ MachineType string }
			ActiveCount, ActiveCoreCount, AvailableCount, MaxCount int
			QuotaCoreCount, ConsumedCoreCount                      int
			RegionalQuotaCoreCount, RegionalConsumedCoreCount      int
			MaxPlacementGroupSize                                  int
			ActiveNodes                                            []string
			PlacementGroups                                        []struct{ ActiveCount int }
			VirtualMachine                                         struct{ VcpuCount, VcpuQuotaCount int }
		}
	}
}

func (m *machine) look(t *rapid.T) seen {
	status, text := m.call(t, "GET", "/clusters/demo/status?nodes=true", "")
	require.Equal(t, 200, status)
	var s seen
	require.NoError(t, json.Unmarshal(text, &s))
	return s
}

// check holds the server's counts against a count of the nodes it lists, and both against every
// limit.
func (m *machine) check(t *rapid.T) {
	s := m.look(t)
	names, members, held := map[string]bool{}, map[string]int{}, map[string]int{}
	for _, n := range s.Nodes {
		require.False(t, names[n.Name], "name %s is given twice", n.Name)
		names[n.Name] = true
		key := n.Template + "/" + n.MachineType
		if n.Status != "Terminated" { // a record whose VM is gone
			held[key]++
		}
		if n.TargetState == "Started" || strings.HasPrefix(n.Status, "Deallocat") {
			members[key]++
		}
	}
	totalNodes, totalCores := 0, 0
	for _, a := range s.Nodearrays {
		nodes, cores := 0, 0
		for _, b := range a.Buckets {
			key := a.Name + "/" + b.Definition.MachineType
			each := max(b.VirtualMachine.VcpuCount, b.VirtualMachine.VcpuQuotaCount)
			require.Equal(t, members[key], b.ActiveCount, key)
			require.Equal(t, b.ActiveCount*each, b.ActiveCoreCount, key)
			require.Len(t, b.ActiveNodes, b.ActiveCount, key)
			require.GreaterOrEqual(t, b.AvailableCount, 0, key)
			require.LessOrEqual(t, b.AvailableCount+b.ActiveCount, b.MaxCount, key)
			require.LessOrEqual(t, b.ConsumedCoreCount, b.QuotaCoreCount, key)
			require.LessOrEqual(t, b.RegionalConsumedCoreCount, b.RegionalQuotaCoreCount, key)
			for _, g := range b.PlacementGroups {
				require.LessOrEqual(t, g.ActiveCount, b.MaxPlacementGroupSize, key)
			}
			nodes += held[key]
			cores += held[key] * each
		}
		require.LessOrEqual(t, nodes, a.MaxCount, a.Name)
		require.LessOrEqual(t, cores, a.MaxCoreCount, a.Name)
		totalNodes += nodes
		totalCores += cores
	}
	require.LessOrEqual(t, totalNodes, s.MaxCount)
	require.LessOrEqual(t, totalCores, s.MaxCoreCount)
	for _, v := range m.server.Books().Violations {
		require.NotEqual(t, ViolationLimit, v.Kind, v.Text)
	}
}

var arrayMachines = [][2]string{{"a", ""}, {"a", "Standard_F4s_v2"}, {"a", "standard_f16S_v2"}, {"b", ""}, {"b", "Standard_HB120-16rs_v3"}, {"s", ""}}

func (m *machine) create(t *rapid.T) {
	var sets []string
	for range rapid.IntRange(1, 3).Draw(t, "sets") {
		where := rapid.SampledFrom(arrayMachines).Draw(t, "where")
		set := fmt.Sprintf(`{"nodearray":%q,"count":%d,"nodeAttributes":{"Fixed":%t}`, where[0],
			rapid.IntRange(1, 8).Draw(t, "count"), rapid.Bool().Draw(t, "fixed"))
		if where[1] != "" {
			set += fmt.Sprintf(`,"definition":{"machineType":%q}`, where[1])
		}
		if group := rapid.SampledFrom([]string{"", "pg0", "pg1"}).Draw(t, "group"); group != "" {
			set += fmt.Sprintf(`,"placementGroupId":%q`, group)
		}
		sets = append(sets, set+"}")
	}
	status, text := m.call(t, "POST", "/clusters/demo/nodes/create", `{"sets":[`+strings.Join(sets, ",")+`]}`)
	require.Equal(t, 202, status, "%s", text)
	var result struct{ Sets []struct{ Added int } }
	require.NoError(t, json.Unmarshal(text, &result))
	require.Len(t, result.Sets, len(sets))
}

func (m *machine) manage(t *rapid.T) {
	action := rapid.SampledFrom([]string{"terminate", "remove", "deallocate", "shutdown", "start", "restart", "reimage"}).Draw(t, "action")
	ids := []string{"none"}
	for _, n := range m.look(t).Nodes {
		if n.Template != n.Name && rapid.Bool().Draw(t, "chosen") {
			ids = append(ids, n.NodeId)
		}
	}
	body, err := json.Marshal(map[string]any{"ids": ids})
	require.NoError(t, err)
	status, text := m.call(t, "POST", "/clusters/demo/nodes/"+action, string(body))
	require.Equal(t, 202, status, "%s", text)
	var result struct{ Nodes []any }
	require.NoError(t, json.Unmarshal(text, &result))
	require.Len(t, result.Nodes, len(ids), "one answer per id")
}

// Whatever is asked in whatever order, no limit is ever exceeded and every count agrees with the
// list of nodes.
func TestNoRequestBreaksALimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := NewManualClock(testStart)
		server, err := New(crowded(t), clock, rapid.Uint64().Draw(t, "seed"))
		require.NoError(t, err)
		m := &machine{server, clock, http.Client{Transport: server.RoundTripper()}}
		t.Repeat(map[string]func(*rapid.T){
			"":       m.check,
			"create": m.create,
			"manage": m.manage,
			"scale": func(t *rapid.T) {
				query := fmt.Sprintf("%s=%d", rapid.SampledFrom([]string{"totalNodeCount", "totalCoreCount"}).Draw(t, "what"), rapid.IntRange(0, 60).Draw(t, "total"))
				status, _ := m.call(t, "POST", "/clusters/demo/scale/"+rapid.SampledFrom([]string{"a", "b", "s"}).Draw(t, "array")+"?"+query, "")
				require.Equal(t, 202, status)
			},
			"wait": func(t *rapid.T) {
				clock.Advance(time.Duration(rapid.IntRange(1, 1200).Draw(t, "seconds")) * time.Second)
			},
			"stock": func(t *rapid.T) {
				require.NoError(t, server.SetStock(BucketKey{"demo", "a", "Standard_F4s_v2"}, rapid.IntRange(-1, 5).Draw(t, "vms")))
			},
			"misfortune": func(t *rapid.T) {
				for _, n := range server.Nodes("demo")[1:] {
					if rapid.IntRange(0, 3).Draw(t, "hit") == 0 {
						hit := rapid.SampledFrom([]func(string) error{server.Evict, server.FailNode}).Draw(t, "how")
						_ = hit(n.ID) // a node that is leaving already refuses
					}
				}
			},
		})
	})
}

// What a bucket offers can be had, when nothing is on its way out and the cloud has stock.
func TestWhatIsAvailableCanBeCreated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := NewManualClock(testStart)
		server, err := New(crowded(t), clock, 1)
		require.NoError(t, err)
		m := &machine{server, clock, http.Client{Transport: server.RoundTripper()}}
		for range rapid.IntRange(0, 3).Draw(t, "before") {
			m.create(t)
		}
		a := rapid.SampledFrom(m.look(t).Nodearrays).Draw(t, "array")
		b := rapid.SampledFrom(a.Buckets).Draw(t, "bucket")
		status, text := m.call(t, "POST", "/clusters/demo/nodes/create", fmt.Sprintf(
			`{"sets":[{"nodearray":%q,"count":%d,"definition":{"machineType":%q}}]}`, a.Name, b.AvailableCount+1, b.Definition.MachineType))
		require.Equal(t, 202, status)
		var result struct {
			Sets []struct {
				Added   int
				Message string
			}
		}
		require.NoError(t, json.Unmarshal(text, &result))
		require.Equal(t, b.AvailableCount, result.Sets[0].Added)
		require.NotEmpty(t, result.Sets[0].Message, "one was asked too many")
	})
}

// Equal configs, seeds and requests give equal servers, to the byte.
func TestRunsRepeat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg, seed := crowded(t), rapid.Uint64().Draw(t, "seed")
		counts := rapid.SliceOfN(rapid.IntRange(1, 5), 1, 4).Draw(t, "counts")
		run := func() []byte {
			clock := NewManualClock(testStart)
			server, err := New(cfg, clock, seed)
			require.NoError(t, err)
			m := &machine{server, clock, http.Client{Transport: server.RoundTripper()}}
			for _, n := range counts {
				m.call(t, "POST", "/clusters/demo/nodes/create", fmt.Sprintf(`{"sets":[{"nodearray":"s","count":%d}]}`, n))
				clock.Advance(7 * time.Minute)
			}
			_, text := m.call(t, "GET", "/clusters/demo/status?nodes=true", "")
			return text
		}
		require.Equal(t, string(run()), string(run()))
	})
}
