package loop

import (
	"context"
	"reflect"

	"golang.org/x/sync/errgroup"

	"autoscaled/autoscale"
)

// callsAtOnce bounds the calls that are under way together.
const callsAtOnce = 4

// converge holds each open operation against what the cloud shows, and asks what
// became of doubtful ones. While the cloud can't be read, nothing is concluded.
func (t *tick) converge(ctx context.Context) {
	if t.report.Observation.SupplyProblem != "" {
		return
	}
	w := newWorld(t.at, t.report.Observation.Supply, t.limits)
	answers := t.resolve(ctx, w)
	for i := range t.operations {
		before := t.operations[i]
		after := w.judge(before, answers[i])
		if !reflect.DeepEqual(before, after) {
			c := t.changed(before, after)
			t.operations[i] = c.after
			t.changes = append(t.changes, c)
		}
	}
}

// resolve asks the cloud about the operations whose outcome the observation does
// not show. Those it could not ask about, and all others, are unknown.
func (t *tick) resolve(ctx context.Context, w *world) []autoscale.Resolution {
	answers := make([]autoscale.Resolution, len(t.operations))
	errs := make([]error, len(t.operations))
	var calls errgroup.Group
	calls.SetLimit(callsAtOnce)
	for i := range t.operations {
		answers[i].State = autoscale.ResolvedUnknown
		if !w.doubts(t.operations[i]) {
			continue
		}
		calls.Go(func() error {
			id := t.operations[i].Request
			answer, err := within(ctx, t.CallTimeout, func(ctx context.Context) (autoscale.Resolution, error) {
				return t.Cloud.Resolve(ctx, id)
			})
			if errs[i] = err; err == nil {
				answers[i] = answer
			}
			return nil
		})
	}
	_ = calls.Wait()
	for i, err := range errs {
		if err != nil {
			t.problemf(StepResolve, string(t.operations[i].Pool), "ask about request %s: %w", t.operations[i].Request, err)
		}
	}
	return answers
}
