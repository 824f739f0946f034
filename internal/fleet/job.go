package fleet

import "time"

// Job is one that will be queued.
type Job struct {
	// Set is the scale set that it is for, or one of Options.Sets; it must be there when
	// the job arrives.
	Set string
	// At is when it arrives, and Length how long it runs.
	At     time.Time
	Length time.Duration
	// CancelAfter is how long after its arrival it is cancelled, waiting or running.
	// 0: it is not.
	CancelAfter time.Duration
}

// job is one and what became of it.
type job struct {
	Job
	id             string // the CI service's; empty: it has not arrived
	started, ended time.Time
	result         string
	runner         *runner
	// tell sends the message of its start, which may be late; nil: sent, or not started.
	tell func()
}

// The results of jobs, as GitHub words them.
const (
	succeeded = "succeeded"
	canceled  = "canceled"
	failed    = "failed"
)

// Add lets jobs arrive when their time comes.
func (w *World) Add(jobs ...Job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, j := range jobs {
		x := &job{Job: j}
		w.jobs = append(w.jobs, x)
		w.agenda.plan(j.At, func() { w.arrive(x) })
	}
	w.wake()
}

func (w *World) arrive(j *job) {
	j.id = w.ci.queue(j)
	w.byID[j.id] = j
	if j.CancelAfter > 0 {
		w.agenda.plan(j.At.Add(j.CancelAfter), func() { w.cancel(j) })
	}
}

// begin gives a runner the job that the CI service gave it.
func (w *World) begin(j *job, r *runner, tell func()) {
	j.started, j.runner, j.tell = w.now(), r, tell
	r.job, r.state = j, running
	w.check("mark the VM of "+r.name+" busy", w.options.Anka.MarkBusy(r.vm.id, true))
	w.agenda.plan(j.started.Add(w.options.NewsLate), j.heard)
	w.agenda.plan(j.started.Add(j.Length), func() { w.finish(j) })
}

// heard sends the message of the start, unless it was sent before.
func (j *job) heard() {
	if j.tell != nil {
		j.tell()
		j.tell = nil
	}
}

// finish ends a job that ran for its length.
func (w *World) finish(j *job) {
	if j.runner.state != running || j.runner.job != j {
		return
	}
	w.end(j, succeeded)
	w.check("finish the job of "+j.runner.name, w.ci.finish(j, succeeded))
}

// cancel ends a job before its time.
func (w *World) cancel(j *job) {
	if !j.ended.IsZero() {
		return
	}
	w.ci.cancel(j)
}

// giveUp ends a job whose runner is gone.
func (w *World) giveUp(j *job) {
	if !j.ended.IsZero() {
		return
	}
	w.end(j, failed)
	w.check("give up the job of "+j.runner.name, w.ci.finish(j, failed))
}

// end notes the end of a job and sets its runner free. News come in the order in which
// things happened: that it began is told by now.
func (w *World) end(j *job, result string) {
	j.heard()
	j.ended, j.result = w.now(), result
	if r := j.runner; r != nil && r.state == running {
		r.state = spent
		w.check("mark the VM of "+r.name+" idle", w.options.Anka.MarkBusy(r.vm.id, false))
	}
}
