package simulation

import (
	"fmt"
	"time"

	"autoscaled/autoscale"
)

// allServed: the jobs from before are done, and all others run.
func (h *house) allServed() string {
	defer h.look()()
	if t := h.world.jobs.Totals(); t.Waiting+t.Coming > 0 {
		return fmt.Sprintf("%d jobs wait and %d run", t.Waiting, t.Running)
	}
	return ""
}

// asManyAsWanted: one node for each task that runs, no more than the policy keeps
// beside them, and nothing in doubt.
func (h *house) asManyAsWanted() string {
	defer h.look()()
	least, extra := 0, h.keeps()
	for _, r := range h.world.jobs.Records() {
		if r.Ended.IsZero() && !r.Started.IsZero() {
			least += r.Tasks
		}
	}
	have := len(h.ours())
	switch open := h.open(); {
	case open != "":
		return open
	case have < least-len(h.foreign):
		return fmt.Sprintf("%d nodes for %d tasks that run", have, least)
	case have > least+extra && !h.wholeGroups():
		return fmt.Sprintf("%d nodes for %d tasks, and the policy keeps %d", have, least, extra)
	}
	return ""
}

// keeps is how many nodes the policy keeps that no job needs.
func (h *house) keeps() (n int) {
	for i := range h.policy.Pools {
		n += max(h.policy.Pools[i].Min, h.policy.Pools[i].Buffer)
	}
	return n
}

// wholeGroups: some pool's nodes go group by group, so that idle ones may stay.
func (h *house) wholeGroups() bool {
	for i := range h.policy.Pools {
		if h.policy.Pools[i].RemoveGroupsWhole {
			return true
		}
	}
	return false
}

// open names an operation in doubt.
func (h *house) open() string {
	for id, op := range h.all() {
		if !op.Phase.Final() && !h.lostWithPaper(op) {
			return fmt.Sprintf("operation %s is %s", id, op.Phase)
		}
	}
	return ""
}

// lostWithPaper tells whether an operation was forgotten with the state directory.
func (h *house) lostWithPaper(op autoscale.Operation) bool { return op.Intended.Before(h.forgotten) }

func (h *house) allDone() string {
	defer h.look()()
	if t := h.world.jobs.Totals(); t.Finished < t.Arrived {
		return fmt.Sprintf("%d jobs of %d are done", t.Finished, t.Arrived)
	}
	return ""
}

// allGone: no node beyond what the policy keeps, none deallocated beyond that, and
// nothing in doubt.
func (h *house) allGone() string {
	defer h.look()()
	if have, keeps := len(h.ours()), h.keeps(); have > keeps {
		return fmt.Sprintf("%d nodes are left, and the policy keeps %d", have, keeps)
	}
	return h.open()
}

// checkEnd looks once more at everything, after the last life.
func (h *house) checkEnd() {
	if h.violated() {
		return
	}
	h.world.mu.Lock()
	defer h.world.mu.Unlock()
	operations := h.all()
	h.checkBooks(operations)
	h.checkAccounted(operations)
	books := h.cloud.Books()
	unseen := map[string]bool{} // requests of which a node may have gone before anybody saw it
	for _, n := range books.Nodes {
		unseen[n.RequestID] = unseen[n.RequestID] || h.lost[n.ID]
	}
	for _, c := range books.Creates {
		op := operations[autoscale.RequestID(c.RequestID)]
		if unseen[c.RequestID] {
			continue
		}
		if op.Phase.Final() && op.Added != c.Sets[0].Added {
			h.violate("request %s made %d nodes; the journal says %d (%s, %s)", c.RequestID, c.Sets[0].Added, op.Added, op.Phase, op.Message)
		}
	}
	h.note("the end: %s", time.Since(begin))
}
