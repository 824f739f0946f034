package ankatest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// Start serves the API on addr, such as 127.0.0.1:0 for a free port, until Close, and returns its
// base URL. With Config.TLS it serves HTTPS.
func (s *Server) Start(addr string) (string, error) {
	if s.cfg.TLS == (TLSConfig{}) {
		return s.start(addr, nil)
	}
	settings, err := s.cfg.TLS.load()
	if err != nil {
		return "", err
	}
	return s.StartTLS(addr, settings)
}

// StartTLS is Start with TLS settings of the caller's, whatever Config.TLS says. For
// Auth.ClientCertificate they must ask for certificates and verify them.
func (s *Server) StartTLS(addr string, settings *tls.Config) (string, error) {
	return s.start(addr, settings)
}

func (s *Server) start(addr string, settings *tls.Config) (string, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("listen for the simulator: %w", err)
	}
	scheme := "http"
	if settings != nil {
		scheme = "https"
		listener = tls.NewListener(listener, settings)
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
	return scheme + "://" + listener.Addr().String(), nil
}

// load reads the files of a TLSConfig.
func (c TLSConfig) load() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return nil, fmt.Errorf("tls of the simulator: %w", err)
	}
	settings := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if c.ClientCA == "" {
		return settings, nil
	}
	text, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("tls of the simulator: client_ca: %w", err)
	}
	settings.ClientCAs = x509.NewCertPool()
	if !settings.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("tls of the simulator: client_ca: no certificate in %s", c.ClientCA)
	}
	// Given but not required: health checks and wrong callers are to get an answer.
	settings.ClientAuth = tls.VerifyClientCertIfGiven
	return settings, nil
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
