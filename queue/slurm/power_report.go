package slurm

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// Detailer tells of jobs what is needed before they are acted on.
type Detailer interface {
	Details(ctx context.Context) (map[int64]JobDetail, error)
}

// maxComments bounds how many jobs' comments change in one tick, since each is a call of
// its own. The others follow in the next ticks. Our own choice.
const maxComments = 50

// telling is what was told to users.
type telling struct {
	// comments are ours, by job, and what they say without times. nil: those of an
	// earlier daemon were not looked for yet.
	comments map[int64]string
	// theirs are the waiting jobs that have a comment of somebody else's.
	theirs map[int64]bool
	// begun are the tasks of arrays that were looked at since they left the tasks that
	// wait: these had our comment, and gave it to them.
	begun map[int64]bool
	outs
}

// wait is why a job waits: in our words where there are any, else for a reason.
type wait struct {
	text   string
	reason autoscale.Reason
	// names are the nodes that it waits for; none: it is pending.
	names []string
	// of are the offerings that these would be of.
	of []autoscale.OfferingID
}

// Report tells users why they wait: in the comment of each job that waits for nodes which
// can't be had now or are out of service for that, and of each pending one that nothing in
// the cloud could serve. A user's own comment stays. Nodes that can't be had for a while are taken out of service
// (see [PowerSaving.settle]), so that jobs go elsewhere.
func (p *PowerSaving) Report(ctx context.Context, s autoscale.State, plan autoscale.Plan) error {
	p.mu.Lock()
	p.settleEarly(s.Memory)
	v := view{state: &s, jobs: p.jobs, nodes: p.nodes, jobsKnown: p.jobsProblem == nil, mapping: &p.Mapping}
	p.mu.Unlock()
	if len(plan.Outcomes) == 0 && len(s.Demand.Classes) > 0 || plan.Hold.Code != "" {
		return nil // nothing was planned, so nobody knows
	}
	v.waits = waitsOf(&s, &plan)
	v.look()
	if !v.jobsKnown {
		return nil // whose nodes they are is not known
	}
	p.hold(&v)
	p.addPending(&v)
	details, err := p.detailsFor(ctx, &v)
	if err != nil {
		return err
	}
	v.details = details
	settled := p.settle(ctx, &v)
	return errors.Join(settled, p.comment(ctx, &v))
}

// view is what one report is made of.
type view struct {
	state     *autoscale.State
	jobs      []Job
	nodes     []Node
	jobsKnown bool
	mapping   *Mapping
	waits     map[int64]wait
	details   map[int64]JobDetail
	states    map[string]*Node
	byID      map[int64]*Job
	// on are the jobs that have a node, by its name.
	on map[string][]int64
	// alive are the names, in lower case, behind which a VM is, or is asked for.
	alive map[string]bool
	// others are the tasks of each array that have nodes.
	others map[int64]int
	// standing are those behind which any record is, on its way out too.
	standing map[string]bool
	// leaving tells that some VM is on its way out: what it takes of limits is not free yet.
	leaving bool
}

// look finds what a report asks about more than once.
func (v *view) look() {
	v.states = statesOf(v.nodes)
	v.byID, v.on, v.alive = make(map[int64]*Job, len(v.jobs)), make(map[string][]int64), make(map[string]bool)
	v.standing, v.others = make(map[string]bool), make(map[int64]int)
	for i := range v.jobs {
		j := &v.jobs[i]
		v.byID[j.ID] = j
		if !occupies(j) {
			continue
		}
		if j.ArrayID > 0 {
			v.others[j.ArrayID]++
		}
		names, _ := Expand(j.Nodes) // what can't be read names no node that is acted on
		for _, name := range names {
			v.on[name] = append(v.on[name], j.ID)
		}
	}
	for i := range v.state.Supply.Nodes {
		n := &v.state.Supply.Nodes[i]
		if n.Phase != autoscale.PhaseGone {
			v.standing[strings.ToLower(n.Name)] = true
		}
		switch n.Phase {
		case autoscale.PhaseStopping:
			v.leaving = true
		case autoscale.PhaseStarting, autoscale.PhaseReady, autoscale.PhaseUnknown:
			v.alive[strings.ToLower(n.Name)] = true
		}
	}
	for i := range v.state.Operations {
		op := &v.state.Operations[i]
		if op.Kind != autoscale.OperationCreate {
			continue
		}
		names := op.Names
		if op.Phase == autoscale.OpAccepted { // of fewer than were asked for the cloud makes the first
			names = names[:max(0, min(op.Added, len(names)))]
		}
		for _, name := range names {
			if key := strings.ToLower(name); !v.standing[key] { // else its record tells more
				v.alive[key] = true
			}
		}
	}
}

// waitsOf are the jobs that the plan leaves waiting. A job in several parts waits for the
// first reason of any, and for the names of those parts that wait.
func waitsOf(s *autoscale.State, plan *autoscale.Plan) map[int64]wait {
	waits := make(map[int64]wait)
	for i := range plan.Outcomes {
		o := &plan.Outcomes[i]
		class := &s.Demand.Classes[o.Class]
		if o.Tasks >= class.Tasks && len(o.Served) > 0 {
			continue
		}
		reason := o.Reason
		if len(class.Names) == 0 {
			var none bool
			if reason, none = unservable(&class.Shape, s.Supply.Pools); !none {
				continue
			}
		}
		for _, m := range class.Members[o.From:o.To] {
			head, _, _ := strings.Cut(string(m.ID), "/")
			id, err := strconv.ParseInt(head, 10, 64)
			if err != nil {
				continue // a node that is powered up for no job
			}
			w := waits[id]
			if w.reason.Code == "" {
				w.reason = reason
			}
			w.names = append(w.names, class.Names...)
			if o.Pool != "" && len(class.Names) > 0 {
				w.of = append(w.of, autoscale.OfferingOf(o.Pool, class.Group != ""))
			}
			waits[id] = w
		}
	}
	return waits
}

// unservable tells why no pool could ever serve a pending job. One that Slurm, its user
// or an administrator holds waits for them.
func unservable(s *autoscale.Shape, pools []autoscale.Pool) (why autoscale.Reason, none bool) {
	word, _, _ := strings.Cut(s.Held, ":")
	if !Explain(word).Demand || s.Tasks == 0 {
		return why, false
	}
	if s.PerTask.IsZero() && s.Selector.IsZero() {
		return why, false // its shape can't be told
	}
	why = autoscale.Reason{Code: autoscale.ReasonNoPool}
	for i := range pools {
		pool := &pools[i]
		if _, ok := s.Selector.Match(pool.Labels); !ok {
			continue
		}
		switch {
		case pool.Invalid != "":
			why = autoscale.Reason{Code: autoscale.ReasonPoolInvalid, Subject: string(pool.ID), Detail: pool.Invalid}
		case pool.Node.Cores < s.PerTask.Cores || pool.Node.GPUs < s.PerTask.GPUs:
			if why.Code == autoscale.ReasonNoPool {
				why = autoscale.Reason{Code: autoscale.ReasonNoMachine}
			}
		default:
			return why, false
		}
	}
	return why, true
}

// sentenceKey is what makes a reason another one, without the times that pass.
func sentenceKey(r autoscale.Reason) string {
	r.For, r.Of, r.Have, r.Need = 0, 0, 0, 0
	return string(r.Code) + "|" + r.Subject + "|" + string(r.Class) + "|" + r.Detail + "|" + strconv.FormatInt(r.Want, 10)
}

// key is what makes what a job is told another thing.
func (p *PowerSaving) key(w *wait, at time.Time) string {
	if text := p.said(w, at); text != "" {
		return text
	}
	return sentenceKey(w.reason)
}

// sentence is why a job waits, for users.
func (p *PowerSaving) sentence(w *wait, at time.Time) string {
	if text := p.said(w, at); text != "" {
		return text
	}
	return sentence(w.reason, at)
}

// said is what is said already where a job waits: of an offering that is held all hear the
// same. Empty: nothing is.
func (p *PowerSaving) said(w *wait, at time.Time) string {
	switch w.reason.Code {
	case autoscale.ReasonCapacity, autoscale.ReasonNameTaken:
		for _, id := range w.of {
			if h := p.held[id]; !h.failed.IsZero() && h.until.After(at) {
				return h.text
			}
		}
	}
	return w.text
}

// sentence is a reason for users, who read it whenever they look: with the time of the
// next try instead of how long it is until then.
func sentence(r autoscale.Reason, at time.Time) string {
	if r.Code != autoscale.ReasonCapacity {
		return r.String()
	}
	text := r.Subject + " has run out (" + string(r.Class) + ")"
	if r.Of > 0 {
		text += "; it is tried again at " + at.Add(r.Of).UTC().Format("15:04:05 UTC")
	}
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	return text
}
