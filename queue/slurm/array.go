package slurm

import (
	"errors"
	"strconv"
	"strings"

	"autoscaled/autoscale"
	"autoscaled/internal/spans"
)

// add adds a pending job, or as many tasks of an array as may start now: what remains,
// up to its % limit less the tasks that run.
func (r *reckoner) add(j *Job, job autoscale.Job) {
	count, err := countTasks(j.ArrayTasks)
	if err != nil && job.Held == "" {
		job.Held = err.Error()
	}
	if j.ArrayTasks == "" || job.Held != "" {
		r.jobs = append(r.jobs, job)
		return
	}
	switch {
	case j.ArrayLimit > 0:
		count = min(count, j.ArrayLimit-r.running[j.ArrayID])
	case j.Reason == "JobArrayTaskLimit":
		count = 0 // squeue hides the limit once tasks were requeued; it is reached
	}
	switch {
	case count <= 0:
		job.Held = "JobArrayTaskLimit: " + reasonOf["JobArrayTaskLimit"].Words
		r.jobs = append(r.jobs, job)
	case job.Tasks == 1:
		job.Tasks, job.Gang = int(count), autoscale.GangBestEffort
		r.jobs = append(r.jobs, job)
	default:
		id := job.ID
		for i := range min(count, maxElements) {
			job.ID = id + autoscale.JobID("_"+strconv.FormatInt(i+1, 10))
			r.jobs = append(r.jobs, job)
		}
	}
}

// countTasks counts the tasks of "1,3,36-99:7". Slurm cuts long lists and writes three
// dots for the rest: that counts as it is told.
func countTasks(text string) (int64, error) {
	if text == "" {
		return 1, nil
	}
	text, cut := strings.CutSuffix(text, "...")
	if cut {
		text = text[:strings.LastIndexByte(text, ',')+1] + "0" // the number before the dots may be half of one
	}
	list, ok := spans.Read(text)
	if !ok {
		return 0, errors.New("its array tasks " + short(text) + " can't be read")
	}
	return spans.Count(list), nil
}
