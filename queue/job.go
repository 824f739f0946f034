package queue

import (
	"autoscaled/autoscale"
)

func (r *reader) jobs(n *node) []autoscale.Job {
	if !r.is(n, kindList) {
		return nil
	}
	r.ids = make(map[autoscale.JobID]int, len(n.items))
	jobs := make([]autoscale.Job, len(n.items))
	r.each(n, func(item *node) {
		r.job = item
		jobs[r.path[len(r.path)-1].index] = r.readJob(item)
		r.job = nil
	})
	return jobs
}

// jobEntry is a job as it is written, before its parts are put together.
type jobEntry struct {
	autoscale.Job
	nodes                  int
	nodearray, machineType []string
	selector               autoscale.Selector
	coupled                bool
}

var jobFields = fields[jobEntry]{
	"id":       func(r *reader, n *node, j *jobEntry) { j.ID = r.jobID(n) },
	"priority": func(r *reader, n *node, j *jobEntry) { j.Priority = r.count(n, -maxAmount, maxAmount) },
	"submitted": func(r *reader, n *node, j *jobEntry) {
		j.Submitted = r.time(n)
	},

	"tasks":          func(r *reader, n *node, j *jobEntry) { j.Tasks = int(r.count(n, 1, maxCount)) },
	"nodes":          func(r *reader, n *node, j *jobEntry) { j.nodes = int(r.count(n, 1, maxCount)) },
	"tasks_per_node": func(r *reader, n *node, j *jobEntry) { j.TasksPerNode = int(r.count(n, 1, maxCount)) },
	"cores":          func(r *reader, n *node, j *jobEntry) { j.PerTask.Cores = int(r.count(n, 0, maxCount)) },
	"memory":         func(r *reader, n *node, j *jobEntry) { j.PerTask.Memory = r.memory(n) },
	"gpus":           func(r *reader, n *node, j *jobEntry) { j.PerTask.GPUs = int(r.count(n, 0, maxCount)) },
	"resources":      func(r *reader, n *node, j *jobEntry) { j.PerTask.Custom = r.custom(n) },
	"exclusive":      func(r *reader, n *node, j *jobEntry) { j.Exclusive = word(r, n, exclusives) },

	"nodearray":    func(r *reader, n *node, j *jobEntry) { j.nodearray = r.labels(n) },
	"machine_type": func(r *reader, n *node, j *jobEntry) { j.machineType = r.labels(n) },
	"selector":     func(r *reader, n *node, j *jobEntry) { j.selector = r.selector(n) },

	"node_names":      func(r *reader, n *node, j *jobEntry) { j.Names = r.nodeNames(n) },
	"placement_group": func(r *reader, n *node, j *jobEntry) { j.Group = r.groupName(n) },

	"placement": func(r *reader, n *node, j *jobEntry) { j.Grouping = word(r, n, placements) },
	"coupled":   func(r *reader, n *node, j *jobEntry) { j.coupled = r.flag(n) },
	"gang":      func(r *reader, n *node, j *jobEntry) { j.Gang = word(r, n, gangs) },
	"at_least":  func(r *reader, n *node, j *jobEntry) { j.AtLeast = int(r.count(n, 1, maxCount)) },

	"earliest_start":   func(r *reader, n *node, j *jobEntry) { j.EarliestStart = r.time(n) },
	"expected_runtime": func(r *reader, n *node, j *jobEntry) { j.ExpectedRuntime = r.runtime(n) },
	"held":             func(r *reader, n *node, j *jobEntry) { j.Held = r.held(n) },
	"depends_on":       func(r *reader, n *node, j *jobEntry) { j.DependsOn = jobIDs(r.anyLabels(n)) },
	"licences":         func(r *reader, n *node, j *jobEntry) { j.Draws = r.licences(n) },
}

var (
	exclusives = map[string]autoscale.Exclusive{
		"none": autoscale.Shared, "job": autoscale.ExclusiveJob, "task": autoscale.ExclusiveTask,
	}
	placements = map[string]autoscale.Grouping{
		"any": autoscale.AnyPlace, "coupled": autoscale.Coupled, "ungrouped": autoscale.Ungrouped,
	}
	gangs = map[string]autoscale.GangMode{
		"all": autoscale.GangAll, "at_least": autoscale.GangAtLeast, "best_effort": autoscale.GangBestEffort,
	}
)

func (r *reader) readJob(n *node) autoscale.Job {
	var j jobEntry
	if !readObject(r, n, jobFields, &j) {
		return j.Job
	}
	if !n.has("id") {
		r.failf(n, "id is missing")
	}
	if n.has("node_names") {
		r.nameNodes(n, &j)
	} else {
		r.countTasks(n, &j)
		r.placeJob(n, &j)
		if n.has("placement_group") {
			r.failAt(n.find("placement_group"), "placement_group", "needs node_names: it is where those are; coupled: true asks for some group")
		}
	}
	r.gang(n, &j)
	for _, id := range j.DependsOn {
		if id == j.ID {
			r.failAt(n.find("depends_on"), "depends_on", "names the job itself")
		}
	}
	j.Selector = joinSelectors(
		labelSelector(autoscale.LabelNodearray, j.nodearray),
		labelSelector(autoscale.LabelMachineType, j.machineType),
		j.selector)
	return j.Job
}

// countTasks resolves tasks and nodes: N nodes are N tasks of one whole node
// each. A task of its own takes a core unless the job says otherwise.
func (r *reader) countTasks(n *node, j *jobEntry) {
	nodes := n.find("nodes")
	if nodes == nil {
		if !n.has("tasks") {
			j.Tasks = 1
		}
		if !n.has("cores") {
			j.PerTask.Cores = 1
		}
		return
	}
	for _, key := range []string{"tasks", "tasks_per_node"} {
		if n.has(key) {
			r.failAt(n.find(key), key, "excludes nodes, which asks for whole nodes")
		}
	}
	if n.has("exclusive") && j.Exclusive != autoscale.ExclusiveTask {
		r.failAt(n.find("exclusive"), "exclusive", "with nodes can only be task: nodes asks for whole nodes")
	}
	j.Tasks, j.Exclusive = j.nodes, autoscale.ExclusiveTask
}

func (r *reader) placeJob(n *node, j *jobEntry) {
	if n.has("coupled") && n.has("placement") {
		r.failAt(n.find("coupled"), "coupled", "excludes placement, which says the same in more words")
	}
	if j.coupled {
		j.Grouping = autoscale.Coupled
	}
}

// gang resolves gang and at_least; at_least alone says which gang it is.
func (r *reader) gang(n *node, j *jobEntry) {
	least := n.find("at_least")
	switch {
	case least == nil && j.Gang == autoscale.GangAtLeast:
		r.failAt(n.find("gang"), "gang", "at_least needs at_least: the number of tasks")
	case least == nil:
	case n.has("gang") && j.Gang != autoscale.GangAtLeast:
		r.failAt(least, "at_least", "needs gang: at_least, or none")
	case j.AtLeast > j.Tasks && j.Tasks > 0:
		r.failAt(least, "at_least", "is %d, more than the job's %d", j.AtLeast, j.Tasks)
	default:
		j.Gang = autoscale.GangAtLeast
	}
}

// jobID reads a job's own id and finds those given twice.
func (r *reader) jobID(n *node) autoscale.JobID {
	id := autoscale.JobID(r.label(n))
	if first, twice := r.ids[id]; twice {
		r.failf(n, "is given twice, first in line %d", first)
	} else if id != "" {
		r.ids[id] = n.line
	}
	return id
}

func jobIDs(names []string) []autoscale.JobID {
	if len(names) == 0 {
		return nil
	}
	ids := make([]autoscale.JobID, len(names))
	for i, name := range names {
		ids[i] = autoscale.JobID(name)
	}
	return ids
}

// anyLabels is labels that may also be none: an empty list.
func (r *reader) anyLabels(n *node) []string {
	if n.kind == kindList && len(n.items) == 0 {
		return nil
	}
	return r.labels(n)
}

func (r *reader) single(n *node) []string { return []string{r.label(n)} }

// held reads the queue's own words. They must be text: held: false would
// otherwise hold a job for the reason "false".
func (r *reader) held(n *node) string {
	if n.kind != kindText {
		r.mustBe(n, "the reason as text")
		return ""
	}
	return r.label(n)
}

// custom reads amounts by name.
func (r *reader) custom(n *node) map[string]int64 {
	if !r.is(n, kindObject) {
		return nil
	}
	r.checkKeys(n)
	amounts := make(map[string]int64, len(n.items))
	for i := range n.items {
		item := &n.items[i]
		r.path = append(r.path, step{key: item.key})
		switch item.key {
		case "cores", "memory", "gpus":
			r.failf(item, "has a key of its own beside resources")
		default:
			r.label(&node{kind: kindText, line: item.line, text: item.key})
			amounts[item.key] = r.count(item, 0, maxAmount)
		}
		r.path = r.path[:len(r.path)-1]
	}
	if len(amounts) == 0 {
		return nil
	}
	return amounts
}

// licenceLimit is the limit that a job's licences draw on.
func licenceLimit(name string) autoscale.LimitID { return autoscale.LimitID("licence/" + name) }

// licence is one entry of licences.
type licence struct {
	name  string
	count int64
}

var licenceFields = fields[licence]{
	"name":  func(r *reader, n *node, l *licence) { l.name = r.label(n) },
	"count": func(r *reader, n *node, l *licence) { l.count = r.count(n, 1, maxCount) },
}

func (r *reader) licences(n *node) []autoscale.Draw {
	if !r.is(n, kindList) {
		return nil
	}
	var draws []autoscale.Draw
	seen := make(map[string]bool, len(n.items))
	r.each(n, func(item *node) {
		l := licence{count: 1}
		if !readObject(r, item, licenceFields, &l) {
			return
		}
		switch {
		case !item.has("name"):
			r.failf(item, "name is missing")
		case seen[l.name]:
			r.failf(item, "names %s twice", quoteShort(l.name))
		}
		seen[l.name] = true
		draws = append(draws, autoscale.Draw{Limit: licenceLimit(l.name), Amount: l.count})
	})
	return draws
}
