package gitlab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"autoscaled/autoscale"
)

// Drain pauses the nodes' runners, so that they are given no more jobs. That a host may
// go is told only once its runner's record is deleted, which Keep does when the runner
// has no job and can't have one on its way.
func (s *Source) Drain(ctx context.Context, nodes []autoscale.Node, _ string) []error {
	return s.forEach(ctx, nodes, func(r *record) error {
		if r.Deleted || r.Ended || r.Deleting {
			return nil
		}
		return s.pause(ctx, r.key())
	})
}

// Undrain lets the nodes' runners take jobs again. One whose record is deleted, or about
// to be, can't.
func (s *Source) Undrain(ctx context.Context, nodes []autoscale.Node) []error {
	return s.forEach(ctx, nodes, func(r *record) error {
		if r.Deleted || r.Ended || r.Deleting {
			return fmt.Errorf("undrain %s: its runner takes no jobs ever again: %w", r.Host, autoscale.ErrRejected)
		}
		s.note(r.key(), func(r *record) { r.paused = time.Time{} })
		if _, err := s.Client.Pause(ctx, r.Runner, false); err != nil {
			return translateAct("undrain "+r.Host, needs(err, grantManage))
		}
		return s.update(ctx, r.key(), func(r *record) { r.Draining = false })
	})
}

// forEach does something with the runner of each node, a few at once.
func (s *Source) forEach(ctx context.Context, nodes []autoscale.Node, do func(r *record) error) []error {
	errs := make([]error, len(nodes))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range nodes {
		group.Go(func() error {
			r, known, err := s.record(ctx, nodes[i].Host)
			switch {
			case s.DryRun:
				errs[i] = errDryRun
			case err != nil:
				errs[i] = err
			case !known || r.Runner == 0:
				errs[i] = fmt.Errorf("node %s (host %q): there is no record of its runner: %w", nodes[i].Name, nodes[i].Host, autoscale.ErrNotFound)
			default:
				errs[i] = do(&r)
			}
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	return errs
}

// pause writes that we mean to pause a runner, and pauses it.
func (s *Source) pause(ctx context.Context, host string) error {
	r, known, err := s.record(ctx, host)
	if err != nil || !known {
		return err
	}
	if !r.Draining {
		if err := s.update(ctx, host, func(r *record) { r.Draining = true }); err != nil {
			return err
		}
	}
	if _, err := s.Client.Pause(ctx, r.Runner, true); err != nil {
		return translateAct("pause runner "+r.Host, needs(err, grantManage))
	}
	s.note(host, func(r *record) { r.paused = s.Now() })
	return nil
}

// settled: no request for a job that was let in before the pause is still on its way.
func (s *Source) settled(r *record) bool {
	return r.Draining && !r.paused.IsZero() && s.Now().Sub(r.paused) >= s.Timings.Settle
}

// remove deletes the record of a runner that is paused since long enough, and has no job.
// false: it isn't, or it has.
func (s *Source) remove(ctx context.Context, host string) (deleted bool, err error) {
	r, known, err := s.record(ctx, host)
	if err != nil || !known || !s.settled(&r) {
		return false, err
	}
	l, err := s.inspect(ctx, &r)
	switch {
	case errors.Is(err, ErrNotFound):
		// Only a deletion of ours whose answer was lost tells why it is not there.
		if r.Deleting {
			err = s.update(ctx, host, func(r *record) { r.Deleting, r.Deleted = false, true })
			return err == nil, err
		}
		return false, nil
	case err != nil:
		return false, translateRead("look at runner "+r.Host, needs(err, grantManage))
	case !l.paused || !l.idle():
		return false, nil
	}
	return s.delete(ctx, &r)
}

// delete sends the deletion. Its success alone tells that the runner is no more.
func (s *Source) delete(ctx context.Context, r *record) (deleted bool, err error) {
	if err := s.update(ctx, r.key(), func(r *record) { r.Deleting = true }); err != nil {
		return false, err
	}
	err = s.Client.DeleteRunner(ctx, r.Runner)
	switch {
	case err == nil:
		err = s.update(ctx, r.key(), func(r *record) { r.Deleting, r.Deleted = false, true })
		return err == nil, err
	case errors.Is(err, ErrUncertain):
		return false, translateAct("delete runner "+r.Host, err)
	}
	failure := translateAct("delete runner "+r.Host, needs(err, grantManage))
	if back := s.update(ctx, r.key(), func(r *record) { r.Deleting = false }); back != nil {
		return false, errors.Join(failure, back)
	}
	return false, failure
}

// hostOf is the host of a node as records have it.
func hostOf(n *autoscale.Node) string { return strings.ToLower(n.Host) }
