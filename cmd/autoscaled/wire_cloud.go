package main

import (
	"time"

	"autoscaled/anka"
	"autoscaled/autoscale/web"
	"autoscaled/config"
	"autoscaled/cyclecloud"
	"autoscaled/internal/rest"
)

// addCloud makes the cluster's cloud. Nothing is sent yet.
func (p *parts) addCloud(metrics *web.Metrics, fit fittings) error {
	if p.cluster.Anka != nil {
		return p.addAnka(metrics)
	}
	client, err := newClient(p.cluster.CycleCloud, observer(metrics, "cyclecloud"), fit)
	if err != nil {
		return err
	}
	p.cloud = cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: client, Cluster: p.cluster.CycleCloud.Cluster, Now: p.now})
	return nil
}

func newClient(c *config.CycleCloud, observe func(rest.Observation), fit fittings) (*cyclecloud.Client, error) {
	options := cyclecloud.Options{
		URL: c.URL, User: c.User, Password: secret(c.Password()), TLS: tlsOf(c.TLS), Timeout: c.Timeout.Std(),
		Observer: observe, UserAgent: userAgent(),
	}
	if fit.client != nil {
		fit.client(&options)
	}
	return cyclecloud.New(options)
}

func (p *parts) addAnka(metrics *web.Metrics) (err error) {
	c := p.cluster.Anka
	options := anka.Options{
		URL: c.URL, TLS: tlsOf(c.TLS), Timeout: c.Timeout.Std(), Observer: observer(metrics, "anka"), UserAgent: userAgent(),
	}
	if token := c.Token(); !token.IsZero() {
		options.RootToken = secret(token)
	}
	if c.KeyID != "" {
		options.APIKey = &anka.APIKey{ID: c.KeyID, Key: func() ([]byte, error) {
			key, err := c.Key().Read()
			return []byte(key.Reveal()), err
		}}
	}
	if p.controller, err = anka.New(options); err != nil {
		return err
	}
	p.anka, err = anka.NewProvider(anka.ProviderOptions{
		Client: p.controller, Pools: p.ankaPools(&p.cluster.Scaling), Now: p.now, Owner: c.Owner, Settle: c.Settle.Std(),
		PullingPercent: c.PullingPercent, Priority: c.Priority, ScheduleTimeout: c.ScheduleTimeout.Std(), PullTimeout: c.PullTimeout.Std(), StartTimeout: c.StartTimeout.Std(),
	})
	if err != nil {
		return err
	}
	p.cloud = p.anka
	return nil
}

// follow makes cloud and queue follow another policy, as far as its pools are theirs.
func (p *parts) follow(c *config.Cluster) error {
	if p.inForce != nil {
		p.inForce.set(c.Policy())
	}
	if p.anka == nil {
		return nil
	}
	return p.anka.SetPools(p.ankaPools(&c.Scaling))
}

// cloudTimeouts bound one look at the cloud and one change of it. One attempt may time
// out and be repeated, or be followed by a question what became of it; and a look at
// Anka is several calls, one after the other.
func (p *parts) cloudTimeouts() (look, call time.Duration) {
	if c := p.cluster.Anka; c != nil {
		return 4 * c.Timeout.Std(), 2 * c.Timeout.Std()
	}
	call = 2 * p.cluster.CycleCloud.Timeout.Std()
	return call, call
}

// cloudURL is where the cloud is.
func (p *parts) cloudURL() string {
	if c := p.cluster.Anka; c != nil {
		return c.URL
	}
	return p.cluster.CycleCloud.URL
}
