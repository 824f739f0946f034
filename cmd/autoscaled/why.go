package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/web"
	"autoscaled/queue/slurm"
)

func newWhyCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "why JOB",
		Short: "Tell why a job still waits, or which nodes are for it",
		Long: `Tells of one job what the last tick of the running daemon made of it: the nodes that it
runs on, those that come for it and how far they are, or what holds it back. Where no
daemon runs, queue and cloud are read as for plan. The number of an array stands for its
tasks too, and a task is 7_1, as Slurm's users call it. Nothing is changed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			d, err := findWhy(cmd, args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				err = printJSON(cmd.OutOrStdout(), d)
			} else {
				err = writeWhy(cmd.OutOrStdout(), d)
			}
			switch {
			case err != nil:
				return err
			case len(d.Problems) > 0 && len(d.Jobs) == 0:
				return blindError(fmt.Errorf("nothing is known of job %s: %s", d.Job, strings.Join(d.Problems, "; ")))
			case len(d.Jobs) == 0:
				return fmt.Errorf("the queue told of no job %s at %s: it is over, or not of this queue", d.Job, d.At.UTC().Format(time.RFC3339))
			}
			return nil
		},
	}
	addOutputFlag(cmd, &output)
	return cmd
}

// whyDocument is what `why -o json` prints and the control socket answers. Lists are
// never null.
type whyDocument struct {
	// At is when the tick began that this is of.
	At      time.Time `json:"at"`
	Cluster string    `json:"cluster"`
	Job     string    `json:"job"`
	// Problems are why queue, cloud or journal could not be used.
	Problems []string    `json:"problems"`
	Hold     *planReason `json:"hold,omitempty"`
	// Jobs are those of that id: one, or the tasks of an array.
	Jobs []whyJob `json:"jobs"`
	// Operations are those that bring nodes for it.
	Operations []statusOperation `json:"operations"`
	// Nodes are those that exist and are for it.
	Nodes []whyNode `json:"nodes"`
}

// whyJob is a job that waits, or whose nodes are to come; or one that runs.
type whyJob struct {
	planJob
	Submitted time.Time `json:"submitted,omitzero"`
	Priority  int64     `json:"priority,omitempty"`
	// RunsOn are the hosts that run it.
	RunsOn []string `json:"runs_on,omitempty"`
	// Help is what can be done about Reason.
	Help string `json:"help,omitempty"`
}

// whyNode is a node and where it is in its life.
type whyNode struct {
	Name  string          `json:"name"`
	Phase autoscale.Phase `json:"phase"`
}

// why is the document of the last tick.
func (d *daemon) why(job string) (json.RawMessage, error) {
	last := d.loop.Last()
	if last.At.IsZero() {
		return nil, errors.New("there was no tick yet")
	}
	return json.Marshal(newWhyDocument(d.parts.cluster.Name, last, job))
}

// findWhy asks the daemon, and looks itself where there is none.
func findWhy(cmd *cobra.Command, job string) (d whyDocument, err error) {
	client, err := controlClient(cmd)
	if err != nil {
		return d, err
	}
	text, err := client.Why(cmd.Context(), job)
	switch {
	case err == nil:
		return d, json.Unmarshal(text, &d)
	case !errors.Is(err, web.ErrNoDaemon):
		return d, err
	}
	cluster, report, err := makePlan(cmd)
	if err != nil {
		return d, err
	}
	return newWhyDocument(cluster, report, job), nil
}

func newWhyDocument(cluster string, r loop.Report, job string) whyDocument {
	s := newSummary(r)
	d := whyDocument{
		At: r.At, Cluster: cluster, Job: job, Problems: s.problems(), Hold: anyReason(r.Plan.Hold),
		Jobs: []whyJob{}, Operations: []statusOperation{}, Nodes: []whyNode{},
	}
	d.Jobs = append(d.Jobs, s.meant(job)...)
	for end := strings.LastIndexAny(job, ".["); end > 0 && len(d.Jobs) == 0; end = strings.LastIndexAny(job, ".[") {
		job = job[:end] // schedulers write 12[3].server or 12.3 of what the queue may tell by less
		d.Jobs = append(d.Jobs, s.meant(job)...)
	}
	d.operations(r)
	d.nodes(s)
	return d
}

// meant are the jobs that are meant by an id, those that wait and those that run.
func (s *summary) meant(asked string) (jobs []whyJob) {
	plan, demand := s.report.Plan, s.report.Observation.Demand
	for i := range plan.Outcomes {
		o := &plan.Outcomes[i]
		for m := o.From; m < o.To; m++ {
			if member := demand.Classes[o.Class].Members[m]; isMeant(demand, asked, member.ID) {
				jobs = append(jobs, s.pendingJob(s.job(plan.Job(demand, o, m)), member))
			}
		}
	}
	jobs = append(jobs, runningJobs(demand, asked)...)
	slices.SortStableFunc(jobs, func(a, b whyJob) int { return compareNatural(a.ID, b.ID) })
	return jobs
}

// standsFor tells whether an id is what was asked for, or a task of the array that was.
func standsFor(asked string, id autoscale.JobID) bool {
	rest, found := strings.CutPrefix(string(id), asked)
	return found && (rest == "" || strings.ContainsRune("_+[.", rune(rest[0])))
}

// isMeant tells whether a job is what was asked for, by its id or by what users call it. A
// job in several parts is meant by what stands before the stroke.
func isMeant(d autoscale.Demand, asked string, id autoscale.JobID) bool {
	whole, _, _ := strings.Cut(string(id), "/")
	name, named := d.Names[autoscale.JobID(whole)]
	return standsFor(asked, id) || whole == asked || named && (standsFor(asked, autoscale.JobID(name)) || slurm.HasTask(name, asked))
}

func (s *summary) pendingJob(j planJob, m autoscale.Member) whyJob {
	out := whyJob{planJob: j, Submitted: m.Submitted, Priority: m.Priority}
	if j.Reason != nil {
		out.Help = autoscale.HelpOf(j.Reason.Code, s.onAnka)
	}
	return out
}

// runningJobs are those that run, with their hosts.
func runningJobs(d autoscale.Demand, job string) []whyJob {
	hosts := make(map[autoscale.JobID][]string)
	for host, use := range d.Use {
		for _, id := range use.Jobs {
			if isMeant(d, job, id) {
				hosts[id] = append(hosts[id], host)
			}
		}
	}
	ids := slices.Collect(maps.Keys(hosts))
	sortNatural(ids)
	return each(ids, func(id autoscale.JobID) whyJob {
		sortNatural(hosts[id])
		return whyJob{planJob: planJob{ID: d.Called(id)}, RunsOn: hosts[id]}
	})
}

// operations finds the requests that bring nodes for the jobs.
func (d *whyDocument) operations(r loop.Report) {
	for _, op := range r.Operations {
		if d.servedBy(func(by planServing) bool { return by.Request == op.Request }) {
			d.Operations = append(d.Operations, statusOperation{operationOf(op, op.Reason), r.At.Sub(op.Intended).Seconds()})
		}
	}
}

// nodes finds those that exist and are for the jobs.
func (d *whyDocument) nodes(s *summary) {
	for _, n := range s.report.Observation.Supply.Nodes {
		if d.servedBy(func(by planServing) bool { return slices.Contains(by.Nodes, nodeName(n)) }) {
			d.Nodes = append(d.Nodes, whyNode{nodeName(n), n.Phase})
		}
	}
}

func (d *whyDocument) servedBy(is func(planServing) bool) bool {
	return slices.ContainsFunc(d.Jobs, func(j whyJob) bool { return slices.ContainsFunc(j.ServedBy, is) })
}

// writeWhy tells of a job for people.
func writeWhy(out io.Writer, d whyDocument) error {
	p := planPrinter{}
	for _, problem := range d.Problems {
		fmt.Fprintf(&p.text, "PROBLEM  %s\n", problem)
	}
	if d.Hold != nil && len(d.Jobs) > 0 {
		fmt.Fprintf(&p.text, "HOLD     %s\n", d.Hold.Says)
	}
	grouped(d.Jobs, d.words, func(words string, same []whyJob) {
		ids := each(same, func(j whyJob) autoscale.JobID { return j.ID })
		fmt.Fprintf(&p.text, "%s %s\n", compact(ids, runsShown), words)
	})
	p.section("Under way", func() { p.statusOperations(statusDocument{Operations: d.Operations}) })
	p.section("Nodes", func() {
		grouped(d.Nodes, func(n whyNode) string { return string(n.Phase) }, func(phase string, same []whyNode) {
			p.row(compact(each(same, func(n whyNode) string { return n.Name }), runsShown), phase)
		})
	})
	_, err := p.text.WriteTo(out)
	return err
}

// words tell what becomes of a job.
func (d *whyDocument) words(j whyJob) string {
	if len(j.RunsOn) > 0 {
		return "runs on " + compact(j.RunsOn, runsShown) + "."
	}
	var text string
	if len(j.ServedBy) > 0 {
		var where []string
		for _, by := range j.ServedBy {
			where = append(where, fmt.Sprintf("%s of %s", plural(by.Count, howWords[by.How][0], howWords[by.How][1]), placeOf(by.Pool, by.Group)))
		}
		text = "gets " + strings.Join(where, ", ") + "."
	}
	if j.Reason != nil {
		if text != "" {
			text += " "
		} else {
			text = "waits: "
		}
		text += j.Reason.Says + "."
	}
	if j.Help != "" {
		text += " " + j.Help
	}
	if !j.Submitted.IsZero() && d.At.After(j.Submitted) {
		text += " It was submitted " + ago(d.At.Sub(j.Submitted)) + "."
	}
	return text
}

// howWords are how nodes serve a job, of one and of many.
var howWords = map[autoscale.ReasonCode][2]string{
	autoscale.ReasonOnReady:       {"ready node", "ready nodes"},
	autoscale.ReasonOnStarting:    {"node that is on its way", "nodes that are on their way"},
	autoscale.ReasonOnDeallocated: {"deallocated node", "deallocated nodes"},
	autoscale.ReasonOnNew:         {"new node", "new nodes"},
}
