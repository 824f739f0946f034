package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/sim"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// demoSummary is what the demo ends with. Everything in it is taken from the
// simulator's books and the scheduler's records at one moment, nothing from what
// the daemon believes.
type demoSummary struct {
	Real    time.Duration // how long it ran
	Virtual time.Duration // how much time of the trace that was
	Offered int           // jobs of the trace
	// Ticks of the daemon, and those in which it could not read or write something.
	Ticks, BadTicks int
	Queue           sim.Totals
	Waits           sim.Spread[time.Duration] // of the jobs that started
	Oldest          time.Duration             // longest wait of those that have not
	Evicted         int                       // runs that ended because a node went by itself

	Room             int     // most nodes the cluster may have
	Peak             int     // most nodes it had, those on their way out included
	UsedHours        float64 // node-hours that VMs were held
	Creates, Removes int     // requests
	Created, Removed int     // nodes
	There            int     // nodes that are still there
	Failed           int     // nodes that failed
	Calls            map[string]int
	Faults           map[cyclecloudtest.FaultKind]int // calls that went wrong, by how

	// AlwaysOn is what Room nodes that are always there would have made of it.
	AlwaysOn demoBaseline
	Checks   demoChecks
}

// demoBaseline is the same trace, for the same time, on nodes that never go.
type demoBaseline struct {
	Finished int
	Waits    sim.Spread[time.Duration]
	Hours    float64
}

// OK tells whether every check held.
func (s demoSummary) OK() bool { return s.Checks.ok() }

// addBooks takes what the simulator has written down.
func (s *demoSummary) addBooks(books cyclecloudtest.Books) {
	s.UsedHours = books.NodeTime.Hours()
	s.Creates = len(books.Creates)
	for _, m := range books.Manages {
		if takesAway(m.Action) {
			s.Removes++
			s.Removed += len(m.Nodes)
		}
	}
	for _, n := range books.Nodes {
		if n.Head {
			continue
		}
		s.Created++
		if n.Gone.IsZero() {
			s.There++
		}
		if n.Status == "Failed" || n.Status == "Unavailable" {
			s.Failed++
		}
	}
	s.Peak = books.Peak[demoBucket()]
	s.Calls, s.Faults = books.Calls, books.Faults
}

// addJobs takes what became of the jobs.
func (s *demoSummary) addJobs(jobs *sim.Scheduler) {
	s.Queue = jobs.Totals()
	s.Waits, s.Oldest = waitsOf(jobs)
}

func waitsOf(jobs *sim.Scheduler) (started sim.Spread[time.Duration], oldest time.Duration) {
	var waits []time.Duration
	for _, r := range jobs.Records() {
		if wait := r.Wait(jobs.Now()); r.Started.IsZero() {
			oldest = max(oldest, wait)
		} else {
			waits = append(waits, wait)
		}
	}
	return sim.SpreadOf(waits), oldest
}

// alwaysOn runs the same jobs on a fixed number of nodes until the same time.
func alwaysOn(jobs []sim.Job, start, until time.Time, nodes int) (demoBaseline, error) {
	s := sim.NewScheduler(start)
	for i := range nodes {
		if err := s.Join(sim.Host{Name: fmt.Sprintf("fixed-%d", i+1), Resources: autoscale.Resources{Cores: demoCores}}); err != nil {
			return demoBaseline{}, err
		}
	}
	if err := s.Submit(jobs...); err != nil {
		return demoBaseline{}, err
	}
	s.Advance(until)
	totals := s.Totals()
	waits, _ := waitsOf(s)
	return demoBaseline{Finished: totals.Finished, Waits: waits, Hours: totals.UpSeconds / 3600}, nil
}

// print writes the summary for people.
func (s demoSummary) print(out io.Writer) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(out, "Summary: %s of the trace in %s\n\n", days(s.Virtual), s.Real.Round(100*time.Millisecond))
	q := s.Queue
	row("jobs", "%d of %d arrived: %d finished, %d running, %d waiting", q.Arrived, s.Offered, q.Finished, q.Running, q.Waiting)
	if q.Kills > 0 {
		row("", "%s lost a node and went back to the queue, %d of them to an eviction", counted(q.Kills, "run"), s.Evicted)
	}
	row("waits", "%s (%d jobs that started)", spread(s.Waits), s.Waits.Count)
	if s.Oldest > 0 {
		row("", "longest of those still waiting: %s", days(s.Oldest))
	}
	needed := q.WorkSeconds / 3600
	row("node-hours", "%.1f used, %.1f needed by the jobs that ran%s", s.UsedHours, needed, percent(needed, s.UsedHours))
	row("nodes", "peak %d of %d; %d created, %d removed, %d there", s.Peak, s.Room, s.Created, s.Removed, s.There)
	if s.Failed > 0 {
		row("", "%d failed", s.Failed)
	}
	row("ticks", "%d, %d of them not good", s.Ticks, s.BadTicks)
	row("requests", "%s, %s", counted(s.Creates, "create"), counted(s.Removes, "termination"))
	total := 0
	for _, n := range s.Calls {
		total += n
	}
	row("API calls", "%d", total)
	for _, route := range slices.Sorted(maps.Keys(s.Calls)) {
		row("", "%6d  %s", s.Calls[route], route)
	}
	printFaults(row, s.Faults)
	fmt.Fprintf(out, "\nThe same time with %d nodes always on\n\n", s.Room)
	row("jobs", "%d finished", s.AlwaysOn.Finished)
	row("waits", "%s (%d jobs that started)", spread(s.AlwaysOn.Waits), s.AlwaysOn.Waits.Count)
	row("node-hours", "%.1f", s.AlwaysOn.Hours)
	s.Checks.print(out)
}

// printFaults tells what went wrong on purpose; nothing, if nothing was to.
func printFaults[K ~string](row func(name, format string, args ...any), faults map[K]int) {
	total := 0
	for _, n := range faults {
		total += n
	}
	if total == 0 {
		return
	}
	row("faults", "%d", total)
	for _, kind := range slices.Sorted(maps.Keys(faults)) {
		row("", "%6d  %s", faults[kind], kind)
	}
}

// maxFaults bounds how many faults of one check are printed.
const maxFaults = 5

// ok tells whether every check held.
func (list demoChecks) ok() bool {
	return !slices.ContainsFunc(list, func(c demoCheck) bool { return len(c.Faults) > 0 })
}

func (list demoChecks) print(out io.Writer) {
	fmt.Fprint(out, "\nChecked against the simulator's own books\n\n")
	for _, c := range list {
		if len(c.Faults) == 0 {
			fmt.Fprintf(out, "  ok      %s\n", c.Name)
			continue
		}
		fmt.Fprintf(out, "  BROKEN  %s\n", c.Name)
		for _, fault := range c.Faults[:min(len(c.Faults), maxFaults)] {
			fmt.Fprintf(out, "          %s\n", fault)
		}
		if more := len(c.Faults) - maxFaults; more > 0 {
			fmt.Fprintf(out, "          and %d more\n", more)
		}
	}
}

func spread(s sim.Spread[time.Duration]) string {
	return fmt.Sprintf("mean %s, p50 %s, p95 %s, max %s", days(s.Mean), days(s.P50), days(s.P95), days(s.Max))
}

func percent(part, whole float64) string {
	if whole <= 0 {
		return ""
	}
	return fmt.Sprintf(" (%.0f %%)", 100*part/whole)
}

// days prints a duration of the trace in two units, rounded to the smaller one:
// "6d 4h", "3h 20m", "5m 2s", "12s".
func days(d time.Duration) string {
	const day = 24 * time.Hour
	d = d.Round(time.Second)
	if d >= time.Hour {
		d = d.Round(time.Minute)
	}
	if d >= day {
		d = d.Round(time.Hour)
	}
	switch {
	case d >= day:
		return fmt.Sprintf("%dd %dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
