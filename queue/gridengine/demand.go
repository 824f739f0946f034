package gridengine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

// Reading is what was read of a Grid Engine at about one time.
type Reading struct {
	Jobs []Job
	// Details are of the jobs that they were asked for, Asked.
	Details map[int64]Detail
	Asked   map[int64]bool
	Hosts   []Host
	// PEs and Complexes are by name.
	PEs       map[string]PE
	Complexes map[string]Complex
	// Marked are the hosts in our host group of drained ones, in small letters.
	Marked map[string]bool
}

// maxElements bounds how many of an array's tasks are told one by one, which those of
// several hosts and those with licences are. More are demand once these have started.
const maxElements = 1000

// Demand is what a reading means. It vouches for all hosts.
//
// The documentation has a table of what each kind of job becomes.
func Demand(r *Reading, m *Mapping) autoscale.Demand {
	k := &reckoner{
		Reading: r, Mapping: m, running: make(map[int64]int64), started: make(map[int64]int64), told: make(map[int64]int), wants: make(map[int64]*Job),
	}
	k.survey()
	for i := range r.Jobs {
		if j := &r.Jobs[i]; j.Pending {
			k.pending(j)
		}
	}
	use := make(map[string]autoscale.HostUse, len(r.Hosts))
	for i := range r.Hosts {
		use[strings.ToLower(r.Hosts[i].Name)] = k.useOf(&r.Hosts[i])
	}
	for name := range r.Marked {
		if _, listed := use[name]; !listed { // it was to be drained before it was added
			use[name] = autoscale.HostUse{Missing: true, Drain: autoscale.DrainOurs}
		}
	}
	return autoscale.Demand{Classes: autoscale.Intern(k.jobs), Use: use, Vouched: true}
}

// reckoner gathers demand.
type reckoner struct {
	*Reading
	*Mapping
	jobs []autoscale.Job
	// running counts the entries of started tasks, and told those of pending ones, by job.
	running map[int64]int64
	told    map[int64]int
	// started counts the tasks that run on hosts and are listed as pending: they started
	// after the list was read.
	started map[int64]int64
	// wants are jobs by their ids, for what they asked for.
	wants map[int64]*Job
}

// task is a job, or a task of an array.
type task struct {
	job  int64
	task string
}

// survey counts the tasks that run, by the list of jobs and beyond it.
func (k *reckoner) survey() {
	known := make(map[task]bool)
	for i := range k.Jobs {
		j := &k.Jobs[i]
		k.wants[j.ID] = j
		if !j.Pending {
			k.running[j.ID]++
			known[task{j.ID, j.Tasks}] = true
		}
	}
	for i := range k.Hosts {
		for _, entry := range k.Hosts[i].Jobs {
			if t := (task{entry.ID, entry.Task}); !known[t] {
				known[t] = true
				k.started[entry.ID]++
			}
		}
	}
}

func (k *reckoner) pending(j *Job) {
	detail, known := k.Details[j.ID]
	if k.Asked[j.ID] && !known {
		return // it was deleted, or ran and ended, since the list was read
	}
	if j.Tasks == "" && k.started[j.ID] > 0 {
		return // it runs by now
	}
	job := autoscale.Job{ID: k.name(j), Priority: j.Priority, Submitted: j.Submitted}
	shape, err := k.shape(j, k.PEs, k.Complexes)
	job.Shape = shape
	if j.Priority == 0 { // else it is past, and would only tell equal jobs apart
		job.EarliestStart = detail.Begins
	}
	if job.Held = heldBy(j, &detail); job.Held == "" && err != nil {
		job.Held = err.Error()
	}
	k.add(j, job, detail.Concurrent)
}

// name is a job's id. Tasks of an array that wait for different reasons are listed apart.
func (k *reckoner) name(j *Job) autoscale.JobID {
	k.told[j.ID]++
	id := strconv.FormatInt(j.ID, 10)
	if n := k.told[j.ID]; n > 1 {
		id += "/" + strconv.Itoa(n)
	}
	return autoscale.JobID(id)
}

// add adds a pending job, or as many tasks of an array as may start now: what remains, up
// to its -tc limit less the tasks that run.
func (k *reckoner) add(j *Job, job autoscale.Job, limit int64) {
	count, err := countTasks(j.Tasks)
	if err != nil && job.Held == "" {
		job.Held = held("unreadable", "tasks "+j.Tasks)
	}
	if started := k.started[j.ID]; started > 0 && job.Held == "" {
		if count -= started; count <= 0 {
			return // all of them run by now
		}
	}
	if limit > 0 && job.Held == "" {
		count = min(count, limit-k.running[j.ID]-k.started[j.ID])
	}
	switch {
	case job.Held != "" || j.Tasks == "":
		k.jobs = append(k.jobs, job)
	case count <= 0:
		job.Held = held("array limit", fmt.Sprint(limit))
		k.jobs = append(k.jobs, job)
	case job.Tasks == 1 && len(job.Draws) == 0: // what a job draws on limits it takes as a whole
		job.Tasks, job.Gang = int(count), autoscale.GangBestEffort
		k.jobs = append(k.jobs, job)
	default:
		id := job.ID
		for i := range min(count, maxElements) {
			job.ID = id + autoscale.JobID("_"+strconv.FormatInt(i+1, 10))
			k.jobs = append(k.jobs, job)
		}
	}
}

// outOfService are the letters of a queue instance's state that an administrator ends:
// disabled, suspended, in error, and an ambiguous configuration. Calendars, load and other
// queues end their own.
const outOfService = "dsEc"

// useOf is what Grid Engine says of a host.
func (k *reckoner) useOf(h *Host) autoscale.HostUse {
	use := autoscale.HostUse{Missing: h.silent() || len(h.Instances) == 0, Drain: drainOf(h, k.Marked)}
	slots := h.slots()
	for i := range h.Jobs {
		k.occupy(&use, &h.Jobs[i], slots[i])
	}
	full := len(h.Instances) > 0
	for i := range h.Instances {
		full = full && h.Instances[i].Used >= h.Instances[i].Slots
	}
	use.Whole = use.Whole || full && len(use.Jobs) > 0
	return use
}

// drainOf is whose mark a host has.
func drainOf(h *Host, marked map[string]bool) autoscale.Drain {
	disabled, out := 0, false
	for i := range h.Instances {
		if strings.Contains(h.Instances[i].State, "d") {
			disabled++
		}
		out = out || strings.ContainsAny(h.Instances[i].State, outOfService)
	}
	ours := marked[strings.ToLower(h.Name)]
	switch {
	case ours && disabled == len(h.Instances): // without any instance nothing can start there either
		return autoscale.DrainOurs
	case out && !ours:
		return autoscale.DrainForeign
	}
	return autoscale.NotDraining
}

// occupy adds what qhost lists of a job on a host to the host's use: a slot of it, or only
// that its first task is there.
func (k *reckoner) occupy(use *autoscale.HostUse, entry *HostJob, slot bool) {
	id := autoscale.JobID(strconv.FormatInt(entry.ID, 10))
	if entry.Task != "" {
		id += autoscale.JobID("." + entry.Task)
	}
	if !slices.Contains(use.Jobs, id) {
		use.Jobs = append(use.Jobs, id)
	}
	if slot {
		use.Used.Cores++
	}
	j := k.wants[entry.ID]
	if j == nil { // it came after the list was read: what it takes is not known
		use.Whole = true
		return
	}
	for _, h := range k.Mapping.requests(j, k.Complexes) {
		kind, _ := k.kind(h.Name, k.Complexes)
		if kind == Exclusive {
			yes, err := truth(h.Value)
			use.Whole = use.Whole || yes || err != nil
		}
		consumable := k.Complexes[h.Name].Consumable
		amount, err := quantity(h.Value)
		if err != nil || !(consumable == "YES" && slot || consumable == "JOB" && entry.Master) {
			continue
		}
		taken := autoscale.Shape{PerTask: use.Used}
		k.amount(&taken, h.Name, kind, amount, layout{tasks: 1, slots: 1}, consumable)
		use.Used = taken.PerTask
	}
}
