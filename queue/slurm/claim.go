package slurm

import (
	"strings"

	"autoscaled/autoscale"
)

// What a dynamic node is for stands in its comment, which Slurm keeps as long as the node:
// a daemon that starts with nothing finds there which records are ours to delete.
const (
	claimMark    = Mark + "node "
	announceMark = Mark + "pool "
	// addedMark ends the comment of a node that we added, so that it is as we said.
	addedMark = " (added)"
)

// claimed is the VM for which a node was registered. false: it was not, or not by us.
func claimed(n *Node) (autoscale.NodeID, bool) {
	id, ours := strings.CutPrefix(n.Comment, claimMark)
	id = strings.TrimSuffix(id, addedMark)
	return autoscale.NodeID(id), ours && id != ""
}

// added tells whether a node that was registered for a VM is as we added it. Otherwise it
// added itself, and is as its VM says.
func added(n *Node) bool {
	_, ours := claimed(n)
	return ours && strings.HasSuffix(n.Comment, addedMark)
}

// claim is the comment of a node that is for a VM.
func claim(vm autoscale.NodeID, added bool) string {
	if added {
		return claimMark + string(vm) + addedMark
	}
	return claimMark + string(vm)
}

// announced is the pool whose nodes a node in state FUTURE stands for. false: it is
// none of that kind.
func announced(n *Node) (autoscale.PoolID, bool) {
	id, ours := strings.CutPrefix(n.Comment, announceMark)
	return autoscale.PoolID(id), ours && id != ""
}

// dynamic tells whether a node was added while Slurm ran, and may be deleted.
func dynamic(n *Node) bool { return n.Is("DYNAMIC_NORM") || n.Is("FUTURE") }

// works tells whether anything runs on a node, or is being cleaned up there.
func works(n *Node) bool {
	return n.AllocCPUs > 0 || n.Is("ALLOCATED") || n.Is("MIXED") || n.Is("COMPLETING")
}

// down tells whether a node is out of service altogether.
func down(n *Node) bool { return n.Is("DOWN") }

// deletable tells whether Slurm gives a node up, and no longer plans with it: Slurm 22.05's
// controller crashes when its backfill scheduler meets a node that was deleted while it
// was PLANNED.
func deletable(n *Node) bool {
	return (down(n) || n.Is("DRAIN")) && !works(n) && !n.Is("PLANNED")
}
