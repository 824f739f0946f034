package loop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"autoscaled/autoscale"
)

// observe looks at queue and cloud.
func (t *tick) observe(ctx context.Context) {
	o, supplyErr, demandErr := t.look(ctx)
	if supplyErr != nil {
		t.problem(StepCloud, "", supplyErr)
	}
	if demandErr != nil {
		t.problem(StepQueue, "", demandErr)
	}
	if partial := o.Demand.Partial; partial != "" {
		t.problemf(StepQueue, "", "jobs are not known: %s", partial)
	}
	t.report.Observation = o
}

// look reads queue and cloud concurrently. What could not be read is unknown: its
// problem is set, and whatever came with the error is thrown away.
func (t *tick) look(ctx context.Context) (o autoscale.Observation, supplyErr, demandErr error) {
	o.At = t.at
	var reads sync.WaitGroup
	reads.Go(func() { o.Supply, supplyErr = within(ctx, t.CloudTimeout, t.Cloud.Observe) })
	reads.Go(func() { o.Demand, demandErr = within(ctx, t.QueueTimeout, t.Queue.Demand) })
	reads.Wait()
	if supplyErr != nil {
		o.Supply, o.SupplyProblem = autoscale.Supply{}, supplyErr.Error()
	}
	if demandErr != nil {
		o.Demand, o.DemandProblem = autoscale.Demand{}, demandErr.Error()
	}
	return o, supplyErr, demandErr
}

// within runs one read with its own deadline, and names the deadline if that is
// what ended it.
func within[T any](ctx context.Context, limit time.Duration, read func(context.Context) (T, error)) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	got, err := read(bounded)
	if errors.Is(err, context.DeadlineExceeded) && bounded.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no answer within %s: %w", limit, err)
	}
	return got, err
}
