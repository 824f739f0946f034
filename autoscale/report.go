package autoscale

import "iter"

// JobReport is what becomes of one job.
type JobReport struct {
	ID JobID `json:"id"`
	// ServedBy lists the nodes that will run it, those that exist and those
	// to come. Empty: it waits, for Reason.
	ServedBy []ServedBy `json:"served_by,omitempty"`
	// Tasks of Of tasks can run.
	Tasks  int    `json:"tasks"`
	Of     int    `json:"of"`
	Reason Reason `json:"reason"`
}

// ServedBy is a number of nodes of one pool that take tasks of a job.
type ServedBy struct {
	Pool  PoolID `json:"pool"`
	Group string `json:"group,omitempty"`
	// Nodes by id, where they exist.
	Nodes []NodeID `json:"nodes,omitempty"`
	// Request is the operation under way that will bring them.
	Request RequestID `json:"request,omitempty"`
	// Start tells that this plan starts them.
	Start bool `json:"start,omitempty"`
	// New tells that this plan creates them.
	New   bool `json:"new,omitempty"`
	Count int  `json:"count"`
}

// Jobs expands the plan's outcomes into one report per pending job, in the order
// of the outcomes. d is the demand that was planned for.
func (p Plan) Jobs(d Demand) iter.Seq[JobReport] {
	return func(yield func(JobReport) bool) {
		for i := range p.Outcomes {
			o := &p.Outcomes[i]
			for m := o.From; m < o.To; m++ {
				if !yield(p.Job(d, o, m)) {
					return
				}
			}
		}
	}
}

// Job is the report of one member of the class of an outcome, which is of its range.
func (p Plan) Job(d Demand, o *Outcome, member int) JobReport {
	class := &d.Classes[o.Class]
	return JobReport{ID: class.Members[member].ID, ServedBy: p.servedBy(o, member-o.From), Tasks: o.Tasks, Of: class.Tasks, Reason: o.Reason}
}

// servedBy is the share of the nth job of an outcome. All jobs of an outcome
// with one serving lie in it, one after the other; an outcome with several
// servings is of one job.
func (p Plan) servedBy(o *Outcome, n int) []ServedBy {
	var by []ServedBy
	for _, s := range o.Served {
		if len(o.Served) == 1 {
			s = s.part(n*o.Tasks, o.Tasks)
		}
		entry := ServedBy{Pool: s.Pool, Group: s.Group, Nodes: s.Nodes, Request: s.Request, Start: s.Start, New: s.Grow >= 0, Count: s.Count}
		by = append(by, entry)
	}
	return by
}
