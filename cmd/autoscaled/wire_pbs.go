package main

import (
	"maps"
	"time"

	"autoscaled/autoscale"
	"autoscaled/config"
	"autoscaled/queue/pbs"
)

// pbsOffer is what a node of a pool offers, with the pool's own labels. false: no pool of
// the policy is of it.
func (p *policyInForce) pbsOffer(pool *autoscale.Pool) (pbs.Offered, bool) {
	policy := p.policy.Load()
	for i := range policy.Pools {
		if _, ours := policy.Pools[i].Match.Match(pool.Labels); ours {
			labels := maps.Clone(pool.Labels)
			maps.Copy(labels, policy.Pools[i].Labels)
			return pbs.Offered{Resources: policy.Offer(pool), Labels: labels}, true
		}
	}
	return pbs.Offered{}, false
}

// addPBS makes a queue of a PBS. No command is run yet.
func (p *parts) addPBS(q *config.PBSQueue, dryRun bool) error {
	p.inForce = &policyInForce{}
	p.inForce.set(p.cluster.Policy())
	options := pbs.Options{
		Commands: q.Commands, Server: q.Server, Timeout: q.Timeout.Std(), Mapping: pbsMapping(q),
		Offer: p.inForce.pbsOffer, Store: &p.note, DryRun: dryRun,
	}
	if q.TimeZone != "" {
		zone, err := time.LoadLocation(q.TimeZone)
		if err != nil {
			return err
		}
		options.Zone = zone
	}
	source, err := pbs.New(options)
	if err != nil {
		return err
	}
	p.queue = source
	return nil
}

// pbsMapping says what PBS's names are to the planner, as the config tells.
func pbsMapping(q *config.PBSQueue) pbs.Mapping {
	queues := make(map[string]*config.PBSPools, len(q.Queues))
	for i := range q.Queues {
		queues[q.Queues[i].Name] = &q.Queues[i]
	}
	var m pbs.Mapping
	for _, r := range q.Resources {
		m.Resources = append(m.Resources, pbs.Resource{Name: r.Name, Kind: pbs.Kind(r.Is), As: r.As})
	}
	m.Queue = func(name string) (autoscale.Selector, bool) {
		listed := queues[name]
		switch {
		case listed == nil:
			return autoscale.Selector{}, true
		case listed.Ignored:
			return autoscale.Selector{}, false
		}
		var all []autoscale.Selector
		for _, l := range listed.Pools {
			all = append(all, autoscale.HasLabel(l.Name, l.Value))
		}
		if len(all) == 1 {
			return all[0], true
		}
		return autoscale.Selector{All: all}, true
	}
	return m
}

// pbsName is how people call the queue.
func pbsName(q *config.PBSQueue) string {
	if q.Server != "" {
		return "PBS on " + q.Server
	}
	return "PBS"
}
