package cyclecloudtest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const createOne = `{"requestId":"r1","sets":[{"nodearray":"execute","count":1}]}`

func TestOrderedFaults(t *testing.T) {
	f := start(t, DefaultConfig())
	order := func(o Fault) {
		t.Helper()
		require.NoError(t, f.server.Order(o))
	}
	order(Fault{Kind: FaultStatus, Method: "GET", Path: "/status", Status: 429, RetryAfter: 1500 * time.Millisecond, Times: 2})
	for range 2 {
		r := f.call(429, "GET", "/clusters/demo/status", "")
		require.Equal(t, "2", r.Header.Get("Retry-After"), "whole seconds, not too few")
	}
	f.get("/clusters/demo/status")

	order(Fault{Kind: FaultStatus, Path: "/nodes", Nth: 2})
	f.get("/clusters/demo/nodes")
	f.call(503, "GET", "/clusters/demo/nodes", "")
	f.get("/clusters/demo/nodes")

	order(Fault{Kind: FaultMalformed, Path: "/nodes"})
	require.False(t, json.Valid(f.call(200, "GET", "/clusters/demo/nodes", "").text))
	order(Fault{Kind: FaultTruncated, Path: "/nodes"})
	require.False(t, json.Valid(f.call(200, "GET", "/clusters/demo/nodes", "").text))
	order(Fault{Kind: FaultHTML, Path: "/nodes"})
	r := f.call(200, "GET", "/clusters/demo/nodes", "")
	require.Equal(t, "text/html", r.Header.Get("Content-Type"))
	require.Contains(t, string(r.text), "<html>")
	f.get("/clusters/demo/nodes")

	// Two orders for the same call take their turns.
	order(Fault{Kind: FaultStatus, Path: "/nodes", Status: 500})
	order(Fault{Kind: FaultStatus, Path: "/nodes", Status: 502})
	f.call(500, "GET", "/clusters/demo/nodes", "")
	f.call(502, "GET", "/clusters/demo/nodes", "")
	f.get("/clusters/demo/nodes")

	order(Fault{Kind: FaultStatus, Times: -1})
	for range 5 {
		f.call(503, "GET", "/clusters/demo/usage", "")
	}
}

func TestFaultOrdersAreChecked(t *testing.T) {
	f := start(t, DefaultConfig())
	for _, bad := range []Fault{{}, {Kind: "gremlin"}, {Kind: FaultLatency}, {Kind: FaultStatus, Status: 200}, {Kind: FaultStatus, RetryAfter: -1}} {
		require.Error(t, f.server.Order(bad))
	}
}

func TestCutBeforeChangesNothing(t *testing.T) {
	f := start(t, DefaultConfig())
	require.NoError(t, f.server.Order(Fault{Kind: FaultCutBefore, Path: "nodes/create"}))
	_, err := f.do("POST", "/clusters/demo/nodes/create", createOne)
	require.Error(t, err)
	require.Equal(t, []string{"scheduler"}, f.names())
	f.post("/clusters/demo/nodes/create", createOne)
}

// The lost answer: the nodes are there, the id is used up, and tracking by it finds them.
func TestCutAfterIsALostAnswer(t *testing.T) {
	for _, kind := range []FaultKind{FaultCutAfter, FaultStatusAfter} {
		f := start(t, DefaultConfig())
		require.NoError(t, f.server.Order(Fault{Kind: kind, Path: "nodes/create", Status: 504}))
		r, err := f.do("POST", "/clusters/demo/nodes/create", createOne)
		if kind == FaultCutAfter {
			require.Error(t, err)
		} else {
			require.Equal(t, 504, r.StatusCode)
		}
		f.call(409, "POST", "/clusters/demo/nodes/create", createOne)
		require.Len(t, f.get("/clusters/demo/nodes?request_id=r1")["nodes"], 1)
		require.Len(t, f.server.Books().Creates, 1)
	}
}

// In a bubble a delay costs no time, and who gives up during one is served all the same.
func TestRoundTripperInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, err := New(DefaultConfig(), ClockFunc(time.Now), 7)
		require.NoError(t, err)
		client := http.Client{Transport: server.RoundTripper()}

		require.NoError(t, server.Order(Fault{Kind: FaultLatency, Latency: time.Minute}))
		began := time.Now()
		response, err := client.Do(request(t, t.Context(), "GET", "/clusters/demo/status", ""))
		require.NoError(t, err)
		require.Equal(t, 200, response.StatusCode)
		require.Equal(t, time.Minute, time.Since(began))

		require.NoError(t, server.Order(Fault{Kind: FaultLatency, Latency: time.Minute}))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began = time.Now()
		_, err = client.Do(request(t, ctx, "POST", "/clusters/demo/nodes/create", createOne))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(began))
		require.Len(t, server.Books().Creates, 1)

		require.NoError(t, server.Order(Fault{Kind: FaultCutAfter}))
		_, err = client.Do(request(t, t.Context(), "POST", "/clusters/demo/nodes/terminate", `{"names":["execute-1"]}`))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.Equal(t, "Terminating", server.Nodes("demo")[1].Status)

		_, err = client.Do(request(t, ctx, "GET", "/clusters/demo/status", ""))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestRoundTripperAnswersAsTheSocketDoes(t *testing.T) {
	f := start(t, DefaultConfig())
	client := http.Client{Transport: f.server.RoundTripper()}
	response, err := client.Do(request(t, t.Context(), "POST", "/clusters/demo/nodes/create", createOne))
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.EqualValues(t, len(text), response.ContentLength)
	require.Equal(t, "202 Accepted", response.Status)
	require.True(t, strings.HasPrefix(response.Header.Get("Location"), "http://simulator/operations/"))
}

func request(t *testing.T, ctx context.Context, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://simulator"+path, strings.NewReader(body))
	require.NoError(t, err)
	r.SetBasicAuth("admin", "demo-password")
	return r
}

// Random faults depend on the seed and on how often a path was called, not on what other paths did
// in between.
func TestRandomFaultsIgnoreOtherPaths(t *testing.T) {
	rates := []FaultRate{{Kind: FaultStatus, Rate: 0.3}, {Kind: FaultCutAfter, Rate: 0.2, Method: "POST"}}
	draws := func(others int) []FaultKind {
		p := newFaultPlan(5, rates)
		var kinds []FaultKind
		for range 200 {
			_, fault := p.draw("POST", "/a")
			kinds = append(kinds, fault.Kind)
			for range others {
				p.draw("GET", "/b")
			}
		}
		return kinds
	}
	alone := draws(0)
	require.Equal(t, alone, draws(3))
	count := map[FaultKind]int{}
	for _, k := range alone {
		count[k]++
	}
	require.InDelta(t, 60, count[FaultStatus], 20)
	require.InDelta(t, 28, count[FaultCutAfter], 14)
}

func TestCallsAreCounted(t *testing.T) {
	f := start(t, DefaultConfig())
	require.NoError(t, f.server.Order(Fault{Kind: FaultStatus, Path: "/status"}))
	f.call(503, "GET", "/clusters/demo/status", "")
	f.get("/clusters/demo/status?nodes=true")
	f.call(409, "POST", "/clusters/demo/nodes/create", "")
	require.Equal(t, map[string]int{"GET /clusters/{cluster}/status": 2, "POST /clusters/{cluster}/nodes/create": 1}, f.server.Books().Calls)
	require.Equal(t, map[FaultKind]int{FaultStatus: 1}, f.server.Books().Faults)
}

func TestHugeBody(t *testing.T) {
	f := start(t, DefaultConfig())
	client := http.Client{Transport: f.server.RoundTripper()}
	response, err := client.Do(request(t, t.Context(), "POST", "/clusters/demo/nodes/create", strings.Repeat(" ", maxBodyBytes+1)))
	require.NoError(t, err)
	require.Equal(t, 413, response.StatusCode)
}

func TestStartAndClose(t *testing.T) {
	f := start(t, DefaultConfig())
	_, err := f.server.Start("127.0.0.1:0")
	require.ErrorContains(t, err, "already")
	other, err := New(DefaultConfig(), f.clock, 1)
	require.NoError(t, err)
	require.NoError(t, other.Close())
	_, err = other.Start(strings.TrimPrefix(f.url, "http://"))
	require.ErrorContains(t, err, "listen")
}
