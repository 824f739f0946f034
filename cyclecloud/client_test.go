package cyclecloud_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud"
)

// seen is one request as a server met it.
type seen struct {
	method, uri, body, contentType, user, password string
}

// server answers by method and request URI, and keeps what it was asked.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string][]answer // the last one repeats
	asked   []seen
}

type answer struct {
	status int
	body   string
	header map[string]string
}

func ok(body string) answer                   { return answer{status: 200, body: body} }
func accepted(body string) answer             { return answer{status: 202, body: body} }
func refusal(status int, words string) answer { return answer{status: status, body: words} }

func newServer(t testing.TB) *server {
	s := &server{answers: map[string][]answer{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) on(call string, answers ...answer) *server {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[call] = answers
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	user, password, _ := r.BasicAuth()
	s.mu.Lock()
	s.asked = append(s.asked, seen{r.Method, r.RequestURI, string(body), r.Header.Get("Content-Type"), user, password})
	key := r.Method + " " + r.RequestURI
	list := s.answers[key]
	if len(list) > 1 {
		s.answers[key] = list[1:]
	}
	s.mu.Unlock()
	if len(list) == 0 {
		http.Error(w, "no such call: "+key, http.StatusTeapot)
		return
	}
	for name, value := range list[0].header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(list[0].status)
	_, _ = io.WriteString(w, list[0].body)
}

// count tells how often a call was made.
func (s *server) count(call string) int {
	n := 0
	for _, a := range s.all() {
		if a.method+" "+a.uri == call {
			n++
		}
	}
	return n
}

// all is what was asked so far.
func (s *server) all() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *server) last() seen {
	all := s.all()
	return all[len(all)-1]
}

func (s *server) client(t testing.TB, change ...func(*cyclecloud.Options)) *cyclecloud.Client {
	o := cyclecloud.Options{
		URL: s.URL, User: "admin", Password: func() (string, error) { return "s3cret-pass", nil },
		RetryWait: time.Millisecond,
	}
	for _, f := range change {
		f(&o)
	}
	c, err := cyclecloud.New(o)
	require.NoError(t, err)
	return c
}

const (
	requestID    = "463270ca-3345-41c7-98d6-431ee3ef8ed5"
	createCall   = "POST /clusters/demo/nodes/create"
	lookupNodes  = "GET /clusters/demo/nodes?request_id=" + requestID
	lookupOps    = "GET /operations/?request_id=" + requestID
	createAnswer = `{"operationId":"op-1","sets":[{"added":1}]}`
)

func oneNode() cyclecloud.NodeCreationRequest {
	return cyclecloud.NodeCreationRequest{RequestID: requestID, Sets: []cyclecloud.CreationSet{{Nodearray: "ondemand", Count: 1}}}
}

func TestStatusReadsEveryField(t *testing.T) {
	s := newServer(t).on("GET /clusters/demo/status?nodes=true", ok(fullStatus))
	got, err := s.client(t).Status(t.Context(), "demo", true)
	require.NoError(t, err)

	require.Equal(t, "Started", got.State)
	require.Equal(t, "Started", got.TargetState)
	require.Equal(t, 10000, *got.MaxCount)
	require.Equal(t, 1000000, *got.MaxCoreCount)
	require.JSONEq(t, `"kept"`, string(got.Extra["newStatusField"]))

	array := got.Nodearrays[0]
	require.Equal(t, "ondemand", array.Name)
	require.Equal(t, 20, *array.MaxCount)
	require.Equal(t, 500, *array.MaxCoreCount)
	require.Equal(t, "westeurope", array.Record.Region)
	require.True(t, array.Record.Interruptible)
	enabled, found := array.Record.Lookup("Configuration.autoscale.enabled")
	require.True(t, found)
	require.Equal(t, "false", string(enabled))

	b := array.Buckets[0]
	require.Equal(t, "cd56af52", b.ID)
	require.Equal(t, "Standard_F32s_v2", b.Definition.MachineType)
	require.JSONEq(t, `true`, string(b.Definition.Extra["futurePart"]))
	require.False(t, *b.Valid)
	require.Equal(t, "NotActivated", b.InvalidReason)
	require.Equal(t, []int{1, 32}, []int{b.ActiveCount, b.ActiveCoreCount})
	require.Equal(t, []string{"ondemand-1"}, b.ActiveNodes)
	for i, p := range []*int{
		b.AvailableCount, b.AvailableCoreCount, b.MaxCount, b.MaxCoreCount, b.QuotaCount, b.QuotaCoreCount,
		b.ConsumedCoreCount, b.FamilyQuotaCount, b.FamilyQuotaCoreCount, b.FamilyConsumedCoreCount, b.RegionalQuotaCount,
		b.RegionalQuotaCoreCount, b.RegionalConsumedCoreCount, b.MaxPlacementGroupSize, b.MaxPlacementGroupCoreSize,
	} {
		require.NotNil(t, p, i)
		require.Equal(t, 2+i, *p)
	}
	require.Equal(t, 4, b.PlacementGroups[0].ActiveCount)
	require.Equal(t, 128, b.PlacementGroups[0].ActiveCoreCount)
	require.Equal(t, "pg0", b.PlacementGroups[0].Name)
	require.InDelta(t, 12.5, *b.LastCapacityFailure, 0)
	require.Equal(t, "High", b.SpotPlacementScore)
	vm := b.VirtualMachine
	require.Equal(t, []int{32, 16, 1, 31}, []int{vm.VCPUCount, vm.PCPUCount, vm.GPUCount, vm.QuotaCores()})
	require.InDelta(t, 63.5, vm.Memory, 0)
	require.True(t, vm.Infiniband)

	require.Equal(t, "ondemand-1", got.Nodes[0].Name)
	require.Equal(t, seen{"GET", "/clusters/demo/status?nodes=true", "", "", "admin", "s3cret-pass"}, s.last())
}

func TestStatusOfAnOldServer(t *testing.T) {
	s := newServer(t).on("GET /clusters/demo/status", ok(`{"maxCount":10000,"maxCoreCount":1000000.0,"nodearrays":[{"name":"ondemand",
		"buckets":[{"bucketId":"a","definition":{"machineType":"Standard_Fs32_v2"}}]}]}`))
	got, err := s.client(t).Status(t.Context(), "demo", false)
	require.NoError(t, err)
	require.Empty(t, got.State)
	require.Nil(t, got.Nodes, "not told is not an empty list")
	b := got.Nodearrays[0].Buckets[0]
	require.Nil(t, b.Valid)
	require.Nil(t, b.AvailableCount)
	require.Nil(t, b.LastCapacityFailure)
}

func TestCreateSendsWhatTheReferenceNames(t *testing.T) {
	s := newServer(t).on(createCall, answer{status: 202, header: map[string]string{"Location": "/operations/op-9"},
		body: `{"sets":[{"added":3,"message":"quota"},{"added":1}],"more":1}`})
	offset := 0
	got, err := s.client(t).CreateNodes(t.Context(), "demo", cyclecloud.NodeCreationRequest{RequestID: requestID, Sets: []cyclecloud.CreationSet{
		{Nodearray: "ondemand", Count: 4, Definition: &cyclecloud.Definition{MachineType: "Standard_HC44rs"}, PlacementGroupID: "pg0",
			NameFormat: "hpc-%d", NameOffset: &offset, NodeAttributes: map[string]any{"KeepAlive": true}},
		{Nodearray: "execute", Count: 1},
	}})
	require.NoError(t, err)
	require.JSONEq(t, `{"requestId":"`+requestID+`","sets":[
		{"nodearray":"ondemand","count":4,"definition":{"machineType":"Standard_HC44rs"},"placementGroupId":"pg0",
		 "nameFormat":"hpc-%d","nameOffset":0,"nodeAttributes":{"KeepAlive":true}},
		{"nodearray":"execute","count":1}]}`, s.last().body)
	require.Equal(t, "application/json", s.last().contentType)
	require.Equal(t, "op-9", got.OperationID, "taken from Location where the body has none")
	require.Equal(t, "/operations/op-9", got.Location)
	require.Equal(t, 3, got.Sets[0].Added)
	require.Equal(t, "quota", got.Sets[0].Message)
}

func TestCreateIsSentOnce(t *testing.T) {
	for _, status := range []int{500, 502, 503, 429, 408} {
		s := newServer(t).on(createCall, refusal(status, "broken"), accepted(createAnswer))
		_, err := s.client(t).CreateNodes(t.Context(), "demo", oneNode())
		require.Error(t, err)
		require.Equal(t, 1, s.count(createCall), status)
		require.Equal(t, status != 429, isUncertain(err), "%d: %v", status, err)
	}
}

func isUncertain(err error) bool { return strings.Contains(err.Error(), "may have been handled") }

func TestConflictIsExplained(t *testing.T) {
	conflict := refusal(409, `{"message":"Conflict: bad things"}`)
	tests := map[string]struct {
		operations, nodes answer
		want              error
		seenNodes         int
		action            string
	}{
		"seen, with nodes":     {ok(`[{"action":"create"}]`), ok(`{"nodes":[{"Name":"a"},{"Name":"b"}]}`), cyclecloud.ErrRequestSeen, 2, "create"},
		"seen, nodes gone":     {ok(`[{"action":"create"}]`), refusal(404, ""), cyclecloud.ErrRequestSeen, 0, "create"},
		"seen, told by nodes":  {ok(`[]`), ok(`{"nodes":[],"operation":{"action":"create"}}`), cyclecloud.ErrRequestSeen, 0, "create"},
		"old, told by nodes":   {refusal(404, ""), ok(`{"nodes":[{"Name":"a"}]}`), cyclecloud.ErrRequestSeen, 1, ""},
		"not seen":             {ok(`[]`), ok(`{"nodes":[]}`), cyclecloud.ErrInvalidInput, 0, ""},
		"not seen, 404":        {ok(`[]`), refusal(404, "whatever"), cyclecloud.ErrInvalidInput, 0, ""},
		"not seen, 400":        {refusal(400, ""), refusal(400, "No operation found for request id"), cyclecloud.ErrInvalidInput, 0, ""},
		"can't be looked up":   {ok(`[]`), refusal(401, ""), cyclecloud.ErrUncertain, 0, ""},
		"nor can the first":    {refusal(503, ""), ok(`{"nodes":[]}`), cyclecloud.ErrUncertain, 0, ""},
		"the cluster is wrong": {refusal(404, ""), refusal(404, "no cluster demo"), cyclecloud.ErrUncertain, 0, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t).on(createCall, conflict).on(lookupOps, test.operations).on(lookupNodes, test.nodes)
			_, err := s.client(t).CreateNodes(t.Context(), "demo", oneNode())
			require.ErrorIs(t, err, test.want)
			require.Equal(t, 1, s.count(createCall))
			if known, ok := err.(*cyclecloud.RequestSeenError); ok {
				require.Len(t, known.Found.Nodes, test.seenNodes)
				require.Equal(t, test.action, known.Found.Operation.Action)
			} else {
				require.ErrorContains(t, err, "bad things")
			}
			require.Equal(t, test.want == cyclecloud.ErrUncertain, isUncertain(err))
		})
	}
}

func TestConflictWithoutRequestIDIsInvalidInput(t *testing.T) {
	s := newServer(t).on("POST /clusters/demo/scale/execute?totalCoreCount=8", refusal(409, "no"))
	_, err := s.client(t).ScaleToCores(t.Context(), "demo", "execute", 8)
	require.ErrorIs(t, err, cyclecloud.ErrInvalidInput)
	require.Len(t, s.all(), 1)
}

func TestManagementCalls(t *testing.T) {
	type call func(*cyclecloud.Client, context.Context, string, cyclecloud.NodeManagementRequest) (cyclecloud.NodeManagementResult, error)
	calls := map[string]call{
		"terminate":  (*cyclecloud.Client).TerminateNodes,
		"remove":     (*cyclecloud.Client).RemoveNodes,
		"deallocate": (*cyclecloud.Client).DeallocateNodes,
		"shutdown":   (*cyclecloud.Client).ShutdownNodes,
		"start":      (*cyclecloud.Client).StartNodes,
		"restart":    (*cyclecloud.Client).RestartNodes,
		"reimage":    (*cyclecloud.Client).ReimageNodes,
	}
	for name, call := range calls {
		s := newServer(t).on("POST /clusters/demo/nodes/"+name, accepted(`{"operationId":"op","nodes":[
			{"id":"1","name":"a","status":"OK"},{"id":"2","name":"b","status":"Error","error":"no such node"}]}`))
		got, err := call(s.client(t), t.Context(), "demo", cyclecloud.NodeManagementRequest{RequestID: "r", IDs: []string{"1"}, Names: []string{"b"},
			Hostnames: []string{"h"}, IPAddresses: []string{"10.0.0.1"}, Filter: `State === "Started"`})
		require.NoError(t, err, name)
		require.JSONEq(t, `{"requestId":"r","ids":["1"],"names":["b"],"hostnames":["h"],"ip_addresses":["10.0.0.1"],
			"filter":"State === \"Started\""}`, s.last().body)
		require.True(t, got.Nodes[0].OK())
		require.False(t, got.Nodes[1].OK())
		require.Equal(t, "no such node", got.Nodes[1].Error)

		_, err = call(s.client(t), t.Context(), "demo", cyclecloud.NodeManagementRequest{RequestID: "r"})
		require.ErrorIs(t, err, cyclecloud.ErrInvalidInput, "a request that names no node might mean all of them")
		require.Len(t, s.all(), 1)
	}
}

func TestScaleOperationsHealthUsage(t *testing.T) {
	s := newServer(t).
		on("POST /clusters/demo/scale/execute?totalNodeCount=3", accepted(createAnswer)).
		on("GET /operations/", ok(`[{"action":"create","startTime":"2026-06-01T10:00:00Z","id":"x"}]`)).
		on("GET /operations/op%2F1", ok(`{"action":"terminate","startTime":"2026-06-01T12:00:00+02:00"}`)).
		on("POST /clusters/demo/nodes/n%201/ghr?category=Resource.Hpc&description=slow+%26+hot", answer{status: 202}).
		on("GET /clusters/demo/nodes/n%201/ghr?category=Resource.Hpc&description=slow+%26+hot", ok(`{"state":"open"}`)).
		on("GET /clusters/demo/usage?from=2026-06-01T00%3A00%3A00Z&granularity=hourly&timeframe=custom&to=2026-06-02T00%3A00%3A00Z", ok(fullUsage))
	c, ctx := s.client(t), t.Context()

	result, err := c.ScaleToNodes(ctx, "demo", "execute", 3)
	require.NoError(t, err)
	require.Equal(t, 1, result.Sets[0].Added)

	list, err := c.Operations(ctx, "")
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC), list[0].StartTime)
	require.JSONEq(t, `"x"`, string(list[0].Extra["id"]))

	operation, err := c.Operation(ctx, "op/1")
	require.NoError(t, err)
	require.True(t, operation.StartTime.Equal(time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)))

	report := cyclecloud.HealthReport{Category: "Resource.Hpc", Description: "slow & hot"}
	require.NoError(t, c.SubmitHealthReport(ctx, "demo", "n 1", report))
	raw, err := c.HealthReport(ctx, "demo", "n 1", report)
	require.NoError(t, err)
	require.JSONEq(t, `{"state":"open"}`, string(raw))

	from := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	usage, err := c.Usage(ctx, "demo", cyclecloud.UsageQuery{Timeframe: cyclecloud.Custom, From: from, To: from.AddDate(0, 0, 1), Granularity: cyclecloud.Hourly})
	require.NoError(t, err)
	period := usage.Usage[0]
	require.Equal(t, []time.Time{from, from.Add(time.Hour)}, []time.Time{period.Start.UTC(), period.End.UTC()})
	require.InDelta(t, 64, period.Total.Hours, 0)
	require.InDelta(t, 3.5, *period.Total.Cost, 0)
	item := period.Breakdown[0]
	require.Equal(t, "nodearray execute", item.Category+" "+item.Node)
	require.Nil(t, item.Cost)
	d := item.Details[0]
	require.Equal(t, "Standard_F4s_v2 westeurope Spot linux 4", strings.Join([]string{d.VMSize, d.Region, d.Priority, d.OS, "4"}, " "))
	require.Equal(t, 4, d.CoreCount)
	require.InDelta(t, 1.25, *d.Cost, 0)

	_, err = c.Usage(ctx, "demo", cyclecloud.UsageQuery{Timeframe: cyclecloud.Custom})
	require.ErrorIs(t, err, cyclecloud.ErrInvalidInput)
}

func TestWhatIsNotSent(t *testing.T) {
	s := newServer(t)
	c, ctx := s.client(t), t.Context()
	for name, call := range map[string]func() error{
		"no sets": func() error { _, err := c.CreateNodes(ctx, "demo", cyclecloud.NodeCreationRequest{}); return err },
		"no nodearray": func() error {
			_, err := c.CreateNodes(ctx, "demo", cyclecloud.NodeCreationRequest{Sets: []cyclecloud.CreationSet{{Count: 1}}})
			return err
		},
		"no count": func() error {
			_, err := c.CreateNodes(ctx, "demo", cyclecloud.NodeCreationRequest{Sets: []cyclecloud.CreationSet{{Nodearray: "a"}}})
			return err
		},
		"no cluster": func() error { _, err := c.Status(ctx, "", true); return err },
		"dotted":     func() error { _, err := c.Status(ctx, "..", true); return err },
		"two filters": func() error {
			_, err := c.Nodes(ctx, "demo", cyclecloud.NodeQuery{OperationID: "a", RequestID: "b"})
			return err
		},
		"no request id": func() error { _, err := c.LookupRequest(ctx, "demo", ""); return err },
		"negative":      func() error { _, err := c.ScaleToNodes(ctx, "demo", "a", -1); return err },
	} {
		require.ErrorIs(t, call(), cyclecloud.ErrInvalidInput, name)
	}
	require.Empty(t, s.all())
}

func TestObserverSeesTemplates(t *testing.T) {
	s := newServer(t).on("GET /clusters/demo/nodes", refusal(503, ""), ok(`{"nodes":[]}`))
	var got []cyclecloud.Observation
	c := s.client(t, func(o *cyclecloud.Options) { o.Observer = func(o cyclecloud.Observation) { got = append(got, o) } })
	_, err := c.Nodes(t.Context(), "demo", cyclecloud.NodeQuery{})
	require.NoError(t, err)
	require.Len(t, got, 2)
	for i, code := range []int{503, 200} {
		require.Equal(t, "GET /clusters/{cluster}/nodes", got[i].Method+" "+got[i].Route)
		require.Equal(t, code, got[i].Code)
	}
}

const fullStatus = `{"state":"Started","targetState":"Started","maxCount":10000,"maxCoreCount":1000000,"newStatusField":"kept",
"nodearrays":[{"name":"ondemand","maxCount":20,"maxCoreCount":500,
 "nodearray":{"Region":"westeurope","Interruptible":true,"Configuration":{"autoscale":{"enabled":false}}},
 "buckets":[{"bucketId":"cd56af52","definition":{"machineType":"Standard_F32s_v2","futurePart":true},"valid":false,"invalidReason":"NotActivated",
  "activeCount":1,"activeCoreCount":32,"activeNodes":["ondemand-1"],"availableCount":2,"availableCoreCount":3,"maxCount":4,"maxCoreCount":5,
  "quotaCount":6,"quotaCoreCount":7,"consumedCoreCount":8,"familyQuotaCount":9,"familyQuotaCoreCount":10,"familyConsumedCoreCount":11,
  "regionalQuotaCount":12,"regionalQuotaCoreCount":13,"regionalConsumedCoreCount":14,"maxPlacementGroupSize":15,"maxPlacementGroupCoreSize":16,
  "placementGroups":[{"name":"pg0","activeCount":4,"activeCoreCount":128}],"lastCapacityFailure":12.5,"spotPlacementScore":"High",
  "virtualMachine":{"vcpuCount":32,"pcpuCount":16,"gpuCount":1,"memory":63.5,"infiniband":true,"vcpuQuotaCount":31}}]}],
"nodes":[{"Name":"ondemand-1"}]}`

const fullUsage = `{"usage":[{"start":"2026-06-01T00:00:00+00:00","end":"2026-06-01T01:00:00","total":{"category":"cluster","hours":64,"cost":3.5},
"breakdown":[{"category":"nodearray","node":"execute","hours":64,"details":[{"vm_size":"Standard_F4s_v2","hours":64,"core_count":4.0,
"region":"westeurope","priority":"Spot","os":"linux","cost":1.25}]}]}]}`
