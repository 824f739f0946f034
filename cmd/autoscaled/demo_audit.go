package main

import (
	"fmt"
	"slices"

	"autoscaled/autoscale"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// demoCheck is one thing that must have held, and what was found.
type demoCheck struct {
	Name   string
	Faults []string // empty: it held
}

type demoChecks []demoCheck

// demoRecords is what the daemon itself has written down.
type demoRecords struct {
	Operations []autoscale.Operation // all, those that ended included
	Memory     autoscale.Memory
}

// audit holds the daemon's records against the simulator's own books, which
// share no code with it. killed is how many runs ended because the daemon
// removed their node.
func audit(books cyclecloudtest.Books, records demoRecords, killed int) []demoCheck {
	return []demoCheck{
		{"no limit was exceeded", violations(books, cyclecloudtest.ViolationLimit)},
		{"no busy node was removed", busyRemovals(books, killed)},
		{"no protected node was touched", violations(books, cyclecloudtest.ViolationKeepAlive, cyclecloudtest.ViolationHead)},
		{"no request made nodes twice", doubles(books, records)},
		{"no node was leaked", leaks(books, records)},
	}
}

func violations(books cyclecloudtest.Books, kinds ...cyclecloudtest.ViolationKind) (faults []string) {
	for _, v := range books.Violations {
		if slices.Contains(kinds, v.Kind) {
			faults = append(faults, fmt.Sprintf("%s: %s", v.At.UTC().Format(demoTime), v.Text))
		}
	}
	return faults
}

func busyRemovals(books cyclecloudtest.Books, killed int) []string {
	faults := violations(books, cyclecloudtest.ViolationBusy)
	if killed > 0 {
		faults = append(faults, fmt.Sprintf("%d running jobs lost a node to a removal", killed))
	}
	return faults
}

// doubles finds requests that the simulator carried out twice, and those that
// made another number of nodes than the daemon asked for or believes.
func doubles(books cyclecloudtest.Books, records demoRecords) (faults []string) {
	carried := map[string]int{}
	for _, c := range books.Creates {
		carried[c.RequestID]++
	}
	made := map[string]int{}
	for _, n := range books.Nodes {
		made[n.RequestID]++
	}
	for _, op := range records.Operations {
		id := string(op.Request)
		if op.Kind != autoscale.OperationCreate {
			continue
		}
		switch n := made[id]; {
		case carried[id] > 1:
			faults = append(faults, fmt.Sprintf("request %s was carried out %d times", id, carried[id]))
		case n > op.Count:
			faults = append(faults, fmt.Sprintf("request %s for %d nodes made %d", id, op.Count, n))
		case settledCreate(op) && n != op.Added:
			faults = append(faults, fmt.Sprintf("request %s made %d nodes; the journal says %d", id, n, op.Added))
		case (op.Phase == autoscale.OpRejected || op.Phase == autoscale.OpExpired) && n > 0:
			faults = append(faults, fmt.Sprintf("request %s made %d nodes; the journal says it is %s", id, n, op.Phase))
		}
	}
	return faults
}

// settledCreate tells whether the journal says how many nodes a create made.
func settledCreate(op autoscale.Operation) bool {
	switch op.Phase {
	case autoscale.OpAccepted, autoscale.OpConverged, autoscale.OpShort:
		return true
	}
	return false
}

// leaks finds nodes that are there and stay, and of which the daemon does not
// know: no create of the journal made them, or the one that did has ended and
// the daemon does not remember the node as its own.
func leaks(books cyclecloudtest.Books, records demoRecords) (faults []string) {
	creates := map[string]autoscale.Operation{}
	for _, op := range records.Operations {
		if op.Kind == autoscale.OperationCreate {
			creates[string(op.Request)] = op
		}
	}
	for _, n := range books.Nodes {
		if n.Head || !n.Gone.IsZero() {
			continue
		}
		op, known := creates[n.RequestID]
		switch {
		case !known:
			faults = append(faults, fmt.Sprintf("node %s (%s): no create of the journal made it", n.Name, n.Status))
		case leavingStatus(n.Status), !op.Phase.Final():
		case !records.Memory.Nodes[autoscale.NodeID(n.ID)].Ours:
			faults = append(faults, fmt.Sprintf("node %s (%s): its request %s has ended and the daemon has forgotten it", n.Name, n.Status, n.RequestID))
		}
	}
	return faults
}

func leavingStatus(status string) bool { return status == "Terminating" || status == "Deallocating" }
