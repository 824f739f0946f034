package pbs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"autoscaled/autoscale"
)

// Keep makes a vnode of each host that is up, and deletes those whose VM is gone.
func (s *Source) Keep(ctx context.Context, supply autoscale.Supply, _ []autoscale.RequestID) error {
	if s.DryRun {
		return nil
	}
	s.mu.Lock()
	found := newFinder(s.nodes)
	s.mu.Unlock()
	tasks, records := s.survey(supply, found)
	if len(tasks) > 0 { // since the tick began, hosts may have been drained
		listed, err := s.lookAtNodes(ctx)
		if err != nil {
			return errors.Join(fmt.Errorf("ask PBS: %w", err), s.record(ctx, records))
		}
		tasks, records = s.survey(supply, newFinder(listed))
	}
	if err := s.record(ctx, records); err != nil {
		return err
	}
	return errors.Join(s.join(ctx, tasks), s.leave(ctx, supply))
}

// record writes whose vnodes are ours.
func (s *Source) record(ctx context.Context, records []record) error {
	return s.commit(ctx, func(all map[string]record) {
		for _, r := range records {
			all[r.key()] = r
		}
	})
}

// joint is a node that is to be joined.
type joint struct {
	node  autoscale.Node
	vnode *Node // nil: there is none yet
	offer Offered
}

// survey finds the nodes that are to be joined, and the records of these and of those that
// are joined already.
func (s *Source) survey(supply autoscale.Supply, found finder) (tasks []joint, records []record) {
	pools := make(map[autoscale.PoolID]*autoscale.Pool, len(supply.Pools))
	for i := range supply.Pools {
		pools[supply.Pools[i].ID] = &supply.Pools[i]
	}
	for i := range supply.Nodes {
		n := &supply.Nodes[i]
		pool := pools[n.Pool]
		if n.Phase != autoscale.PhaseReady || n.Protected != "" || n.Host == "" || n.ID == "" || pool == nil {
			continue
		}
		offer, ours := s.Offer(pool)
		if !ours {
			continue
		}
		v := found.of(n)
		if v == nil {
			v = found.named(n)
		}
		name := hostName(n)
		if v != nil {
			name = v.Name
		}
		if v == nil || v.NodeID != string(n.ID) || v.Is("offline") && joins(v) {
			tasks = append(tasks, joint{*n, v, offer})
		}
		records = append(records, record{Host: name, Node: n.ID})
	}
	return tasks, records
}

// join joins nodes, a few at once. What did not go well is tried again after the next tick.
func (s *Source) join(ctx context.Context, tasks []joint) error {
	errs := make([]error, len(tasks))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range tasks {
		group.Go(func() error {
			if ctx.Err() == nil { // else the next tick's turn
				errs[i] = s.act("join node "+tasks[i].node.Name, s.joinOne(ctx, &tasks[i]))
			}
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	return errors.Join(errs...)
}

// joinOne makes a vnode usable: it is created where it is not there, taken out of service
// until it is whole, given its resources, ccnodeid last, and put into service. One that is
// out of service already stays so, for an administrator's reason or for ours.
func (s *Source) joinOne(ctx context.Context, t *joint) error {
	name, stays := hostName(&t.node), false
	if t.vnode != nil {
		name = t.vnode.Name
		if t.vnode.NodeID != "" && t.vnode.NodeID != string(t.node.ID) && len(t.vnode.Jobs) > 0 {
			return fmt.Errorf("vnode %s is still that of node %s, which is gone, and has job %s: %w", name, t.vnode.NodeID, t.vnode.Jobs[0], autoscale.ErrRejected)
		}
		another := t.vnode.NodeID != "" && t.vnode.NodeID != string(t.node.ID)
		stays = t.vnode.Is("offline") && !joins(t.vnode) && !(another && drainedByUs(t.vnode))
	} else if err := s.create(ctx, name); err != nil {
		return err
	}
	if !stays {
		if err := s.commands.do(ctx, "pbsnodes", "-C", joinMark, "-o", name); err != nil {
			return err
		}
	}
	if err := s.describe(ctx, name, s.offered(t.offer, t.node.Group)); err != nil {
		return err
	}
	if err := s.identify(ctx, name, string(t.node.ID)); err != nil || stays {
		return err
	}
	return s.commands.do(ctx, "pbsnodes", "-C", serveMark, "-r", name)
}

// create makes a vnode; one that is there already will do.
func (s *Source) create(ctx context.Context, name string) error {
	err := s.commands.do(ctx, "qmgr", "-c", "create node "+name)
	if says(err, "already exist") {
		return nil
	}
	return err
}

// describe sets resources of a vnode at once, and where PBS does not know one of them, one
// by one but for those. They are not asked for again.
func (s *Source) describe(ctx context.Context, name string, amounts []Amount) error {
	var known []Amount
	s.mu.Lock()
	for _, a := range amounts {
		if !s.absent[a.Name] {
			known = append(known, a)
		}
	}
	s.mu.Unlock()
	if len(known) == 0 {
		return nil
	}
	err := s.set(ctx, name, known...)
	if !unknownResource(err) {
		return err
	}
	for _, a := range known {
		err := s.set(ctx, name, a)
		if unknownResource(err) {
			s.mu.Lock()
			s.absent[a.Name] = true
			s.mu.Unlock()
		} else if err != nil {
			return err
		}
	}
	return nil
}

func unknownResource(err error) bool { return says(err, "unknown resource") }

// identify sets ccnodeid, which tells that the vnode is whole. Where PBS does not know the
// resource, it is made, by whoever comes first.
func (s *Source) identify(ctx context.Context, name, id string) error {
	whose := Amount{nodeIDResource, id}
	err := s.set(ctx, name, whose)
	if !unknownResource(err) {
		return err
	}
	made := s.commands.do(ctx, "qmgr", "-c", "create resource "+nodeIDResource+" type=string, flag=h")
	if err := s.set(ctx, name, whose); err != nil {
		return errors.Join(made, err)
	}
	return nil
}

func (s *Source) set(ctx context.Context, name string, amounts ...Amount) error {
	parts := make([]string, len(amounts))
	for i, a := range amounts {
		parts[i] = "resources_available." + a.Name + "=" + quotedValue(a.Value)
	}
	return s.commands.do(ctx, "qmgr", "-c", "set node "+name+" "+strings.Join(parts, ","))
}

// quotedValue puts quotes around what qmgr would split.
func quotedValue(value string) string {
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("_.:/-", r)
	}
	if strings.TrimFunc(value, plain) == "" && value != "" {
		return value
	}
	return `"` + strings.ReplaceAll(value, `"`, "") + `"`
}
