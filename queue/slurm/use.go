package slurm

import (
	"slices"
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

// slurmsOwn are the reasons that Slurm itself gives for taking a node out of service,
// as far as they say that it was not heard of. An administrator's are all others.
var slurmsOwn = []string{"Not responding", "ResumeTimeout reached", "Node unexpectedly rebooted", "Kill task failed", "Duplicate jobid", "Prolog error", "Epilog error"}

// useOf is what Slurm says of a node beside its jobs, and whether it says anything.
//
//   - A node with the DRAIN flag is drained: by us where the reason carries our mark.
//   - One that is DOWN or FAIL is out of service by an administrator, unless Slurm says in
//     its own words, or without any, that it lost it: then it is missing.
//   - One that is powering up, or FUTURE, is missing until it registers.
//   - One that is powered down and in service has no host: nothing is said of it.
func useOf(n *Node, ourMark string) (use autoscale.HostUse, tell bool) {
	owner, registered := claimed(n)
	use.Node = owner
	// Slurm forgets the reason when a node registers that was drained before it did.
	forgot := registered && n.Reason == "" && n.Is("DRAIN")
	ours := forgot || ourMark != "" && strings.HasPrefix(n.Reason, ourMark)
	down := n.Is("DOWN") || n.Is("FAIL") || n.Is("FAILING") || n.Is("ERROR")
	switch {
	case ours && (down || n.Is("DRAIN")):
		use.Drain = autoscale.DrainOurs
	case n.Is("DRAIN"), down && !lostBySlurm(n.Reason):
		use.Drain = autoscale.DrainForeign
	case n.Is("POWERED_DOWN") || n.Is("POWERING_DOWN"):
		return use, false
	case down, waking(n):
		use.Missing = true
	}
	if n.Is("FUTURE") {
		use.Missing = true
		return use, true
	}
	if waking(n) || n.Is("POWERED_DOWN") {
		return use, true // what is allocated there waits for it
	}
	use.Used = autoscale.Resources{
		Cores: int(min(n.AllocCPUs, maxCount)), Memory: autoscale.Bytes(min(n.AllocMemory, 1<<42)) * autoscale.MiB,
		GPUs: int(min(max(gres(n.GresUsed)["gpu"], gres(n.AllocTRES)["gpu"]), maxCount)),
	}
	// Nothing else fits where all cores are taken, and what a node is completing or what
	// an allocated one runs is not always told.
	use.Whole = n.Is("ALLOCATED") || n.Is("COMPLETING") || n.CPUs > 0 && n.AllocCPUs >= n.CPUs
	return use, true
}

func lostBySlurm(reason string) bool {
	return reason == "" || slices.ContainsFunc(slurmsOwn, func(own string) bool { return strings.HasPrefix(reason, own) })
}

// waking tells whether a node was told to power up and has not registered since.
func waking(n *Node) bool { return n.Is("POWERING_UP") || n.Is("POWER_UP") }

// occupied tells what a job that has its nodes means: it runs on those that are up,
// and as long as others are powering up, it is demand for all of them by name.
func (r *reckoner) occupied(j *Job) {
	names, err := Expand(j.Nodes)
	if err != nil {
		return // the nodes themselves say that they are in use
	}
	id := j.id()
	awaited := false
	for _, name := range names {
		n := r.states[name]
		if n != nil && (waking(n) || n.Is("POWERED_DOWN")) {
			awaited = true
			continue
		}
		key := strings.ToLower(name)
		use := r.use[key]
		use.Jobs = append(use.Jobs, id)
		use.Whole = use.Whole || exclusive(j.Shared) || n == nil
		r.use[key] = use
	}
	if awaited && j.Is("CONFIGURING") {
		r.named(j, id, names)
	}
}

// named adds demand for nodes that Slurm chose: one job for each pool and placement
// group, since no job of the planner's has nodes of several.
func (r *reckoner) named(j *Job, id autoscale.JobID, names []string) {
	type part struct {
		where autoscale.Selector
		group string
		names []string
	}
	var parts []part
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		n := r.states[name]
		if n == nil {
			continue // it was deleted since
		}
		where, group, known := r.Node(n)
		if !known {
			continue
		}
		i := slices.IndexFunc(parts, func(p part) bool { return p.group == group && equalSelectors(p.where, where) })
		if i < 0 {
			i = len(parts)
			parts = append(parts, part{where: where, group: group})
		}
		parts[i].names = append(parts[i].names, name)
	}
	for i, p := range parts {
		job := autoscale.Job{ID: id, Priority: j.Priority, Submitted: j.Submitted, Shape: autoscale.Shape{
			Tasks: len(p.names), Names: p.names, Group: p.group, Selector: p.where,
			Exclusive: autoscale.ExclusiveTask, Gang: autoscale.GangAll, ExpectedRuntime: j.TimeLimit,
		}}
		if p.group != "" {
			job.Grouping = autoscale.Coupled
		}
		if i > 0 {
			job.ID += autoscale.JobID("/" + strconv.Itoa(i+1))
		}
		r.jobs = append(r.jobs, job)
	}
}

// equalSelectors compares selectors of the form that mappings of nodes give.
func equalSelectors(a, b autoscale.Selector) bool {
	same := func(x, y []autoscale.Selector) bool { return slices.EqualFunc(x, y, equalSelectors) }
	if (a.Not == nil) != (b.Not == nil) || a.Not != nil && !equalSelectors(*a.Not, *b.Not) {
		return false
	}
	return a.Label == b.Label && slices.Equal(a.In, b.In) && same(a.All, b.All) && same(a.Any, b.Any) && same(a.Prefer, b.Prefer)
}
