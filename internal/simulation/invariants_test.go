package simulation

import (
	"context"
	"reflect"
	"slices"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
	"autoscaled/autoscale/loop"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// checkTick holds the cloud's books against the journal after a tick.
func (h *house) checkTick(r loop.Report) {
	h.world.mu.Lock()
	defer h.world.mu.Unlock()
	h.follow()
	for _, p := range r.Problems {
		h.note("problem: %s %s: %v", p.Step, p.Subject, p.Err)
	}
	h.note("tick: %d open, %d nodes, memory of %d", len(r.Operations), len(r.Observation.Supply.Nodes), len(r.Memory.Nodes))
	for _, g := range r.Plan.Grow {
		h.note("plan: %d nodes of %s in group %q for %v: %s", g.Count, g.Pool, g.Group, g.Jobs, g.Reason)
	}
	for _, o := range r.Plan.Outcomes {
		if o.Reason.Code != "" {
			h.note("plan: jobs %d to %d of class %d: %s", o.From, o.To, o.Class, o.Reason)
		}
	}
	for _, v := range r.Plan.Nodes {
		h.note("plan: node %s: %s", v.Node, v.Reason)
	}
	operations := h.all()
	h.checkBooks(operations)
	h.checkPromises(r, operations)
	h.checkDrains(r)
	h.checkAccounted(operations)
	if !h.forgot {
		h.checkLimits()
		h.noteRetired(r)
		h.checkWanted(operations, r.At)
		h.checkRates(operations, r.At)
	}
}

// checkRates: no more nodes are asked for, or sent away, in a tick and in an hour than
// the policy allows.
func (h *house) checkRates(operations map[autoscale.RequestID]autoscale.Operation, at time.Time) {
	var made, removed struct{ tick, hour int }
	for _, op := range operations {
		sum := &made
		if op.Kind == autoscale.OperationRemove {
			sum = &removed
		}
		if op.Intended.Equal(at) {
			sum.tick += op.Count
		}
		if at.Sub(op.Intended) < time.Hour {
			sum.hour += op.Count
		}
	}
	h.within("creates_per_tick", made.tick, h.policy.CreatesPerTick)
	h.within("creates_per_hour", made.hour, h.policy.CreatesPerHour)
	if !h.wholeGroups() { // those may be larger than a rate
		h.within("removals_per_tick", removed.tick, h.policy.RemovalsPerTick)
		h.within("removals_per_hour", removed.hour, h.policy.RemovalsPerHour)
	}
}

// checkBooks: nothing that the simulator itself holds against its clients, and no
// request that took effect twice, beyond what was asked, or unknown to the journal.
func (h *house) checkBooks(operations map[autoscale.RequestID]autoscale.Operation) {
	books := h.cloud.Books()
	for _, v := range books.Violations {
		// The wire looks at those kept alive itself: it knows what the daemon could know.
		if v.Kind != cyclecloudtest.ViolationKeepAlive && !(v.Kind == cyclecloudtest.ViolationBusy && h.raced[v.NodeID]) {
			h.violate("the simulator's books: %s: %s", v.Kind, v.Text)
		}
	}
	seen := map[string]bool{}
	for _, c := range books.Creates {
		op, known := operations[autoscale.RequestID(c.RequestID)]
		switch {
		case seen[c.RequestID]:
			h.violate("request %s took effect twice", c.RequestID)
		case !known:
			h.violate("request %s is not in the journal", c.RequestID)
		case c.Sets[0].Added > op.Count:
			h.violate("request %s made %d nodes of %d", c.RequestID, c.Sets[0].Added, op.Count)
		case never(op.Phase) && c.Sets[0].Added > 0:
			h.violate("request %s made %d nodes; the journal says that it is %s", c.RequestID, c.Sets[0].Added, op.Phase)
		}
		seen[c.RequestID] = true
	}
}

// checkPromises: a plan counts on no more nodes of a request than may yet come of it:
// those that the server made for it and that the plan did not see, or all that was asked
// for while the answer is in doubt. Of jobs that may share nodes that can't be told.
func (h *house) checkPromises(r loop.Report, operations map[autoscale.RequestID]autoscale.Operation) {
	coming := map[autoscale.RequestID]int{}
	for id, op := range operations {
		coming[id] = op.Count
	}
	for _, c := range h.cloud.Books().Creates {
		id := autoscale.RequestID(c.RequestID)
		if op := operations[id]; op.Phase == autoscale.OpAccepted && op.Answered.Before(r.At) {
			coming[id] = c.Sets[0].Added
		}
	}
	for _, n := range r.Observation.Supply.Nodes {
		coming[n.Request]--
	}
	for _, o := range r.Plan.Outcomes {
		if r.Observation.Demand.Classes[o.Class].Exclusive != autoscale.ExclusiveTask {
			continue
		}
		for _, s := range o.Served {
			if coming[s.Request] -= s.Count; s.Request != "" && coming[s.Request] < 0 {
				h.violate("the plan counts on %d more nodes of request %s than can come", -coming[s.Request], s.Request)
			}
		}
	}
}

// never tells whether an operation's end says that nothing came of it.
func never(p autoscale.OperationPhase) bool {
	return p == autoscale.OpRejected || p == autoscale.OpExpired
}

// checkAccounted: each node is in an open operation, remembered as ours, or leaving.
func (h *house) checkAccounted(operations map[autoscale.RequestID]autoscale.Operation) {
	h.paper.mu.Lock()
	defer h.paper.mu.Unlock()
	for _, n := range h.cloud.Nodes(cluster) {
		if n.Head || h.foreign[n.ID] || n.TargetState == "Terminated" {
			continue
		}
		op, known := operations[autoscale.RequestID(n.RequestID)]
		switch {
		case !known:
			h.violate("node %s is there; no operation of the journal made it", n.ID)
		case op.Phase.Final() && !h.memory.Nodes[autoscale.NodeID(n.ID)].Ours && !h.forgot:
			h.violate("node %s is there; its operation is %s and nobody remembers it", n.ID, op.Phase)
		}
	}
}

// checkLimits: never more nodes or groups than the policy allows.
func (h *house) checkLimits() {
	total, pools, groups := 0, map[string]int{}, map[string]map[string]bool{}
	for _, n := range h.ours() {
		total++
		array := n.Bucket.Nodearray
		pools[array]++
		if n.PlacementGroup != "" {
			if groups[array] == nil {
				groups[array] = map[string]bool{}
			}
			groups[array][n.PlacementGroup] = true
		}
	}
	p := &h.policy
	h.within("the policy's max", total, p.Max)
	h.within("the budget an hour", total, int(p.Budget.PerHour))
	for i := range p.Pools {
		pool := &p.Pools[i]
		h.within("max of pool "+pool.Name, pools[pool.Name], pool.Max)
		h.within("max_groups of pool "+pool.Name, len(groups[pool.Name]), pool.MaxGroups)
	}
}

// checkWanted: never more nodes than anybody ever wanted. Nodes that are to go don't
// count, since their successors may have been asked for, and neither do those that are
// too old and retired by the last plan that could see: no job gets them. Another that is too old goes once its successor is
// there, if the pool is to keep so many: until then there are both.
func (h *house) checkWanted(operations map[autoscale.RequestID]autoscale.Operation, at time.Time) {
	going := toGo(operations)
	up, old := 0, map[string]int{}
	for _, n := range h.ours() {
		if going[autoscale.NodeID(n.ID)] || !h.serves(n) {
			continue
		}
		if age := at.Sub(operations[autoscale.RequestID(n.RequestID)].Intended); h.tooOld(n, age) {
			if h.retired[autoscale.NodeID(n.ID)] {
				continue
			}
			old[n.Bucket.Nodearray]++
		}
		up++
	}
	wanted := h.lateNodes
	for i := range h.policy.Pools {
		pool := &h.policy.Pools[i]
		wanted += pool.Min + pool.Buffer + min(old[pool.Name], max(pool.Min, pool.Buffer))
	}
	for _, job := range h.arrived() {
		wanted += job
	}
	if up > wanted {
		h.violate("%d nodes; no more than %d were ever wanted", up, wanted)
	}
}

// noteRetired notes which nodes a plan takes out of service.
func (h *house) noteRetired(r loop.Report) {
	if r.Observation.DemandProblem != "" || r.Observation.SupplyProblem != "" {
		return
	}
	clear(h.retired)
	for _, v := range r.Plan.Nodes {
		h.retired[v.Node] = v.Goes
	}
}

// toGo are the nodes that removals name.
func toGo(operations map[autoscale.RequestID]autoscale.Operation) map[autoscale.NodeID]bool {
	going := map[autoscale.NodeID]bool{}
	for _, op := range operations {
		if op.Kind == autoscale.OperationRemove {
			for _, id := range op.Nodes {
				going[id] = true
			}
		}
	}
	return going
}

// serves tells whether a node is as good as was asked for: one that failed, was lost or
// took too long is replaced.
func (w *world) serves(n cyclecloudtest.NodeRecord) bool {
	up := n.ReadyAt
	if up.IsZero() {
		up = time.Now()
	}
	failed := n.Status == "Failed" || n.Status == "Unavailable" || w.lost[n.ID]
	return !failed && up.Sub(n.Created) < w.pool(n.Bucket.Nodearray).BootTimeout-time.Second
}

// tooOld tells whether a node is older than its pool lets it grow.
func (w *world) tooOld(n cyclecloudtest.NodeRecord, age time.Duration) bool {
	most := w.pool(n.Bucket.Nodearray).MaxAge
	return most > 0 && age > most
}

func (w *world) pool(array string) *autoscale.PoolPolicy {
	i := slices.IndexFunc(w.policy.Pools, func(p autoscale.PoolPolicy) bool { return p.Name == array })
	return &w.policy.Pools[i]
}

func (h *house) within(what string, have, most int) {
	if most > 0 && have > most {
		h.violate("%s is %d; there are %d nodes or groups", what, most, have)
	}
}

// arrived are the nodes that each job which has arrived may need: one for each task.
// Where the job runs not everywhere, a node that another job took was asked for twice.
func (h *house) arrived() (nodes []int) {
	choosy := make(map[autoscale.JobID]bool)
	for _, job := range slices.Concat(h.scenario.jobs, h.scenario.last) {
		choosy[job.ID] = !job.Selector.IsZero()
	}
	for _, r := range h.world.jobs.Records() {
		each := 1
		if !h.plain || choosy[r.ID] {
			each = 2
		}
		nodes = append(nodes, each*r.Tasks)
	}
	return nodes
}

// checkPaper: the file holds what was written, no more and no less.
func (h *house) checkPaper(file *journal.Journal) {
	list, err := file.All(context.Background())
	if err != nil {
		h.violate("read the journal: %v", err)
		return
	}
	memory, err := file.Memory(context.Background())
	if err != nil {
		h.violate("read the memory: %v", err)
	}
	h.paper.mu.Lock()
	defer h.paper.mu.Unlock()
	if !h.forgot && len(list) != len(h.operations) {
		h.violate("the journal holds %d operations of %d", len(list), len(h.operations))
	}
	for _, op := range list {
		if want := h.operations[op.Request]; op.Phase != want.Phase || op.Attempts != want.Attempts || !reflect.DeepEqual(op.Nodes, want.Nodes) {
			h.violate("the journal holds %+v where %+v was written", op, want)
		}
	}
	for id, want := range h.memory.Nodes {
		if got := memory.Nodes[id]; !got.IdleSince().Equal(want.IdleSince()) || got.Ours != want.Ours {
			h.violate("the journal remembers %+v of node %s where %+v was written", got, id, want)
		}
	}
}

func (h *house) look() func() {
	h.world.mu.Lock()
	h.follow()
	return h.world.mu.Unlock
}
