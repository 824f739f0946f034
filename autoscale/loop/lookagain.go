package loop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"autoscaled/autoscale"
)

// lookAgain reads queue and cloud once more where nodes are about to be removed that are
// not marked for drain: the calls before may have taken minutes, in which such a node
// can come up and get work. One that is not as it was stays, with what goes of its
// placement group, and the next tick decides anew; a removal that is sent again stays as
// a whole. What can't be read now lets nothing go at all, marked or not.
func (t *tick) lookAgain(ctx context.Context) {
	p := &t.report.Plan
	nodes := autoscale.Unmarked(t.report.Observation, t.leaving())
	if len(nodes) == 0 {
		return
	}
	now, supplyErr, demandErr := t.look(ctx)
	if err := errors.Join(supplyErr, demandErr); err != nil {
		t.problem(StepRemove, "", fmt.Errorf("look again before nodes are removed: %w", err))
		nodes = t.leaving()
	}
	overtaken := autoscale.Overtaken(nodes, t.report.Observation, now)
	if len(overtaken) == 0 {
		return
	}
	t.spareGroups(overtaken)
	t.log.spared(slices.Sorted(maps.Keys(overtaken)))
	var left []autoscale.Remove
	for _, r := range p.Remove {
		r.Nodes = slices.DeleteFunc(slices.Clone(r.Nodes), func(n autoscale.Node) bool { return overtaken[n.ID] })
		if len(r.Nodes) > 0 {
			left = append(left, r)
		}
	}
	p.Remove = left
	p.Retry = slices.DeleteFunc(slices.Clone(p.Retry), func(r autoscale.Retry) bool {
		return r.Operation.Kind == autoscale.OperationRemove && slices.ContainsFunc(r.Operation.Nodes, func(id autoscale.NodeID) bool { return overtaken[id] })
	})
}

// spareGroups adds to nodes that stay all others of their placement groups: where those
// go only whole, none may go by itself.
func (t *tick) spareGroups(stay map[autoscale.NodeID]bool) {
	type group struct {
		pool autoscale.PoolID
		name string
	}
	groups := make(map[group]bool)
	leaving := t.leaving()
	for _, n := range leaving {
		if n.Group != "" && stay[n.ID] {
			groups[group{n.Pool, n.Group}] = true
		}
	}
	for _, n := range leaving {
		if groups[group{n.Pool, n.Group}] {
			stay[n.ID] = true
		}
	}
}

// leaving are the nodes that the plan removes, as they were observed.
func (t *tick) leaving() (nodes []autoscale.Node) {
	for _, r := range t.report.Plan.Remove {
		nodes = append(nodes, r.Nodes...)
	}
	for _, r := range t.report.Plan.Retry {
		if r.Operation.Kind == autoscale.OperationRemove {
			nodes = append(nodes, t.nodesOf(r.Operation)...)
		}
	}
	return nodes
}
