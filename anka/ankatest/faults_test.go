package ankatest

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

const (
	startOne  = `{"vmid":"` + buildID + `","external_id":"attempt-1"}`
	vmPath    = "/api/v1/vm"
	nodesPath = "/api/v1/node"
)

func (f fixture) order(o Fault) {
	f.Helper()
	require.NoError(f, f.server.Order(o))
}

// raw expects a status, whatever the body is.
func (f fixture) raw(status int, method, path, body string) reply {
	f.Helper()
	r, err := f.do(method, path, body)
	require.NoError(f, err)
	require.Equal(f, status, r.StatusCode)
	return r
}

func TestOrderedFaults(t *testing.T) {
	f := start(t, small())
	f.order(Fault{Kind: FaultStatus, Method: "GET", Path: vmPath, Status: 429, RetryAfter: 1500 * time.Millisecond, Times: 2})
	for range 2 {
		r := f.raw(429, "GET", vmPath, "")
		require.Equal(t, "2", r.Header.Get("Retry-After"), "whole seconds, not too few")
	}
	f.get("/api/v1/registry/vm") // another path, though it ends alike
	f.get(vmPath)

	f.order(Fault{Kind: FaultStatus, Path: nodesPath, Nth: 2})
	f.get(nodesPath)
	f.raw(503, "GET", nodesPath, "")
	f.get(nodesPath)

	for _, kind := range []FaultKind{FaultMalformed, FaultTruncated} {
		f.order(Fault{Kind: kind, Path: nodesPath})
		require.False(t, json.Valid(f.raw(200, "GET", nodesPath, "").text))
	}
	f.order(Fault{Kind: FaultHTML, Path: nodesPath})
	r := f.raw(200, "GET", nodesPath, "")
	require.Equal(t, "text/html", r.Header.Get("Content-Type"))
	require.Contains(t, string(r.text), "<html>")

	// Two orders for the same call take their turns.
	f.order(Fault{Kind: FaultStatus, Path: nodesPath, Status: 500})
	f.order(Fault{Kind: FaultStatus, Path: nodesPath, Status: 502})
	f.raw(500, "GET", nodesPath, "")
	f.raw(502, "GET", nodesPath, "")
	f.get(nodesPath)

	f.order(Fault{Kind: FaultStatus, Times: -1})
	for range 5 {
		f.raw(503, "GET", "/api/v1/group", "")
	}
	require.Equal(t, map[FaultKind]int{FaultStatus: 10, FaultMalformed: 1, FaultTruncated: 1, FaultHTML: 1}, f.server.Books().Faults)
	require.Equal(t, 5, f.server.Books().Calls["GET /api/v1/group"])
}

func TestFaultOrdersAreChecked(t *testing.T) {
	f := start(t, small())
	for _, bad := range []Fault{{}, {Kind: "gremlin"}, {Kind: FaultLatency}, {Kind: FaultStatus, Status: 200}, {Kind: FaultStatus, RetryAfter: -1}} {
		require.Error(t, f.server.Order(bad))
	}
}

// The lost request: nothing was started. The lost answer: it was, and only the list tells.
func TestLostRequestAndLostAnswer(t *testing.T) {
	f := start(t, small())
	f.order(Fault{Kind: FaultCutBefore, Method: "POST", Path: vmPath})
	_, err := f.do("POST", vmPath, startOne)
	require.Error(t, err)
	require.Empty(t, f.get(vmPath))
	require.Empty(t, f.server.Books().Starts)

	f.order(Fault{Kind: FaultCutAfter, Method: "POST", Path: vmPath})
	_, err = f.do("POST", vmPath, startOne)
	require.Error(t, err)
	f.order(Fault{Kind: FaultStatusAfter, Method: "POST", Path: vmPath, Status: 504})
	f.raw(504, "POST", vmPath, `{"vmid":"`+buildID+`","count":2,"external_id":"attempt-2","metadata":{"pool":"p"},"name":"n"}`)
	list := f.get(vmPath).([]any)
	require.Len(t, list, 3)
	require.Equal(t, "attempt-1", list[0].(object)["external_id"])
	books := f.server.Books()
	require.Len(t, books.Starts, 2)
	require.Equal(t, StartRecord{At: testStart, ExternalID: "attempt-2", Name: "n", Template: buildID, Tag: "t1", Priority: 1000,
		Metadata: map[string]any{"pool": "p"}, Instances: []string{books.Instances[1].ID, books.Instances[2].ID}}, books.Starts[1])
}

// In a bubble a delay costs no time, and who gives up during one is served all the same.
func TestRoundTripperInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, err := New(small(), ClockFunc(time.Now), 7)
		require.NoError(t, err)
		client := http.Client{Transport: server.RoundTripper()}

		require.NoError(t, server.Order(Fault{Kind: FaultLatency, Latency: time.Minute}))
		began := time.Now()
		response, err := client.Do(request(t, t.Context(), "GET", vmPath, ""))
		require.NoError(t, err)
		require.Equal(t, 200, response.StatusCode)
		require.Equal(t, time.Minute, time.Since(began))

		require.NoError(t, server.Order(Fault{Kind: FaultLatency, Latency: time.Minute}))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began = time.Now()
		_, err = client.Do(request(t, ctx, "POST", vmPath, startOne))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(began))
		require.Len(t, server.Books().Starts, 1)

		require.NoError(t, server.Order(Fault{Kind: FaultCutAfter}))
		_, err = client.Do(request(t, t.Context(), "POST", vmPath, startOne))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.Len(t, server.Books().Starts, 2)

		_, err = client.Do(request(t, ctx, "GET", vmPath, ""))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestRoundTripperAnswersAsTheSocketDoes(t *testing.T) {
	f := start(t, small())
	client := http.Client{Transport: f.server.RoundTripper()}
	response, err := client.Do(request(t, t.Context(), "POST", vmPath, startOne))
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.EqualValues(t, len(text), response.ContentLength)
	require.Equal(t, "200 OK", response.Status)
	response, err = client.Do(request(t, t.Context(), "POST", vmPath, strings.Repeat(" ", maxBodyBytes+1)))
	require.NoError(t, err)
	require.Equal(t, 413, response.StatusCode)
}

func request(t *testing.T, ctx context.Context, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://simulator"+path, strings.NewReader(body))
	require.NoError(t, err)
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

func TestStartAndClose(t *testing.T) {
	f := start(t, small())
	_, err := f.server.Start("127.0.0.1:0")
	require.ErrorContains(t, err, "already")
	other, err := New(small(), f.clock, 1)
	require.NoError(t, err)
	require.NoError(t, other.Close())
	_, err = other.Start(strings.TrimPrefix(f.url, "http://"))
	require.ErrorContains(t, err, "listen")
}

func TestBusyInstances(t *testing.T) {
	f := start(t, small())
	id := f.vm(startOne)[0]
	require.NoError(t, f.server.MarkBusy(id, true))
	require.Error(t, f.server.MarkBusy("none", true))
	f.terminate(id)
	require.Equal(t, []Violation{{testStart, ViolationBusy, "instance " + id + " (attempt-1) was terminated while busy"}}, f.server.Books().Violations)
}
