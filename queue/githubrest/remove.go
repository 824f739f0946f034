package githubrest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"autoscaled/autoscale"
)

// outcome is what became of the removal of one runner.
type outcome struct {
	removal removal
	err     error
}

// removers is how many runners are removed at a time.
const removers = 4

// remove deletes the runners of hosts that have records, and notes what came of it.
// What it is about to do is saved first, so that nobody forgets a lost answer.
func (s *Source) remove(ctx context.Context, hosts []string) []outcome {
	outcomes := make([]outcome, len(hosts))
	if len(hosts) == 0 {
		return outcomes
	}
	fail := func(err error) []outcome {
		for i := range outcomes {
			outcomes[i].err = errors.Join(outcomes[i].err, err)
		}
		return outcomes
	}
	select { // a deletion under way is none whose answer was lost
	case s.removing <- struct{}{}:
	case <-ctx.Done():
		return fail(fmt.Errorf("%w: others are being deleted: %w", ErrUnavailable, ctx.Err()))
	}
	defer func() { <-s.removing }()
	before, err := s.intendAll(ctx, hosts)
	if err != nil {
		return fail(err)
	}
	s.removeAll(ctx, before, outcomes)
	err = s.commit(ctx, func(records map[string]record) {
		for i, host := range hosts {
			if r, known := records[host]; known {
				s.conclude(&r, before[i], outcomes[i])
				records[host] = r
			}
		}
	})
	if err != nil {
		return fail(err)
	}
	return outcomes
}

// intendAll saves that the runners of hosts are about to be deleted, and tells what their
// records were before.
func (s *Source) intendAll(ctx context.Context, hosts []string) (before []record, err error) {
	before = make([]record, len(hosts))
	return before, s.commit(ctx, func(records map[string]record) {
		for i, host := range hosts {
			r, known := records[host]
			before[i] = r
			if known && !r.Deleted && r.Runner != 0 {
				r.Deleting, r.changed = true, s.serial
				records[host] = r
			}
		}
	})
}

// removeAll sends the deletions, a few at a time.
func (s *Source) removeAll(ctx context.Context, records []record, outcomes []outcome) {
	var all sync.WaitGroup
	turns := make(chan struct{}, removers)
	for i := range records {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			outcomes[i] = s.removeOne(ctx, &records[i])
		})
	}
	all.Wait()
}

// removeOne deletes one runner. One whose id is not known is looked for, and its id
// noted: the deletion is then asked for with its intent on record.
func (s *Source) removeOne(ctx context.Context, r *record) outcome {
	switch {
	case r.Host == "":
		return outcome{unknown, nil}
	case r.Deleted:
		return outcome{deleted, nil}
	case r.Runner == 0:
		found, err := s.client.named(ctx, r.Host)
		if err != nil {
			return outcome{0, err}
		}
		if found == nil {
			return outcome{unknown, nil}
		}
		r.Runner = found.ID
		if err := s.intendRemoval(ctx, r); err != nil {
			return outcome{0, err}
		}
	}
	removed, err := s.client.remove(ctx, r.Runner)
	if err != nil || removed != unknown || !r.Deleting && !r.Started {
		return outcome{removed, err}
	}
	return s.confirm(ctx, r)
}

func (s *Source) intendRemoval(ctx context.Context, r *record) error {
	return s.commit(ctx, func(records map[string]record) {
		host := strings.ToLower(r.Host)
		if now, known := records[host]; known {
			now.Runner, now.Deleting = r.Runner, true
			records[host] = now
		}
	})
}

// confirm sees to it that a runner is unknown because it is not there: GitHub says so
// too to who may not see it. That it is there no more then tells that it takes no job:
// its deletion had been sent before, or it had its one job, which GitHub, asked about
// it where it is known, does not say runs on.
func (s *Source) confirm(ctx context.Context, r *record) outcome {
	found, err := s.client.named(ctx, r.Host)
	running := false
	if err == nil && r.Job != 0 && !r.Ended {
		running, err = s.client.running(ctx, r.Repository, r.Job)
	}
	switch {
	case running:
		return outcome{busy, nil}
	case err != nil:
		return outcome{0, fmt.Errorf("confirm that runner %q is gone: %w", r.Host, err)}
	case found != nil:
		return outcome{0, fmt.Errorf("%w: GitHub does not find runner %q and lists it", ErrUnavailable, r.Host)}
	}
	return outcome{deleted, nil}
}

// conclude takes the outcome of a deletion to the record. before is what it was before
// the deletion was sent; it may have heard news meanwhile.
func (s *Source) conclude(r *record, before record, o outcome) {
	r.changed = s.serial
	now := s.now()
	if o.err != nil {
		if !errors.Is(o.err, ErrUncertain) && !before.Deleting { // it did not arrive
			r.Deleting = false
		}
		return
	}
	r.Deleting = false
	switch o.removal {
	case deleted:
		r.Deleted, r.Gone = true, false
		if r.Over.IsZero() {
			r.Over = now
		}
		if r.Started {
			r.end(now)
		}
	case busy:
		r.start(now)
	case unknown:
		if r.Runner != 0 && !r.done() {
			r.Gone, r.heard = true, r.Started
			if r.Over.IsZero() {
				r.Over = now
			}
		}
	}
}

// Drain takes the nodes' runners out of service for ever, by deleting them. A nil error
// means that the host takes no job any more and runs none. One that runs a job is shown
// busy until the job's end is seen.
func (s *Source) Drain(ctx context.Context, nodes []autoscale.Node, _ string) []error {
	errs := make([]error, len(nodes))
	var ours []string
	var at []int
	for i := range nodes {
		host := strings.ToLower(nodes[i].Host)
		if s.options.DryRun {
			errs[i] = notSent(fmt.Sprintf("drain runner %q", host), errDryRun)
			continue
		}
		errs[i] = s.adopt(ctx, &nodes[i])
		if r, known := s.record(host); errs[i] == nil && known && !r.done() {
			ours, at = append(ours, host), append(at, i)
		}
	}
	for k, o := range s.remove(ctx, ours) {
		errs[at[k]] = undrained(ours[k], o)
	}
	poke(s.kick)
	s.wake()
	return errs
}

// undrained is why a runner is not out of service; nil: it is.
func undrained(host string, o outcome) error {
	attempt := fmt.Sprintf("drain runner %q", host)
	switch {
	case o.err != nil:
		return translateAct(attempt, o.err)
	case o.removal == busy:
		return translateAct(attempt, errStillBusy)
	case o.removal == unknown:
		return translateAct(attempt, errProvesNothing)
	}
	return nil
}

// adopt makes a record for a node's runner that has none, because the store was lost:
// of the runner that has the node's name.
func (s *Source) adopt(ctx context.Context, node *autoscale.Node) error {
	if node.Host == "" {
		return notSent("drain node "+node.Name, fmt.Errorf("%w: it has no host name", ErrConfig))
	}
	attempt := fmt.Sprintf("drain runner %q, of which there is no record", node.Host)
	s.mu.Lock()
	err := s.book.Load(ctx)
	_, known := s.book.Records[strings.ToLower(node.Host)]
	s.mu.Unlock()
	if err != nil {
		return notSent(attempt, err)
	}
	if known {
		return nil
	}
	found, err := s.client.named(ctx, node.Host)
	if err == nil && found == nil {
		err = errProvesNothing
	}
	if err == nil {
		err = s.commit(ctx, func(records map[string]record) { s.take(records, node, *found) })
	}
	if err != nil {
		return notSent(attempt, err)
	}
	return nil
}

// take makes a record of a node's runner; the caller holds the lock.
func (s *Source) take(records map[string]record, node *autoscale.Node, from runner) {
	r := record{
		Host: from.Name, Request: node.Request, Pool: node.Pool, Labels: from.labels(), Runner: from.ID,
		Registered: s.now(), heard: strings.EqualFold(from.Status, "online"), changed: s.serial,
	}
	if *from.Busy {
		r.start(s.now())
		r.began = time.Time{}
	}
	records[strings.ToLower(from.Name)] = r
}

// Undrain is nil for a node whose runner still takes jobs, or may: drains that did not
// succeed leave nothing to withdraw. A deleted runner can't be had back.
func (s *Source) Undrain(_ context.Context, nodes []autoscale.Node) []error {
	errs := make([]error, len(nodes))
	for i := range nodes {
		r, known := s.record(nodes[i].Host)
		attempt := fmt.Sprintf("put runner %q back into service", nodes[i].Host)
		switch {
		case known && r.done():
			errs[i] = notSent(attempt, fmt.Errorf("%w: %w", ErrConflict, errGone))
		case known && r.Deleting:
			errs[i] = notSent(attempt, fmt.Errorf("%w: whether it was deleted is not known yet", ErrUnavailable))
		}
	}
	return errs
}
