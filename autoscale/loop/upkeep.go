package loop

import (
	"context"

	"autoscaled/autoscale"
)

// keepRecords lets the queue forget the hosts that are no more. Without a supply nobody
// knows which those are.
func (t *tick) keepRecords(ctx context.Context) {
	if t.keeper == nil || t.report.Observation.SupplyProblem != "" || t.report.failed(StepJournal) {
		return
	}
	var open []autoscale.RequestID
	for i := range t.operations {
		if op := &t.operations[i]; op.Kind == autoscale.OperationCreate && !op.Phase.Final() {
			open = append(open, op.Request)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, t.CallTimeout)
	defer cancel()
	if err := t.keeper.Keep(ctx, t.report.Observation.Supply, open); err != nil {
		t.problem(StepKeep, "", err)
	}
}

// tellQueue lets the queue tell its users what the plan means for them. Without a plan, or
// with one that was made blind, there is nothing to tell.
func (t *tick) tellQueue(ctx context.Context) {
	r := &t.report
	if t.teller == nil || r.Observation.DemandProblem != "" || r.Observation.SupplyProblem != "" || r.failed(StepJournal) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, t.CallTimeout)
	defer cancel()
	if err := t.teller.Report(ctx, t.state(), r.Plan); err != nil {
		t.problem(StepTell, "", err)
	}
}

// tend lets the cloud do its own work.
func (t *tick) tend(ctx context.Context) {
	if t.tender == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, t.CallTimeout)
	defer cancel()
	if err := t.tender.Tend(ctx); err != nil {
		t.problem(StepTend, "", err)
	}
}
