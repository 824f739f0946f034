package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"autoscaled/anka/ankatest"
	"autoscaled/autoscale/sim"
	"autoscaled/internal/fleet"
)

// ciSummary is what the CI demo ends with. Everything in it but the ticks is taken from
// the books of fleet and CI service at one moment, nothing from what the daemon believes.
type ciSummary struct {
	Real            time.Duration // how long it ran
	Virtual         time.Duration // how much time of the day that was
	Ticks, BadTicks int
	Kills           int

	Offered, Arrived, Waiting, Running int // jobs
	Succeeded, Cancelled, Failed       int
	Waits                              sim.Spread[time.Duration] // of the jobs that started
	ByKind                             []ciKindWaits
	WorkHours                          float64 // that jobs ran

	Starts, Down, There, Peak int // VMs: asked for, failed by themselves, there now, most at one time
	UsedHours                 float64
	Pulls, MostPulling        int
	Calls                     map[string]int // of the controller
	Faults                    map[ankatest.FaultKind]int
	Broken                    int // calls of GitHub that went wrong

	// AlwaysOn is what as many VMs that are always there would have made of it.
	AlwaysOn demoBaseline
	Checks   demoChecks
}

// ciKindWaits is how long jobs of one kind waited.
type ciKindWaits struct {
	Set   string
	Waits sim.Spread[time.Duration]
}

// summarize reads the books and the daemon's records, and holds them against each other.
func (d *ciDemo) summarize() (ciSummary, error) {
	b := d.world.Books()
	records, err := d.life.records(context.Background())
	if err != nil {
		return ciSummary{}, err
	}
	return d.summaryOf(b, records), nil
}

func (d *ciDemo) summaryOf(b fleet.Books, records demoRecords) ciSummary {
	s := ciSummary{
		Real: d.stage.elapsed(), Virtual: b.At.Sub(d.day.Start), Ticks: d.ticks, BadTicks: d.badTicks, Kills: d.kills, Broken: d.weather.count(),
		Offered: len(d.jobs), Checks: ciAudit(b, records),
	}
	s.addJobs(b, d.day)
	s.addMacs(b)
	s.AlwaysOn = d.day.alwaysOn(d.jobs, b.At)
	return s
}

func (s *ciSummary) addJobs(b fleet.Books, day ciDay) {
	var all []time.Duration
	bySet := map[string][]time.Duration{}
	for _, j := range b.Jobs {
		if j.ID == "" {
			continue
		}
		s.Arrived++
		switch j.Result {
		case "succeeded":
			s.Succeeded++
		case "canceled":
			s.Cancelled++
		case "failed":
			s.Failed++
		}
		if waited, ok := j.Waited(); ok {
			all, bySet[j.Set] = append(all, waited), append(bySet[j.Set], waited)
			s.WorkHours += until(j.Ended, b.At).Sub(j.Started).Hours()
		}
	}
	s.Waiting, s.Running, s.Waits = b.Waiting(), b.Running(), sim.SpreadOf(all)
	for _, set := range day.sets() {
		s.ByKind = append(s.ByKind, ciKindWaits{set, sim.SpreadOf(bySet[set])})
	}
}

// until is a moment, or now where it has not come.
func until(at, now time.Time) time.Time {
	if at.IsZero() {
		return now
	}
	return at
}

func (s *ciSummary) addMacs(b fleet.Books) {
	s.Starts, s.There, s.MostPulling = b.Starts, len(b.VMs), b.MostPulling
	s.Calls, s.Faults = b.Anka.Calls, b.Anka.Faults
	for _, i := range b.Anka.Instances {
		s.UsedHours += until(i.Over, b.At).Sub(i.Created).Hours()
		if i.Started.IsZero() && !i.Asked.IsZero() {
			s.Down++
		}
	}
	for _, n := range b.Pulls {
		s.Pulls += n
	}
	s.Peak = mostAtOnce(b.Anka.Instances)
}

// mostAtOnce is the most instances that there were at one time, from when they were asked
// for until they were gone.
func mostAtOnce(instances []ankatest.InstanceRecord) (most int) {
	type step struct {
		at   time.Time
		more int
	}
	var steps []step
	for _, i := range instances {
		steps = append(steps, step{i.Created, 1})
		if !i.Over.IsZero() {
			steps = append(steps, step{i.Over, -1})
		}
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.more, b.more)) })
	there := 0
	for _, x := range steps {
		there += x.more
		most = max(most, there)
	}
	return most
}

// print writes the summary for people.
func (s ciSummary) print(out io.Writer) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(out, "Summary: %s of the made-up day in %s\n\n", days(s.Virtual), s.Real.Round(100*time.Millisecond))
	row("jobs", "%d of %d arrived: %d succeeded, %d cancelled, %d failed, %d running, %d waiting",
		s.Arrived, s.Offered, s.Succeeded, s.Cancelled, s.Failed, s.Running, s.Waiting)
	row("queue time", "%s (%d jobs that started)", spread(s.Waits), s.Waits.Count)
	for _, k := range s.ByKind {
		row("", "%-9s %s (%d)", k.Set, spread(k.Waits), k.Waits.Count)
	}
	row("VM-hours", "%.1f used, %.1f needed by the jobs that ran%s", s.UsedHours, s.WorkHours, percent(s.WorkHours, s.UsedHours))
	row("VMs", "peak %d of %d; %d started for %d jobs, %d there", s.Peak, ciSlots, s.Starts, s.Arrived, s.There)
	if s.Down > 0 {
		row("", "%d ended before they were up", s.Down)
	}
	row("pulls", "%d of templates, %d at one time at most", s.Pulls, s.MostPulling)
	row("ticks", "%d, %d of them not good", s.Ticks, s.BadTicks)
	if s.Kills > 0 {
		row("", "the daemon was killed %s", times(s.Kills))
	}
	total := 0
	for _, n := range s.Calls {
		total += n
	}
	row("API calls", "%d of the controller", total)
	for _, route := range slices.Sorted(maps.Keys(s.Calls)) {
		row("", "%6d  %s", s.Calls[route], route)
	}
	printFaults(row, s.Faults)
	if s.Broken > 0 {
		row("", "%6d  of GitHub's calls", s.Broken)
	}
	fmt.Fprintf(out, "\nThe same time with %d VMs always on\n\n", ciSlots)
	row("jobs", "%d finished", s.AlwaysOn.Finished)
	row("queue time", "%s (%d jobs that started)", spread(s.AlwaysOn.Waits), s.AlwaysOn.Waits.Count)
	row("VM-hours", "%.1f", s.AlwaysOn.Hours)
	s.Checks.print(out)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
