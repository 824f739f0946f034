package autoscale

import "cmp"

// Removal is how a node goes.
type Removal string

// The ways in which a node goes, as the CycleCloud API names them.
const (
	// RemovalTerminate ends the VM and its disk. A record that is Fixed remains.
	RemovalTerminate Removal = "terminate"
	// RemovalShutdown terminates or deallocates, as the node's ShutdownPolicy says.
	RemovalShutdown Removal = "shutdown"
	// RemovalDeallocate ends the VM and keeps its disk; the node can be started again.
	RemovalDeallocate Removal = "deallocate"
	// RemovalRemove is terminate that takes a Fixed record too.
	RemovalRemove Removal = "remove"
)

// Ends tells whether a node in such a phase is as far gone as the removal takes
// it. A deallocated node has not yet gone where it is to be terminated.
func (r Removal) Ends(p Phase) bool {
	switch p {
	case PhaseGone:
		return true
	case PhaseDeallocated:
		return r == RemovalDeallocate || r == RemovalShutdown
	}
	return false
}

// Touches tells whether a node in such a phase shows that the removal is under
// way or over.
func (r Removal) Touches(p Phase) bool { return p == PhaseStopping || r.Ends(p) }

// removalOf is how a node goes: as its pool's policy says if it is up. What never
// came up, failed, is too old, or is deallocated already is not worth keeping, and
// the cloud deallocates only what has come up.
func (b *board) removalOf(n *nodeState) Removal {
	how := cmp.Or(b.policy.Pools[b.pools[n.pool].policy].Removal, RemovalTerminate)
	keeps := how == RemovalDeallocate || how == RemovalShutdown
	up := n.node.Phase == PhaseReady || n.stays()
	if keeps && (!up || n.aging.going) {
		return RemovalTerminate
	}
	return how
}
