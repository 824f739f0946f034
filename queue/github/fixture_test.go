package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/internal/rest"
	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

const pat = "ghp_secretpersonaltoken"

// world is a simulated GitHub on a real socket, in real time, and a client of it.
type world struct {
	*testing.T
	server *githubtest.Server
	client *github.Client
	url    string
}

func newWorld(t *testing.T, cfg githubtest.Config, options ...func(*github.Options)) world {
	t.Helper()
	cfg.PAT = pat
	server := githubtest.New(cfg, githubtest.ClockFunc(time.Now))
	listener := httptest.NewServer(server.Handler())
	t.Cleanup(listener.Close)
	o := github.Options{URL: listener.URL + "/acme", Token: rest.Static(pat), RetryWait: time.Millisecond}
	for _, f := range options {
		f(&o)
	}
	client, err := github.New(o)
	require.NoError(t, err)
	return world{t, server, client, listener.URL}
}

// set makes a scale set called macs.
func (w world) set() github.Set {
	set, err := w.client.CreateSet(w.Context(), github.Set{Name: "macs", GroupID: 1})
	require.NoError(w, err)
	return set
}

// open makes a set and listens to it.
func (w world) open() (github.Set, *github.Session) {
	set := w.set()
	s, err := w.client.Open(w.Context(), set.ID, "autoscaled")
	require.NoError(w, err)
	return set, s
}

// next polls, and acknowledges what comes.
func (w world) next(s *github.Session) *github.Message {
	m, err := s.Next(w.Context(), 10)
	require.NoError(w, err)
	if m != nil {
		require.NoError(w, s.Ack(w.Context(), m.ID))
	}
	return m
}

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func pkcs1() ([]byte, error) {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(testKey())}), nil
}

// scripted is a service that gives one answer to whatever comes after
// registration.
type scripted struct {
	status int
	body   string
	calls  int
	// queue answers calls of the queue; nil: as above.
	queue func() (int, string)
}

func token(until time.Time) string {
	return "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, until.Unix())) + ".secretsignature"
}

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := 201, ""
	switch {
	case strings.HasSuffix(r.URL.Path, "registration-token"):
		body = `{"token":"SECRETREGISTRATION","expires_at":"2099-01-01T00:00:00Z"}`
	case strings.HasSuffix(r.URL.Path, "runner-registration"):
		body = fmt.Sprintf(`{"url":"https://service.test/a","token":%q}`, token(time.Now().Add(time.Hour)))
	case s.queue != nil && r.URL.Host == "queue.test":
		status, body = s.queue()
	default:
		s.calls++
		status, body = s.status, s.body
	}
	return &http.Response{StatusCode: status, Header: http.Header{"X-Github-Request-Id": {"REQ:9"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (s *scripted) client(t *testing.T) *github.Client {
	c, err := github.New(github.Options{URL: "https://github.com/acme", Token: rest.Static(pat), Transport: s, RetryWait: time.Millisecond, Retries: -1})
	require.NoError(t, err)
	return c
}

const zeroes = `{"totalAvailableJobs":0,"totalAcquiredJobs":0,"totalAssignedJobs":0,"totalRunningJobs":0,"totalRegisteredRunners":0,"totalBusyRunners":0,"totalIdleRunners":0}`

const goodSession = `{"sessionId":"a-b","messageQueueUrl":"https://queue.test/m?x=1","messageQueueAccessToken":"eyJsecretqueuetoken","statistics":` + zeroes + `}`

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}
