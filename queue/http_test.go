package queue

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/internal/rest"
)

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func newHTTP(t *testing.T, o HTTPOptions) *HTTP {
	t.Helper()
	o.WaitMin = time.Millisecond
	h, err := NewHTTP(o)
	require.NoError(t, err)
	return h
}

func TestHTTPReadsTheDocument(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/queues/a b?cluster=demo&x=1", r.URL.Path+"?"+r.URL.RawQuery)
		require.Equal(t, "/queues/a%20b", r.URL.EscapedPath())
		require.Contains(t, r.Header.Get("Accept"), "yaml")
		user, password, _ := r.BasicAuth()
		require.Equal(t, "me:secret", user+":"+password)
		fmt.Fprint(w, "jobs: [{id: 1}]")
	})
	h := newHTTP(t, HTTPOptions{
		URL: server.URL + "/queues/a%20b?cluster=demo&x=1", Auth: rest.Basic{User: "me", Password: rest.Static("secret")},
	})
	require.Equal(t, 1, jobsOf(t, h))
}

func TestHTTPAsksWhetherItChanged(t *testing.T) {
	document, whole, asked := "jobs: [{id: 1}]\nrunning: []", 0, ""
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "Bearer token", r.Header.Get("Authorization"))
		tag := fmt.Sprintf(`"%d"`, len(document))
		w.Header().Set("ETag", tag)
		asked = r.Header.Get("If-None-Match")
		if asked == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		whole++
		fmt.Fprint(w, document)
	})
	h := newHTTP(t, HTTPOptions{URL: server.URL, Auth: rest.Bearer{Token: rest.Static("token")}})
	for range 3 {
		require.Equal(t, 1, jobsOf(t, h))
	}
	require.Equal(t, 1, whole)
	document = "jobs: [{id: 1}, {id: 2}]"
	require.Equal(t, 2, jobsOf(t, h))
	require.Equal(t, 2, whole)

	document = "jobs: [{id: 1}, {id: 1}]\n"
	for want := 3; want < 5; want++ { // a document with mistakes is no version to ask for
		_, err := h.Demand(t.Context())
		require.ErrorIs(t, err, autoscale.ErrMalformed)
		require.Equal(t, want, whole)
	}
	require.Empty(t, asked)
}

func TestHTTPErrors(t *testing.T) {
	const secret = "very-secret"
	for name, c := range map[string]struct {
		status int
		body   string
		kind   error
		says   string
	}{
		"wrong password": {401, "who are you, " + secret, autoscale.ErrUnauthorized, "401"},
		"forbidden":      {403, "", autoscale.ErrUnauthorized, "403"},
		"not there":      {404, "no such queue", autoscale.ErrNotFound, "no such queue"},
		"bad request":    {400, "", autoscale.ErrRejected, "400"},
		"throttled":      {429, "", autoscale.ErrThrottled, "429"},
		"broken":         {503, "down for maintenance", autoscale.ErrUnavailable, "maintenance"},
		"HTML":           {200, "<!DOCTYPE html><html><title>Login</title></html>", autoscale.ErrMalformed, "DOCTYPE"},
		"nothing":        {200, "", autoscale.ErrMalformed, "is empty"},
		"negative":       {200, "jobs: [{id: 1, cores: -1}]", autoscale.ErrMalformed, "must not be negative"},
		"too long":       {200, "jobs: [] # " + strings.Repeat("x", 300), autoscale.ErrMalformed, "more than 200 bytes"},
		"not modified":   {304, "", autoscale.ErrUnavailable, "304"},
	} {
		t.Run(name, func(t *testing.T) {
			good := true
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if good {
					fmt.Fprint(w, "jobs: [{id: 1}]")
					return
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			})
			h := newHTTP(t, HTTPOptions{
				URL: server.URL + "/q?token=" + secret, Auth: rest.Bearer{Token: rest.Static(secret)}, MaxBytes: 200, Retries: -1,
			})
			require.Equal(t, 1, jobsOf(t, h))
			good = false
			d, err := h.Demand(t.Context())
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, server.URL+"/q")
			require.NotContains(t, err.Error(), secret)
			require.Equal(t, autoscale.Demand{}, d, "an error comes with no demand, not even an old one")
		})
	}
}

func TestHTTPTriesAgain(t *testing.T) {
	calls := 0
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		switch calls {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2: // an answer that is cut short
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "jobs: []")
		default:
			fmt.Fprint(w, "jobs: [{id: 1}]")
		}
	})
	require.Equal(t, 1, jobsOf(t, newHTTP(t, HTTPOptions{URL: server.URL})))
	require.Equal(t, 3, calls)
}

func TestHTTPEndsWithTheContext(t *testing.T) {
	asked := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err := newHTTP(t, HTTPOptions{URL: server.URL}).Demand(ctx)
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorIs(t, err, context.Canceled)
}

func TestHTTPOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "jobs: [{id: 1}]")
	}))
	t.Cleanup(server.Close)
	_, err := newHTTP(t, HTTPOptions{URL: server.URL}).Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorIs(t, err, rest.ErrCertificate)

	ca := filepath.Join(t.TempDir(), "ca.pem")
	write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	require.Equal(t, 1, jobsOf(t, newHTTP(t, HTTPOptions{URL: server.URL, TLS: rest.TLS{CAFile: ca}})))
}

func TestHTTPOptions(t *testing.T) {
	for _, o := range []HTTPOptions{
		{}, {URL: "queue"}, {URL: "ftp://host/queue"}, {URL: "http://me:secret@host/queue"}, {URL: "http://ho st:secret"},
		{URL: "http://host", MaxBytes: -1}, {URL: "https://host", TLS: rest.TLS{CAFile: "/nonexistent"}},
	} {
		_, err := NewHTTP(o)
		require.True(t, errors.Is(err, rest.ErrConfig), "%v: %v", o.URL, err)
		require.NotContains(t, err.Error(), "secret")
	}
}
