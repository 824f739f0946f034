package main

import (
	"context"
	"fmt"
	"strings"

	"autoscaled/autoscale"
	"autoscaled/config"
	"autoscaled/queue/slurm"
)

// addDynamicSlurm makes a queue of a Slurm cluster whose nodes come and go. Nothing is
// sent yet.
func (p *parts) addDynamicSlurm(q *config.SlurmQueue, cluster slurmAccess) error {
	all, err := withFuture(q, cluster)
	if err != nil {
		return err
	}
	settings := dynamicSettings(q)
	p.inForce = &policyInForce{}
	p.inForce.set(p.cluster.Policy())
	mapping := slurmMapping(q)
	mapping.Feature = dynamicFeature(settings.Nodes)
	source, err := slurm.NewDynamic(slurm.DynamicOptions{
		Cluster: all, Details: cluster, Mapping: mapping, Nodes: dynamicNodes(p.inForce, &settings),
		All: p.inForce.adoptsAll, SelfRegistered: !settings.Register, Announce: settings.Announce,
	})
	if err != nil {
		return err
	}
	p.queue = source
	return nil
}

// dynamicSettings are those of the config, or its defaults.
func dynamicSettings(q *config.SlurmQueue) config.SlurmDynamic {
	if q.Dynamic != nil {
		return *q.Dynamic
	}
	return config.SlurmDynamic{Register: true, Announce: 1}
}

// withFuture is a cluster that lists nodes in state FUTURE too.
func withFuture(q *config.SlurmQueue, cluster slurm.Cluster) (slurm.Cluster, error) {
	commands, err := slurm.NewCommands(slurm.CommandsOptions{Folder: q.Commands, Conf: q.Conf, Timeout: q.Timeout.Std()})
	return futureNodes{cluster, commands}, err
}

// futureNodes reads nodes by command: slurmrestd tells of those in state FUTURE only
// since v0.0.42 of its API.
type futureNodes struct {
	slurm.Cluster
	commands *slurm.Commands
}

// Nodes lists all nodes.
func (f futureNodes) Nodes(ctx context.Context) ([]slurm.Node, error) { return f.commands.Nodes(ctx) }

// dynamicNodes says what Slurm is told of the nodes of a pool: what the policy offers of
// them to jobs.
func dynamicNodes(inForce *policyInForce, d *config.SlurmDynamic) func(*autoscale.Pool) (slurm.PoolNodes, bool) {
	return func(pool *autoscale.Pool) (slurm.PoolNodes, bool) {
		policy := inForce.policy.Load()
		if !policy.Manages(pool) {
			return slurm.PoolNodes{}, false
		}
		nodearray, machineType := pool.Labels[autoscale.LabelNodearray], pool.Labels[autoscale.LabelMachineType]
		offer := policy.Offer(pool)
		n := slurm.PoolNodes{CPUs: offer.Cores, Memory: offer.Memory}
		seen := map[string]bool{"": true}
		add := func(feature string) {
			if !seen[feature] {
				n.Features, seen[feature] = append(n.Features, feature), true
			}
		}
		add(nodearray)
		add(machineType)
		for i := range d.Nodes {
			if !d.Nodes[i].MatchesNode(nodearray, machineType) {
				continue
			}
			for _, feature := range d.Nodes[i].Features {
				add(feature)
			}
			if n.Weight == 0 {
				n.Weight = d.Nodes[i].Weight
			}
		}
		n.Gres = gresOf(offer, d.Gres)
		return n, true
	}
}

// gresOf lists generic resources as Slurm writes them.
func gresOf(offer autoscale.Resources, names []string) string {
	var list []string
	if offer.GPUs > 0 {
		list = append(list, fmt.Sprintf("gpu:%d", offer.GPUs))
	}
	for _, name := range names {
		if count := offer.Custom[name]; count > 0 {
			list = append(list, fmt.Sprintf("%s:%d", name, count))
		}
	}
	return strings.Join(list, ",")
}

// dynamicFeature finds the pools whose nodes have a feature: their nodearray, their
// machine type, or one that the config gives them.
func dynamicFeature(nodes []config.SlurmDynamicNode) func(string) autoscale.Selector {
	return func(name string) autoscale.Selector {
		s := autoscale.Selector{Any: []autoscale.Selector{
			autoscale.HasLabel(autoscale.LabelNodearray, name), autoscale.HasLabel(autoscale.LabelMachineType, name),
		}}
		for i := range nodes {
			for _, feature := range nodes[i].Features {
				if feature == name {
					s.Any = append(s.Any, nodesSelector(&nodes[i]))
				}
			}
		}
		return s
	}
}

// nodesSelector is for the pools of an entry's nodes.
func nodesSelector(n *config.SlurmDynamicNode) autoscale.Selector {
	var all []autoscale.Selector
	if n.Nodearray != "" {
		all = append(all, autoscale.HasLabel(autoscale.LabelNodearray, n.Nodearray))
	}
	if len(n.MachineTypes) > 0 {
		all = append(all, autoscale.HasLabel(autoscale.LabelMachineType, n.MachineTypes...))
	}
	return autoscale.Selector{All: all}
}
