package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
)

// ciLines is GitHub as the daemon reaches it: polls wait in the stage's time.
type ciLines struct {
	stage *ciStage
	http.RoundTripper
}

// RoundTrip answers a poll that has waited long enough as GitHub does: there is nothing.
func (t ciLines) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/queue/") {
		return t.RoundTripper.RoundTrip(r)
	}
	line := t.stage.pickUp(r.Context(), r.URL.Query().Get("sessionId"))
	answer, err := t.RoundTripper.RoundTrip(r.WithContext(line.ctx))
	if t.stage.putDown(line) && err != nil {
		return &http.Response{
			Status: "202 Accepted", StatusCode: http.StatusAccepted, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: http.NoBody, Request: r,
		}, nil
	}
	return answer, err
}

// ciTransport is a function that carries calls.
type ciTransport func(*http.Request) (*http.Response, error)

// RoundTrip calls it.
func (t ciTransport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// errCut is a lost connection.
var errCut = errors.New("the connection was cut")

// ciWeather breaks calls of GitHub on a day with faults.
type ciWeather struct {
	mu     sync.Mutex
	random *rand.Rand
	broken int
}

// ciRough is the share of calls that break.
const ciRough = 0.02

// through is a way to GitHub in this weather: a call that breaks is refused by a server
// in trouble, does not arrive, or arrives and its answer does not. The opening of a session
// always is answered: one that nobody knows of would be forgotten by GitHub after a while,
// and not by the simulated one.
func (w *ciWeather) through(t http.RoundTripper) http.RoundTripper {
	return ciTransport(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/sessions") {
			return t.RoundTrip(r)
		}
		switch w.draw() {
		case 0:
			return &http.Response{
				Status: "503 Service Unavailable", StatusCode: http.StatusServiceUnavailable, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
				Header: http.Header{}, Body: io.NopCloser(strings.NewReader("in trouble")), Request: r,
			}, nil
		case 1:
			return nil, errCut
		case 2:
			if answer, err := t.RoundTrip(r); err == nil {
				answer.Body.Close()
			}
			return nil, errCut
		}
		return t.RoundTrip(r)
	})
}

// draw picks how a call breaks, from 0 to 2; -1: it does not.
func (w *ciWeather) draw() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.random.Float64() >= ciRough {
		return -1
	}
	w.broken++
	return w.random.IntN(3)
}

func (w *ciWeather) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broken
}
