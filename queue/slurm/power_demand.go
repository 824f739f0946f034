package slurm

import (
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// PowerDemand is what a snapshot of a cluster with power saving means. Slurm alone says
// which nodes come and go:
//
//   - A node that is POWERING_UP is demand by its name, for the jobs that wait for it, and
//     without any for itself: an administrator may have asked for it. One that is DOWN
//     too is given up and is none.
//   - One that is POWERING_DOWN or POWERED_DOWN has no use for its VM any more.
//   - Every other is left as it is, idle, drained or down.
//
// A pending job is no demand, since Slurm gave it no nodes: others could not join it.
func PowerDemand(jobs []Job, nodes []Node, m *Mapping) autoscale.Demand {
	return powerDemand(jobs, nil, nodes, m)
}

// powerDemand takes jobs of hooks too, for nodes that none of the jobs waits for.
func powerDemand(jobs, told []Job, nodes []Node, m *Mapping) autoscale.Demand {
	r := &reckoner{Mapping: m, use: make(map[string]autoscale.HostUse, len(nodes)), states: statesOf(nodes), out: outOf(nodes)}
	for i := range nodes {
		r.use[strings.ToLower(nodes[i].Name)] = r.powerUse(&nodes[i])
	}
	unclaimed := make(map[string]bool)
	for i := range nodes {
		if resumed(&nodes[i]) {
			unclaimed[nodes[i].Name] = true
		}
	}
	for i := range jobs {
		j := &jobs[i]
		switch {
		case j.Is("PENDING"):
			r.unallocated(j)
		case occupies(j):
			r.powerOccupied(j, unclaimed)
		}
	}
	for i := range told {
		r.waiting(&told[i], unclaimed)
	}
	r.unclaimed(nodes, unclaimed)
	return autoscale.Demand{Classes: autoscale.Intern(r.jobs), Use: r.use, Vouched: true, Releases: true, Rest: leastOut, Names: namesOf(jobs)}
}

// resumed tells whether Slurm wants a VM for a node: it was handed to ResumeProgram and
// has not registered since.
func resumed(n *Node) bool { return n.Is("POWERING_UP") && !n.Is("DOWN") }

// suspended tells whether Slurm wants no VM for a node.
func suspended(n *Node) bool {
	return (n.Is("POWERING_DOWN") || n.Is("POWERED_DOWN")) && !n.Is("POWERING_UP")
}

// powerUse is what a node is used for. One that the mapping does not know is not ours to
// end, whatever Slurm does with it.
func (r *reckoner) powerUse(n *Node) autoscale.HostUse {
	switch _, _, ours := r.Node(n); {
	case !ours:
	case suspended(n):
		return autoscale.HostUse{Drain: autoscale.DrainDone}
	case resumed(n):
		return autoscale.HostUse{Missing: true}
	}
	use, _ := useOf(n, r.OurMark)
	return use
}

// unallocated explains a job that Slurm gave no nodes.
func (r *reckoner) unallocated(j *Job) {
	job := autoscale.Job{ID: j.id(), Priority: j.Priority, Submitted: j.Submitted}
	if k := r.kindOf(j); k.err == nil {
		job.Shape = k.shape
	} else {
		job.Tasks = 1
	}
	job.Held = r.unallocatedBecause(j)
	r.jobs = append(r.jobs, job)
}

// powerOccupied enters what a job runs on, and what it waits for.
func (r *reckoner) powerOccupied(j *Job, unclaimed map[string]bool) {
	names, err := Expand(j.Nodes)
	if err != nil {
		return // the nodes themselves say that they are in use
	}
	id := j.id()
	var waits []string
	for _, name := range names {
		switch n := r.states[name]; {
		case n != nil && resumed(n):
			waits = append(waits, name)
		case n != nil && (suspended(n) || waking(n)):
		default:
			key := strings.ToLower(name)
			use := r.use[key]
			use.Jobs = append(use.Jobs, id)
			use.Whole = use.Whole || exclusive(j.Shared) || n == nil
			r.use[key] = use
		}
	}
	r.claim(j, waits, unclaimed)
}

// waiting enters a job that only waits.
func (r *reckoner) waiting(j *Job, unclaimed map[string]bool) {
	names, err := Expand(j.Nodes)
	if err != nil {
		return
	}
	r.claim(j, slices.DeleteFunc(names, func(name string) bool { return !unclaimed[name] }), unclaimed)
}

// claim makes a job demand for those of its nodes that are being resumed.
func (r *reckoner) claim(j *Job, names []string, unclaimed map[string]bool) {
	if len(names) == 0 {
		return
	}
	r.named(j, j.id(), names)
	for _, name := range names {
		delete(unclaimed, name)
	}
}

// unclaimed are nodes that are resumed and that no job is known to wait for: each is
// wanted for itself.
func (r *reckoner) unclaimed(nodes []Node, names map[string]bool) {
	for i := range nodes {
		n := &nodes[i]
		if !names[n.Name] {
			continue
		}
		where, group, known := r.Node(n)
		if !known {
			continue
		}
		job := autoscale.Job{ID: autoscale.JobID(PowerUpID + n.Name), Shape: autoscale.Shape{
			Tasks: 1, Names: []string{n.Name}, Group: group, Selector: where, Exclusive: autoscale.ExclusiveTask, Gang: autoscale.GangAll,
		}}
		if group != "" {
			job.Grouping = autoscale.Coupled
		}
		r.jobs = append(r.jobs, job)
	}
}

// PowerUpID begins the id under which a node that is powered up for no job we know of is
// told; its name follows.
const PowerUpID = "power_up/"
