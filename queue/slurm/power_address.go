package slurm

import (
	"context"
	"fmt"
	"strings"

	"autoscaled/autoscale"
)

// A powered-down node has no address but its name, which need not be its VM's. The controller
// starts no job on a node that it can't reach, so it is told where each VM is as soon as the
// cloud knows: a slurmd joins while its node still prepares, and a controller that can't
// resolve the name tries for ten seconds, in which it does nothing else, and requeues the job
// (22.05). It forgets the address itself when it powers the node down.

// moved are the nodes, coming or up, of whose VMs Slurm does not know where they are.
func (p *PowerSaving) moved(vms []autoscale.Node) (list []Place) {
	at := make(map[string]*autoscale.Node, len(vms))
	for i := range vms {
		vm := &vms[i]
		if up := vm.Phase == autoscale.PhaseStarting || vm.Phase == autoscale.PhaseReady; up && vm.Address != "" && vm.Protected == "" {
			at[strings.ToLower(vm.Name)] = vm
		}
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		vm := at[strings.ToLower(n.Name)]
		if _, _, ours := p.Mapping.Node(n); vm == nil || !ours || suspended(n) || p.stale[vm.ID] || located(n, vm) {
			continue
		}
		list = append(list, Place{Node: n.Name, Address: vm.Address, Host: vm.Host})
	}
	return list
}

// tellAddresses tells Slurm where nodes are. One that it refuses is told again after the
// next tick.
func (p *PowerSaving) tellAddresses(ctx context.Context, moved []Place) error {
	if len(moved) == 0 {
		return nil
	}
	if err := p.Cluster.PlaceNodes(ctx, moved); err != nil {
		return fmt.Errorf("tell addresses of nodes: %w", err)
	}
	return nil
}

// located tells whether Slurm knows where a node's VM is.
func located(n *Node, vm *autoscale.Node) bool {
	return n.Address == vm.Address && (vm.Host == "" || strings.EqualFold(n.Host, vm.Host))
}
