package cyclecloud

import (
	"strings"

	"autoscaled/autoscale"
)

// Usable tells whether jobs can run on the node: it is ready and has a VM, an
// address and a host name.
func (n *Node) Usable() bool {
	return isReady(n.Status) && n.InstanceID != "" && n.PrivateIP != "" && n.Hostname != ""
}

func isReady(status string) bool {
	return strings.EqualFold(status, "Ready") || strings.EqualFold(status, "Started")
}

// phaseOf is where a node is in its life, by what it is meant to become and what
// it is. A record that doesn't tell what it is meant to become is unknown: not
// usable, and not gone.
func phaseOf(n *Node) autoscale.Phase {
	status := strings.ToLower(n.Status)
	if status == "failed" || status == "error" || status == "unavailable" {
		if n.TargetState == "" {
			return autoscale.PhaseUnknown
		}
		return autoscale.PhaseFailed // of a node on its way out too: it needs another push
	}
	switch strings.ToLower(n.TargetState) {
	case "started":
		return phaseOfStarted(n, status)
	case "terminated", "off":
		if status == "terminated" || status == "off" {
			return autoscale.PhaseGone
		}
		return autoscale.PhaseStopping
	case "deallocated":
		switch status {
		case "deallocated":
			return autoscale.PhaseDeallocated
		case "terminated", "off":
			return autoscale.PhaseGone
		}
		return autoscale.PhaseStopping
	}
	return autoscale.PhaseUnknown
}

// phaseOfStarted is the phase of a node that is meant to run.
func phaseOfStarted(n *Node, status string) autoscale.Phase {
	switch status {
	case "ready", "started":
		if n.Usable() {
			return autoscale.PhaseReady
		}
		return autoscale.PhaseStarting
	case "acquiring", "allocating", "allocation", "preparing", "reimaging", "restarting", "off":
		return autoscale.PhaseStarting // off: asked for, not begun
	case "terminating", "deallocating", "stopping":
		return autoscale.PhaseStopping
	case "deallocated":
		return autoscale.PhaseDeallocated
	}
	return autoscale.PhaseUnknown
}
