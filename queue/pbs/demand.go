package pbs

import (
	"cmp"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// snapshot is what PBS told in one reading.
type snapshot struct {
	jobs    []Job
	nodes   []Node
	queues  []Queue
	servers []Queue
}

// maxElements bounds how many of an array's subjobs are told one by one, which those of
// several chunks are. More are demand once these have started.
const maxElements = 1000

// demand is what a snapshot means. It vouches for all hosts.
func (s *snapshot) demand(m *Mapping) autoscale.Demand {
	r := &reckoner{packer: newPacker(m), limits: newGates(s.queues, s.servers), queues: make(map[string]*Queue, len(s.queues))}
	for i := range s.queues {
		r.queues[s.queues[i].Name] = &s.queues[i]
	}
	for i := range s.servers {
		r.off = r.off || s.servers[i].Stopped
	}
	r.use = useOf(s.nodes, r.packer)
	var waiting []*Job
	for i := range s.jobs {
		if r.sees(&s.jobs[i]) {
			waiting = append(waiting, &s.jobs[i])
		}
	}
	if !r.limits.none() { // else the order is that of the planner
		slices.SortStableFunc(waiting, func(a, b *Job) int {
			return cmp.Or(cmp.Compare(r.priority(b), r.priority(a)), a.Created.Compare(b.Created))
		})
	}
	for _, j := range waiting {
		r.pending(j)
	}
	return autoscale.Demand{Classes: autoscale.Intern(r.jobs), Use: r.use.hosts, Vouched: true}
}

// reckoner gathers demand.
type reckoner struct {
	*packer
	limits *gates
	queues map[string]*Queue
	// off: the server starts no jobs at all.
	off  bool
	jobs []autoscale.Job
	use  *use
}

// sees counts what runs, and tells whether a job waits.
func (r *reckoner) sees(j *Job) bool {
	if j.Array {
		r.limits.use(j, j.Running)
	}
	switch j.State {
	case "R", "E", "S", "U":
		if !j.Array {
			r.use.run(j)
		}
		if !j.Array && !j.Subjob() { // which the array counts
			r.limits.use(j, 1)
		}
		return false
	case "Q", "W", "B", "H", "T":
		return !j.Subjob()
	}
	return false
}

// priority orders jobs as PBS's scheduler does with by_queue, its default: by their
// queues' priority, then their own.
func (r *reckoner) priority(j *Job) int64 {
	const own = 1 << 12 // a job's own is from -1024 to 1023
	p := j.Priority
	if q := r.queues[j.Queue]; q != nil {
		p += q.Priority * own
	}
	return p
}

// pending adds a job that waits.
func (r *reckoner) pending(j *Job) {
	job := autoscale.Job{ID: autoscale.JobID(j.ShortID()), Priority: r.priority(j), Submitted: j.Created}
	wants := int64(1)
	held := r.held(j)
	if j.Array {
		n, err := countIndices(j.Remaining)
		if err != nil && held == "" {
			held = err.Error()
		}
		if wants = n; n == 0 && err == nil {
			return // all have started
		}
	}
	got := r.pack(j)
	if held == "" {
		held = got.held
	}
	depends := dependencies(j)
	if held == "" && len(depends) == 0 && j.State != "W" { // else it is no demand as yet
		wants, held = r.admit(j, wants)
	}
	if len(got.shapes) == 0 {
		got.shapes = []autoscale.Shape{{Tasks: 1, PerTask: autoscale.Resources{Cores: 1}}}
	}
	for i := range got.shapes {
		job.Shape = got.shapes[i]
		job.Held, job.DependsOn, job.ExpectedRuntime = held, depends, j.Walltime
		if j.State == "W" {
			job.EarliestStart = j.Executes
		}
		part := job
		if i > 0 {
			part.ID += autoscale.JobID("+" + number(int64(i+1)))
		}
		r.add(part, wants)
	}
}

// held is why a job is no demand as far as its state, its queue and its comment say.
// Empty: it may be.
func (r *reckoner) held(j *Job) string {
	queue := r.queues[j.Queue]
	switch {
	case j.State == "H" && len(dependencies(j)) > 0 && !strings.ContainsAny(j.HoldTypes, "uop"):
		return "" // DependsOn tells it
	case j.State == "H":
		return heldBy(j)
	case j.Reservation != "":
		return "waits for reservation " + shortID(j.Reservation) + ", which has its nodes"
	case j.State == "T":
		return "is on its way to another queue or server"
	case r.off:
		return "scheduling is off: qmgr -c 'set server scheduling = True' sets it on"
	case queue != nil && queue.Route:
		return "waits to be handed on by queue " + j.Queue
	case queue != nil && queue.Stopped:
		return "queue " + j.Queue + " is stopped"
	}
	if why := explain(j.Comment, r.mapped); !why.Demand {
		return why.Says + ": " + why.Words
	}
	return ""
}

// mapped tells whether nodes have a resource.
func (r *reckoner) mapped(name string) bool {
	known := r.known[name]
	return known != nil && known.Kind != Licence || name == "host" || name == "vnode"
}

// admit lets through as many runs of a job as limits allow.
func (r *reckoner) admit(j *Job, wants int64) (runs int64, held string) {
	runs = wants
	if j.Array && j.MaxRunning > 0 && j.MaxRunning-j.Running < runs {
		if runs = j.MaxRunning - j.Running; runs <= 0 {
			return wants, "as many of its subjobs run as may at a time (" + number(j.MaxRunning) + ")"
		}
	}
	runs, at := r.limits.room(j, runs)
	if runs == 0 && at != nil {
		return wants, "waits for the limit " + at.String()
	}
	r.limits.use(j, runs)
	return runs, ""
}

// add adds a job, or so many runs of it.
func (r *reckoner) add(job autoscale.Job, runs int64) {
	switch {
	case runs == 1 || job.Held != "":
		r.jobs = append(r.jobs, job)
	case job.Tasks == 1 && len(job.Draws) == 0:
		job.Tasks, job.Gang = int(runs), autoscale.GangBestEffort
		if job.Exclusive == autoscale.ExclusiveJob { // subjobs don't share a host with each other either
			job.Exclusive = autoscale.ExclusiveTask
		}
		r.jobs = append(r.jobs, job)
	default:
		id := job.ID
		for i := range min(runs, maxElements) {
			job.ID = id + autoscale.JobID("_"+number(i+1))
			r.jobs = append(r.jobs, job)
		}
	}
}

// dependencies are the jobs that must end or begin before this one may start, of
// "afterok:11.server:12.server,beforeany:13.server".
func dependencies(j *Job) (ids []autoscale.JobID) {
	if j.Depend == "" || j.State != "H" {
		return nil
	}
	for part := range strings.SplitSeq(j.Depend, ",") {
		kind, list, _ := strings.Cut(strings.TrimSpace(part), ":")
		if !strings.HasPrefix(kind, "after") && kind != "runone" && kind != "on" {
			continue
		}
		for id := range strings.SplitSeq(list, ":") {
			if id, _, _ = strings.Cut(id, "@"); id != "" {
				ids = append(ids, autoscale.JobID(shortID(id)))
			}
		}
	}
	return ids
}
