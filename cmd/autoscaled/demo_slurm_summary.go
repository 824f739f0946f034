package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale/sim"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// slurmSeen is Slurm and the cloud at one moment.
type slurmSeen struct {
	tasks []slurmTask
	nodes slurmStates
	vms   int // records of the cloud that are there
	slurm int // VMs that run a slurmd
}

// look reads Slurm, and the simulator's books.
func (d *slurmDemo) look(ctx context.Context) (s slurmSeen, err error) {
	text, err := d.slurm.Run(ctx, "squeue", "-h", "-a", "-r", "-t", "all", "-o", slurmFormat)
	if err != nil {
		return s, err
	}
	if s.tasks, err = parseSlurmTasks(text); err != nil {
		return s, err
	}
	if text, err = d.slurm.Run(ctx, "sinfo", "-h", "-o", "%T %D"); err != nil {
		return s, err
	}
	s.nodes, err = parseSlurmNodes(text)
	s.vms, s.slurm = len(slurmVMs(d.cloud.Nodes(demoCluster), true)), d.fleet.Running()
	return s, err
}

// slurmVMs leaves out head nodes and, if asked, what is gone.
func slurmVMs(nodes []cyclecloudtest.NodeRecord, there bool) []cyclecloudtest.NodeRecord {
	return slices.DeleteFunc(slices.Clone(nodes), func(n cyclecloudtest.NodeRecord) bool { return n.Head || there && !n.Gone.IsZero() })
}

// over tells whether nothing more will happen: all jobs that fit have ended, no VM is there, and
// all nodes sleep again.
func (s slurmSeen) over() bool {
	waits := slices.ContainsFunc(s.tasks, func(t slurmTask) bool { return t.kind() != slurmNothing && !t.ended() })
	n := s.nodes
	return !waits && s.vms == 0 && s.slurm == 0 && n.Waking+n.Busy+n.Idle+n.Going == 0
}

// line is what is printed every few seconds.
func (s slurmSeen) line() string {
	waiting, placed, running, done := 0, 0, 0, 0
	for _, t := range s.tasks {
		switch {
		case t.state == "PENDING":
			waiting++
		case t.state == "CONFIGURING":
			placed++ // on nodes that boot
		case t.ended():
			done++
		default:
			running++
		}
	}
	n := s.nodes
	line := fmt.Sprintf("jobs %2d waiting %2d placed %2d running %2d done | nodes %2d waking %2d busy %2d idle %2d going %3d asleep | VMs %2d",
		waiting, placed, running, done, n.Waking, n.Busy, n.Idle, n.Going, n.Asleep, s.vms)
	if n.Other > 0 {
		line += fmt.Sprintf(" | %s in other states", counted(n.Other, "node"))
	}
	return line
}

// slurmSummary is what the demo on a real Slurm ends with.
type slurmSummary struct {
	Real    time.Duration
	Over    bool // it came to its end
	Tasks   []slurmTask
	Created int
	Peak    int
	There   int
	Hours   float64 // that VMs were held
	Checks  demoChecks
}

// summarize looks a last time, and holds Slurm, hooks and the simulator's books against each other.
func (d *slurmDemo) summarize(ctx context.Context, over bool) error {
	seen, err := d.look(ctx)
	if err != nil {
		return err
	}
	resumed, err := d.resumed(ctx)
	if err != nil {
		return err
	}
	starts := map[string]int{}
	for _, t := range seen.tasks {
		if starts[t.name+"."+t.task], err = d.starts(t.name, t.task); err != nil {
			return fmt.Errorf("count starts of job %s: %w", t.name, err)
		}
	}
	books := d.cloud.Books()
	vms := slurmVMs(books.Nodes, false)
	d.summary = &slurmSummary{
		Real: time.Since(d.started), Over: over, Tasks: seen.tasks, Created: len(vms), Peak: mostVMs(vms), There: len(slurmVMs(vms, true)),
		Hours: books.NodeTime.Hours(), Checks: slurmChecks(seen.tasks, starts, books, resumed),
	}
	if over {
		d.summary.Checks = append(d.summary.Checks, demoCheck{"every VM that Slurm asked for was created", missingVMs(vms, resumed)})
	}
	// A demo that ran into its longest time has not been told to end: it shows what hangs.
	if over || d.overdue() {
		d.summary.Checks = append(d.summary.Checks, demoCheck{"every job that fits has ended", unended(seen.tasks)}, demoCheck{"no VM is left", left(vms)})
	}
	return nil
}

func (d *slurmDemo) overdue() bool { return time.Since(d.started) > slurmLongest }

// resumed counts how often Slurm resumed each node by ResumeProgram.
func (d *slurmDemo) resumed(ctx context.Context) (map[string]int, error) {
	text, err := os.ReadFile(d.slurm.Log("hooks"))
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("read the hooks' calls: %w", err)
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(text)) {
		list, ok := strings.CutPrefix(strings.TrimSpace(line), "resume ")
		if !ok {
			continue
		}
		names, err := d.slurm.Run(ctx, "scontrol", "show", "hostnames", list)
		if err != nil {
			return nil, err
		}
		for _, name := range strings.Fields(names) {
			counts[name]++
		}
	}
	return counts, nil
}

// mostVMs is the most there were at one time.
func mostVMs(vms []cyclecloudtest.NodeRecord) (most int) {
	for _, v := range vms {
		there := 0
		for _, w := range vms {
			if !w.Created.After(v.Created) && (w.Gone.IsZero() || w.Gone.After(v.Created)) {
				there++
			}
		}
		most = max(most, there)
	}
	return most
}

// print writes the summary for people.
func (s *slurmSummary) print(out io.Writer) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	early := ""
	if !s.Over {
		early = ", ended before all was over"
	}
	fmt.Fprintf(out, "\nSummary: a real Slurm for %s%s\n\n", days(s.Real), early)
	for _, kind := range []string{slurmSingle, slurmArray, slurmWide, slurmNothing} {
		states, waits, reason := map[string]int{}, []time.Duration{}, ""
		for _, t := range s.Tasks {
			if t.kind() != kind {
				continue
			}
			states[strings.ToLower(t.state)]++
			if !t.started.IsZero() {
				waits = append(waits, t.started.Sub(t.submitted))
			} else if t.state == "PENDING" {
				reason = "; Slurm says " + t.reason
			}
		}
		var ends []string
		for _, state := range slices.Sorted(maps.Keys(states)) {
			ends = append(ends, fmt.Sprintf("%d %s", states[state], state))
		}
		text := cmp.Or(strings.Join(ends, ", "), "none") + reason
		if len(waits) > 0 {
			text += "; waited " + spread(sim.SpreadOf(waits))
		}
		row(kind, "%s", text)
	}
	row("VMs", "%d created, %d at most at one time, %d there, %.2f hours", s.Created, s.Peak, s.There, s.Hours)
	s.Checks.print(out)
}
