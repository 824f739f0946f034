package anka_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
)

// seen is one request as a controller met it.
type seen struct {
	call, body, authorization string
	header                    http.Header
}

// controller answers by method and request URI, and keeps what it was asked.
type controller struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string][]answer // the last one repeats
	asked   []seen
}

type answer struct {
	status int
	body   string
}

// recorded is an answer of the documents: "2019/nodes", "now/status".
func recorded(t testing.TB, name string) answer {
	body, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)+".json"))
	require.NoError(t, err)
	return answer{200, string(body)}
}

// done is the answer of a call that changes something.
var done = answer{200, `{"status":"OK","message":""}`}

func fail(status int, message string) answer {
	return answer{status, `{"status":"FAIL","message":"` + message + `","body":null}`}
}

func newController(t testing.TB) *controller {
	s := &controller{answers: map[string][]answer{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *controller) on(call string, answers ...answer) *controller {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[call] = answers
	return s
}

func (s *controller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key := r.Method + " " + r.RequestURI
	s.mu.Lock()
	s.asked = append(s.asked, seen{key, string(body), r.Header.Get("Authorization"), r.Header})
	list := s.answers[key]
	if len(list) > 1 {
		s.answers[key] = list[1:]
	}
	s.mu.Unlock()
	if len(list) == 0 {
		http.Error(w, "no such call: "+key, http.StatusTeapot)
		return
	}
	w.Header().Set("Content-Type", "text/plain") // answers are JSON whatever it says
	w.WriteHeader(list[0].status)
	_, _ = io.WriteString(w, list[0].body)
}

func (s *controller) all() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *controller) last() seen {
	all := s.all()
	return all[len(all)-1]
}

func (s *controller) client(t testing.TB, change ...func(*anka.Options)) *anka.Client {
	o := anka.Options{URL: s.URL, RetryWait: time.Millisecond}
	for _, f := range change {
		f(&o)
	}
	c, err := anka.New(o)
	require.NoError(t, err)
	return c
}

// step is one call of the client, what it must send, and what answers it.
type step struct {
	make   func(context.Context, *anka.Client) error
	call   string // method and request URI
	body   string // JSON; empty: none
	answer answer
}

// run makes the calls, each against a fresh controller.
func run(t *testing.T, steps map[string]step) {
	for name, s := range steps {
		t.Run(name, func(t *testing.T) {
			server := newController(t).on(s.call, s.answer)
			require.NoError(t, s.make(t.Context(), server.client(t)))
			require.Len(t, server.all(), 1)
			if s.body == "" {
				require.Empty(t, server.last().body)
				return
			}
			require.JSONEq(t, s.body, server.last().body)
			require.Equal(t, "application/json", server.last().header.Get("Content-Type"))
		})
	}
}

func pointer[T any](v T) *T { return &v }

func TestCredentials(t *testing.T) {
	s := newController(t).on("GET /api/v1/status", recorded(t, "now/status")).on("GET /livez", answer{200, "ok"})
	_, err := s.client(t).Status(t.Context())
	require.NoError(t, err)
	require.Empty(t, s.last().authorization)

	tokens := []string{"first", "second"}
	c := s.client(t, func(o *anka.Options) {
		o.UserAgent = "autoscaled/1"
		o.RootToken = func() (string, error) {
			token := tokens[0]
			tokens = tokens[1:]
			return token, nil
		}
	})
	for _, want := range []string{"Basic cm9vdDpmaXJzdA==", "Basic cm9vdDpzZWNvbmQ="} {
		_, err = c.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, s.last().authorization, "asked for anew each time")
	}
	require.Equal(t, "autoscaled/1", s.last().header.Get("User-Agent"))
	require.NoError(t, c.Live(t.Context()))
	require.Empty(t, s.last().authorization, "health needs no credentials and gets none")
}

func TestBadOptions(t *testing.T) {
	secret := func() (string, error) { return "s3cret", nil }
	key := &anka.APIKey{ID: "ci", Key: func() ([]byte, error) { return nil, nil }}
	for name, o := range map[string]anka.Options{
		"no address":     {},
		"token and key":  {URL: "http://h", RootToken: secret, APIKey: key},
		"key without id": {URL: "http://h", APIKey: &anka.APIKey{Key: key.Key}},
		"id without key": {URL: "http://h", APIKey: &anka.APIKey{ID: "ci"}},
		"password":       {URL: "http://root:s3cret@h"},
		"no certificate": {URL: "https://h", TLS: anka.TLS{CertFile: "none.pem", KeyFile: "none.pem"}},
	} {
		_, err := anka.New(o)
		require.ErrorIs(t, err, anka.ErrConfig, name)
		require.NotContains(t, err.Error(), "s3cret", name)
	}
}

func TestReadsAreRepeatedAndChangesAreNot(t *testing.T) {
	busy := answer{503, "busy"}
	s := newController(t).on("GET /api/v1/node", busy, busy, recorded(t, "2019/nodes")).on("POST /api/v1/vm", busy).
		on("DELETE /api/v1/vm", busy).on("PUT /api/v1/group?id=g", busy)
	c := s.client(t)
	nodes, err := c.Nodes(t.Context())
	require.NoError(t, err)
	require.Len(t, nodes, 1)
	require.Len(t, s.all(), 3)

	_, err = c.StartInstances(t.Context(), anka.StartRequest{TemplateID: "t"})
	require.ErrorIs(t, err, anka.ErrUncertain)
	require.ErrorIs(t, c.TerminateInstance(t.Context(), "i"), anka.ErrUncertain)
	require.ErrorIs(t, c.UpdateGroup(t.Context(), "g", anka.GroupUpdate{Name: pointer("n")}), anka.ErrUncertain)
	require.Len(t, s.all(), 6)
}

func TestObserverSeesEndpoints(t *testing.T) {
	s := newController(t).on("GET /api/v1/vm?id=i", fail(200, "Not found"))
	var got []anka.Observation
	c := s.client(t, func(o *anka.Options) { o.Observer = func(o anka.Observation) { got = append(got, o) } })
	_, err := c.Instance(t.Context(), "i")
	require.Error(t, err)
	require.Len(t, got, 1)
	require.Equal(t, "GET /api/v1/vm", got[0].Method+" "+got[0].Route)
	require.Equal(t, 200, got[0].Code)
}
