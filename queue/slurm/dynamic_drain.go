package slurm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"autoscaled/autoscale"
)

// ErrForeignDrain: an administrator took the node out of service, and only an
// administrator puts it back.
var ErrForeignDrain = errors.New("an administrator took it out of service")

// Drain marks nodes, so that Slurm gives them no more jobs. Those that an administrator
// took out of service stay as they are, with an error. A VM that Slurm does not know is
// not made known to it.
func (d *Dynamic) Drain(ctx context.Context, nodes []autoscale.Node, reason string) []error {
	return d.mark(ctx, nodes, NodeUpdate{State: "DRAIN", Reason: Mark + reason}, func(node *autoscale.Node, n *Node) (bool, error) {
		switch {
		case n == nil:
			d.kept[node.ID] = strings.ToLower(node.Name)
			return false, nil
		case !n.Is("DRAIN"):
			return true, nil
		case !drainedByUs(n):
			return false, fmt.Errorf("drain %s: %w: %s", n.Name, ErrForeignDrain, n.Reason)
		}
		return false, nil
	})
}

// Undrain withdraws our marks. Those of others stay, with an error.
func (d *Dynamic) Undrain(ctx context.Context, nodes []autoscale.Node) []error {
	return d.mark(ctx, nodes, NodeUpdate{State: "UNDRAIN"}, func(node *autoscale.Node, n *Node) (bool, error) {
		delete(d.kept, node.ID)
		switch {
		case n == nil || !n.Is("DRAIN"):
			return false, nil
		case !drainedByUs(n):
			return false, fmt.Errorf("undrain %s: %w: %s", n.Name, ErrForeignDrain, n.Reason)
		}
		return true, nil
	})
}

// drainedByUs tells whether a drained node carries our mark, as [useOf] sees it.
func drainedByUs(n *Node) bool {
	use, _ := useOf(n, Mark)
	return use.Drain == autoscale.DrainOurs
}

// mark changes those of the nodes that ask says. What Slurm shows is read at this moment:
// an administrator may have been faster than the plan.
func (d *Dynamic) mark(ctx context.Context, nodes []autoscale.Node, u NodeUpdate, ask func(*autoscale.Node, *Node) (bool, error)) []error {
	errs := make([]error, len(nodes))
	listed, err := d.Cluster.Nodes(ctx)
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	d.mu.Lock()
	found, records := d.hosts(nodes, listed), recordsOf(listed)
	var marked []int
	for i := range nodes {
		n := records[found[nodes[i].ID]]
		var yes bool
		if yes, errs[i] = ask(&nodes[i], n); yes {
			marked, u.Names = append(marked, i), append(u.Names, n.Name)
		}
	}
	d.mu.Unlock()
	if len(marked) == 0 {
		return errs
	}
	if err := d.Cluster.UpdateNodes(ctx, u); err != nil {
		for _, i := range marked {
			errs[i] = err
		}
	}
	return errs
}

// hosts are the names, in lower case, under which Slurm lists VMs.
func (d *Dynamic) hosts(nodes []autoscale.Node, listed []Node) map[autoscale.NodeID]string {
	known := make(map[autoscale.NodeID]bool, len(d.supply))
	for i := range d.supply {
		known[d.supply[i].ID] = true
	}
	all := d.supply[:len(d.supply):len(d.supply)]
	for i := range nodes {
		if !known[nodes[i].ID] {
			all = append(all, nodes[i])
		}
	}
	now := Snapshot{Nodes: listed}.Demand(&d.Mapping)
	return autoscale.QueueHosts(&now, all)
}

// recordsOf are Slurm's nodes by their names in lower case, those that stand for a pool
// left out.
func recordsOf(nodes []Node) map[string]*Node {
	records := make(map[string]*Node, len(nodes))
	for i := range nodes {
		if _, announces := announced(&nodes[i]); !announces {
			records[strings.ToLower(nodes[i].Name)] = &nodes[i]
		}
	}
	return records
}
