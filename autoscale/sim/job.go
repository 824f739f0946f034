package sim

import (
	"cmp"
	"fmt"
	"time"

	"autoscaled/autoscale"
)

// Job is a job and how long it runs once it has started.
type Job struct {
	autoscale.Job
	Run time.Duration
}

// check refuses what this scheduler can't do, rather than doing something else.
func (j *Job) check() error {
	switch {
	case j.ID == "":
		return fmt.Errorf("a job has no id")
	case j.Run < 0:
		return fmt.Errorf("job %s: run time %s is negative", j.ID, j.Run)
	case j.Tasks < 1:
		return fmt.Errorf("job %s: it has %d tasks; at least 1 is needed", j.ID, j.Tasks)
	case j.Required() != j.Tasks:
		return fmt.Errorf("job %s: this scheduler starts all tasks of a job at once; its gang mode allows fewer", j.ID)
	case j.Held != "" || len(j.DependsOn) > 0 || !j.EarliestStart.IsZero():
		return fmt.Errorf("job %s: this scheduler knows no holds, dependencies or start times", j.ID)
	case len(j.Draws) > 0:
		return fmt.Errorf("job %s: this scheduler knows no licences", j.ID)
	}
	return nil
}

// Host is a machine that takes jobs.
type Host struct {
	// Name is compared without case.
	Name      string
	Resources autoscale.Resources
	// Labels are those of its pool, for the selectors of jobs.
	Labels map[string]string
	// Group is its placement group; empty: none.
	Group string
}

// entry is a job that has been submitted.
type entry struct {
	Job
	state   jobState
	started time.Time
	ends    time.Time
	on      []placement // while it runs
	nodes   float64     // how many nodes' worth it takes, while it runs or since it ended
	kills   int
}

type jobState int

const (
	jobToCome jobState = iota
	jobWaiting
	jobRunning
	jobFinished
)

// inOrder compares jobs as they are to be served: highest priority, then
// earliest submitted, then least ID, as autoscale.Job orders them.
func inOrder(a, b *entry) int {
	return cmp.Or(
		cmp.Compare(b.Priority, a.Priority),
		a.Submitted.Compare(b.Submitted),
		cmp.Compare(a.ID, b.ID),
	)
}

// byArrival compares jobs as they arrive.
func byArrival(a, b *entry) int {
	return cmp.Or(a.Submitted.Compare(b.Submitted), cmp.Compare(a.ID, b.ID))
}

// byEnd compares running jobs as they end.
func byEnd(a, b *entry) int {
	return cmp.Or(a.ends.Compare(b.ends), cmp.Compare(a.ID, b.ID))
}

// host is a machine that has joined.
type host struct {
	Host
	free  autoscale.Resources
	jobs  []*entry
	whole bool // a job has it to itself
	drain autoscale.Drain
}
