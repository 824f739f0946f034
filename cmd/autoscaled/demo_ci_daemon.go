package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"autoscaled/anka"
	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/web"
	"autoscaled/config"
	"autoscaled/internal/rest"
	"autoscaled/queue/github"
)

const (
	ciDemoToken = "ghp_demo"           // that the simulated GitHub accepts
	ciOrg       = "http://github/acme" // reached without a socket, as the controller is
	ciMacs      = "http://anka"
)

const (
	// ciInterval is how often the daemon looks by itself. It looks after news as well, but
	// ciGap after the last time at the earliest: each look costs a few milliseconds.
	ciInterval = 30 * time.Second
	ciGap      = 5 * time.Second
)

// config is the CI demo's configuration, as a file with nothing but the defaults would
// give it.
func (d *ciDemo) config() *config.Config {
	scaling := demoScaling()
	scaling.FairShare = true
	for _, k := range d.day.Kinds {
		scaling.Pools = append(scaling.Pools, config.Pool{
			Name: k.Pool, Template: k.Template, Tag: k.Tag, VCPU: ciVCPU, Memory: ciMemory, JoinTimeout: config.Duration(10 * time.Minute),
		})
	}
	return &config.Config{
		StateDir: d.dir, Listen: d.options.listen, Interval: config.Duration(ciInterval),
		Clusters: []config.Cluster{{Name: demoCluster, Scaling: scaling, Anka: &config.Anka{
			URL: ciMacs, Timeout: config.Duration(30 * time.Second), Owner: "autoscaled", Settle: config.Duration(2 * time.Minute), PullingPercent: ciPullingPercent,
			ScheduleTimeout: config.Duration(5 * time.Minute), PullTimeout: config.Duration(2 * time.Hour), StartTimeout: config.Duration(10 * time.Minute),
		}}},
	}
}

// ciLife is the daemon from its start to its end, with the source of its queue. What is
// dead has no effect any more.
type ciLife struct {
	demoDaemon
	source *github.Source
	fate   *ciFate
}

// newLife starts the daemon on what an earlier one left.
func (d *ciDemo) newLife() (l *ciLife, err error) {
	c := d.config()
	l = &ciLife{fate: d.newFate()}
	l.daemon = &daemon{config: c, log: zap.NewNop(), registry: prometheus.NewRegistry(), reloader: &reloader{}}
	metrics := web.NewMetrics(l.registry, programVersion())
	metrics.ConfigLoaded(time.Now())
	l.parts = &parts{cluster: &c.Clusters[0], now: d.stage.Now}
	// No power fails here: what is written need not reach the disk at once.
	l.journal, err = journal.Open(c.StateDir, journal.Options{Cluster: demoCluster, At: d.stage.Now(), Volatile: true})
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	if err := l.listen(); err != nil {
		return nil, errors.Join(otherListen(err), l.close())
	}
	if err := d.wire(l, metrics); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// wire makes the parts of a life: source, provider and loop.
func (d *ciDemo) wire(l *ciLife, metrics *web.Metrics) (err error) {
	if l.source, err = d.newSource(l, metrics); err != nil {
		return err
	}
	if l.parts.anka, err = d.newProvider(l, metrics); err != nil {
		return err
	}
	turns := newCITurns(l.parts.anka)
	l.parts.cloud, l.parts.queue = turns, l.source
	options := l.parts.options(l.config, l.journal)
	options.Journal = ciJournal{mortalJournal{l.journal, l.fate}, turns}
	options.Metrics, options.OnTick, options.After = loop.NewMetrics(l.registry), d.ticked, d.stage.LoopAfter
	options.NewRequestID = d.nextRequest
	l.loop, err = loop.New(options)
	return err
}

// nextRequest makes ids that depend on the seed alone.
func (d *ciDemo) nextRequest() autoscale.RequestID {
	d.requests++
	return autoscale.RequestID(uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, d.options.seed, d.requests)).String())
}

func (d *ciDemo) newSource(l *ciLife, metrics *web.Metrics) (*github.Source, error) {
	var wire http.RoundTripper = ciLines{d.stage, d.world.GitHubTransport()}
	if d.options.faults {
		wire = d.weather.through(wire)
	}
	client, err := github.New(github.Options{
		URL: ciOrg, Token: rest.Static(ciDemoToken), RetryWait: time.Millisecond, Observer: observer(metrics, "github"),
		Transport: l.fate.elsewhere(wire),
	})
	if err != nil {
		return nil, err
	}
	o := github.SourceOptions{
		Client: client, Owner: "autoscaled", Store: mortalStore{l.journal.Note(githubNote), l.fate},
		Now: d.stage.Now, After: d.stage.SourceAfter, Wake: d.stage.Wake,
	}
	for _, k := range d.day.Kinds {
		o.Sets = append(o.Sets, github.SetOptions{Name: k.Set, Select: autoscale.HasLabel("template", k.Template)})
	}
	return github.NewSource(o)
}

func (d *ciDemo) newProvider(l *ciLife, metrics *web.Metrics) (*anka.Provider, error) {
	client, err := anka.New(anka.Options{
		URL: ciMacs, RetryWait: time.Millisecond, Observer: observer(metrics, "anka"), Transport: l.fate.controller(d.world.AnkaTransport()),
	})
	if err != nil {
		return nil, err
	}
	c := l.parts.cluster.Anka
	l.parts.registrar, l.parts.script, l.parts.ciURL = l.source, githubScript, ciOrg
	return anka.NewProvider(anka.ProviderOptions{
		Client: client, Pools: l.parts.ankaPools(&l.parts.cluster.Scaling), Now: d.stage.Now, Owner: c.Owner, Settle: c.Settle.Std(), PullingPercent: c.PullingPercent,
		ScheduleTimeout: c.ScheduleTimeout.Std(), PullTimeout: c.PullTimeout.Std(), StartTimeout: c.StartTimeout.Std(),
	})
}

// run works until ctx ends.
func (l *ciLife) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.demoDaemon.run(ctx) })
	group.Go(func() error { return l.source.Run(ctx) })
	return group.Wait()
}

// newFate draws when a daemon is killed; without faults none is.
func (d *ciDemo) newFate() *ciFate {
	f := &ciFate{now: d.stage.Now}
	if d.options.faults {
		f.at = f.now().Add(time.Duration(d.fates.ExpFloat64() * float64(ciKills)))
		f.after = d.fates.IntN(2) == 1
	}
	return f
}
