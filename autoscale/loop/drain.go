package loop

import (
	"context"
	"errors"

	"autoscaled/autoscale"
)

// drain asks the queue to mark nodes, those of one reason together. Whether it
// worked is seen in a later observation; a mark is no operation.
func (t *tick) drain(ctx context.Context) {
	if t.drainer == nil {
		return
	}
	for _, group := range byReason(t.report.Plan.Drain) {
		t.mark(ctx, StepDrain, group, func(ctx context.Context, nodes []autoscale.Node) []error {
			return t.drainer.Drain(ctx, nodes, string(group[0].Reason.Code))
		})
	}
}

// undrain asks the queue to withdraw marks.
func (t *tick) undrain(ctx context.Context) {
	if t.drainer == nil || len(t.report.Plan.Undrain) == 0 {
		return
	}
	t.mark(ctx, StepUndrain, t.report.Plan.Undrain, t.drainer.Undrain)
}

func (t *tick) mark(ctx context.Context, step Step, list []autoscale.Drained, call func(context.Context, []autoscale.Node) []error) {
	nodes := make([]autoscale.Node, len(list))
	for i := range list {
		nodes[i] = list[i].Node
	}
	ctx, cancel := context.WithTimeout(ctx, t.CallTimeout)
	defer cancel()
	errs := call(ctx, nodes)
	if len(errs) != len(nodes) {
		t.problem(step, "", errors.New("the queue did not answer for every node"))
	}
	for i := range nodes {
		var err error
		if i < len(errs) {
			err = errs[i]
		}
		if err != nil {
			t.problem(step, nodes[i].Name, err)
			continue
		}
		t.log.marked(step, list[i])
	}
}

// byReason groups entries of one reason code, in the order of their first.
func byReason(list []autoscale.Drained) (groups [][]autoscale.Drained) {
	index := make(map[autoscale.ReasonCode]int)
	for _, d := range list {
		i, known := index[d.Reason.Code]
		if !known {
			i = len(groups)
			index[d.Reason.Code] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], d)
	}
	return groups
}
