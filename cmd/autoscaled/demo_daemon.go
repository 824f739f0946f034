package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/web"
	"autoscaled/config"
	"autoscaled/cyclecloud"
)

const (
	// demoTick is how much real time passes between two ticks of the daemon.
	demoTick = 40 * time.Millisecond
	// demoLongest is the most of the trace's time that passes between two ticks.
	// More would hide from the daemon what it has to react to; a higher speed
	// makes ticks come as fast as the machine can.
	demoLongest = 5 * time.Minute
)

// demoWiring is what the demo's daemon is made of.
type demoWiring struct {
	url, password, listen string
	clock                 *demoClock
	queue                 demoQueue
	onTick                func(loop.Report)
}

// interval between two ticks, in the time of the trace.
func (w demoWiring) interval() time.Duration {
	return min(max(loop.DefaultInterval, time.Duration(float64(demoTick)*w.clock.speed)), demoLongest)
}

// config is the demo's configuration, as a file with nothing but the defaults
// would give it, and with a password file in the state directory.
func (w demoWiring) config(dir, passwordFile string) *config.Config {
	return &config.Config{
		StateDir: dir, Listen: w.listen, Interval: config.Duration(w.interval()),
		Clusters: []config.Cluster{{
			Name: demoCluster,
			CycleCloud: &config.CycleCloud{
				URL: w.url, Cluster: demoCluster, User: demoUser, PasswordFile: passwordFile, Timeout: config.Duration(30 * time.Second),
			},
			Scaling: demoScaling(config.Pool{Name: demoNodearray, Nodearray: demoNodearray}),
		}},
	}
}

// demoScaling is a policy of nothing but defaults.
func demoScaling(pools ...config.Pool) config.Scaling {
	return config.Scaling{
		IdleTime:     config.Duration(autoscale.DefaultIdleTime),
		BootTimeout:  config.Duration(autoscale.DefaultBootTimeout),
		DrainTimeout: config.Duration(autoscale.DefaultDrainTimeout),
		AbsentFor:    config.Duration(autoscale.DefaultAbsentFor),
		GangPatience: config.Duration(autoscale.DefaultGangPatience),
		GangHold:     config.Duration(autoscale.DefaultGangHold),

		CreatesPerTick: autoscale.DefaultChangesPerTick, CreatesPerHour: autoscale.DefaultChangesPerHour,
		RemovalsPerTick: autoscale.DefaultChangesPerTick, RemovalsPerHour: autoscale.DefaultChangesPerHour,
		DemandJump: autoscale.DefaultDemandJump, Adopt: string(autoscale.AdoptOwned),
		Pools: pools,
	}
}

// demoDaemon is the daemon as run starts it, but for its clock and its queue. No
// configuration file is followed.
type demoDaemon struct{ *daemon }

func newDemoDaemon(w demoWiring) (demoDaemon, error) {
	dir, err := os.MkdirTemp("", "autoscaled-demo-")
	if err != nil {
		return demoDaemon{}, fmt.Errorf("make a state directory: %w", err)
	}
	d, err := startDemoDaemon(w, dir)
	if err != nil {
		return demoDaemon{}, errors.Join(err, os.RemoveAll(dir))
	}
	return d, nil
}

func startDemoDaemon(w demoWiring, dir string) (demoDaemon, error) {
	passwordFile := filepath.Join(dir, "password")
	if err := os.WriteFile(passwordFile, []byte(w.password), 0o600); err != nil {
		return demoDaemon{}, fmt.Errorf("write the simulator's password: %w", err)
	}
	c := w.config(dir, passwordFile)
	d := &daemon{config: c, log: zap.NewNop(), registry: prometheus.NewRegistry()}
	metrics := web.NewMetrics(d.registry, programVersion())
	metrics.ConfigLoaded(time.Now())
	cluster := &c.Clusters[0]
	client, err := newClient(cluster.CycleCloud, observer(metrics, "cyclecloud"), fittings{client: retrySoon})
	if err != nil {
		return demoDaemon{}, err
	}
	d.parts = &parts{
		cluster: cluster, queue: w.queue, now: w.clock.Now,
		cloud: cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: client, Cluster: demoCluster, Now: w.clock.Now}),
	}
	if err := d.claim(); err != nil {
		return demoDaemon{}, errors.Join(otherListen(err), d.close())
	}
	options := d.parts.options(c, d.journal)
	options.Metrics, options.OnTick, options.After = loop.NewMetrics(d.registry), w.onTick, w.clock.After
	if d.loop, err = loop.New(options); err != nil {
		return demoDaemon{}, errors.Join(err, d.close())
	}
	d.reloader = &reloader{} // there is no file to follow
	return demoDaemon{d}, nil
}

// retrySoon lets a failed read be sent again at once: the trace's time stands
// still meanwhile, and nobody else asks that server.
func retrySoon(o *cyclecloud.Options) { o.RetryWait = time.Millisecond }

// otherListen tells how to get out of the way of a daemon that is running.
func otherListen(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; choose another address with --listen", err)
	}
	return err
}

// run ticks, and serves metrics and the control socket, until ctx ends.
func (d demoDaemon) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.loop.Run(ctx) })
	group.Go(func() error { return web.ServeControl(ctx, d.control, d.controls()) })
	if d.public != nil {
		handler := web.Handler(web.Options{Metrics: d.registry, Problems: d.problems, Version: programVersion()})
		group.Go(func() error { return web.Serve(ctx, d.public, handler, "") })
	}
	return group.Wait()
}

// metricsURL is empty where metrics are not served.
func (d demoDaemon) metricsURL() string {
	if d.public == nil {
		return ""
	}
	return "http://" + d.public.Addr().String() + "/metrics"
}

// records are what the daemon has written down.
func (d demoDaemon) records(ctx context.Context) (r demoRecords, err error) {
	if r.Operations, err = d.journal.All(ctx); err != nil {
		return r, err
	}
	r.Memory, err = d.journal.Memory(ctx)
	return r, err
}

// discard closes the daemon and removes its state directory.
func (d demoDaemon) discard() error {
	return errors.Join(d.close(), os.RemoveAll(d.config.StateDir))
}
