package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// slurmChecks are what must hold at any moment. starts counts how often each task was started,
// by "name.task"; resumed how often Slurm resumed each node.
func slurmChecks(tasks []slurmTask, starts map[string]int, books cyclecloudtest.Books, resumed map[string]int) demoChecks {
	vms := slurmVMs(books.Nodes, false)
	return demoChecks{
		{"every job that ended has completed, started once", badEnds(tasks, starts)},
		{"the job that fits nothing waits", notWaiting(tasks)},
		{"the wide job has its nodes in one placement group", scattered(tasks, vms)},
		{"every VM was asked for by Slurm, and created once", unasked(vms, resumed)},
		{"no limit was exceeded", violations(books, cyclecloudtest.ViolationLimit)},
		{"no busy node was removed", violations(books, cyclecloudtest.ViolationBusy)},
		{"no protected node was touched", violations(books, cyclecloudtest.ViolationKeepAlive, cyclecloudtest.ViolationHead)},
	}
}

func badEnds(tasks []slurmTask, starts map[string]int) (faults []string) {
	for _, t := range tasks {
		key := t.name + "." + t.task
		if t.ended() && (t.state != "COMPLETED" || starts[key] != 1) || starts[key] > 1 {
			faults = append(faults, fmt.Sprintf("%s: %s, started %d times", key, t.state, starts[key]))
		}
	}
	return faults
}

func notWaiting(tasks []slurmTask) (faults []string) {
	for _, t := range tasks {
		if t.kind() == slurmNothing && t.state != "PENDING" {
			faults = append(faults, t.name+": "+t.state)
		}
	}
	return faults
}

// scattered tells how the wide job's nodes differ from what it wants, once it has run.
func scattered(tasks []slurmTask, vms []cyclecloudtest.NodeRecord) (faults []string) {
	groups, nodes := map[string]bool{}, 0
	for _, v := range vms {
		if v.Bucket.Nodearray == "hpc" {
			nodes++
			groups[v.PlacementGroup] = true
		}
	}
	ran := slices.ContainsFunc(tasks, func(t slurmTask) bool { return t.kind() == slurmWide && t.ended() })
	if ran && nodes != slurmWidth || nodes > slurmWidth {
		faults = append(faults, fmt.Sprintf("%d nodes were created for it, not %d", nodes, slurmWidth))
	}
	if len(groups) > 1 || groups[""] {
		faults = append(faults, fmt.Sprintf("placement groups %q", slices.Sorted(maps.Keys(groups))))
	}
	return faults
}

// unasked finds VMs that Slurm has not resumed, and names that had two at one time. vms are in
// order of creation.
func unasked(vms []cyclecloudtest.NodeRecord, resumed map[string]int) (faults []string) {
	made, last := map[string]int{}, map[string]cyclecloudtest.NodeRecord{}
	for _, v := range vms {
		made[v.Name]++
		before, again := last[v.Name]
		if again && (before.Gone.IsZero() || before.Gone.After(v.Created)) {
			faults = append(faults, v.Name+" was there twice")
		}
		last[v.Name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(made)) {
		if made[name] > resumed[name] {
			faults = append(faults, fmt.Sprintf("%s was created %d times and resumed %d times", name, made[name], resumed[name]))
		}
	}
	return faults
}

// missingVMs finds nodes that Slurm resumed more often than they were created.
func missingVMs(vms []cyclecloudtest.NodeRecord, resumed map[string]int) (faults []string) {
	made := map[string]int{}
	for _, v := range vms {
		made[v.Name]++
	}
	for _, name := range slices.Sorted(maps.Keys(resumed)) {
		if made[name] < resumed[name] {
			faults = append(faults, fmt.Sprintf("%s was resumed %d times and created %d times", name, resumed[name], made[name]))
		}
	}
	return faults
}

func unended(tasks []slurmTask) (faults []string) {
	for _, t := range tasks {
		if t.kind() != slurmNothing && !t.ended() {
			faults = append(faults, fmt.Sprintf("%s.%s: %s (%s)", t.name, t.task, strings.ToLower(t.state), t.reason))
		}
	}
	return faults
}

func left(vms []cyclecloudtest.NodeRecord) (faults []string) {
	for _, v := range slurmVMs(vms, true) {
		faults = append(faults, fmt.Sprintf("%s: %s, since %s", v.Name, v.Status, v.Created.UTC().Format(time.TimeOnly)))
	}
	return faults
}
