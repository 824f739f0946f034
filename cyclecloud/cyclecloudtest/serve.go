package cyclecloudtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Start serves the API on addr, such as 127.0.0.1:0 for a free port, until Close, and returns its
// base URL.
func (s *Server) Start(addr string) (string, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("listen for the simulator: %w", err)
	}
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	s.listening.Lock()
	defer s.listening.Unlock()
	if s.http != nil {
		_ = listener.Close()
		return "", errors.New("start the simulator: it is already listening")
	}
	s.http = server
	go func() { _ = server.Serve(listener) }() // ends with Close, its only error then
	return "http://" + listener.Addr().String(), nil
}

// Close ends what Start began and cuts open connections. Without Start it does nothing.
func (s *Server) Close() error {
	s.listening.Lock()
	defer s.listening.Unlock()
	if s.http == nil {
		return nil
	}
	err := s.http.Close()
	s.http = nil
	return err
}

// RoundTripper calls the handler without a socket, for tests in virtual time: a goroutine that
// waits on a socket would stop a bubble's clock. A cut connection is an error as the net package
// gives it, and a caller whose context ends gets the context's error.
func (s *Server) RoundTripper() http.RoundTripper { return direct{s} }

type direct struct{ server *Server }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		closeBody(r)
		return nil, err
	}
	inner := r.Clone(r.Context())
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	defer closeBody(r)
	rec := &recorder{header: http.Header{}, status: http.StatusOK}
	if !rec.serve(d.server.Handler(), inner) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", rec.status, http.StatusText(rec.status)), StatusCode: rec.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: rec.header, Body: io.NopCloser(&rec.body), ContentLength: int64(rec.body.Len()), Request: r,
	}, nil
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// recorder keeps what a handler writes.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (rec *recorder) Header() http.Header         { return rec.header }
func (rec *recorder) WriteHeader(status int)      { rec.status = status }
func (rec *recorder) Write(p []byte) (int, error) { return rec.body.Write(p) }

// serve runs the handler; false means that it cut the connection.
func (rec *recorder) serve(h http.Handler, r *http.Request) (whole bool) {
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler {
				panic(p)
			}
			whole = false
		}
	}()
	h.ServeHTTP(rec, r)
	return true
}
