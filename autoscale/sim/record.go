package sim

import (
	"cmp"
	"math"
	"slices"
	"time"

	"autoscaled/autoscale"
)

// books are the sums that a scheduler keeps. Node-time is in seconds as a
// float: a year of thousands of nodes overflows a time.Duration.
type books struct {
	arrived, finished, kills, peak int
	up, busy                       float64
	work, lost                     float64
}

func (b *books) pass(d time.Duration, hosts, busy int) {
	b.up += d.Seconds() * float64(hosts)
	b.busy += d.Seconds() * float64(busy)
}

// Totals are a scheduler's sums since its start. At any time
// Arrived = Finished + Running + Waiting.
type Totals struct {
	Arrived, Finished, Running, Waiting int
	// Coming counts the jobs that have not arrived yet.
	Coming int
	// Kills counts runs that ended because their host was taken away.
	Kills int
	// Hosts have joined and not left, BusyHosts of them run something.
	Hosts, BusyHosts int
	// PeakHosts is the most hosts there were at once.
	PeakHosts int
	// WaitingTasks is the number of tasks of all waiting jobs.
	WaitingTasks int
	// UpSeconds is the time of all hosts from joining to leaving, and
	// BusySeconds the part of it in which they ran anything.
	UpSeconds, BusySeconds float64
	// WorkSeconds is the node-time that jobs needed: run time so far × nodes'
	// worth of tasks, a shared host counting by its most used resource.
	// LostSeconds is the same for runs that were killed; it is no work.
	WorkSeconds, LostSeconds float64
}

// Totals returns the sums as of now.
func (s *Scheduler) Totals() Totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := Totals{
		Arrived: s.books.arrived, Finished: s.books.finished, Running: len(s.running), Waiting: len(s.waiting),
		Coming: len(s.coming), Kills: s.books.kills, Hosts: len(s.hosts), PeakHosts: s.books.peak,
		UpSeconds: s.books.up, BusySeconds: s.books.busy, WorkSeconds: s.books.work, LostSeconds: s.books.lost,
	}
	for _, h := range s.hosts {
		if len(h.jobs) > 0 {
			t.BusyHosts++
		}
	}
	for _, e := range s.waiting {
		t.WaitingTasks += e.Tasks
	}
	for _, e := range s.running {
		t.WorkSeconds += e.nodes * s.now.Sub(e.started).Seconds()
	}
	return t
}

// Record is what became of one job that has arrived.
type Record struct {
	ID        autoscale.JobID
	Tasks     int
	Submitted time.Time
	// Started is when its last run started. Zero: it waits.
	Started time.Time
	// Ended is when it finished. Zero: it has not.
	Ended time.Time
	// Kills counts its runs that were killed.
	Kills int
}

// Records returns the jobs that have arrived, in the order of submission.
func (s *Scheduler) Records() []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Record, 0, len(s.jobs)-len(s.coming))
	for _, e := range s.jobs {
		if e.state == jobToCome {
			continue
		}
		r := Record{ID: e.ID, Tasks: e.Tasks, Submitted: e.Submitted, Started: e.started, Kills: e.kills}
		if e.state == jobFinished {
			r.Ended = e.ends
		}
		out = append(out, r)
	}
	return out
}

// Wait is how long the job waited from submission to the start of its last run,
// or until now while it waits.
func (r Record) Wait(now time.Time) time.Duration {
	if r.Started.IsZero() {
		return now.Sub(r.Submitted)
	}
	return r.Started.Sub(r.Submitted)
}

// Spread describes a set of values.
type Spread[T cmp.Ordered] struct {
	Count               int
	Mean, P50, P95, Max T
}

// SpreadOf sums values up. The p-th percentile is the least value that p per
// cent of the values don't exceed.
func SpreadOf[T ~int64 | ~float64](values []T) Spread[T] {
	if len(values) == 0 {
		return Spread[T]{}
	}
	sorted := slices.Sorted(slices.Values(values))
	sum := 0.0
	for _, v := range sorted {
		sum += float64(v)
	}
	rank := func(p float64) T { return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)] }
	return Spread[T]{
		Count: len(sorted), Mean: T(sum / float64(len(sorted))),
		P50: rank(0.50), P95: rank(0.95), Max: sorted[len(sorted)-1],
	}
}
