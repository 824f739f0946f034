package githubrest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/queue/github"
	"autoscaled/queue/githubrest"
	"autoscaled/queue/githubrest/githubresttest"
	"autoscaled/queue/labels"
)

// The source is what the loop wants of a queue.
var (
	_ loop.Queue   = (*githubrest.Source)(nil)
	_ loop.Drainer = (*githubrest.Source)(nil)
	_ loop.Keeper  = (*githubrest.Source)(nil)
	_ loop.Mover   = (*githubrest.Source)(nil)
)

const pat = "ghp_secretpersonaltoken"

// memory is a store.
type memory struct {
	mu    sync.Mutex
	text  []byte
	saves int
	err   error
}

func (m *memory) Load(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text, m.err
}

func (m *memory) Save(_ context.Context, text []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.text = text
		m.saves++
	}
	return m.err
}

// world is a simulated GitHub in virtual time, and a source that reads it.
type world struct {
	testing.TB
	ctx     context.Context
	server  *githubresttest.Server
	options githubrest.Options
	store   *memory
	source  *githubrest.Source
	token   string

	mu      sync.Mutex
	reports []error
	wakes   int
	stop    func()
}

var xcode = []string{"self-hosted", "macOS", "xcode-16"}

var poolLabels = map[string]string{"template": "xcode-16"}

func rules(t testing.TB) *labels.Rules {
	r, err := labels.New([]labels.Rule{{Labels: []string{`xcode-(\d+)`}, Optional: []string{"arm64"}, Select: map[string]string{"template": "xcode-$1"}}})
	require.NoError(t, err)
	return r
}

// play lets a test happen in virtual time.
func play(t *testing.T, cfg githubresttest.Config, test func(w *world), change ...func(*githubrest.Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cfg, change...)
		defer func() { w.stop() }()
		test(w)
	})
}

func newWorld(t testing.TB, cfg githubresttest.Config, change ...func(*githubrest.Options)) *world {
	cfg.Token = pat
	w := &world{TB: t, ctx: context.Background(), store: &memory{}, token: pat}
	w.options = githubrest.Options{
		Repositories: []string{"acme/widgets"}, Rules: rules(t), Store: w.store, Now: time.Now,
		Wake:   func() { w.mu.Lock(); w.wakes++; w.mu.Unlock() },
		Report: func(err error) { w.mu.Lock(); w.reports = append(w.reports, err); w.mu.Unlock() },
	}
	for _, f := range change {
		f(&w.options)
	}
	w.server = githubresttest.New(cfg, time.Now, w.options.Repositories...)
	w.options.GitHub = github.Options{
		URL: "http://github.test/acme", Transport: w.server.Transport(),
		Token: func() (string, error) { w.mu.Lock(); defer w.mu.Unlock(); return w.token, nil },
	}
	w.begin()
	return w
}

// begin starts a source, on the store that there is.
func (w *world) begin() {
	source, err := githubrest.New(w.options)
	require.NoError(w, err)
	ctx, cancel := context.WithCancel(w.ctx)
	over := make(chan struct{})
	w.source = source
	go func() { defer close(over); _ = source.Run(ctx) }()
	w.stop = func() { cancel(); <-over }
}

// anew starts another source, to which this happens from its first call on.
func (w *world) anew(f githubresttest.Fault) {
	w.stop()
	w.server.Fail(f)
	w.begin()
}

// wait lets time pass.
func (w *world) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// demand is asked for as a tick does it.
func (w *world) demand() (autoscale.Demand, error) {
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	return w.source.Demand(ctx)
}

func (w *world) must() autoscale.Demand {
	w.Helper()
	d, err := w.demand()
	require.NoError(w, err)
	require.True(w, d.Vouched)
	return d
}

// register registers a runner, whose name is host, for a request of the same name.
func (w *world) register(host string) {
	w.Helper()
	config, err := w.source.Register(w.ctx, attempt(host, host))
	require.NoError(w, err)
	require.NotEmpty(w, config)
}

func attempt(host, request string) autoscale.Attempt {
	return autoscale.Attempt{Request: autoscale.RequestID(request), Pool: "ios", Labels: poolLabels, Host: host}
}

func node(host string) autoscale.Node {
	return autoscale.Node{ID: autoscale.NodeID(host), Host: host, Phase: autoscale.PhaseReady, Request: autoscale.RequestID(host), Pool: "ios"}
}

func supply(hosts ...string) (s autoscale.Supply) {
	for _, h := range hosts {
		s.Nodes = append(s.Nodes, node(h))
	}
	return s
}

func (w *world) drain(host string) error {
	return w.source.Drain(w.ctx, []autoscale.Node{node(host)}, "test")[0]
}

func (w *world) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, err := range w.reports {
		all = append(all, err.Error())
	}
	return strings.Join(all, "\n")
}

func many(n int) func(*githubrest.Options) {
	return func(o *githubrest.Options) {
		o.Repositories = nil
		for i := range n {
			o.Repositories = append(o.Repositories, fmt.Sprintf("acme/r%d", i))
		}
	}
}
