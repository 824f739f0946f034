package github_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/internal/rest"
	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

// memoryStore is a store that a restart leaves alone.
type memoryStore struct {
	mu   sync.Mutex
	text []byte
	fail error
}

func (s *memoryStore) Load(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text, s.fail
}

func (s *memoryStore) Save(_ context.Context, text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		s.text = text
	}
	return s.fail
}

func (s *memoryStore) breakWith(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *memoryStore) read() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.text)
}

// lab is a simulated GitHub in virtual time, and a daemon's source that listens to
// it and may be killed and started again.
type lab struct {
	ctx     context.Context
	server  *githubtest.Server
	store   *memoryStore
	options github.SourceOptions

	late time.Duration // how long after a job's start the news of it comes

	source *github.Source
	end    func() // of the source that runs now: in order
	kill   func() // it can do nothing any more, at once

	mu      sync.Mutex
	reports []string
	wakes   int
	secrets []string
}

const pool = "ios"

// newLab makes a lab whose source runs. It must be ended before its bubble ends.
func newLab(ctx context.Context, cfg githubtest.Config, change ...func(*github.SourceOptions)) *lab {
	cfg.PAT = pat
	cfg.PollWait = 50 * time.Second
	l := &lab{ctx: ctx, server: githubtest.New(cfg, githubtest.ClockFunc(time.Now)), store: &memoryStore{}}
	l.options = github.SourceOptions{
		Owner: "autoscaled", Store: l.store, Now: time.Now,
		Sets: []github.SetOptions{{Name: "macs", Select: autoscale.HasLabel("pool", pool)}},
		Wake: func() { l.mu.Lock(); l.wakes++; l.mu.Unlock() },
		Report: func(err error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.reports = append(l.reports, err.Error())
		},
	}
	for _, f := range change {
		f(&l.options)
	}
	l.start()
	return l
}

// start starts a source as a daemon does.
func (l *lab) start() {
	var dead atomic.Bool
	next := l.server.Transport()
	client, err := github.New(github.Options{
		URL: "http://github.test/acme", Token: rest.Static(pat), Retries: -1,
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if dead.Load() {
				return nil, errors.New("killed")
			}
			return next.RoundTrip(r)
		}),
	})
	must(err)
	o := l.options
	o.Client = client
	l.source, err = github.NewSource(o)
	must(err)
	ctx, cancel := context.WithCancel(l.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		must(l.source.Run(ctx))
	}()
	l.end = func() {
		cancel()
		<-done
	}
	l.kill = func() {
		dead.Store(true)
		l.end()
	}
	synctest.Wait()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// register registers the runner of an attempt and keeps its credential as a secret.
func (l *lab) register(request, host string) (string, error) {
	config, err := l.source.Register(l.ctx, autoscale.Attempt{
		Request: autoscale.RequestID(request), Pool: pool, Labels: map[string]string{"pool": pool}, Host: host,
	})
	if config != "" {
		l.secrets = append(l.secrets, config)
	}
	return config, err
}

func node(host, request string) autoscale.Node {
	return autoscale.Node{ID: autoscale.NodeID(host), Name: host, Host: host, Pool: pool, Phase: autoscale.PhaseReady, Request: autoscale.RequestID(request), Owned: true}
}

// work lets a runner take a job.
func (l *lab) work(host string) error {
	_, tell, err := l.server.StartUnheard(host)
	switch {
	case err != nil:
	case l.late == 0:
		tell()
	default:
		time.AfterFunc(l.late, tell)
	}
	return err
}

func (l *lab) drain(host string) error {
	return l.source.Drain(l.ctx, []autoscale.Node{node(host, "r-"+host)}, "test")[0]
}

func (l *lab) undrain(host string) error {
	return l.source.Undrain(l.ctx, []autoscale.Node{node(host, "r-"+host)})[0]
}

// keep tells the source that these are all nodes, and that no request is open.
func (l *lab) keep(nodes ...autoscale.Node) error {
	return l.source.Keep(l.ctx, autoscale.Supply{
		Nodes: nodes, Pools: []autoscale.Pool{{ID: pool, Labels: map[string]string{"pool": pool}, Draws: []autoscale.Draw{{Limit: "macs", Amount: 1}}}},
		Limits: []autoscale.Limit{{ID: "macs", Max: 20, Used: int64(len(nodes))}},
	}, nil)
}

func (l *lab) demand() (autoscale.Demand, error) {
	ctx, cancel := context.WithTimeout(l.ctx, time.Second)
	defer cancel()
	return l.source.Demand(ctx)
}

// bench is a lab inside a test.
type bench struct {
	*testing.T
	*lab
}

// inLab runs a test in a bubble with a lab; nothing may be left running behind.
func inLab(t *testing.T, cfg githubtest.Config, test func(b bench), change ...func(*github.SourceOptions)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(context.Background(), cfg, change...)
		defer func() { l.end() }()
		test(bench{t, l})
		for _, secret := range l.secrets {
			require.NotContains(t, l.store.read()+strings.Join(l.reports, ""), secret)
		}
	})
}

func (b bench) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// known is the demand, which must be known.
func (b bench) known() autoscale.Demand {
	b.Helper()
	d, err := b.demand()
	require.NoError(b, err)
	require.True(b, d.Vouched)
	return d
}

func (b bench) unknown(words string) error {
	b.Helper()
	d, err := b.demand()
	require.ErrorContains(b, err, words)
	require.Empty(b, d)
	return err
}

// up registers a runner and connects it.
func (b bench) up(request, host string) {
	b.Helper()
	config, err := b.register(request, host)
	require.NoError(b, err)
	name, err := b.server.Connect(config)
	require.NoError(b, err)
	require.Equal(b, host, name)
}

func (b bench) begin(host string) {
	b.Helper()
	require.NoError(b, b.work(host))
	synctest.Wait()
}

// use is what the source says of a host, in words.
func (b bench) use(host string) string {
	b.Helper()
	u, known := b.known().Use[host]
	words := []string{}
	for _, w := range []struct {
		so   bool
		word string
	}{{!known, "no record"}, {u.Busy(), "busy"}, {u.Drain != "", string(u.Drain)}, {u.Missing, "missing"}} {
		if w.so {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, " ")
}

func (b bench) runners() string {
	names := []string{}
	for _, r := range b.server.Runners() {
		names = append(names, r.Name)
	}
	return fmt.Sprint(names)
}
