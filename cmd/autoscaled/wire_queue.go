package main

import (
	"context"
	"errors"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/web"
	"autoscaled/config"
	"autoscaled/queue"
)

// addPush makes a queue of what is pushed to the daemon. metrics are nil where no
// daemon runs: then nobody can push.
func (p *parts) addPush(q *config.PushQueue, metrics *web.Metrics) error {
	if metrics == nil {
		p.queue = elsewhere{}
		return nil
	}
	options := queue.PushOptions{
		Lease: q.Lease.Std(), Wake: p.signals.wakeUp,
		Observer: func(result queue.PushResult, taken time.Time) { metrics.Pushed(string(result), taken) },
	}
	if !q.Token().IsZero() {
		options.Token = secret(q.Token())
	}
	source, err := queue.NewPush(options)
	if err != nil {
		return err
	}
	p.queue, p.inbox = source, &inbox{"queue.push.listen", q.Listen, q.WebConfigFile, source.Handler()}
	return nil
}

// elsewhere is demand that only the daemon hears of.
type elsewhere struct{}

var errElsewhere = errors.New("demand is pushed to the running daemon, and only that knows it (GET " + queue.PushPath + " shows it)")

// Demand tells where it is.
func (elsewhere) Demand(context.Context) (autoscale.Demand, error) {
	return autoscale.Demand{}, errElsewhere
}

// addPrometheus makes a queue of PromQL queries. Nothing is sent yet.
func (p *parts) addPrometheus(q *config.PrometheusQueue, metrics *web.Metrics) error {
	options := queue.PrometheusOptions{
		URL: q.URL, Query: q.Query, Running: q.RunningQuery, RunningCores: q.RunningCounts == "cores",
		ListedOnly: q.RunningListed, EmptyIsZero: q.EmptyIsZero, MaxAge: q.MaxAge.Std(),
		Labels: queue.PrometheusLabels{
			Name: q.Labels.Name, Cores: q.Labels.Cores, Memory: q.Labels.Memory, GPUs: q.Labels.GPUs,
			Priority: q.Labels.Priority, Host: q.Labels.Host,
		},
		Auth: authOf(q.User, q.Password(), q.Token()), TLS: tlsOf(q.TLS), Timeout: q.Timeout.Std(),
		Observer: observer(metrics, "queue"), UserAgent: userAgent(),
	}
	if q.Rounding != "none" {
		options.Rounding = queue.Rounding(q.Rounding)
	}
	for _, l := range q.Labels.Pools {
		options.Labels.Pools = append(options.Labels.Pools, queue.PoolLabel{Pool: l.Name, Series: l.Series()})
	}
	source, err := queue.NewPrometheus(options)
	if err != nil {
		return err
	}
	p.queue = source
	return nil
}
