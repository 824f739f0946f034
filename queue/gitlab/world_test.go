package gitlab_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/internal/rest"
	"autoscaled/queue/gitlab"
	"autoscaled/queue/gitlab/gitlabtest"
	"autoscaled/queue/labels"
)

var (
	_ loop.Queue   = (*gitlab.Source)(nil)
	_ loop.Drainer = (*gitlab.Source)(nil)
	_ loop.Keeper  = (*gitlab.Source)(nil)
)

const (
	accessToken = "glpat-secretaccesstoken"
	project     = "acme/widgets"
)

// memoryStore is a store that survives the source.
type memoryStore struct {
	text []byte
	fail error
}

func (m *memoryStore) Load(context.Context) ([]byte, error) { return m.text, m.fail }

func (m *memoryStore) Save(_ context.Context, text []byte) error {
	if m.fail == nil {
		m.text = text
	}
	return m.fail
}

// world is a GitLab without sockets, in the time of a synctest bubble, and a source.
type world struct {
	must
	server  *gitlabtest.Server
	store   *memoryStore
	client  *gitlab.Client
	source  *gitlab.Source
	options gitlab.SourceOptions
	woken   int
	supply  autoscale.Supply
	open    []autoscale.RequestID
	tokens  map[string]string // by host
	// before and after are told of each call; nil: nobody is.
	before, after func(*http.Request)
}

// RoundTrip calls the server.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.before != nil {
		w.before(r)
	}
	response, err := w.server.Transport().RoundTrip(r)
	if w.after != nil {
		w.after(r)
	}
	return response, err
}

// must is a test, or a property's.
type must interface {
	require.TestingT
	Helper()
}

func newWorld(t must, cfg gitlabtest.Config, change ...func(*gitlab.Options, *gitlab.SourceOptions)) *world {
	cfg.Token = accessToken
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rights.Projects == nil && !cfg.Rights.Admin && !cfg.Rights.Read {
		cfg.Rights = gitlabtest.All()
	}
	w := &world{must: t, server: gitlabtest.New(cfg), store: &memoryStore{}, tokens: map[string]string{}}
	id := w.server.AddProject(project)
	rules, err := labels.New([]labels.Rule{{Labels: []string{`macos-(\d+)`}, Optional: []string{"ios|gpu"}, Select: map[string]string{"template": "macos-$1"}}})
	require.NoError(t, err)
	o := gitlab.Options{URL: "https://gitlab.test", Token: rest.Static(accessToken), Now: cfg.Now, Transport: w}
	w.options = gitlab.SourceOptions{
		Projects: []string{project}, Rules: rules, Store: w.store, Now: cfg.Now, Wake: func() { w.woken++ },
		Runner: gitlab.RunnerOptions{Scope: gitlab.Scope{Type: gitlab.ProjectRunner, ID: id}, Tags: []string{"${template}", "ios"}},
	}
	for _, c := range change {
		c(&o, &w.options)
	}
	w.client, err = gitlab.New(o)
	require.NoError(t, err)
	w.options.Client = w.client
	w.supply.Pools = []autoscale.Pool{{ID: "ios", Single: true, Labels: map[string]string{"template": "macos-15", "pool": "ios"}}}
	w.restart()
	return w
}

// restart is another process on the same store.
func (w *world) restart() {
	var err error
	w.source, err = gitlab.NewSource(w.options)
	require.NoError(w, err)
}

func (w *world) demand() autoscale.Demand {
	w.Helper()
	d, err := w.source.Demand(context.Background())
	require.NoError(w, err)
	return d
}

func (w *world) keep() {
	w.Helper()
	require.NoError(w, w.source.Keep(context.Background(), w.supply, w.open))
}

func attempt(host string) autoscale.Attempt {
	return autoscale.Attempt{Request: autoscale.RequestID("request-" + host), Pool: "ios", Labels: map[string]string{"template": "macos-15"}, Host: host}
}

// start registers a runner and brings its VM.
func (w *world) start(host string) (token string) {
	w.Helper()
	token, err := w.source.Register(context.Background(), attempt(host))
	require.NoError(w, err)
	w.tokens[host] = token
	w.node(host)
	return token
}

func (w *world) node(host string) autoscale.Node {
	n := autoscale.Node{ID: autoscale.NodeID(host), Name: host, Host: host, Pool: "ios", Phase: autoscale.PhaseReady, Request: attempt(host).Request}
	w.supply.Nodes = append(w.supply.Nodes, n)
	return n
}

func (w *world) drain(host string) {
	w.Helper()
	require.NoError(w, errors.Join(w.source.Drain(context.Background(), []autoscale.Node{{Name: host, Host: host}}, "idle")...))
}

func (w *world) undrain(host string) error {
	return errors.Join(w.source.Undrain(context.Background(), []autoscale.Node{{Name: host, Host: host}})...)
}

// end is the end of a VM.
func (w *world) end(host string) {
	for i := range w.supply.Nodes {
		if w.supply.Nodes[i].Host == host {
			w.supply.Nodes[i].Phase = autoscale.PhaseGone
		}
	}
}

// scripted is a server that gives the same answer to each call, once it has seen a project.
type scripted struct {
	status int
	body   string
	header http.Header
	calls  int
}

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	s.calls++
	header := s.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: s.status, Header: header, Body: io.NopCloser(strings.NewReader(s.body)), Request: r}, nil
}

func (s *scripted) client(t *testing.T, change ...func(*gitlab.Options)) *gitlab.Client {
	o := gitlab.Options{URL: "https://gitlab.test", Token: rest.Static(accessToken), Now: time.Now, Transport: s, Retries: -1}
	for _, c := range change {
		c(&o)
	}
	c, err := gitlab.New(o)
	require.NoError(t, err)
	return c
}
