package main

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"

	"autoscaled/autoscale"
	"autoscaled/config"
	"autoscaled/queue/gridengine"
)

// policyInForce is the policy as a queue sees it that maps jobs to its pools: what is
// reloaded is followed.
type policyInForce struct {
	policy atomic.Pointer[autoscale.Policy]
}

func (p *policyInForce) set(policy autoscale.Policy) { p.policy.Store(&policy) }

// pool is the selector of a pool, by its name.
func (p *policyInForce) pool(name string) (autoscale.Selector, bool) {
	pools := p.policy.Load().Pools
	i := slices.IndexFunc(pools, func(pool autoscale.PoolPolicy) bool { return pool.Name == name })
	if i < 0 {
		return autoscale.Selector{}, false
	}
	return pools[i].Match, true
}

// adoptsAll tells whether nodes are ours that do not carry our mark.
func (p *policyInForce) adoptsAll() bool { return p.policy.Load().Adopt == autoscale.AdoptAll }

// of is the name of the pool that a node's pool follows, and what its nodes offer.
func (p *policyInForce) of(n *autoscale.Node, pools []autoscale.Pool) (name string, offer autoscale.Resources, managed bool) {
	policy := p.policy.Load()
	i := slices.IndexFunc(pools, func(pool autoscale.Pool) bool { return pool.ID == n.Pool })
	if i < 0 {
		return "", offer, false
	}
	for j := range policy.Pools {
		if _, ok := policy.Pools[j].Match.Match(pools[i].Labels); ok {
			return policy.Pools[j].Name, policy.Offer(&pools[i]), true
		}
	}
	return "", offer, false
}

// addGridEngine makes a queue of a Grid Engine's jobs. Nothing is run yet.
func (p *parts) addGridEngine(q *config.GridEngineQueue) error {
	p.inForce = &policyInForce{}
	p.inForce.set(p.cluster.Policy())
	commands := &gridengine.Commands{
		Folder: q.Folder, Root: q.Root, Cell: q.Cell, QmasterPort: q.QmasterPort, ExecdPort: q.ExecdPort, Timeout: q.Timeout.Std(),
	}
	source, err := gridengine.NewSource(gridengine.SourceOptions{
		Run: commands.Run, Mapping: gridEngineMapping(q, p.inForce), Queues: q.Queues, Ours: q.KeptGroup, Drained: q.DrainGroup, SubmitHosts: q.SubmitHosts, Silent: !q.TellUsers,
		Hosts: func(n *autoscale.Node, pools []autoscale.Pool) (gridengine.HostPlan, bool) {
			name, offer, managed := p.inForce.of(n, pools)
			plan := gridengine.HostPlan{Offer: offer, Groups: slices.Clone(q.HostGroups)}
			for i := range q.PoolHosts {
				if q.PoolHosts[i].Pool == name {
					plan.Groups = append(plan.Groups, q.PoolHosts[i].HostGroups...)
					plan.Values = append(plan.Values, hostValues(q.PoolHosts[i].Values, n)...)
				}
			}
			return plan, managed
		},
	})
	if err != nil {
		return err
	}
	p.queue = source
	return nil
}

// hostValues are those of a node's host.
func hostValues(values []config.ComplexValue, n *autoscale.Node) (list []gridengine.Request) {
	for _, v := range values {
		list = append(list, gridengine.Request{Name: v.Name, Value: strings.ReplaceAll(v.Value, "{group}", cmp.Or(n.Group, "none"))})
	}
	return list
}

func gridEngineMapping(q *config.GridEngineQueue, policy *policyInForce) gridengine.Mapping {
	m := gridengine.Mapping{Kinds: make(map[string]gridengine.Kind), Pool: policy.pool}
	for _, r := range q.Rules {
		m.Rules = append(m.Rules, gridengine.Rule{
			Name: r.Name, Queue: r.Queue, HostGroup: r.HostGroup, PE: r.PE, Resource: r.Resource, Value: r.Value, Pools: r.Pools, Coupled: r.Coupled,
		})
	}
	for _, r := range q.Resources {
		m.Kinds[r.Name] = gridengine.Kind(r.Is)
	}
	return m
}
