package slurm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// changes are what Slurm is to be told of VMs that came and went. A node that is taken out
// of service is deleted in a later tick, when Slurm no longer plans with it.
type changes struct {
	down, drain, delete []string
	create              []newRecord
	claim               []NodeUpdate
}

// newRecord is a node to add, or several that are alike, with the comment that says what
// for. NewNode's name is the list of names.
type newRecord struct {
	NewNode
	names   []string
	comment string
}

// Reasons for which we take nodes out of service ourselves.
const (
	reasonGone     = Mark + "its VM is gone"
	reasonStopping = Mark + "its VM is on its way out"
)

// missesNeeded is how often in a row a VM must be missing from the cloud's list until it
// is taken for gone, unless it was seen on its way out. Our own choice.
const missesNeeded = 2

// Keep registers the VMs that came, and deletes what was registered for VMs that are no
// more. What fails is tried again by the next call.
func (d *Dynamic) Keep(ctx context.Context, supply autoscale.Supply, _ []autoscale.RequestID) error {
	d.mu.Lock()
	d.supply = slices.Clone(supply.Nodes)
	var c changes
	read := d.read
	if read {
		c = d.compare(supply)
	}
	d.mu.Unlock()
	if !read {
		return nil // nobody knows what Slurm has
	}
	return d.apply(ctx, c)
}

// apply makes changes, first those that keep jobs from nodes which are gone.
func (d *Dynamic) apply(ctx context.Context, c changes) error {
	var failed []error
	add := func(err error) {
		if err != nil {
			failed = append(failed, err)
		}
	}
	if len(c.down) > 0 {
		add(d.Cluster.UpdateNodes(ctx, NodeUpdate{Names: c.down, State: "DOWN", Reason: reasonGone}))
	}
	if len(c.drain) > 0 {
		add(d.Cluster.UpdateNodes(ctx, NodeUpdate{Names: c.drain, State: "DRAIN", Reason: reasonStopping}))
	}
	if len(c.delete) > 0 {
		add(d.Cluster.DeleteNodes(ctx, c.delete))
	}
	for _, u := range c.claim {
		add(d.Cluster.UpdateNodes(ctx, u))
	}
	for i, r := range c.create {
		if len(failed) > 0 && (ctx.Err() != nil || errors.Is(failed[len(failed)-1], autoscale.ErrUnavailable)) {
			add(fmt.Errorf("%d of %d new nodes are registered later", countNew(c.create[i:]), countNew(c.create)))
			break
		}
		err := d.Cluster.CreateNode(ctx, r.NewNode)
		if err == nil {
			err = d.Cluster.UpdateNodes(ctx, NodeUpdate{Names: r.names, Comment: r.comment})
		}
		if errors.Is(err, autoscale.ErrNotFound) {
			err = fmt.Errorf("scontrol create of %s was taken, and no node was made, as happens beyond slurm.conf's MaxNodeCount: %w", short(r.Name), err)
		}
		add(err)
	}
	return errors.Join(failed...)
}

func countNew(records []newRecord) (count int) {
	for i := range records {
		count += len(records[i].names)
	}
	return count
}

// comparison is one comparison of the cloud with Slurm.
type comparison struct {
	*Dynamic
	supply  *autoscale.Supply
	pools   map[autoscale.PoolID]PoolNodes
	records map[string]*Node // by name in lower case
	// vms are all VMs that are there, by id. served are the records that are some VM's,
	// and inherited those of VMs that are no more which another VM now goes by.
	vms               map[autoscale.NodeID]*autoscale.Node
	served, inherited map[*Node]bool
	changes
}

// compare finds what Slurm is to be told. The cloud's list and Slurm's are of one tick.
func (d *Dynamic) compare(supply autoscale.Supply) changes {
	c := &comparison{
		Dynamic: d, supply: &supply, pools: make(map[autoscale.PoolID]PoolNodes), records: recordsOf(d.nodes),
		vms: make(map[autoscale.NodeID]*autoscale.Node), served: make(map[*Node]bool), inherited: make(map[*Node]bool),
	}
	for i := range supply.Pools {
		if p, ours := d.Nodes(&supply.Pools[i]); ours {
			c.pools[supply.Pools[i].ID] = p
		}
	}
	for i := range supply.Nodes {
		if present(&supply.Nodes[i]) {
			c.vms[supply.Nodes[i].ID] = &supply.Nodes[i]
		}
	}
	hosts := autoscale.QueueHosts(&d.demand, supply.Nodes)
	d.expected, d.outdated = nil, make(map[string]string)
	for i := range supply.Nodes {
		if vm := &supply.Nodes[i]; present(vm) {
			c.vm(vm, c.records[hosts[vm.ID]])
		}
	}
	for i := range d.nodes {
		c.record(&d.nodes[i])
	}
	c.forget()
	c.announce()
	return c.changes
}

// present tells whether a VM is there or about to be: one that is deallocated has no
// host until it is started.
func present(n *autoscale.Node) bool {
	return n.Phase != autoscale.PhaseGone && n.Phase != autoscale.PhaseDeallocated
}

// vm compares a VM with the record of it, if there is one.
func (c *comparison) vm(vm *autoscale.Node, record *Node) {
	pool, managed := c.pools[vm.Pool]
	managed = managed && vm.Protected == "" && (vm.Owned || c.All())
	if record == nil {
		up := vm.Phase == autoscale.PhaseStarting || vm.Phase == autoscale.PhaseReady
		_, kept := c.kept[vm.ID]
		if !managed || !up || kept || vm.Address == "" || vm.Name == "" {
			return
		}
		c.expected = append(c.expected, *vm)
		if !c.SelfRegistered {
			c.create = append(c.create, newRecord{NewNode: pool.node(vm), names: []string{vm.Name}, comment: claim(vm.ID, true)})
		}
		return
	}
	owner, ours := claimed(record)
	switch {
	case ours && owner == vm.ID:
		c.served[record] = true
		c.follow(vm, record)
		if lack := pool.missedBy(record); managed && added(record) && lack != "" {
			c.outdated[strings.ToLower(record.Name)] = lack
		}
	case ours && c.vms[owner] != nil, !ours && record.Comment != "", !managed, !dynamic(record):
		c.served[record] = true // another VM's, or somebody else's
	case !ours || pool.same(record):
		c.served[record] = true
		u := NodeUpdate{Names: []string{record.Name}, Comment: claim(vm.ID, added(record) || record.Is("FUTURE") && pool.same(record))}
		if record.Is("FUTURE") {
			u.Address, u.Host = vm.Address, vm.Host
		}
		c.claim = append(c.claim, u)
	default:
		c.inherited[record] = true
	}
}

// follow keeps the record of a VM up to date.
func (c *comparison) follow(vm *autoscale.Node, record *Node) {
	switch {
	case vm.Phase == autoscale.PhaseStopping && deletable(record):
		c.delete = append(c.delete, record.Name)
	case vm.Phase == autoscale.PhaseStopping && !down(record) && !record.Is("DRAIN"):
		c.drain = append(c.drain, record.Name)
	case record.Is("FUTURE") && vm.Address != "" && (vm.Address != record.Address || vm.Host != "" && vm.Host != record.Host):
		c.claim = append(c.claim, NodeUpdate{Names: []string{record.Name}, Address: vm.Address, Host: vm.Host})
	}
}

// record looks after a record whose VM is no more. Slurm hears of the death of a VM only
// when it misses its slurmd, and a list of VMs may be wrong: one that is neither known to
// have gone nor missed by Slurm keeps its jobs.
func (c *comparison) record(n *Node) {
	owner, ours := claimed(n)
	if !ours || c.served[n] || !dynamic(n) {
		return
	}
	c.missing[owner]++
	certain := (c.leaving[owner] || c.listed(owner)) && !c.inherited[n]
	switch {
	case !certain && c.missing[owner] < missesNeeded, !certain && works(n) && !down(n) && !n.Is("NOT_RESPONDING"):
	case n.Is("FUTURE"), deletable(n):
		c.delete = append(c.delete, n.Name)
	case !down(n):
		c.down = append(c.down, n.Name)
	}
}

// listed tells whether the cloud lists a VM, be it as gone.
func (c *comparison) listed(id autoscale.NodeID) bool {
	return slices.ContainsFunc(c.supply.Nodes, func(n autoscale.Node) bool { return n.ID == id })
}

// forget keeps what must be known in the next comparison, and no more.
func (c *comparison) forget() {
	registered := make(map[autoscale.NodeID]bool)
	for i := range c.nodes {
		if id, ours := claimed(&c.nodes[i]); ours {
			registered[id] = true
		}
	}
	for id := range c.missing {
		if c.vms[id] != nil || !registered[id] {
			delete(c.missing, id)
		}
	}
	for id := range c.leaving {
		if !registered[id] {
			delete(c.leaving, id)
		}
	}
	for id, vm := range c.vms {
		if registered[id] && vm.Phase == autoscale.PhaseStopping {
			c.leaving[id] = true
		} else {
			delete(c.leaving, id)
		}
	}
	for id := range c.kept {
		if c.vms[id] == nil {
			delete(c.kept, id)
		}
	}
}

// node is a VM as Slurm is to know it.
func (p *PoolNodes) node(vm *autoscale.Node) NewNode {
	return NewNode{
		Name: vm.Name, Host: vm.Host, Address: vm.Address, State: "FUTURE",
		Features: p.Features, CPUs: p.CPUs, Memory: p.Memory, Gres: p.Gres, Weight: p.Weight,
	}
}

// same tells whether a record is as a node of the pool would be.
func (p *PoolNodes) same(n *Node) bool {
	return n.CPUs == int64(max(p.CPUs, 1)) && n.Memory == max(int64(p.Memory/autoscale.MiB), 1) &&
		n.Features == strings.Join(p.Features, ",") && maps.Equal(gres(n.Gres), gres(p.Gres))
}

// missedBy is what a record lacks that a node of the pool would have today, by a sentence. Empty:
// nothing.
func (p *PoolNodes) missedBy(n *Node) string {
	var lacks []string
	less := func(what string, has, new int64) {
		if has < new {
			lacks = append(lacks, fmt.Sprintf("%d %s of %d", has, what, new))
		}
	}
	less("cores", n.CPUs, int64(p.CPUs))
	less("MiB of memory", n.Memory, int64(p.Memory/autoscale.MiB))
	has, wanted := gres(n.Gres), gres(p.Gres)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		less(name, has[name], wanted[name])
	}
	for _, feature := range p.Features {
		if !slices.Contains(strings.Split(n.Features, ","), feature) {
			lacks = append(lacks, "no feature "+feature)
		}
	}
	if len(lacks) == 0 {
		return ""
	}
	return "in Slurm it has " + strings.Join(lacks, ", ")
}
