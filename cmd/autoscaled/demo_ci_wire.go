package main

import (
	"net/http"
	"strings"
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
	line := t.stage.pickUp(r.Context())
	answer, err := t.RoundTripper.RoundTrip(r.WithContext(line.ctx))
	if t.stage.putDown(line) && err != nil {
		return &http.Response{
			Status: "202 Accepted", StatusCode: http.StatusAccepted, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: http.NoBody, Request: r,
		}, nil
	}
	return answer, err
}
