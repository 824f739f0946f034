package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/web"
	"autoscaled/config"
)

func newRunCommand(fit fittings) *cobra.Command {
	var dryRun, setAside bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long: `Runs the daemon until it is interrupted. SIGHUP, or a change of the configuration file,
loads the policy anew; a configuration that is wrong is refused and the old one stays.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hangup := make(chan os.Signal, 1) // from the first moment, for it would end the process
			signal.Notify(hangup, syscall.SIGHUP)
			defer signal.Stop(hangup)
			path, err := cmd.Flags().GetString("config")
			if err != nil {
				return err
			}
			load := func() (*config.Config, error) {
				c, err := checkedConfig(path)
				if err == nil && dryRun {
					c.DryRun = true
				}
				return c, err
			}
			d, err := openDaemon(path, load, cmd.ErrOrStderr(), fit, setAside)
			if err != nil {
				return err
			}
			d.reloader.hangup = hangup
			restore, err := zap.RedirectStdLogAt(d.log, zap.WarnLevel) // HTTP servers write there
			if err != nil {
				return errors.Join(err, d.close())
			}
			defer restore()
			return errors.Join(d.run(cmd.Context()), d.close())
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "decide and report, but change nothing")
	cmd.Flags().BoolVar(&setAside, "set-aside-damaged-journal", false, "if the journal is damaged, rename it and begin an empty one")
	return cmd
}

// openDaemon is newDaemon, which a damaged journal stops. setAside: unless it can be
// renamed and an empty one begun.
func openDaemon(path string, load func() (*config.Config, error), logTo io.Writer, fit fittings, setAside bool) (*daemon, error) {
	d, err := newDaemon(path, load, logTo, fit)
	if setAside && errors.Is(err, journal.ErrCorrupt) {
		if err = setJournalAside(load, logTo, err); err == nil {
			d, err = newDaemon(path, load, logTo, fit)
		}
	}
	if errors.Is(err, journal.ErrCorrupt) {
		return nil, fmt.Errorf("%w (autoscaled journal check may tell more; restore the file from a copy, or begin an empty one with autoscaled run --set-aside-damaged-journal)", err)
	}
	return d, err
}

// daemon is a running cluster with everything that watches it and is shown of it.
type daemon struct {
	config   *config.Config
	log      *zap.Logger
	registry *prometheus.Registry
	parts    *parts
	journal  *journal.Journal
	loop     *loop.Loop
	reloader *reloader
	control  net.Listener
	public   net.Listener // nil: listen is empty
	heard    net.Listener // what the queue is told comes here; nil: nothing
	lost     chan error   // why the daemon must end, once
}

// newDaemon claims the state directory and the addresses. A daemon that it
// returns must be closed.
func newDaemon(path string, load func() (*config.Config, error), logTo io.Writer, fit fittings) (*daemon, error) {
	c, err := load()
	if err != nil {
		return nil, err
	}
	log, level := newLogger(c.Log, logTo)
	d := &daemon{config: c, log: log, registry: prometheus.NewRegistry(), lost: make(chan error, 1)}
	metrics := web.NewMetrics(d.registry, programVersion())
	if d.parts, err = assemble(c, metrics, fit); err != nil {
		return nil, err
	}
	if err = d.claim(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	options := d.parts.options(c, d.journal)
	options.Logger, options.Metrics, options.OnTick = log, loop.NewMetrics(d.registry), d.ticked
	if options.Refuse, err = d.refusal(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	if fit.loop != nil {
		fit.loop(&options)
	}
	if d.loop, err = loop.New(options); err != nil {
		return nil, errors.Join(err, d.close())
	}
	d.parts.note.bind(d.journal.Note(d.parts.noteName()))
	d.parts.signals.connect(d.loop.Wake, log)
	d.reloader = &reloader{path: path, load: load, loop: d.loop, cloud: d.parts.follow, log: log, level: level, metrics: metrics, current: c, started: c}
	return d, nil
}

// claim takes what only one daemon can have.
func (d *daemon) claim() (err error) {
	if err = d.openJournal(); err != nil {
		return err
	}
	return d.listen()
}

// listen takes the addresses.
func (d *daemon) listen() (err error) {
	if d.control, err = web.ListenControl(d.config.StateDir); err != nil {
		return err
	}
	if in := d.parts.inbox; in != nil {
		if d.heard, err = net.Listen("tcp", in.listen); err != nil {
			return fmt.Errorf("listen for what the queue is told (%s): %w", in.key, err)
		}
	}
	if d.config.Listen == "" {
		return nil
	}
	if d.public, err = net.Listen("tcp", d.config.Listen); err != nil {
		return fmt.Errorf("serve metrics and health (listen): %w", err)
	}
	return nil
}

// close lets go of what is held, in the order opposite to claim's.
func (d *daemon) close() error {
	_ = d.log.Sync() // standard error can't always be synced
	if d.public != nil {
		d.public.Close() // serving may have closed it already
	}
	if d.heard != nil {
		d.heard.Close()
	}
	if d.control != nil {
		d.control.Close()
	}
	if d.journal != nil {
		return d.journal.Close()
	}
	return nil
}

// run works until ctx ends, or until something fails that the daemon can't be
// without.
func (d *daemon) run(ctx context.Context) error {
	d.announce()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.parts.listen(ctx, d.loop.Run) })
	group.Go(func() error { return d.reloader.run(ctx) })
	group.Go(func() error { return d.bereft(ctx) })
	group.Go(func() error { return web.ServeControl(ctx, d.control, d.controls()) })
	if d.public != nil {
		handler := web.Handler(web.Options{Metrics: d.registry, Problems: d.problems, Notes: d.notes, Version: programVersion()})
		group.Go(func() error { return web.Serve(ctx, d.public, handler, d.config.WebConfigFile) })
	}
	if in := d.parts.inbox; in != nil {
		group.Go(func() error { return web.Serve(ctx, d.heard, in.handler, in.configFile) })
	}
	if d.parts.watch != nil {
		group.Go(func() error {
			if err := d.parts.watch(ctx, d.loop.Wake); err != nil {
				d.log.Warn("changes of the queue are not seen at once any more", zap.Error(err), zap.Duration("seen_every", d.config.Interval.Std()))
			}
			return nil
		})
	}
	err := group.Wait()
	if err == nil {
		d.log.Info("stopped")
	}
	return err
}

// ticked sees whether the journal is still the state directory's. Nothing was begun in a
// tick that found that it is not.
func (d *daemon) ticked(r loop.Report) {
	for _, p := range r.Problems {
		if errors.Is(p.Err, journal.ErrLost) {
			select {
			case d.lost <- p.Err:
			default: // it is known
			}
		}
	}
}

// bereft returns an error when the journal is lost, and none when ctx ends.
func (d *daemon) bereft(ctx context.Context) error {
	select {
	case err := <-d.lost:
		return fmt.Errorf("the daemon ends: %w", err)
	case <-ctx.Done():
		return nil
	}
}

func (d *daemon) announce() {
	c := d.parts.cluster
	d.log.Info("started",
		zap.String("version", programVersion()), zap.String("cluster", c.Name),
		zap.String("cloud", d.parts.cloudURL()), zap.String("queue", queueName(c.Queue)),
		zap.String("state_dir", d.config.StateDir), zap.String("listen", addressOf(d.public)),
		zap.Duration("interval", d.config.Interval.Std()), zap.Bool("dry_run", d.config.DryRun),
		zap.String("policy_revision", c.Policy().Revision), zap.String("inbox", addressOf(d.heard)))
}

func addressOf(l net.Listener) string {
	if l == nil {
		return "nowhere"
	}
	return l.Addr().String()
}

// controls is what the control socket gives access to.
func (d *daemon) controls() web.Control {
	return web.Control{
		State: func(ctx context.Context) (web.State, error) {
			state := web.State{Cluster: d.parts.cluster.Name}
			var err error
			if state.Operations, err = d.journal.Operations(ctx); err != nil {
				return state, err
			}
			if state.Memory, err = d.journal.Memory(ctx); err != nil {
				return state, err
			}
			state.Notes, err = notesOf(ctx, d.journal)
			return state, err
		},
		Plan: func() (json.RawMessage, bool) {
			last := d.loop.Last()
			if last.At.IsZero() {
				return nil, false
			}
			text, err := json.Marshal(newPlanDocument(d.parts.cluster.Name, last))
			return text, err == nil
		},
		Wake:   d.loop.Wake,
		Export: d.journal.Export,
		Check:  func(ctx context.Context) (any, error) { return d.journal.Check(ctx) },
		Pause:  d.pause,
		Resume: d.resume,
		Adopt: func(ctx context.Context, r web.AdoptRequest) (web.Adopted, error) {
			nodes, err := d.loop.Adopt(ctx, r.Nodes)
			return web.Adopted{Nodes: nodes}, err
		},
		Status: d.status,
		Why:    d.why,
		Orphans: func() (json.RawMessage, bool) {
			last := d.loop.Last()
			if last.At.IsZero() {
				return nil, false
			}
			text, err := json.Marshal(newOrphansDocument(d.parts.cluster.Name, last))
			return text, err == nil
		},
	}
}

// problems are why the daemon isn't ready, each in one sentence.
func (d *daemon) problems() []web.Problem {
	var list []web.Problem
	last := d.loop.Last()
	if err := d.loop.Ready(); err != nil {
		for _, p := range last.Problems {
			switch p.Step {
			case loop.StepQueue, loop.StepCloud, loop.StepJournal:
				list = append(list, web.Problem{Part: string(p.Step), Problem: oneLine(p.Err.Error())})
			}
		}
		if len(list) == 0 {
			list = append(list, web.Problem{Part: "tick", Problem: err.Error()})
		}
	}
	if hold := last.Plan.Hold; hold.Code == autoscale.ReasonBreaker {
		list = append(list, web.Problem{Part: "cloud", Problem: hold.String()})
	}
	if last.Refused != "" && !d.config.DryRun {
		list = append(list, web.Problem{Part: string(loop.StepAct), Problem: last.Refused})
	}
	if stopped := last.Observation.Supply.Stopped; stopped != "" {
		list = append(list, web.Problem{Part: "cloud", Problem: stopped})
	}
	if refused := d.reloader.problem(); refused != "" {
		list = append(list, web.Problem{Part: "config", Problem: refused})
	}
	return list
}

// oneLine folds a text of several lines.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// checkedConfig reads a configuration and tries the files that it names.
func checkedConfig(path string) (*config.Config, error) {
	c, err := config.Check(path)
	if err != nil {
		return nil, err
	}
	if err := web.CheckWebConfig(c.WebConfigFile); err != nil {
		return nil, usageError(fmt.Errorf("web_config_file %s: %w", c.WebConfigFile, err))
	}
	for i := range c.Clusters {
		key, file := "", ""
		switch q := c.Clusters[i].Queue; {
		case q.GitHubREST != nil && q.GitHubREST.Webhook != nil:
			key, file = "github_rest.webhook", q.GitHubREST.Webhook.WebConfigFile
		case q.Push != nil:
			key, file = "push", q.Push.WebConfigFile
		}
		if err := web.CheckWebConfig(file); err != nil {
			return nil, usageError(fmt.Errorf("clusters[%d].queue.%s.web_config_file %s: %w", i, key, file, err))
		}
	}
	return c, nil
}
