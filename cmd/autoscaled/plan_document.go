package main

import (
	"slices"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
)

// planDocument is what `plan -o json` prints and the control socket answers;
// docs/commands.md describes it. Lists are never null.
type planDocument struct {
	At      time.Time `json:"at"`
	Cluster string    `json:"cluster"`
	// Problems are why queue, cloud or journal could not be used.
	Problems []string        `json:"problems"`
	Grow     []planGrow      `json:"grow"`
	Start    []planStart     `json:"start"`
	Drain    []planNode      `json:"drain"`
	Undrain  []planNode      `json:"undrain"`
	Report   []planReport    `json:"report"`
	Remove   []planRemove    `json:"remove"`
	Retry    []planOperation `json:"retry"`
	// Paused are the pools that an operator paused.
	Paused []planPause `json:"paused"`
	// Refused is why the daemon must not act; left out where it may.
	Refused string `json:"refused,omitempty"`
	// Hold is why nothing could be planned at all.
	Hold  *planReason `json:"hold,omitempty"`
	Jobs  []planJob   `json:"jobs"`
	Nodes []planNode  `json:"nodes"`
	Pools []planPool  `json:"pools"`
	// Operations are those under way, whose nodes may not be seen yet.
	Operations []planOperation `json:"operations"`
	// Money is there where the price of any node is known, or a budget is set.
	Money *planMoney `json:"money,omitempty"`
}

// planReason is a reason with its sentence. Durations are in seconds.
type planReason struct {
	Code    autoscale.ReasonCode `json:"code"`
	Says    string               `json:"says"`
	Subject string               `json:"subject,omitempty"`
	Have    float64              `json:"have,omitempty"`
	Want    float64              `json:"want,omitempty"`
	Unit    autoscale.Unit       `json:"unit,omitempty"`
	For     float64              `json:"for_seconds,omitempty"`
	Of      float64              `json:"of_seconds,omitempty"`
	Detail  string               `json:"detail,omitempty"`
}

// planPause is a pool that is paused, or all where it names none.
type planPause struct {
	Pool  string    `json:"pool,omitempty"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"`
	Why   string    `json:"why,omitempty"`
}

func pauseOf(p autoscale.Pause) planPause { return planPause(p) }

type planGrow struct {
	Pool     autoscale.PoolID  `json:"pool"`
	Group    string            `json:"group,omitempty"`
	Count    int               `json:"count"`
	Names    []string          `json:"names,omitempty"`
	Jobs     []autoscale.JobID `json:"jobs"` // some of them
	JobCount int               `json:"job_count"`
	Reason   planReason        `json:"reason"`
}

type planStart struct {
	Pool     autoscale.PoolID  `json:"pool"`
	Group    string            `json:"group,omitempty"`
	Nodes    []string          `json:"nodes"` // names
	Jobs     []autoscale.JobID `json:"jobs"`  // some of them
	JobCount int               `json:"job_count"`
	Reason   planReason        `json:"reason"`
}

type planNode struct {
	ID     autoscale.NodeID `json:"id"`
	Name   string           `json:"name,omitempty"`
	Host   string           `json:"host,omitempty"`
	Pool   autoscale.PoolID `json:"pool,omitempty"`
	Group  string           `json:"group,omitempty"`
	Phase  autoscale.Phase  `json:"phase,omitempty"`
	Reason planReason       `json:"reason"`
}

// planReport is a failed node that the cloud is to be told of.
type planReport struct {
	planNode
	Category string `json:"category"`
}

type planRemove struct {
	Pool  autoscale.PoolID `json:"pool"`
	Nodes []string         `json:"nodes"` // names
	// Removal is terminate, shutdown, deallocate or remove.
	Removal autoscale.Removal `json:"removal"`
	Reason  planReason        `json:"reason"`
}

type planOperation struct {
	Request autoscale.RequestID      `json:"request"`
	Kind    autoscale.OperationKind  `json:"kind"`
	Phase   autoscale.OperationPhase `json:"phase"`
	Pool    autoscale.PoolID         `json:"pool"`
	Group   string                   `json:"group,omitempty"`
	Count   int                      `json:"count"`
	Seen    int                      `json:"seen"` // nodes of it that the cloud shows
	Reason  planReason               `json:"reason"`
}

// planJob has nodes (ServedBy), or a Reason why it waits; both where it gets
// only a part of what it asks for.
type planJob struct {
	ID       autoscale.JobID `json:"id"`
	ServedBy []planServing   `json:"served_by,omitempty"`
	Reason   *planReason     `json:"reason,omitempty"`
}

type planServing struct {
	Pool  autoscale.PoolID `json:"pool"`
	Group string           `json:"group,omitempty"`
	Count int              `json:"count"`
	// How is on_ready, on_starting, on_deallocated or on_new.
	How autoscale.ReasonCode `json:"how"`
	// Nodes by name, where they exist; Request, where they are on their way.
	Nodes   []string            `json:"nodes,omitempty"`
	Request autoscale.RequestID `json:"request,omitempty"`
}

type planPool struct {
	ID autoscale.PoolID `json:"id"`
	// Offers is what an empty node offers to jobs; none where nothing was planned.
	Offers *planResources          `json:"offers,omitempty"`
	Now    map[autoscale.Phase]int `json:"nodes"`
	Grow   int                     `json:"grow"`
	Gone   int                     `json:"remove"`
	// Boots are how long its nodes took to come up lately; none where that is not known.
	Boots []planBoots `json:"boots,omitempty"`
	// Held: it could not give all that was wanted of it, for Reason.
	Held bool `json:"held"`
	// Reason is what it did or what stopped it; none where nothing was planned.
	Reason *planReason `json:"reason,omitempty"`
}

// planBoots is how long nodes took from being asked for to ready: those in placement
// groups, or the others.
type planBoots struct {
	Grouped bool `json:"grouped"`
	// Count is how many have come up; the times are those of the latest.
	Count int     `json:"count"`
	P50   float64 `json:"p50_seconds"`
	P95   float64 `json:"p95_seconds"`
}

func bootsOf(m autoscale.Memory, pool autoscale.PoolID) (list []planBoots) {
	for _, grouped := range []bool{false, true} {
		if b := m.BootsOf(pool, grouped); b.Count > 0 {
			list = append(list, planBoots{grouped, b.Count, b.Percentile(50).Seconds(), b.Percentile(95).Seconds()})
		}
	}
	return list
}

// planResources is an amount of each resource; memory in bytes.
type planResources struct {
	Cores  int              `json:"cores"`
	Memory autoscale.Bytes  `json:"memory"`
	GPUs   int              `json:"gpus"`
	Custom map[string]int64 `json:"custom,omitempty"`
}

func resourcesOf(r autoscale.Resources) *planResources {
	if r.IsZero() {
		return nil
	}
	return &planResources{r.Cores, r.Memory, r.GPUs, r.Custom}
}

// planMoney is what nodes cost, in the currency of the prices.
type planMoney struct {
	Month   string       `json:"month,omitempty"`
	Spent   float64      `json:"spent"` // in the month
	PerHour float64      `json:"per_hour"`
	Budgets []planBudget `json:"budgets"`
}

// planBudget is a budget and what is taken of it once the plan is carried out.
type planBudget struct {
	ID   autoscale.LimitID `json:"id"`
	Max  float64           `json:"max"`
	Used float64           `json:"used"`
}

func newPlanDocument(cluster string, r loop.Report) planDocument {
	s := newSummary(r)
	d := planDocument{
		At: r.At, Cluster: cluster, Problems: s.problems(),
		Grow:    each(r.Plan.Grow, growOf),
		Start:   each(r.Plan.Start, startOf),
		Drain:   each(r.Plan.Drain, drainedOf),
		Undrain: each(r.Plan.Undrain, drainedOf),
		Report: each(r.Plan.Report, func(h autoscale.HealthReport) planReport {
			return planReport{planNodeOf(h.Node, h.Reason), h.Category}
		}),
		Remove: each(r.Plan.Remove, func(x autoscale.Remove) planRemove {
			return planRemove{x.Pool, each(x.Nodes, nodeName), x.Removal, reasonOf(x.Reason)}
		}),
		Retry:  each(r.Plan.Retry, func(x autoscale.Retry) planOperation { return operationOf(x.Operation, x.Reason) }),
		Paused: each(r.Memory.Paused, pauseOf), Refused: r.Refused,
		Hold:       anyReason(r.Plan.Hold),
		Nodes:      each(r.Plan.Nodes, func(v autoscale.NodeVerdict) planNode { return planNodeOf(s.node(v.Node), v.Reason) }),
		Pools:      s.planPools(),
		Operations: each(r.Operations, func(op autoscale.Operation) planOperation { return operationOf(op, op.Reason) }),
		Money:      s.money(),
	}
	d.Jobs = []planJob{}
	for job := range r.Plan.Jobs(r.Observation.Demand) {
		d.Jobs = append(d.Jobs, s.job(job))
	}
	return d
}

func each[T, U any](list []T, convert func(T) U) []U {
	out := make([]U, len(list))
	for i := range list {
		out[i] = convert(list[i])
	}
	return out
}

func (s *summary) planPools() []planPool {
	return each(s.pools(), func(p poolCount) planPool {
		return planPool{
			ID: p.id, Offers: resourcesOf(p.verdict.Offers), Now: p.now, Grow: p.grow, Gone: p.remove, Boots: bootsOf(s.report.Memory, p.id),
			Held: p.verdict.Held, Reason: anyReason(p.verdict.Reason),
		}
	})
}

func growOf(g autoscale.Grow) planGrow {
	jobs := append([]autoscale.JobID{}, g.Jobs...)
	return planGrow{Pool: g.Pool, Group: g.Group, Count: g.Count, Names: g.Names, Jobs: jobs, JobCount: g.JobCount, Reason: reasonOf(g.Reason)}
}

func startOf(s autoscale.Start) planStart {
	return planStart{
		Pool: s.Pool, Group: s.Group, Nodes: each(s.Nodes, nodeName),
		Jobs: append([]autoscale.JobID{}, s.Jobs...), JobCount: s.JobCount, Reason: reasonOf(s.Reason),
	}
}

func reasonOf(r autoscale.Reason) planReason {
	return planReason{
		Code: r.Code, Says: r.String(), Subject: r.Subject, Have: r.Unit.Amount(r.Have), Want: r.Unit.Amount(r.Want), Unit: r.Unit,
		For: r.For.Seconds(), Of: r.Of.Seconds(), Detail: r.Detail,
	}
}

// anyReason is nil where there is no reason.
func anyReason(r autoscale.Reason) *planReason {
	if r.Code == "" {
		return nil
	}
	out := reasonOf(r)
	return &out
}

func drainedOf(d autoscale.Drained) planNode { return planNodeOf(d.Node, d.Reason) }

func planNodeOf(n autoscale.Node, r autoscale.Reason) planNode {
	return planNode{ID: n.ID, Name: n.Name, Host: n.Host, Pool: n.Pool, Group: n.Group, Phase: n.Phase, Reason: reasonOf(r)}
}

func operationOf(op autoscale.Operation, r autoscale.Reason) planOperation {
	count := op.Count
	if op.Kind != autoscale.OperationCreate {
		count = len(op.Nodes)
	}
	return planOperation{
		Request: op.Request, Kind: op.Kind, Phase: op.Phase, Pool: op.Pool, Group: op.Group,
		Count: count, Seen: len(op.Nodes), Reason: reasonOf(r),
	}
}

// job words one job's report.
func (s *summary) job(j autoscale.JobReport) planJob {
	out := planJob{ID: s.report.Observation.Demand.Called(j.ID)}
	if len(j.ServedBy) == 0 || j.Tasks < j.Of {
		reason := reasonOf(j.Reason)
		out.Reason = &reason
	}
	for _, by := range j.ServedBy {
		serving := planServing{Pool: by.Pool, Group: by.Group, Count: by.Count, How: s.how(by), Request: by.Request}
		for _, id := range by.Nodes {
			serving.Nodes = append(serving.Nodes, nodeName(s.node(id)))
		}
		out.ServedBy = append(out.ServedBy, serving)
	}
	return out
}

// how tells whether nodes are up, on their way, or to be created.
func (s *summary) how(by autoscale.ServedBy) autoscale.ReasonCode {
	switch {
	case by.New:
		return autoscale.ReasonOnNew
	case by.Start:
		return autoscale.ReasonOnDeallocated
	case by.Request != "" || slices.ContainsFunc(by.Nodes, func(id autoscale.NodeID) bool { return s.node(id).Phase != autoscale.PhaseReady }):
		return autoscale.ReasonOnStarting
	}
	return autoscale.ReasonOnReady
}
