package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"autoscaled/autoscale"
)

// printJSON prints a document for programs.
func printJSON(out io.Writer, document any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}

// writeStatus prints a status for people.
func writeStatus(out io.Writer, d statusDocument) error {
	p := planPrinter{}
	tick := "no tick yet"
	if !d.Tick.IsZero() {
		tick = "last tick " + ago(d.At.Sub(d.Tick)) + ", " + d.Tick.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	fmt.Fprintf(&p.text, "Cluster %s: %s.\nCloud %s, queue %s, autoscaled %s.\n", d.Cluster, tick, d.Cloud, d.Queue, d.Version)
	if d.DryRun {
		fmt.Fprintln(&p.text, "DRY RUN  it decides and changes nothing")
	}
	for _, problem := range d.Problems {
		fmt.Fprintf(&p.text, "PROBLEM  %s\n", problem)
	}
	for _, pause := range d.Paused {
		fmt.Fprintf(&p.text, "PAUSED   %s\n", pauseText(autoscale.Pause(pause)))
	}
	if d.Hold != nil {
		fmt.Fprintf(&p.text, "HOLD     %s\n", d.Hold.Says)
	}
	p.section("Pools", func() { p.statusPools(d.Pools) })
	p.section("Under way", func() { p.statusOperations(d) })
	p.section("Jobs", func() { p.statusJobs(d) })
	p.section("Nodes that Slurm waits for", func() { p.statusAwaited(d) })
	_, err := p.text.WriteTo(out)
	return err
}

// statusPools counts nodes by phase, and tells what holds a pool back.
func (p *planPrinter) statusPools(pools []planPool) {
	if len(pools) == 0 {
		return
	}
	p.row("POOL", "READY", "STARTING", "STOPPING", "FAILED", "OTHER", "")
	for _, pool := range pools {
		cells, other := []string{string(pool.ID)}, 0
		for phase, n := range pool.Now {
			if !slices.Contains(shownPhases, phase) {
				other += n
			}
		}
		for _, phase := range shownPhases {
			cells = append(cells, count(pool.Now[phase]))
		}
		why := ""
		if pool.Held && pool.Reason != nil {
			why = "held back: " + pool.Reason.Says
		}
		p.row(append(cells, count(other), why)...)
	}
}

func (p *planPrinter) statusOperations(d statusDocument) {
	for _, o := range d.Operations {
		p.row(string(o.Kind), string(o.Phase), fmt.Sprintf("%d of %s", o.Seen, plural(o.Count, "node", "nodes")), placeOf(o.Pool, o.Group), "for "+length(o.Age), o.Reason.Says)
	}
}

func (p *planPrinter) statusJobs(d statusDocument) {
	if d.Jobs.Served > 0 {
		p.row(strconv.Itoa(d.Jobs.Served), "have nodes, or nodes to come")
	}
	for _, w := range d.Jobs.Reasons {
		line := "waits: "
		if w.Count > 1 {
			line = "wait: "
		}
		line += w.Says + ": " + compactOf(w.Jobs, w.Count, runsShown)
		if !w.Oldest.IsZero() {
			line += ", the oldest for " + length(d.At.Sub(w.Oldest).Seconds())
		}
		p.row(strconv.Itoa(w.Count), line)
	}
}

// statusAwaited counts down to when Slurm gives up the nodes that it waits for.
func (p *planPrinter) statusAwaited(d statusDocument) {
	if len(d.Awaited) == 0 {
		return
	}
	p.row("NODE", "WAITED", "LEFT", "VM", "JOBS")
	for _, a := range d.Awaited {
		left := length(a.Left)
		if a.Left < 0 {
			left = "over"
		}
		machine := cmp.Or(string(a.Phase), "not asked for")
		if a.Phase == "" && a.Request != "" {
			machine = "asked for"
		}
		p.row(a.Node, length(d.At.Sub(a.Since).Seconds()), left, machine, compact(a.Jobs, runsShown))
	}
}

// length is a number of seconds, whole ones, as people write it.
func length(seconds float64) string {
	return (time.Duration(seconds) * time.Second).String()
}

func ago(d time.Duration) string { return length(d.Seconds()) + " ago" }
