package loop

import (
	"context"

	"golang.org/x/sync/errgroup"

	"autoscaled/autoscale"
)

// reportHealth tells the cloud of failed nodes, a few at once. How that went is
// remembered and written at once, so that no report is made again after a restart;
// one that was lost in between is made again, which the cloud answers as if it were new.
func (t *tick) reportHealth(ctx context.Context) {
	list := t.report.Plan.Report
	if t.health == nil || len(list) == 0 {
		return
	}
	taken := make(map[autoscale.NodeID]bool, len(list))
	for i, err := range t.tellHealth(ctx, list) {
		taken[list[i].Node.ID] = err == nil
		if err != nil {
			t.problem(StepReport, list[i].Node.Name, err)
			t.Metrics.failed(t.Cluster, autoscale.ClassOf(err))
			continue
		}
		t.log.reported(list[i])
		t.Metrics.reported.WithLabelValues(t.Cluster, string(list[i].Node.Pool)).Inc()
	}
	next := autoscale.NoteReports(*t.memory, taken)
	t.memory = &next
	if err := t.Journal.Save(context.WithoutCancel(ctx), next); err != nil {
		t.problem(StepJournal, "", err)
	}
}

// tellHealth makes the reports, and returns one error each.
func (t *tick) tellHealth(ctx context.Context, list []autoscale.HealthReport) []error {
	errs := make([]error, len(list))
	var group errgroup.Group
	group.SetLimit(callsAtOnce)
	for i := range list {
		group.Go(func() error {
			_, errs[i] = within(ctx, t.CallTimeout, func(ctx context.Context) (struct{}, error) {
				return struct{}{}, t.health.ReportHealth(ctx, list[i])
			})
			return nil
		})
	}
	_ = group.Wait()
	return errs
}
