package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/sim"
)

// demoFrame is what the demo shows at one moment: the state after one tick of
// the daemon, and what it decided lately.
type demoFrame struct {
	At      time.Time // of the trace
	Started time.Time // of the trace
	Queue   sim.Totals
	Nodes   demoNodes
	Waiting []demoReason
	Recent  []demoDecision // the latest last
	Problem string         // why the last tick was not good; empty: it was
}

// demoNodes counts the nodes that the daemon manages.
type demoNodes struct {
	Starting, Busy, Idle, Draining, Leaving, Failed, Other int
}

func (n demoNodes) total() int {
	return n.Starting + n.Busy + n.Idle + n.Draining + n.Leaving + n.Failed + n.Other
}

// demoReason is a number of waiting jobs that share one reason.
type demoReason struct {
	Jobs int
	Text string
	code autoscale.ReasonCode
}

// demoDecision is one thing the daemon did, and why.
type demoDecision struct {
	At   time.Time
	What string // "create 4 nodes in execute/Standard_F4s_v2"
	Why  string
}

func (d demoDecision) String() string { return d.What + ": " + d.Why }

// recentDecisions is how many are kept and shown.
const recentDecisions = 8

// next is the frame after a tick.
func (f demoFrame) next(r loop.Report, queue sim.Totals) demoFrame {
	recent := append(slices.Clone(f.Recent), decisionsOf(r)...)
	f.At, f.Queue = r.At, queue
	f.Recent = recent[max(0, len(recent)-recentDecisions):]
	f.Problem = ""
	if err := r.Err(); err != nil {
		f.Problem = shortened(err.Error())
		return f
	}
	f.Nodes = countNodes(r.Observation)
	f.Waiting = waitingReasons(r)
	return f
}

func countNodes(o autoscale.Observation) (n demoNodes) {
	for i := range o.Supply.Nodes {
		node := &o.Supply.Nodes[i]
		if node.Protected != "" {
			continue
		}
		use := o.Demand.Use[strings.ToLower(node.Host)]
		switch {
		case node.Phase == autoscale.PhaseGone:
		case node.Phase == autoscale.PhaseStarting:
			n.Starting++
		case node.Phase == autoscale.PhaseStopping:
			n.Leaving++
		case node.Phase == autoscale.PhaseFailed:
			n.Failed++
		case node.Phase != autoscale.PhaseReady:
			n.Other++
		case use.Busy():
			n.Busy++
		case use.Drain != autoscale.NotDraining:
			n.Draining++
		default:
			n.Idle++
		}
	}
	return n
}

// waitingReasons groups the waiting jobs by why they wait or who will serve
// them, the most frequent first.
func waitingReasons(r loop.Report) []demoReason {
	var list []demoReason
	for _, o := range r.Plan.Outcomes {
		i := slices.IndexFunc(list, func(d demoReason) bool { return d.code == o.Reason.Code })
		if i < 0 {
			i = len(list)
			list = append(list, demoReason{Text: o.Reason.String(), code: o.Reason.Code})
		}
		list[i].Jobs += o.To - o.From
	}
	slices.SortFunc(list, func(a, b demoReason) int {
		return cmp.Or(cmp.Compare(b.Jobs, a.Jobs), cmp.Compare(a.code, b.code))
	})
	return list
}

// decisionsOf lists what a tick did. What it only would have done, had it not
// been stopped, is left out.
func decisionsOf(r loop.Report) []demoDecision {
	if !r.Acted {
		return nil
	}
	var list []demoDecision
	add := func(why, format string, args ...any) {
		list = append(list, demoDecision{At: r.At, What: fmt.Sprintf(format, args...), Why: why})
	}
	for _, s := range r.Plan.Start {
		add(s.Reason.String(), "start %s of %s", counted(len(s.Nodes), "node"), s.Pool)
	}
	for _, g := range r.Plan.Grow {
		add(growWhy(g), "create %s in %s", counted(g.Count, "node"), g.Pool)
	}
	for _, x := range r.Plan.Retry {
		add(x.Reason.String(), "send %s again", x.Operation.Kind)
	}
	addMarks(add, "undrain", r.Plan.Undrain)
	addMarks(add, "drain", r.Plan.Drain)
	for _, x := range r.Plan.Report {
		add(x.Reason.String(), "report %s", x.Node.Name)
	}
	for _, x := range r.Plan.Remove {
		add(x.Reason.String(), "remove %s of %s", counted(len(x.Nodes), "node"), x.Pool)
	}
	for _, p := range r.Problems {
		add(shortened(p.Err.Error()), "%s", failed(p))
	}
	return list
}

// failed says what could not be done.
func failed(p loop.Problem) string {
	switch p.Step {
	case loop.StepCloud, loop.StepQueue, loop.StepJournal:
		return fmt.Sprintf("could not use the %s", p.Step)
	}
	return fmt.Sprintf("could not %s %s", p.Step, p.Subject)
}

// maxProblem bounds what is shown of a problem, in bytes: a server's words can be long.
const maxProblem = 160

func shortened(text string) string {
	if len(text) <= maxProblem {
		return text
	}
	return strings.ToValidUTF8(text[:maxProblem], "") + "…"
}

func growWhy(g autoscale.Grow) string {
	if len(g.Jobs) == 0 {
		return g.Reason.String()
	}
	return fmt.Sprintf("%s (first: job %s)", g.Reason, g.Jobs[0])
}

// addMarks tells the marks of one reason together; the reason of the first
// stands for them.
func addMarks(add func(why, format string, args ...any), verb string, list []autoscale.Drained) {
	for len(list) > 0 {
		code := list[0].Reason.Code
		same := func(d autoscale.Drained) bool { return d.Reason.Code == code }
		var rest []autoscale.Drained
		for _, d := range list {
			if !same(d) {
				rest = append(rest, d)
			}
		}
		add(list[0].Reason.String(), "%s %s", verb, counted(len(list)-len(rest), "node"))
		list = rest
	}
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
