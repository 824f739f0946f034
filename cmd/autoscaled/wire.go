package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"autoscaled/anka"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/web"
	"autoscaled/config"
	"autoscaled/cyclecloud"
	"autoscaled/internal/rest"
	"autoscaled/queue"
	"autoscaled/queue/githubrest"
	"autoscaled/queue/gitlab"
	"autoscaled/queue/slurm"
)

// parts is what a configured cluster becomes: what a loop needs beside its
// journal.
type parts struct {
	cluster *config.Cluster
	cloud   loop.Cloud
	queue   loop.Queue
	// anka is the cloud where it is Anka, and controller the client of it.
	anka       *anka.Provider
	controller *anka.Client
	// registrar is the queue where it makes the records of hosts, and background what
	// it does all the time until its context ends. nil: nothing.
	registrar  registrar
	script     config.Script // built in
	ciURL      string
	background func(context.Context) error
	// inbox is where the queue is told what happens; nil: nowhere.
	inbox *inbox
	// polled is the queue where it polls GitHub, and gitlab where it is GitLab.
	polled *githubrest.Source
	gitlab *gitlab.Source
	note   note
	// inForce is the policy as the queue sees it; nil: it looks at none.
	inForce *policyInForce
	signals signals
	// awaited lists the nodes that Slurm's power saving waits for; nil: it is not the queue.
	awaited func(context.Context) ([]slurm.Awaited, error)
	// watch wakes the loop when the queue changes, until its context ends. nil:
	// the queue can't tell.
	watch func(ctx context.Context, wake func()) error
	// now is the time of loop and cloud, and clock what tells it. nil: it is no clock
	// that is ever set.
	now   func() time.Time
	clock *loop.Clock
}

// fittings change what a daemon is made of just before it is made; the zero value
// changes nothing. Tests that kill the daemon at a certain moment put themselves
// between its parts; of the commands only the demo has any.
type fittings struct {
	client func(*cyclecloud.Options)
	loop   func(*loop.Options)
}

// assemble makes the parts of the config's cluster. metrics are nil where no daemon
// runs: then nothing is to be changed, whatever the config says. Nothing is sent yet.
func assemble(c *config.Config, metrics *web.Metrics, fit fittings) (*parts, error) {
	p := &parts{cluster: &c.Clusters[0], clock: loop.NewClock(nil)}
	p.now = p.clock.Now
	if err := p.addQueue(c.StateDir, metrics, c.DryRun || metrics == nil); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", p.cluster.Name, err)
	}
	if err := p.addCloud(metrics, fit); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", p.cluster.Name, err)
	}
	if metrics != nil {
		metrics.Watch(p.cluster.Name, p.outside())
	}
	return p, nil
}

// options are the loop's, as far as the config tells them.
func (p *parts) options(c *config.Config, journal loop.Journal) loop.Options {
	look, call := p.cloudTimeouts()
	return loop.Options{
		Cluster: p.cluster.Name, Cloud: p.cloud, Queue: p.queue, Journal: journal, Policy: p.cluster.Policy(),
		Interval: c.Interval.Std(), DryRun: c.DryRun, Now: p.now, Clock: p.clock,
		CloudTimeout: look, CallTimeout: call, QueueTimeout: p.queueTimeout(),
	}
}

func (p *parts) addQueue(stateDir string, metrics *web.Metrics, dryRun bool) error {
	switch q := p.cluster.Queue; {
	case q.File != nil:
		file, err := queue.NewFile(queue.FileOptions{Path: q.File.Path, MaxAge: q.File.MaxAge.Std()})
		if err != nil {
			return err
		}
		p.queue, p.watch = file, file.Watch
	case q.HTTP != nil:
		source, err := queue.NewHTTP(queue.HTTPOptions{
			URL: q.HTTP.URL, Auth: authOf(q.HTTP.User, q.HTTP.Password(), q.HTTP.Token()), TLS: tlsOf(q.HTTP.TLS), Timeout: q.HTTP.Timeout.Std(),
			Observer: observer(metrics, "queue"), UserAgent: userAgent(),
		})
		if err != nil {
			return err
		}
		p.queue = source
	case q.Push != nil:
		return p.addPush(q.Push, metrics)
	case q.Prometheus != nil:
		return p.addPrometheus(q.Prometheus, metrics)
	case q.PBS != nil:
		return p.addPBS(q.PBS, dryRun)
	case q.Slurm != nil:
		return p.addSlurm(q.Slurm, stateDir, metrics, dryRun)
	case q.GridEngine != nil:
		return p.addGridEngine(q.GridEngine)
	case q.GitHub != nil:
		return p.addGitHub(q.GitHub, metrics, dryRun)
	case q.GitHubREST != nil:
		return p.addGitHubREST(q.GitHubREST, metrics, dryRun)
	case q.GitLab != nil:
		return p.addGitLab(q.GitLab, metrics, dryRun)
	default:
		source, err := queue.NewExec(queue.ExecOptions{Command: q.Exec.Command, Timeout: q.Exec.Timeout.Std()})
		if err != nil {
			return err
		}
		p.queue = source
	}
	return nil
}

// firstReading is how long a source that polls within a budget of calls is waited for
// until it has read everything once; later it answers at once. Our own choice.
const firstReading = 2 * time.Minute

// queueTimeout leaves a source the time to report its own time-out, and an HTTP
// source that to try twice.
func (p *parts) queueTimeout() time.Duration {
	switch q := p.cluster.Queue; {
	case q.HTTP != nil:
		return 2 * q.HTTP.Timeout.Std()
	case q.Exec != nil:
		return q.Exec.Timeout.Std() + 5*time.Second
	case q.Prometheus != nil: // several queries, one after the other
		return 4 * q.Prometheus.Timeout.Std()
	case q.PBS != nil: // jobs, vnodes, queues and the server, one after the other
		return 4 * q.PBS.Timeout.Std()
	case q.Slurm != nil: // jobs, nodes and settings, one after the other
		return 4 * q.Slurm.Timeout.Std()
	case q.GridEngine != nil: // several programs, one after the other
		return 4 * q.GridEngine.Timeout.Std()
	case q.GitHub != nil:
		return 2 * q.GitHub.Timeout.Std()
	case q.GitHubREST != nil:
		return max(firstReading, 4*q.GitHubREST.Timeout.Std())
	case q.GitLab != nil: // several pages, one after the other
		return 4 * q.GitLab.Timeout.Std()
	}
	return loop.DefaultQueueTimeout
}

// queueName is how people call the queue. A URL's query and a command's
// arguments are left out: they may hold secrets.
func queueName(q config.Queue) string {
	switch {
	case q.File != nil:
		return "file " + q.File.Path
	case q.HTTP != nil:
		address, _, _ := strings.Cut(q.HTTP.URL, "?")
		return address
	case q.Push != nil:
		return "pushes to " + q.Push.Listen + queue.PushPath
	case q.Prometheus != nil:
		return "queries of " + q.Prometheus.URL
	case q.PBS != nil:
		return pbsName(q.PBS)
	case q.Slurm != nil:
		return slurmName(q.Slurm)
	case q.GridEngine != nil:
		return strings.TrimSpace("Grid Engine " + q.GridEngine.Cell)
	case q.GitHub != nil:
		return fmt.Sprintf("%s of %s", plural(len(q.GitHub.ScaleSets), "scale set", "scale sets"), q.GitHub.URL)
	case q.GitHubREST != nil:
		return fmt.Sprintf("%s of %s", plural(len(q.GitHubREST.Repositories), "repository", "repositories"), q.GitHubREST.URL)
	case q.GitLab != nil:
		return "jobs of " + q.GitLab.URL
	}
	return "command " + q.Exec.Command[0]
}

func secret(from config.SecretSource) rest.Secret {
	return func() (string, error) {
		s, err := from.Read()
		return s.Reveal(), err
	}
}

func authOf(user string, password, token config.SecretSource) rest.Auth {
	switch {
	case !token.IsZero():
		return rest.Bearer{Token: secret(token)}
	case user != "":
		return rest.Basic{User: user, Password: secret(password)}
	}
	return nil
}

func tlsOf(t config.TLS) rest.TLS {
	return rest.TLS{CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile, Fingerprint: t.Fingerprint}
}

func observer(metrics *web.Metrics, api string) func(rest.Observation) {
	if metrics == nil {
		return nil
	}
	return func(o rest.Observation) { metrics.Call(api, o.Method, o.Route, o.Code, o.Duration) }
}

func userAgent() string { return "autoscaled/" + programVersion() }
