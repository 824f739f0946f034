package slurm

import (
	"context"
	"errors"
	"strings"
	"sync"

	"autoscaled/autoscale"
)

// DynamicOptions are those of [NewDynamic]. Cluster, Mapping and Nodes are needed.
type DynamicOptions struct {
	Cluster Cluster
	// Mapping needs no Node: no node of a dynamic cluster is asked for by its name.
	Mapping Mapping
	// Nodes says how Slurm is to know the nodes of a pool from now on. false: they are none
	// of ours.
	Nodes func(pool *autoscale.Pool) (PoolNodes, bool)
	// Details are of jobs. nil: users are told nothing.
	Details Detailer
	// All tells whether VMs that do not carry our mark in the cloud are registered too. nil:
	// they are not.
	All func() bool
	// SelfRegistered: VMs add themselves to Slurm (slurmd -Z), and none is added here but
	// those that Announce asks for, which are as Nodes says.
	SelfRegistered bool
	// Announce is how many nodes in state FUTURE are kept for each pool, so that Slurm knows
	// what nodes there can be: it refuses, or puts aside, jobs that no node which is there
	// could run, and since 24.11 those of more nodes than it knows. 0 or less: none.
	Announce int
}

// PoolNodes is how Slurm knows the nodes of a pool.
type PoolNodes struct {
	// Features put them into node sets, and meet jobs' constraints.
	Features []string
	// CPUs and Memory are what Slurm may give to jobs. slurmd must not find less.
	CPUs   int
	Memory autoscale.Bytes
	// Gres is such as "gpu:4"; empty: none.
	Gres string
	// Weight orders nodes: those of less get jobs first. 0: Slurm's default.
	Weight int
}

// Dynamic is a Slurm cluster to which nodes are added as they come and from which they
// are deleted as they go. What is pending is demand. Its methods may be called by several.
type Dynamic struct {
	DynamicOptions

	mu sync.Mutex // guards what follows
	// jobs, nodes and demand are of the last reading. read: there was one.
	jobs   []Job
	nodes  []Node
	demand autoscale.Demand
	read   bool
	// standing are the pending jobs of the last reading that nodes of slurm.conf may run.
	standing map[int64]bool
	// supply are the VMs of the last one told.
	supply []autoscale.Node
	// kept are VMs that Slurm does not know and that were drained: it is not told of them.
	kept map[autoscale.NodeID]string
	// expected are VMs that are to be in Slurm and were not.
	expected []autoscale.Node
	// outdated is why hosts are not as new ones would be, by their names in lower case.
	outdated map[string]string
	// missing counts how often in a row a registered VM was not to be seen, and leaving
	// are those that were on their way out when last seen.
	missing map[autoscale.NodeID]int
	leaving map[autoscale.NodeID]bool
	// told are the sentences that stand in jobs' comments. nil: not known yet.
	told map[int64]string
	// theirs are the waiting jobs that have a comment of somebody else's.
	theirs map[int64]bool
}

// NewDynamic makes the source. Nothing is asked yet.
func NewDynamic(o DynamicOptions) (*Dynamic, error) {
	if o.Cluster == nil || o.Nodes == nil || o.Mapping.Partition == nil || o.Mapping.Feature == nil {
		return nil, errors.New("a dynamic Slurm cluster needs a cluster, a mapping and what its nodes are")
	}
	if o.Mapping.Node == nil {
		o.Mapping.Node = func(*Node) (autoscale.Selector, string, bool) { return autoscale.Selector{}, "", false }
	}
	if o.All == nil {
		o.All = func() bool { return false }
	}
	o.Mapping.Grows = true
	return &Dynamic{
		DynamicOptions: o, kept: make(map[autoscale.NodeID]string),
		missing: make(map[autoscale.NodeID]int), leaving: make(map[autoscale.NodeID]bool),
	}, nil
}

// Demand reads jobs, partitions and nodes. Jobs come first: one that starts meanwhile is
// then seen at work by the nodes.
func (d *Dynamic) Demand(ctx context.Context) (autoscale.Demand, error) {
	s, err := d.snapshot(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.read = err == nil; err != nil {
		return autoscale.Demand{}, err
	}
	d.jobs, d.nodes, d.demand, d.standing = s.Jobs, s.Nodes, s.Demand(&d.Mapping), s.standing()
	d.giveUp()
	for id, name := range d.kept {
		if _, listed := d.demand.Use[name]; listed {
			delete(d.kept, id) // it registered itself
		} else {
			d.demand.Use[name] = autoscale.HostUse{Node: id, Drain: autoscale.DrainOurs, Missing: true}
		}
	}
	d.expect()
	for name, why := range d.outdated {
		if use, listed := d.demand.Use[name]; listed {
			use.Outdated = why
			d.demand.Use[name] = use
		}
	}
	return d.demand, nil
}

// expect tells of VMs that Slurm does not know: those that add themselves and have not yet, and
// those beyond its MaxNodeCount. Otherwise they would count as free for ever.
func (d *Dynamic) expect() {
	if len(d.expected) == 0 {
		return
	}
	hosts := autoscale.QueueHosts(&d.demand, d.supply)
	for i := range d.expected {
		if vm := &d.expected[i]; hosts[vm.ID] == "" {
			d.demand.Use[strings.ToLower(vm.Name)] = autoscale.HostUse{Node: vm.ID, Missing: true}
		}
	}
}

// giveUp notes the registered nodes that Slurm has lost. What ran there it has requeued,
// and their VMs are of no more use: were they expected back, jobs would wait for them.
func (d *Dynamic) giveUp() {
	for i := range d.nodes {
		n := &d.nodes[i]
		if _, ours := claimed(n); ours && down(n) && !works(n) && !n.Is("DRAIN") && lostBySlurm(n.Reason) {
			name := strings.ToLower(n.Name)
			use := d.demand.Use[name]
			use.Drain, use.Missing = autoscale.DrainDone, false
			d.demand.Use[name] = use
		}
	}
}

func (d *Dynamic) snapshot(ctx context.Context) (s Snapshot, err error) {
	if s.Jobs, err = d.Cluster.Jobs(ctx); err != nil {
		return s, err
	}
	if s.Partitions, err = d.Cluster.Partitions(ctx); err != nil {
		return s, err
	}
	s.Nodes, err = d.Cluster.Nodes(ctx)
	return s, err
}
