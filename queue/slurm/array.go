package slurm

import (
	"errors"
	"slices"
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
		for _, task := range firstTasks(j.ArrayTasks, int(min(count, maxElements))) {
			job.ID = id + autoscale.JobID("_"+strconv.FormatInt(task, 10))
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
	list, ok := readTasks(text)
	if !ok {
		return 0, errors.New("its array tasks " + short(text) + " can't be read")
	}
	count := spans.Count(list)
	if strings.HasSuffix(text, "...") {
		count++
	}
	return count, nil
}

// readTasks reads what is told of a list of tasks: of one that was cut, without the number
// before the dots, which may be half of one.
func readTasks(text string) ([]spans.Span, bool) {
	if left, cut := strings.CutSuffix(text, "..."); cut {
		text = left[:max(strings.LastIndexByte(left, ','), 0)]
		if text == "" {
			return nil, true
		}
	}
	return spans.Read(text)
}

// firstTasks are the numbers of the first tasks that a list tells.
func firstTasks(text string, most int) (numbers []int64) {
	list, _ := readTasks(text) // countTasks told of a bad one
	for _, s := range list {
		for n := s.First; n <= s.Last && len(numbers) < most; n += s.Step {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// HasTask tells whether a name such as 7_[1,4-9%2], which stands for the tasks of an array
// that are still to start, stands for a task, as 7_4.
func HasTask(name, task string) bool {
	array, tasks, several := strings.Cut(name, "_[")
	number, ofArray := strings.CutPrefix(task, array+"_")
	n, err := strconv.ParseInt(number, 10, 32)
	if !several || !ofArray || err != nil {
		return false
	}
	tasks, _, _ = strings.Cut(strings.TrimSuffix(tasks, "]"), "%")
	list, _ := readTasks(tasks)
	return slices.ContainsFunc(list, func(s spans.Span) bool { return n >= s.First && n <= s.Last && (n-s.First)%s.Step == 0 })
}
