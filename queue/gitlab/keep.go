package gitlab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"autoscaled/autoscale"
)

// Keep does what is due about the runners' records: it deletes those of drained runners
// that have no job, those of attempts that have no host and whose request is closed, and
// those that were made by a registration whose answer was lost; and it finds the runners
// of hosts that no record knows, where the store was lost.
func (s *Source) Keep(ctx context.Context, supply autoscale.Supply, open []autoscale.RequestID) error {
	s.mu.Lock()
	s.pools = slices.Clone(supply.Pools)
	s.mu.Unlock()
	if s.DryRun {
		return nil
	}
	hosts := make(map[string]bool)
	for i := range supply.Nodes {
		if n := &supply.Nodes[i]; n.Phase != autoscale.PhaseGone {
			hosts[hostOf(n)] = true
		}
	}
	records, err := s.where(ctx, every)
	if err != nil {
		return err
	}
	var wrong []error
	for i := range records {
		r := &records[i]
		wanted := hosts[r.key()] || slices.Contains(open, r.Request)
		if err := s.keepOne(ctx, r, wanted); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(append(wrong, s.findLost(ctx, supply, records))...)
}

// keepOne does what is due about one record.
func (s *Source) keepOne(ctx context.Context, r *record, wanted bool) error {
	switch {
	case r.Runner == 0: // findLost's
		return nil
	case r.Deleted:
		return s.linger(ctx, r, wanted)
	case !wanted:
		return s.discard(ctx, r)
	case r.Draining && !r.Ended && s.settled(r):
		deleted, err := s.remove(ctx, r.key())
		if deleted {
			s.wake()
		}
		return err
	}
	return nil
}

// linger forgets a deleted runner once its host can't come any more.
func (s *Source) linger(ctx context.Context, r *record, wanted bool) error {
	switch {
	case wanted:
		s.note(r.key(), func(r *record) { r.over = time.Time{} })
	case r.over.IsZero():
		s.note(r.key(), func(r *record) { r.over = s.Now() })
	case s.Now().Sub(r.over) >= s.Timings.Linger:
		return s.forget(ctx, r.key())
	}
	return nil
}

// discard deletes the record of a runner whose host is no more. One that GitLab believes
// at work stays.
func (s *Source) discard(ctx context.Context, r *record) error {
	if r.Ended { // it asks for no more
		_, err := s.delete(ctx, r)
		if errors.Is(err, ErrNotFound) {
			return s.forget(ctx, r.key())
		}
		return err
	}
	l, err := s.inspect(ctx, r)
	switch {
	case errors.Is(err, ErrNotFound): // gone is what was wanted; its host, should it come, is not known to be idle
		if r.Deleting {
			return s.update(ctx, r.key(), func(r *record) { r.Deleting, r.Deleted = false, true })
		}
		return s.forget(ctx, r.key())
	case err != nil:
		return translateRead("look at runner "+r.Host, needs(err, grantManage))
	case !l.idle():
		return nil
	}
	if !l.paused || !r.Draining { // its VM may be there and only be shown no more
		return s.pause(ctx, r.key())
	}
	if r.paused.IsZero() {
		s.note(r.key(), func(r *record) { r.paused = s.Now() })
		return nil
	}
	_, err = s.remove(ctx, r.key())
	return err
}

// findLost lists GitLab's runners if there is something to look for among them: runners
// whose registration got no answer, and those of hosts that no record knows.
func (s *Source) findLost(ctx context.Context, supply autoscale.Supply, records []record) error {
	lost := slices.DeleteFunc(slices.Clone(records), func(r record) bool { return r.Runner > 0 || r.underway })
	unknown := s.unknown(supply, records)
	if len(lost) == 0 && len(unknown) == 0 {
		return nil
	}
	runners, err := s.Client.Runners(ctx, s.Runner.Scope)
	if err != nil {
		return translateRead("list runners", needs(err, "the scope read_api (or api), and for its owner the right to list these runners"))
	}
	byName := make(map[string][]Runner)
	for _, r := range runners {
		byName[r.Description] = append(byName[r.Description], r)
	}
	var wrong []error
	for i := range lost {
		wrong = append(wrong, s.settleLost(ctx, &lost[i], byName[lost[i].Host]))
	}
	return errors.Join(append(wrong, s.adopt(ctx, unknown, byName))...)
}

// settleLost deletes what a registration made whose answer was lost: nobody has the
// token. After Timings.Lost it did not arrive.
func (s *Source) settleLost(ctx context.Context, r *record, made []Runner) error {
	for _, found := range made {
		if err := s.Client.DeleteRunner(ctx, found.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return translateAct(fmt.Sprintf("delete runner %s, whose registration got no answer", r.Host), needs(err, grantManage))
		}
	}
	switch {
	case len(made) > 0:
		return s.forget(ctx, r.key())
	case r.lost.IsZero(): // of before a restart
		s.note(r.key(), func(r *record) { r.lost = s.Now() })
	case s.Now().Sub(r.lost) >= s.Timings.Lost:
		return s.forget(ctx, r.key())
	}
	return nil
}

// unknown are the nodes of pools for runners whose hosts no record knows. They are
// searched for now and then only.
func (s *Source) unknown(supply autoscale.Supply, records []record) (nodes []autoscale.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.search.IsZero() && s.Now().Sub(s.search) < s.Timings.Search {
		return nil
	}
	known, single := map[string]bool{}, map[autoscale.PoolID]bool{}
	for i := range records {
		known[records[i].key()] = true
	}
	for i := range supply.Pools {
		single[supply.Pools[i].ID] = supply.Pools[i].Single
	}
	for i := range supply.Nodes {
		n := &supply.Nodes[i]
		if single[n.Pool] && n.Host != "" && n.Request != "" && n.Phase != autoscale.PhaseGone && !known[hostOf(n)] {
			nodes = append(nodes, *n)
		}
	}
	if len(nodes) > 0 {
		s.search = s.Now()
	}
	return nodes
}

// adopt makes records of runners that are named as the hosts are.
func (s *Source) adopt(ctx context.Context, nodes []autoscale.Node, byName map[string][]Runner) error {
	return s.commit(ctx, func(records map[string]record) (durable bool) {
		for i := range nodes {
			n := &nodes[i]
			_, known := records[hostOf(n)]
			if found := byName[n.Host]; len(found) == 1 && !known {
				records[hostOf(n)] = record{Host: n.Host, Request: n.Request, Pool: n.Pool, Runner: found[0].ID, Registered: s.Now()}
				durable = true
			}
		}
		return durable
	})
}
