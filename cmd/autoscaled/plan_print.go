package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
)

// runsShown is how many runs of names stand in one line.
const runsShown = 4

// writePlan prints a plan for people: what would be done, then why, for every
// job, node and pool. Equal things share a line; with everyJob each job has its
// own.
func writePlan(out io.Writer, cluster string, r loop.Report, everyJob bool) error {
	p := planPrinter{summary: newSummary(r)}
	p.head(cluster)
	p.section("Would do", p.actions)
	if everyJob {
		p.section("Jobs", p.everyJob)
	} else {
		p.section("Jobs", p.jobs)
	}
	p.section("Nodes", p.verdicts)
	p.section("Under way", p.operations)
	p.section("Pools", p.poolTable)
	p.section("Money", p.money)
	_, err := p.text.WriteTo(out)
	return err
}

// planPrinter gathers the text; rows are aligned within a section.
type planPrinter struct {
	*summary
	text bytes.Buffer
	rows *tabwriter.Writer
}

// section prints a title and rows; nothing where there are none.
func (p *planPrinter) section(title string, print func()) {
	before := p.text.Len()
	fmt.Fprintf(&p.text, "\n%s\n", title)
	begun := p.text.Len()
	p.rows = tabwriter.NewWriter(&p.text, 0, 0, 2, ' ', 0)
	print()
	p.rows.Flush()
	if p.text.Len() == begun {
		p.text.Truncate(before)
	}
}

func (p *planPrinter) row(cells ...string) {
	fmt.Fprintln(p.rows, strings.TrimRight("  "+strings.Join(cells, "\t"), "\t "))
}

func (p *planPrinter) head(cluster string) {
	served, waiting := 0, 0
	for _, o := range p.report.Plan.Outcomes {
		if len(o.Served) > 0 {
			served += o.To - o.From
		} else {
			waiting += o.To - o.From
		}
	}
	jobs := "no job is pending"
	if served+waiting > 0 {
		jobs = fmt.Sprintf("%s pending: %d with nodes or nodes to come, %d waiting", plural(served+waiting, "job", "jobs"), served, waiting)
	}
	if p.report.Observation.DemandProblem != "" {
		jobs = "the queue could not be read"
	}
	fmt.Fprintf(&p.text, "Cluster %s, %s: %s.\nThis is a plan only; nothing was changed.\n", cluster, p.report.At.UTC().Format("2006-01-02 15:04:05 UTC"), jobs)
	for _, problem := range p.problems() {
		fmt.Fprintf(&p.text, "PROBLEM  %s\n", problem)
	}
	for _, pause := range p.report.Memory.Paused {
		fmt.Fprintf(&p.text, "PAUSED   %s\n", pauseText(pause))
	}
}

func (p *planPrinter) actions() {
	plan := p.report.Plan
	for _, s := range plan.Start {
		p.row("start", plural(len(s.Nodes), "node", "nodes"), placeOf(s.Pool, s.Group), nodeList(s.Nodes)+", "+forJobs(s.Reason, s.Jobs, s.JobCount))
	}
	for _, g := range plan.Grow {
		where := placeOf(g.Pool, g.Group)
		if len(g.Names) > 0 {
			where += " as " + compact(g.Names, runsShown)
		}
		p.row("create", plural(g.Count, "node", "nodes"), where, forJobs(g.Reason, g.Jobs, g.JobCount))
	}
	for _, r := range plan.Remove {
		p.row(removeVerb(r.Removal), plural(len(r.Nodes), "node", "nodes"), string(r.Pool), r.Reason.String()+": "+nodeList(r.Nodes))
	}
	p.drains("drain", plan.Drain)
	p.drains("undrain", plan.Undrain)
	grouped(plan.Report, func(r autoscale.HealthReport) string {
		return string(r.Node.Pool) + "\t" + r.Category + ": " + r.Reason.String()
	}, func(key string, same []autoscale.HealthReport) {
		pool, why, _ := strings.Cut(key, "\t")
		nodes := each(same, func(r autoscale.HealthReport) autoscale.Node { return r.Node })
		p.row("report", plural(len(nodes), "node", "nodes"), pool, "as "+why+": "+nodeList(nodes))
	})
	for _, r := range plan.Retry {
		p.row("send again", plural(r.Operation.Count, "node", "nodes"), string(r.Operation.Pool), r.Reason.String())
	}
	switch {
	case plan.Hold.Code != "":
		p.row("hold", "", "everything", p.withHelp(plan.Hold))
	case plan.Empty():
		p.row("nothing")
	}
}

func placeOf(pool autoscale.PoolID, group string) string {
	if group == "" {
		return string(pool)
	}
	return string(pool) + " in group " + group
}

// forJobs words why nodes are to come: the reason, and some of the jobs.
func forJobs(reason autoscale.Reason, jobs []autoscale.JobID, count int) string {
	if len(jobs) == 0 {
		return reason.String()
	}
	return reason.String() + ": " + compactOf(jobs, count, runsShown)
}

// removeVerb names the way in which nodes go, where it is not the usual one.
func removeVerb(how autoscale.Removal) string {
	if how == autoscale.RemovalTerminate {
		how = autoscale.RemovalRemove
	}
	return string(cmp.Or(how, autoscale.RemovalRemove))
}

// drains tells of nodes to mark, those with equal words in one line.
func (p *planPrinter) drains(verb string, list []autoscale.Drained) {
	grouped(list, func(d autoscale.Drained) string { return string(d.Node.Pool) + "\t" + d.Reason.String() }, func(key string, same []autoscale.Drained) {
		pool, why, _ := strings.Cut(key, "\t")
		nodes := each(same, func(d autoscale.Drained) autoscale.Node { return d.Node })
		p.row(verb, plural(len(nodes), "node", "nodes"), pool, why+": "+nodeList(nodes))
	})
}

// jobs tells what becomes of jobs, those with equal words in one line.
func (p *planPrinter) jobs() {
	demand := &p.report.Observation.Demand
	grouped(p.report.Plan.Outcomes, p.outcome, func(words string, same []autoscale.Outcome) {
		var ids []autoscale.JobID
		for _, o := range same {
			for _, m := range demand.Classes[o.Class].Members[o.From:o.To] {
				ids = append(ids, demand.Called(m.ID))
			}
		}
		sortNatural(ids)
		p.row(compact(ids, runsShown), words)
	})
}

func (p *planPrinter) everyJob() {
	demand := &p.report.Observation.Demand
	for _, o := range p.report.Plan.Outcomes {
		for _, m := range demand.Classes[o.Class].Members[o.From:o.To] {
			p.row(string(demand.Called(m.ID)), p.outcome(o))
		}
	}
}

// outcome words what becomes of the jobs of an outcome.
func (p *planPrinter) outcome(o autoscale.Outcome) string {
	if len(o.Served) == 0 {
		return "waits\t" + p.withHelp(o.Reason)
	}
	var where []string
	for _, s := range o.Served {
		text := "ready nodes of " + string(s.Pool)
		switch {
		case s.Grow >= 0:
			text = "new nodes of " + string(s.Pool)
		case s.Start:
			text = "deallocated nodes of " + string(s.Pool)
		case s.Request != "" || len(s.Nodes) > 0 && p.node(s.Nodes[0]).Phase != autoscale.PhaseReady:
			text = "nodes on their way in " + string(s.Pool)
		}
		if s.Group != "" {
			text += " in group " + s.Group
		}
		if !slices.Contains(where, text) {
			where = append(where, text)
		}
	}
	words := "served\t" + strings.Join(where, ", ")
	if o.Reason.Code == autoscale.ReasonPart {
		words += "; " + o.Reason.String()
	}
	return words
}

// verdicts tells why nodes stay or go.
func (p *planPrinter) verdicts() {
	key := func(v autoscale.NodeVerdict) string {
		n := p.node(v.Node)
		return strings.Join([]string{cmp.Or(string(n.Pool), "-"), cmp.Or(string(n.Phase), "-"), p.withHelp(v.Reason)}, "\t")
	}
	grouped(p.report.Plan.Nodes, key, func(words string, same []autoscale.NodeVerdict) {
		p.row(nodeList(each(same, func(v autoscale.NodeVerdict) autoscale.Node { return p.node(v.Node) })), words)
	})
}

func (p *planPrinter) operations() {
	for _, op := range p.report.Operations {
		o := operationOf(op, op.Reason)
		p.row(string(o.Kind), string(o.Phase), plural(o.Count, "node", "nodes"), string(o.Pool), op.Reason.String(), string(o.Request))
	}
}

// shownPhases have a column of their own.
var shownPhases = []autoscale.Phase{autoscale.PhaseReady, autoscale.PhaseStarting, autoscale.PhaseStopping, autoscale.PhaseFailed}

// poolTable counts nodes by phase, and tells what each pool did or what stopped it.
func (p *planPrinter) poolTable() {
	pools := p.pools()
	if len(pools) == 0 {
		return
	}
	p.row("POOL", "READY", "STARTING", "STOPPING", "FAILED", "OTHER", "CREATE", "REMOVE", "")
	for _, pool := range pools {
		cells := []string{string(pool.id)}
		other := 0
		for phase, n := range pool.now {
			if !slices.Contains(shownPhases, phase) {
				other += n
			}
		}
		for _, phase := range shownPhases {
			cells = append(cells, count(pool.now[phase]))
		}
		cells = append(cells, count(other), count(pool.grow), count(pool.remove), p.withHelp(pool.verdict.Reason))
		p.row(cells...)
	}
}

// money tells what nodes cost, and what is taken of the budgets once the plan is
// carried out.
func (p *planPrinter) money() {
	spend := p.report.Memory.Spend
	if !spend.At.IsZero() {
		p.row("spent in "+spend.Month, fmt.Sprintf("%.2f", spend.Amount))
		p.row("an hour of what runs", spend.PerHour.String())
	}
	for _, l := range p.report.Plan.Limits {
		if l.Kind == autoscale.LimitBudget {
			p.row(string(l.ID), l.Unit.Format(l.Used)+" of "+l.Unit.Format(l.Max))
		}
	}
}

// count prints zero as a dot, so that what there is stands out.
func count(n int) string {
	if n == 0 {
		return "·"
	}
	return strconv.Itoa(n)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// nodeList names nodes, in runs.
func nodeList(nodes []autoscale.Node) string {
	names := each(nodes, nodeName)
	sortNatural(names)
	return compact(names, runsShown)
}

// withHelp is a reason with what an operator can do about it. What could not be
// read is told once, at the top.
func (s *summary) withHelp(r autoscale.Reason) string {
	if r.Code == autoscale.ReasonDemandUnknown || r.Code == autoscale.ReasonSupplyUnknown {
		r.Detail = ""
	}
	if help := autoscale.HelpOf(r.Code, s.onAnka); help != "" {
		return r.String() + ". " + help
	}
	return r.String()
}

// grouped calls print for each key in the order in which keys first occur.
func grouped[T any](list []T, key func(T) string, print func(key string, same []T)) {
	var order []string
	same := map[string][]T{}
	for _, x := range list {
		k := key(x)
		if _, known := same[k]; !known {
			order = append(order, k)
		}
		same[k] = append(same[k], x)
	}
	for _, k := range order {
		print(k, same[k])
	}
}
