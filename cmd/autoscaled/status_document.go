package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/queue/slurm"
)

// statusDocument is what `status -o json` prints and the control socket answers;
// docs/commands.md describes it. Lists are never null.
type statusDocument struct {
	// At is when it was asked, by the daemon's clock.
	At      time.Time `json:"at"`
	Version string    `json:"version"`
	Cluster string    `json:"cluster"`
	Cloud   string    `json:"cloud"`
	Queue   string    `json:"queue"`
	DryRun  bool      `json:"dry_run"`
	// Tick is when the last tick began. Zero: there was none.
	Tick time.Time `json:"tick,omitzero"`
	// Problems are why it is not ready, and what else went wrong in the last tick.
	Problems []string    `json:"problems"`
	Paused   []planPause `json:"paused"`
	Hold     *planReason `json:"hold,omitempty"`
	Pools    []planPool  `json:"pools"`
	// Operations are those under way.
	Operations []statusOperation `json:"operations"`
	Jobs       statusJobs        `json:"jobs"`
	// Awaited are the nodes that Slurm has powered up and that have not registered yet.
	Awaited []statusAwaited `json:"awaited"`
}

// statusOperation is an operation under way, and for how long.
type statusOperation struct {
	planOperation
	Age float64 `json:"age_seconds"`
}

// statusJobs counts pending jobs, and tells of those that wait why they do, the reason
// of the most first.
type statusJobs struct {
	Served  int             `json:"served"`
	Waiting int             `json:"waiting"`
	Reasons []statusWaiting `json:"reasons"`
}

// statusWaiting are jobs that wait for one reason; Says is that of the first of them.
type statusWaiting struct {
	Code   autoscale.ReasonCode `json:"code"`
	Says   string               `json:"says"`
	Count  int                  `json:"count"`
	Jobs   []autoscale.JobID    `json:"jobs"` // some of them
	Oldest time.Time            `json:"oldest,omitzero"`
}

// statusAwaited is a node that Slurm waits for, and what has become of its VM.
type statusAwaited struct {
	Node  string    `json:"node"`
	Since time.Time `json:"since"`
	// Left is how long until Slurm gives it up. Negative: it is about to.
	Left float64  `json:"left_seconds"`
	Jobs []string `json:"jobs,omitempty"`
	// Phase of its VM. Empty: there is none; then Request is that under which it was
	// asked for, if it was.
	Phase   autoscale.Phase     `json:"phase,omitempty"`
	Request autoscale.RequestID `json:"request,omitempty"`
}

// statusShown bounds the jobs that are named of each reason.
const statusShown = 8

// status is the document of the daemon as it stands.
func (d *daemon) status(ctx context.Context) (json.RawMessage, error) {
	last, c := d.loop.Last(), d.parts.cluster
	s := newSummary(last)
	out := statusDocument{
		At: d.parts.now(), Version: programVersion(), Cluster: c.Name, Cloud: d.parts.cloudURL(), Queue: queueName(c.Queue),
		DryRun: d.config.DryRun, Tick: last.At, Problems: d.wrong(s),
		Paused: each(last.Memory.Paused, pauseOf), Hold: anyReason(last.Plan.Hold), Pools: s.planPools(),
		Jobs: waitingJobs(last), Awaited: []statusAwaited{},
	}
	out.Operations = each(last.Operations, func(op autoscale.Operation) statusOperation {
		return statusOperation{operationOf(op, op.Reason), out.At.Sub(op.Intended).Seconds()}
	})
	if d.parts.awaited != nil {
		list, err := d.parts.awaited(ctx)
		if err != nil {
			out.Problems = append(out.Problems, "how long Slurm waits for nodes: "+oneLine(err.Error()))
		}
		out.Awaited = s.awaited(list, out.At)
	}
	return json.Marshal(out)
}

// wrong is why the daemon is not ready, and what else the last tick met.
func (d *daemon) wrong(s *summary) []string {
	list := []string{}
	for _, p := range d.problems() {
		list = append(list, p.Part+": "+p.Problem)
	}
	for _, p := range s.problems() {
		if !slices.Contains(list, oneLine(p)) {
			list = append(list, oneLine(p))
		}
	}
	return list
}

// waitingJobs counts the pending jobs of a plan.
func waitingJobs(r loop.Report) statusJobs {
	out, demand := statusJobs{Reasons: []statusWaiting{}}, &r.Observation.Demand
	index := make(map[string]int)
	for _, o := range r.Plan.Outcomes {
		if len(o.Served) > 0 {
			out.Served += o.To - o.From
			continue
		}
		out.Waiting += o.To - o.From
		key := alike(&o.Reason)
		i, known := index[key]
		if !known {
			i = len(out.Reasons)
			index[key] = i
			out.Reasons = append(out.Reasons, statusWaiting{Code: o.Reason.Code, Says: o.Reason.String(), Jobs: []autoscale.JobID{}})
		}
		out.Reasons[i].add(demand, demand.Classes[o.Class].Members[o.From:o.To])
	}
	slices.SortStableFunc(out.Reasons, func(a, b statusWaiting) int { return b.Count - a.Count })
	return out
}

// alike is what reasons that are told as one have in common: what the queue holds jobs for
// is told apart by the queue's own word.
func alike(r *autoscale.Reason) string {
	if r.Code != autoscale.ReasonHeld {
		return string(r.Code)
	}
	word, _, _ := strings.Cut(r.Detail, ":")
	return string(r.Code) + " " + word
}

func (w *statusWaiting) add(d *autoscale.Demand, jobs []autoscale.Member) {
	w.Count += len(jobs)
	for _, m := range jobs {
		if len(w.Jobs) < statusShown {
			w.Jobs = append(w.Jobs, d.Called(m.ID))
		}
		if !m.Submitted.IsZero() && (w.Oldest.IsZero() || m.Submitted.Before(w.Oldest)) {
			w.Oldest = m.Submitted
		}
	}
}

// awaited tells what has become of the VMs of nodes that Slurm waits for. A daemon that was
// restarted knows from its own records when a node was asked for.
func (s *summary) awaited(list []slurm.Awaited, at time.Time) []statusAwaited {
	nodes, requests := make(map[string]*autoscale.Node), make(map[string]*autoscale.Operation)
	for i := range s.report.Observation.Supply.Nodes {
		n := &s.report.Observation.Supply.Nodes[i]
		nodes[strings.ToLower(n.Name)] = n
	}
	for i := range s.report.Operations {
		op := &s.report.Operations[i]
		for _, name := range op.Names {
			requests[strings.ToLower(name)] = op
		}
	}
	return each(list, func(a slurm.Awaited) statusAwaited {
		out := statusAwaited{Node: a.Node, Jobs: a.Jobs}
		asked := a.Since
		if op := requests[strings.ToLower(a.Node)]; op != nil {
			out.Request, asked = op.Request, earlier(op.Intended, asked)
		}
		if n := nodes[strings.ToLower(a.Node)]; n != nil {
			out.Phase = n.Phase
			if n.Phase == autoscale.PhaseStarting { // else it may be one that the name had before
				asked = earlier(s.report.Memory.Nodes[n.ID].Asked, asked)
			}
		}
		out.Since, out.Left = asked, a.Until.Sub(at).Seconds()-a.Since.Sub(asked).Seconds()
		return out
	})
}

// earlier is the earlier of two times, the first of which may not be known.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
