package pbs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// leave deletes the vnodes of ours whose VM is gone. They are taken out of service first,
// under our mark: the cloud's list may be wrong, and the vnode of a node that is back is
// put into service again. What another look then shows at work stays until PBS has given
// up its jobs.
func (s *Source) leave(ctx context.Context, supply autoscale.Supply) error {
	records, err := s.all(ctx)
	if err != nil {
		return err
	}
	forget(records, supply.Nodes)
	if len(records) == 0 {
		return nil
	}
	listed, err := s.byName(ctx)
	if err != nil {
		return err
	}
	wrong := s.retire(ctx, listed, records)
	if listed, err = s.byName(ctx); err != nil {
		return errors.Join(append(wrong, err)...)
	}
	for _, key := range slices.Sorted(maps.Keys(records)) {
		r := records[key]
		wrong = append(wrong, s.act("delete vnode "+r.Host, s.leaveOne(ctx, listed[key], &r)))
	}
	return errors.Join(wrong...)
}

// forget takes out the records of nodes that are there.
func forget(records map[string]record, nodes []autoscale.Node) {
	there := make(map[autoscale.NodeID]bool, len(nodes))
	for i := range nodes {
		there[nodes[i].ID] = nodes[i].Phase != autoscale.PhaseGone
	}
	maps.DeleteFunc(records, func(_ string, r record) bool { return there[r.Node] })
}

// byName are the vnodes by their names in lower case, as they are now.
func (s *Source) byName(ctx context.Context) (map[string]*Node, error) {
	listed, err := s.lookAtNodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask PBS: %w", err)
	}
	byName := make(map[string]*Node, len(listed))
	for i := range listed {
		byName[strings.ToLower(listed[i].Name)] = &listed[i]
	}
	return byName, nil
}

// of tells whether a vnode is the record's, and not that of another VM by now.
func (r *record) of(v *Node) bool {
	return v != nil && (v.NodeID == string(r.Node) || v.NodeID == "")
}

// retire takes the vnodes of records out of service that are in it.
func (s *Source) retire(ctx context.Context, listed map[string]*Node, records map[string]record) (wrong []error) {
	for _, key := range slices.Sorted(maps.Keys(records)) {
		r, v := records[key], listed[key]
		if !r.of(v) || v.Is("offline") {
			continue
		}
		if err := s.commands.do(ctx, "pbsnodes", "-C", drainMark+", its VM is gone", "-o", v.Name); err != nil {
			wrong = append(wrong, s.act("take vnode "+v.Name+" out of service", err))
		}
	}
	return wrong
}

// leaveOne deletes a vnode, and its record where it is not there or is another node's now.
// One that is in service, or at work, stays.
func (s *Source) leaveOne(ctx context.Context, v *Node, r *record) error {
	if r.of(v) {
		if len(v.Jobs) > 0 || !v.Is("offline") {
			return nil
		}
		if err := s.commands.do(ctx, "qmgr", "-c", "delete node "+v.Name); err != nil && !says(err, "unknown node") {
			return err
		}
	}
	return s.commit(ctx, func(all map[string]record) { delete(all, r.key()) })
}
