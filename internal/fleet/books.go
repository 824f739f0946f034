package fleet

import (
	"slices"
	"time"

	"autoscaled/anka/ankatest"
	"autoscaled/queue/github/githubtest"
	"autoscaled/queue/gitlab/gitlabtest"
)

// Books is what really happened, as the servers tell it.
type Books struct {
	At   time.Time
	Jobs []JobRecord // in the order in which they were added
	// Starts is how many instances were asked for with success, and Template how many of
	// each template, by its id.
	Starts   int
	Template map[string]int
	// MostVMs is the most VMs that each Mac had at one time, foreign ones included, and
	// Pulls how many pulls each has finished. Both are by the Mac's name.
	MostVMs map[string]int
	Pulls   map[string]int
	// MostPulling is the most Macs that pulled at one time.
	MostPulling int
	// Records and GitLab are the runners' records that are there, VMs the instances that are listed
	// and whose end nobody has asked for.
	Records []githubtest.Runner
	GitLab  []gitlabtest.Runner
	VMs     []ankatest.InstanceRecord
	// Violations are those that the world saw, and those that the controller must never
	// let happen.
	Violations []Violation
	// Anka is all that the controller knows.
	Anka ankatest.Books
}

// JobRecord is what became of a job. Times are zero for what has not happened.
type JobRecord struct {
	Job
	ID             string // empty: it has not arrived
	Started, Ended time.Time
	Result         string // succeeded, canceled or failed; empty: not ended
	Runner         string // name of the runner that took it
	Node           string // name of the Mac on which it runs
}

// Waited is how long the job waited for its runner; false: none has taken it.
func (j JobRecord) Waited() (time.Duration, bool) {
	return j.Started.Sub(j.At), !j.Started.IsZero()
}

// ViolationKind tells what should not have happened.
type ViolationKind string

// What a daemon did wrong, but for the last two, which can't happen unless the servers
// or the world are wrong.
const (
	ViolationBusy   ViolationKind = "VM ended under a job"
	ViolationRecord ViolationKind = "VM ended with its runner waiting"
	ViolationName   ViolationKind = "runner in another's VM"
	ViolationLimit  ViolationKind = "limit exceeded"
	ViolationWorld  ViolationKind = "world contradicts itself"
)

// Violation is one thing that should not have happened.
type Violation struct {
	At   time.Time
	Kind ViolationKind
	Text string
}

// Books reads the books as of now.
func (w *World) Books() Books {
	w.Step()
	w.mu.Lock()
	defer w.mu.Unlock()
	b := Books{
		At: w.now(), Template: map[string]int{}, MostVMs: map[string]int{}, Pulls: map[string]int{},
		Violations: slices.Clone(w.violations), Anka: w.options.Anka.Books(),
	}
	if w.options.GitHub != nil {
		b.Records = w.options.GitHub.Runners()
	}
	if w.options.GitLab != nil {
		b.GitLab = w.options.GitLab.Runners()
	}
	for _, j := range w.jobs {
		b.Jobs = append(b.Jobs, j.record())
	}
	for _, i := range b.Anka.Instances {
		b.Starts++
		b.Template[i.Template]++
		if i.Listed && i.Asked.IsZero() {
			b.VMs = append(b.VMs, i)
		}
	}
	for _, n := range b.Anka.Nodes {
		b.MostVMs[n.Name], b.Pulls[n.Name] = n.MostVMs, len(n.Pulls)
	}
	b.MostPulling = b.Anka.MostPulling
	for _, v := range b.Anka.Violations {
		if v.Kind == ankatest.ViolationLimit {
			b.Violations = append(b.Violations, Violation{v.At, ViolationLimit, v.Text})
		}
	}
	return b
}

func (j *job) record() JobRecord {
	r := JobRecord{Job: j.Job, ID: j.id, Started: j.started, Ended: j.ended, Result: j.result}
	if j.runner != nil {
		r.Runner, r.Node = j.runner.name, j.runner.vm.node
	}
	return r
}

// Tally counts the jobs that have arrived, by what has become of them.
type Tally struct{ Arrived, Waiting, Running, Ended int }

// Tally is that of the present moment, for those who look often.
func (w *World) Tally() (n Tally) {
	w.Step()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, j := range w.jobs {
		switch {
		case j.id == "":
			continue
		case !j.ended.IsZero():
			n.Ended++
		case j.started.IsZero():
			n.Waiting++
		default:
			n.Running++
		}
		n.Arrived++
	}
	return n
}

// Waiting counts the jobs that have arrived, were not cancelled and have no runner yet.
func (b Books) Waiting() int { return b.count(func(j JobRecord) bool { return j.Started.IsZero() }) }

// Running counts the jobs that have begun and not ended.
func (b Books) Running() int { return b.count(func(j JobRecord) bool { return !j.Started.IsZero() }) }

// Succeeded counts the jobs that ran to their end.
func (b Books) Succeeded() int {
	return b.total(func(j JobRecord) bool { return j.Result == succeeded })
}

// Ended counts those, and the ones that were cancelled or failed.
func (b Books) Ended() int { return b.total(func(j JobRecord) bool { return !j.Ended.IsZero() }) }

func (b Books) total(so func(JobRecord) bool) (n int) {
	for _, j := range b.Jobs {
		if so(j) {
			n++
		}
	}
	return n
}

// count is how many of the jobs that have arrived and not ended are so.
func (b Books) count(so func(JobRecord) bool) int {
	return b.total(func(j JobRecord) bool { return j.ID != "" && j.Ended.IsZero() && so(j) })
}

// QueueTime is a percentile, from 0 to 100, of the time that jobs waited for their
// runners: the smallest that so many did not exceed. Jobs that no runner has taken are
// not counted. 0: there is none.
func (b Books) QueueTime(percentile float64) time.Duration {
	var waits []time.Duration
	for _, j := range b.Jobs {
		if waited, ok := j.Waited(); ok {
			waits = append(waits, waited)
		}
	}
	if len(waits) == 0 {
		return 0
	}
	slices.Sort(waits)
	rank := int(percentile/100*float64(len(waits)) + 0.999999)
	return waits[min(max(rank, 1), len(waits))-1]
}
