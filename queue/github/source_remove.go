package github

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
	removal Removal
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
	s.deleteAll(ctx, before, outcomes)
	err = s.commit(ctx, func(records map[string]record) bool {
		for i, host := range hosts {
			if r, known := records[host]; known {
				s.conclude(&r, before[i], &outcomes[i])
				records[host] = r
			}
		}
		return true
	})
	if err != nil {
		s.answered(hosts)
		return fail(err)
	}
	return outcomes
}

// intendAll saves that the runners of hosts are about to be deleted, and tells what their
// records were before.
func (s *Source) intendAll(ctx context.Context, hosts []string) (before []record, err error) {
	before = make([]record, len(hosts))
	return before, s.commit(ctx, func(records map[string]record) (durable bool) {
		for i, host := range hosts {
			r, known := records[host]
			before[i] = r
			if !known || r.Deleted || r.Runner == 0 {
				continue
			}
			r.Deleting, r.sending, r.changed = true, true, s.serial
			records[host], durable = r, true
		}
		return durable
	})
}

// answered notes that no deletion of these hosts' runners is under way any more, where
// what came of it could not be saved: it is in doubt.
func (s *Source) answered(hosts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, host := range hosts {
		if r, known := s.book.Records[host]; known {
			r.sending = false
			s.book.Records[host] = r
		}
	}
}

// deleteAll sends the deletions, a few at a time.
func (s *Source) deleteAll(ctx context.Context, records []record, outcomes []outcome) {
	var all sync.WaitGroup
	turns := make(chan struct{}, removers)
	for i := range records {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			outcomes[i] = s.delete(ctx, &records[i])
		})
	}
	all.Wait()
}

// delete deletes one runner. One whose id is not known is looked for, and its id
// noted: the deletion is then asked for with its intent on record.
func (s *Source) delete(ctx context.Context, r *record) outcome {
	switch {
	case r.Host == "":
		return outcome{RunnerUnknown, nil}
	case r.Deleted:
		return outcome{RunnerDeleted, nil}
	case r.Runner != 0:
		removal, err := s.options.Client.RemoveRunner(ctx, r.Runner)
		return outcome{removal, err}
	}
	runner, err := s.options.Client.FindRunner(ctx, r.Host)
	switch {
	case errors.Is(err, ErrRunnerNotFound):
		return outcome{RunnerUnknown, nil}
	case err != nil:
		return outcome{0, err}
	case runner.SetID != r.SetID:
		return outcome{0, fmt.Errorf("runner %q: %w: it is of scale set %d, not of %d", r.Host, ErrConflict, runner.SetID, r.SetID)}
	}
	r.Runner = runner.ID
	host := strings.ToLower(r.Host)
	err = s.commit(ctx, func(records map[string]record) bool {
		now, known := records[host]
		now.Runner, now.Deleting, now.sending = r.Runner, true, true
		if known {
			records[host] = now
		}
		return known
	})
	if err != nil {
		return outcome{0, err}
	}
	removal, err := s.options.Client.RemoveRunner(ctx, r.Runner)
	return outcome{removal, err}
}

// conclude takes the outcome of a deletion to the record. before is what it was
// before the deletion was sent; it may have heard news meanwhile. An unknown runner
// whose deletion was in doubt before, or that was seen at work, is no more: the
// outcome says so from then on.
func (s *Source) conclude(r *record, before record, o *outcome) {
	r.changed, r.sending = s.serial, false
	if o.err != nil {
		if !errors.Is(o.err, ErrUncertain) { // it did not arrive
			r.Deleting = before.Deleting
		}
		return
	}
	if o.removal == RunnerUnknown && (before.Deleting || before.endsUnlisted()) {
		o.removal = RunnerDeleted
	}
	r.Deleting = false
	switch o.removal {
	case RunnerDeleted:
		r.Deleted, r.Over = true, s.options.Now()
		if before.Started {
			r.end(s.options.Now())
		}
	case RunnerBusy:
		r.Started, r.heard, r.atWork, r.idle = true, true, true, time.Time{}
	case RunnerUnknown:
		if r.Runner != 0 {
			r.Gone, r.Deleted, r.heard, r.Over = true, false, false, s.options.Now()
		}
	}
}

// Drain takes the nodes' runners out of service for ever, by deleting them. A nil
// error means that the host takes no job any more and runs none. One that runs a
// job is shown busy until the job's end is seen.
func (s *Source) Drain(ctx context.Context, nodes []autoscale.Node, _ string) []error {
	errs := make([]error, len(nodes))
	if s.options.DryRun {
		for i := range errs {
			errs[i] = errDryRun
		}
		return errs
	}
	hosts := make([]string, len(nodes))
	for i := range nodes {
		hosts[i] = strings.ToLower(nodes[i].Host)
		errs[i] = s.adopt(ctx, &nodes[i])
	}
	var ours []string
	var at []int
	for i, host := range hosts {
		r, known := s.record(host)
		if errs[i] == nil && known && !r.done() {
			ours, at = append(ours, host), append(at, i)
		}
	}
	for k, o := range s.remove(ctx, ours) {
		errs[at[k]] = s.undrained(ours[k], o)
	}
	s.wake()
	return errs
}

// undrained is why a runner is not out of service; nil: it is.
func (s *Source) undrained(host string, o outcome) error {
	attempt := fmt.Sprintf("drain runner %q", host)
	switch {
	case o.err != nil:
		return translateAct(attempt, o.err)
	case o.removal == RunnerBusy:
		return translateAct(attempt, errStillBusy)
	case o.removal == RunnerUnknown:
		return translateAct(attempt, errProvesNothing)
	}
	return nil
}

var (
	errStillBusy     = fmt.Errorf("%w: the end of its job is awaited", ErrRunnerBusy)
	errProvesNothing = fmt.Errorf("%w: that proves nothing, for runners were seen to take jobs after that", ErrRunnerNotFound)
)

// adopt makes a record for a node's runner that has none, because the store was
// lost: the runner of the node's name, if it is of a set of ours.
func (s *Source) adopt(ctx context.Context, node *autoscale.Node) error {
	attempt := fmt.Sprintf("drain runner %q, of which there is no record", node.Host)
	if node.Host == "" {
		return translateAct("drain node "+node.Name, fmt.Errorf("%w: it has no host name", ErrConfig))
	}
	s.mu.Lock()
	err := s.book.Load(ctx)
	_, known := s.book.Records[strings.ToLower(node.Host)]
	s.mu.Unlock()
	if err != nil || known {
		return err
	}
	runner, err := s.options.Client.FindRunner(ctx, node.Host)
	if errors.Is(err, ErrRunnerNotFound) {
		err = errProvesNothing
	}
	if err != nil {
		return translateAct(attempt, err)
	}
	taken := false
	err = s.commit(ctx, func(records map[string]record) bool {
		taken = s.take(records, node, runner)
		return taken
	})
	if err == nil && !taken {
		err = fmt.Errorf("%w: it is of scale set %d, which is none of ours", ErrConflict, runner.SetID)
	}
	if err != nil {
		return translateAct(attempt, err)
	}
	return nil
}

// take makes a record of a node's runner, if its set is ours; the caller holds the
// lock.
func (s *Source) take(records map[string]record, node *autoscale.Node, runner Runner) bool {
	x := s.setOf(runner.SetID)
	if x == nil {
		return false
	}
	busy := runner.Busy != nil && *runner.Busy
	records[strings.ToLower(runner.Name)] = record{
		Host: runner.Name, Request: node.Request, Pool: node.Pool, Set: x.Name, SetID: x.id, Runner: runner.ID,
		Registered: s.options.Now(), Started: busy, heard: busy || runner.Status == "online", changed: s.serial,
	}
	return true
}

// Undrain is nil for a node whose runner still takes jobs, or may: drains that did
// not succeed leave nothing to withdraw. A deleted runner can't be had back.
func (s *Source) Undrain(_ context.Context, nodes []autoscale.Node) []error {
	errs := make([]error, len(nodes))
	for i := range nodes {
		r, known := s.record(strings.ToLower(nodes[i].Host))
		attempt := fmt.Sprintf("put runner %q back into service", nodes[i].Host)
		switch {
		case known && r.done():
			errs[i] = translateAct(attempt, fmt.Errorf("%w: it is deleted, or has had its one job", ErrConflict))
		case known && r.Deleting:
			errs[i] = translateAct(attempt, fmt.Errorf("%w: whether it was deleted is not known yet", ErrUnavailable))
		}
	}
	return errs
}
