package slurm

import (
	"strings"

	"autoscaled/autoscale"
)

// Mapping says what Slurm's names are to the planner. All functions are needed.
type Mapping struct {
	// Partition is for the pools whose nodes are of a partition. false: there are none.
	Partition func(name string) (autoscale.Selector, bool)
	// Feature is for the pools whose nodes have a feature.
	Feature func(name string) autoscale.Selector
	// Node is for the pool of a node, and its placement group. false: it is none that
	// comes and goes, such as one that is always on.
	Node func(n *Node) (where autoscale.Selector, group string, known bool)
	// OurMark is how the reason begins that we give for draining a node.
	OurMark string
	// Grows tells that partitions have as many nodes as there happen to be: a job that
	// asks for more is demand.
	Grows bool
}

// maxElements bounds how many of an array's tasks are told one by one, which those of
// several nodes are. More are demand once these have started.
const maxElements = 1000

// Snapshot is what was read of a cluster. Partitions are nil where they were not.
type Snapshot struct {
	Jobs       []Job
	Nodes      []Node
	Partitions []Partition
}

// Demand is what a snapshot of Slurm's jobs and nodes means, whatever their partitions
// allow.
func Demand(jobs []Job, nodes []Node, m *Mapping) autoscale.Demand {
	return Snapshot{Jobs: jobs, Nodes: nodes}.Demand(m)
}

// Demand is what a snapshot means. It vouches for all nodes.
//
// The documentation has a table of what each kind of job becomes.
func (s Snapshot) Demand(m *Mapping) autoscale.Demand {
	jobs, nodes := s.Jobs, s.Nodes
	r := &reckoner{Mapping: m, use: make(map[string]autoscale.HostUse, len(nodes)), states: make(map[string]*Node, len(nodes)), running: make(map[int64]int64)}
	r.partitions = newPartitions(s.Partitions)
	for i := range nodes {
		if _, announces := announced(&nodes[i]); announces {
			continue
		}
		r.states[nodes[i].Name] = &nodes[i]
		if use, tell := useOf(&nodes[i], m.OurMark); tell {
			r.use[strings.ToLower(nodes[i].Name)] = use
		}
	}
	r.jobs = make([]autoscale.Job, 0, r.survey(jobs))
	for i := range jobs {
		j := &jobs[i]
		switch {
		case j.Is("PENDING"):
			r.pending(j)
		case occupies(j):
			r.occupied(j)
		}
	}
	return autoscale.Demand{Classes: autoscale.Intern(r.jobs), Use: r.use, Vouched: true, Names: namesOf(jobs)}
}

// reckoner gathers demand.
type reckoner struct {
	*Mapping
	jobs       []autoscale.Job
	partitions partitions
	use        map[string]autoscale.HostUse
	states     map[string]*Node
	// out tells, by partition, of the nodes that are out by our mark.
	out map[string]string
	// running counts the started tasks of an array.
	running map[int64]int64
	// waits is why a heterogeneous job waits of which one component is no demand.
	waits map[int64]string
	// kinds are by what makes them; last is that of the job before, made of lastOf.
	kinds  map[Job]*kind
	last   *kind
	lastOf Job
}

// occupies tells whether a job has its nodes.
func occupies(j *Job) bool {
	for _, state := range [...]string{"RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT"} {
		if j.Is(state) {
			return true
		}
	}
	return false
}

// survey counts the started tasks of arrays, and finds the heterogeneous jobs that are
// no demand: one component that waits for anything but nodes holds all. It gives the
// number of pending jobs.
func (r *reckoner) survey(jobs []Job) (pending int) {
	r.waits = make(map[int64]string)
	for i := range jobs {
		j := &jobs[i]
		if j.Is("PENDING") {
			pending++
		}
		switch {
		case j.ArrayID > 0 && occupies(j):
			r.running[j.ArrayID]++
		case j.HetID > 0 && j.Is("PENDING") && r.waits[j.HetID] == "":
			r.waits[j.HetID] = r.heldBy(j)
		}
	}
	return pending
}

// heldBy is why a pending job is no demand, in Slurm's word and ours; empty: it may be.
func (r *reckoner) heldBy(j *Job) string {
	k := r.kindOf(j)
	why := heldBy(j)
	word, _, _ := strings.Cut(why, ":")
	switch {
	case k.refusal != "" && len(k.partitions) == 0 && (why == "" || ofPartition[word]):
		return k.refusal
	case word == "PartitionNodeLimit" && r.Grows, word != "PartitionNodeLimit" && ofPartition[word] && r.partitions.knows(j):
		// Slurm looked at one of its partitions, and another may run it; or at how many
		// nodes there are, which is about to change.
		return ""
	}
	return why
}

// ofPartition are the reasons that a partition's own settings tell too.
var ofPartition = map[string]bool{"PartitionDown": true, "PartitionInactive": true, "PartitionTimeLimit": true, "PartitionNodeLimit": true}

// heldBy is what Slurm's reason and the job itself tell.
func heldBy(j *Job) string {
	why := Explain(j.Reason)
	switch {
	case j.Hold && holds[j.Reason]:
		return why.Reason + ": " + why.Words
	case j.Hold || j.Priority == 0 && why.Demand && j.Reason != "BeginTime":
		return "JobHeldUser: " + reasonOf["JobHeldUser"].Words
	case j.Is("REQUEUE_HOLD") || j.Is("SPECIAL_EXIT"):
		return j.State + ": was requeued and is held (scontrol release lets it go)"
	case j.Reason == "Dependency" && len(dependencies(j.Dependency)) > 0:
		return ""
	case !why.Demand:
		return why.Reason + ": " + why.Words
	case j.RequiredNodes != "":
		return why.Reason + ": " + forCertain(j) + "; new nodes would not help"
	}
	return ""
}

// holds are the reasons that say who or what holds a job.
var holds = map[string]bool{
	"JobHeldUser": true, "JobHeldAdmin": true, "JobHoldMaxRequeue": true, "launch_failed_requeued_held": true, "job_requeued_in_held_state": true,
}

// forCertain is what a job waits for that names its nodes.
func forCertain(j *Job) string { return "must run on " + j.RequiredNodes + " (-w), and waits for that" }

// dependencies are the jobs named in "afterok:1(unfulfilled),afterany:2_*(unfulfilled)",
// each once. "singleton" names none.
func dependencies(text string) []autoscale.JobID {
	var ids []autoscale.JobID
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '?' }) {
		for _, word := range strings.Split(part, ":")[1:] {
			end := 0
			for end < len(word) && word[end] >= '0' && word[end] <= '9' {
				end++
			}
			if end > 0 {
				ids = append(ids, autoscale.JobID(word[:end]))
			}
		}
	}
	return ids
}

func (r *reckoner) pending(j *Job) {
	k := r.kindOf(j)
	job := autoscale.Job{
		ID: j.id(), Priority: j.Priority + k.above<<32, Submitted: j.Submitted, Shape: k.shape,
	}
	if j.Reason == "BeginTime" { // else it is past, and would only tell equal jobs apart
		job.EarliestStart = j.Eligible
	}
	held := r.heldBy(j)
	if j.HetID > 0 && held == "" {
		held = r.waits[j.HetID]
	}
	if held == "" && k.err != nil {
		held = k.err.Error()
	}
	job.Held = held
	if j.Reason == "Dependency" {
		job.DependsOn = dependencies(j.Dependency)
	}
	r.add(j, job)
}
