package fleet_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
	"autoscaled/autoscale/loop"
	"autoscaled/internal/fleet"
	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

const (
	intel = "macos-13-intel" // a set, and the template of its jobs
	// settled is how long a lost start may arrive.
	settled = 2 * time.Minute
)

// rig is the real loop over a fleet in a bubble of virtual time: what the binary wires,
// but for its edges.
type rig struct {
	*testing.T
	world  *fleet.World
	anka   *ankatest.Server
	github *githubtest.Server
	gitlab *gitlabServer // nil: GitHub is the CI service
	setup  setup
	dir    string
	notes  *notes // outlive the daemon, as the journal does
	life   *life  // the daemon of now; nil: it is down

	mu       sync.Mutex
	reports  []loop.Report
	troubles []string
}

// setup says what a rig is made of.
type setup struct {
	macs    ankatest.Config
	options fleet.Options
	pools   []anka.PoolOptions
	policy  autoscale.Policy
	// interval is that of the loop.
	interval time.Duration
	// provider may change the provider's options.
	provider func(*anka.ProviderOptions)
	// launch is how the start-up script ends that begins to run the runner.
	launch string
	// weather breaks the daemon's calls; nil: nothing does.
	weather *weather
	// gitlab says which GitLab there is instead of GitHub; nil: none.
	gitlab *gitlabSetup
	// sets are the scale sets, each with the pool's template of the same name.
	sets []string
}

// detached lets a script go on without its runner.
const detached = " >/dev/null 2>&1 &\n"

// standard is a fleet of ten arm64 Macs and ten Intel ones that hold what the two sets need.
func standard() setup {
	cfg := ankatest.DefaultConfig()
	cfg.Nodes = []ankatest.NodeConfig{
		{Name: "arm", Count: 10, Arch: "arm64", Holds: []ankatest.HoldConfig{{Template: arm, Tag: "v2"}}},
		{Name: "intel", Count: 10, Arch: "amd64", Holds: []ankatest.HoldConfig{{Template: intel, Tag: "base"}}},
	}
	return setup{
		macs: cfg,
		pools: []anka.PoolOptions{
			{Name: "ios", Template: arm, Tag: "v2", VCPU: 4, VRAM: 8192},
			{Name: "mac", Template: intel, Tag: "base", VCPU: 4, VRAM: 8192},
		},
		policy: autoscale.Policy{Pools: []autoscale.PoolPolicy{{
			Name: "all", IdleTime: 30 * time.Second, BootTimeout: 10 * time.Minute, JoinTimeout: 10 * time.Minute,
		}}},
		interval: 10 * time.Second, launch: detached, sets: []string{arm, intel},
	}
}

// play lives through a day in a bubble. The daemon runs when it begins.
func play(t *testing.T, s setup, day func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, setup: s, dir: t.TempDir(), notes: &notes{}}
		var err error
		r.anka, err = ankatest.New(s.macs, ankatest.ClockFunc(time.Now), 1)
		require.NoError(t, err)
		r.github = githubtest.New(githubtest.Config{PAT: pat, PollWait: 50 * time.Second}, githubtest.ClockFunc(time.Now))
		for _, name := range s.sets {
			r.github.AddSet(name)
		}
		s.options.Anka, s.options.GitHub, s.options.Now = r.anka, r.github, time.Now
		if s.gitlab != nil {
			r.playGitLab(&s)
		}
		r.world, err = fleet.New(s.options)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { r.world.Run(ctx) })
		defer running.Wait()
		defer cancel()
		defer r.kill()
		r.start()
		day(r)
	})
}

// life is a daemon from its start to its end. Once it is dead nothing of it has any effect.
type life struct {
	mu       sync.Mutex
	dead     bool
	loop     *loop.Loop
	source   ciSource
	provider *anka.Provider
	journal  *journal.Journal
	cancel   context.CancelFunc
	over     sync.WaitGroup
}

func (l *life) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// mortal lets nothing out once a life has ended.
type mortal struct {
	life *life
	http.RoundTripper
}

func (m mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.life.isDead() {
		return nil, errDead
	}
	answer, err := m.RoundTripper.RoundTrip(r)
	if m.life.isDead() {
		return nil, errDead
	}
	return answer, err
}

// notes is what a source keeps.
type notes struct {
	mu   sync.Mutex
	text []byte
}

// mortalNotes are those of one life.
type mortalNotes struct {
	*notes
	life *life
}

func (n mortalNotes) Load(context.Context) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text, nil
}

func (n mortalNotes) Save(_ context.Context, text []byte) error {
	if n.life.isDead() {
		return errDead
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = text
	return nil
}

// mortalJournal is that of one life.
type mortalJournal struct {
	*journal.Journal
	life *life
}

func (j mortalJournal) Put(ctx context.Context, ops ...autoscale.Operation) error {
	if j.life.isDead() {
		return errDead
	}
	return j.Journal.Put(ctx, ops...)
}

func (j mortalJournal) Save(ctx context.Context, m autoscale.Memory) error {
	if j.life.isDead() {
		return errDead
	}
	return j.Journal.Save(ctx, m)
}

// start starts the daemon on what an earlier one left.
func (r *rig) start() {
	r.Helper()
	l := &life{}
	file, err := journal.Open(r.dir, journal.Options{Cluster: "mac-ci", At: time.Now(), Volatile: true})
	require.NoError(r, err)
	l.journal = file
	l.source = r.source(l, func() { l.loop.Wake() })
	l.provider = r.provider(l, l.source)
	l.loop, err = loop.New(loop.Options{
		Cluster: "mac-ci", Cloud: l.provider, Queue: l.source, Journal: mortalJournal{file, l},
		Policy: r.setup.policy, Interval: r.setup.interval, Now: time.Now, OnTick: r.ticked,
	})
	require.NoError(r, err)
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.over.Go(func() { _ = l.loop.Run(ctx) })
	l.over.Go(func() { _ = l.source.Run(ctx) })
	r.life = l
}

// kill is kill -9: what is under way is lost, and nobody closes anything.
func (r *rig) kill() {
	l := r.life
	if l == nil {
		return
	}
	r.life = nil
	l.mu.Lock()
	l.dead = true
	l.mu.Unlock()
	l.cancel()
	l.over.Wait()
	_ = l.journal.Close()
}

// ciSource is what the daemon has of a CI service.
type ciSource interface {
	loop.Queue
	Register(context.Context, autoscale.Attempt) (credential string, err error)
	Run(context.Context) error
}

// startup is a pool's start-up script around the runner's credential.
type startup struct {
	ciSource
	before, after string
}

func (s startup) Script(ctx context.Context, a autoscale.Attempt) (string, error) {
	credential, err := s.Register(ctx, a)
	if err != nil {
		return "", err
	}
	return s.before + credential + s.after, nil
}

// through is a transport in the setup's weather.
func (r *rig) through(t http.RoundTripper) http.RoundTripper {
	if r.setup.weather == nil {
		return t
	}
	return wire{r.setup.weather, t}
}

// client is the one of a life that asks the controller.
func (r *rig) client(l *life) *anka.Client {
	r.Helper()
	c, err := anka.New(anka.Options{URL: "http://anka.test", Transport: mortal{l, r.through(r.world.AnkaTransport())}})
	require.NoError(r, err)
	return c
}

func (r *rig) provider(l *life, s ciSource) *anka.Provider {
	r.Helper()
	o := anka.ProviderOptions{
		Client: r.client(l), Pools: r.pools(s), Now: time.Now, Settle: settled,
		ScheduleTimeout: 5 * time.Minute, PullTimeout: 2 * time.Hour, StartTimeout: 10 * time.Minute,
	}
	if r.setup.provider != nil {
		r.setup.provider(&o)
	}
	p, err := anka.NewProvider(o)
	require.NoError(r, err)
	return p
}

// pools are those of the setup with their start-up scripts.
func (r *rig) pools(s ciSource) []anka.PoolOptions {
	pools := slices.Clone(r.setup.pools)
	for i := range pools {
		pools[i].Startup = startup{s, "#!/bin/sh\nnohup ./run.sh --jitconfig ", r.setup.launch}
	}
	return pools
}

// reload lets the daemon follow changed pools, as when its configuration is loaded anew.
func (r *rig) reload(change func(pools []anka.PoolOptions)) {
	r.Helper()
	change(r.setup.pools)
	require.NoError(r, r.life.provider.SetPools(r.pools(r.life.source)))
	r.life.loop.Wake()
}

// source is the CI source of one life.
func (r *rig) source(l *life, wake func()) ciSource {
	r.Helper()
	if r.gitlab != nil {
		return r.gitlabSource(l, wake)
	}
	o := github.SourceOptions{
		Client: newGitHub(r.T, mortal{l, r.through(r.world.GitHubTransport())}), Owner: "autoscaled",
		Store: mortalNotes{r.notes, l}, Now: time.Now, Wake: wake, Report: r.trouble,
	}
	for _, name := range r.setup.sets {
		o.Sets = append(o.Sets, github.SetOptions{Name: name, Select: autoscale.Selector{Label: "template", In: []string{name}}})
	}
	s, err := github.NewSource(o)
	require.NoError(r, err)
	return s
}

// trouble notes what the source tells of.
func (r *rig) trouble(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.troubles = append(r.troubles, fmt.Sprintf("%s %v", time.Now().Format(time.TimeOnly), err))
}

func (r *rig) ticked(report loop.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports = append(r.reports, report)
}

// queue queues n jobs that arrive now.
func (r *rig) queue(n int, set string, length, cancelAfter time.Duration) {
	for range n {
		r.world.Add(fleet.Job{Set: set, At: time.Now(), Length: length, CancelAfter: cancelAfter})
	}
}

// until waits until it is so; it fails if it is not within that time.
func (r *rig) until(what string, within time.Duration, so func(b fleet.Books) bool) time.Duration {
	r.Helper()
	began := time.Now()
	for !so(r.world.Books()) {
		if time.Since(began) > within {
			r.tell()
			require.Fail(r, "it did not come to it within "+within.String(), what)
		}
		time.Sleep(max(time.Second, within/120))
	}
	return time.Since(began)
}

// tell logs how things stand, for a trial that fails.
func (r *rig) tell() {
	b := r.world.Books()
	r.Logf("%d jobs wait, %d run, %d succeeded; %d starts, %d VMs, %d records", b.Waiting(), b.Running(), b.Succeeded(), b.Starts, len(b.VMs), len(b.Records)+len(b.GitLab))
	for _, v := range b.Violations {
		r.Logf("%s %s: %s", v.At, v.Kind, v.Text)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.troubles[max(0, len(r.troubles)-10):] {
		r.Logf("source: %s", line)
	}
	if len(r.reports) == 0 {
		return
	}
	last := r.reports[len(r.reports)-1]
	r.Logf("last of %d ticks, at %s: %v", len(r.reports), last.At, last.Err())
	r.Logf("its plan: %s", fmt.Sprintf("%+v", last.Plan))
}

// clean requires that nothing happened which should not have.
func (r *rig) clean() {
	r.Helper()
	if v := r.world.Books().Violations; len(v) > 0 {
		r.tell()
		require.Empty(r, v)
	}
}

// over tells whether nothing is left: no VM, no record of a runner.
func over(b fleet.Books) bool { return len(b.VMs)+len(b.Records)+len(b.GitLab) == 0 }

// template is the id of a template.
func (r *rig) template(name string) string {
	r.Helper()
	id, err := r.anka.TemplateID(name)
	require.NoError(r, err)
	return id
}
