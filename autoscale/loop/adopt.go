package loop

import (
	"context"
	"fmt"
	"slices"
	"time"

	"autoscaled/autoscale"
)

// archive is a Journal that also knows operations that are over.
type archive interface {
	// Get returns what is on record of a request; known is false if nothing is.
	Get(ctx context.Context, id autoscale.RequestID) (op autoscale.Operation, known bool, err error)
}

// Adopt takes nodes for ours that are not, by their names or ids, as the last tick saw
// them. From then on the policy holds for them as for any other: they go when nobody wants
// them. All are taken, or, where one is none of them, none.
func (l *Loop) Adopt(ctx context.Context, names []string) (nodes []autoscale.Node, err error) {
	err = l.change(ctx, func(m autoscale.Memory, _ time.Time) (autoscale.Memory, error) {
		last := l.Last()
		if problem := last.Observation.SupplyProblem; problem != "" {
			return m, fmt.Errorf("adopt: the cloud could not be read: %s", problem)
		}
		for _, name := range names {
			i := slices.IndexFunc(last.Orphans.Nodes, func(n autoscale.Node) bool { return n.Name == name || string(n.ID) == name })
			if i < 0 {
				return m, fmt.Errorf("adopt %s: it is no node of a managed pool that is not ours (autoscaled orphans lists those)", name)
			}
			nodes = append(nodes, last.Orphans.Nodes[i])
		}
		for i := range nodes {
			m = m.WithOurs(nodes[i].ID)
		}
		return m, nil
	})
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		l.log.adopted(n.Pool, []autoscale.NodeID{n.ID})
		l.Metrics.adopted.WithLabelValues(l.Cluster, string(n.Pool)).Inc()
	}
	return nodes, nil
}

// makers are the operations that are over and made a node which is seen for the first
// time: it came after its request was given up, or what was remembered of it is lost.
// It is ours by its request alone.
func (t *tick) makers(before autoscale.Memory) (list []autoscale.Operation) {
	journal, ok := t.Journal.(archive)
	if !ok {
		return nil
	}
	asked := t.requests()
	for i := range t.report.Observation.Supply.Nodes {
		n := &t.report.Observation.Supply.Nodes[i]
		if _, seen := before.Nodes[n.ID]; seen || n.Request == "" || n.Phase == autoscale.PhaseGone || asked[n.Request] {
			continue
		}
		asked[n.Request] = true
		op, known, err := journal.Get(context.Background(), n.Request)
		switch {
		case err != nil:
			t.problemf(StepJournal, "", "look for the request of node %s: %w", n.ID, err)
		case known && op.Kind == autoscale.OperationCreate && op.Phase.Final():
			list = append(list, op)
		}
	}
	return list
}

// requests are those of the operations that the tick knows.
func (t *tick) requests() map[autoscale.RequestID]bool {
	asked := make(map[autoscale.RequestID]bool, len(t.operations))
	for i := range t.operations {
		asked[t.operations[i].Request] = true
	}
	return asked
}

// onRecord tells whether the journal knows a request, as far as it can be read.
func (t *tick) onRecord(id autoscale.RequestID) bool {
	journal, ok := t.Journal.(archive)
	if !ok || id == "" {
		return false
	}
	_, known, err := journal.Get(context.Background(), id)
	return known || err != nil
}

// account tells of nodes that were adopted, which are those that became ours without
// a request that is open, and of those that are not ours.
func (t *tick) account(before autoscale.Memory) {
	asked := t.requests()
	adopted, strange := make(map[autoscale.PoolID][]autoscale.NodeID), make(map[autoscale.PoolID][]autoscale.NodeID)
	for i := range t.report.Observation.Supply.Nodes {
		n := &t.report.Observation.Supply.Nodes[i]
		if t.report.Memory.Nodes[n.ID].Ours && !before.Nodes[n.ID].Ours && !asked[n.Request] {
			adopted[n.Pool] = append(adopted[n.Pool], n.ID)
			if _, seen := before.Nodes[n.ID]; n.Owned && !seen && t.log.begun && !t.onRecord(n.Request) {
				strange[n.Pool] = append(strange[n.Pool], n.ID)
			}
		}
	}
	for pool, nodes := range adopted {
		t.log.adopted(pool, nodes)
		t.Metrics.adopted.WithLabelValues(t.Cluster, string(pool)).Add(float64(len(nodes)))
	}
	for pool, nodes := range strange {
		t.log.strange(pool, nodes)
	}
	t.log.foreign(t.report.Orphans.Nodes)
}
