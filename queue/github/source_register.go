package github

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"autoscaled/autoscale"
)

// Register registers the runner of an attempt and returns its JIT config, which
// makes whoever has it that runner: a secret, for the start-up script alone. The
// runners of earlier attempts of the same request are deleted first; one that runs
// a job, so that its machine has arrived after all, is ErrUnavailable. A record of
// the attempt is saved before GitHub is asked, and nothing is sent twice: an error
// that is ErrUncertain leaves it to Keep to find out what became of the runner.
func (s *Source) Register(ctx context.Context, a autoscale.Attempt) (credential string, err error) {
	attempt := fmt.Sprintf("register runner %q for request %s", a.Host, a.Request)
	if s.options.DryRun {
		return "", translateAct(attempt, errDryRun)
	}
	if err := s.retire(ctx, a.Request); err != nil {
		return "", s.notSent(attempt, err)
	}
	r, x, err := s.intend(ctx, a)
	if err != nil {
		return "", s.notSent(attempt, err)
	}
	runner, config, err := s.options.Client.GenerateJITConfig(ctx, r.SetID, r.Host, x.WorkFolder)
	if err == nil && (!strings.EqualFold(runner.Name, r.Host) || runner.SetID != 0 && runner.SetID != r.SetID) {
		err = fmt.Errorf("%w: it is runner %q of scale set %d", ErrMalformed, runner.Name, runner.SetID)
	} else if err == nil {
		err = s.registered(ctx, r.Host, runner.ID)
		if err == nil {
			return config.Reveal(), nil
		}
	} else if !errors.Is(err, ErrUncertain) && !errors.Is(err, ErrRunnerExists) { // hosts are ours alone
		err = errors.Join(err, s.forget(ctx, r.Host))
	}
	s.relist()
	return "", translateAct(attempt, err)
}

// notSent is the error of an attempt before whose registration something went wrong.
func (s *Source) notSent(attempt string, err error) error {
	f := translateAct(attempt, err)
	f.Uncertain = false
	return f
}

// retire deletes the runners of earlier attempts of a request. Their records stay,
// for their machines may still come.
func (s *Source) retire(ctx context.Context, request autoscale.RequestID) error {
	s.mu.Lock()
	err := s.book.Load(ctx)
	s.mu.Unlock()
	if err != nil || request == "" {
		return err
	}
	hosts := s.hosts(func(r *record) bool { return r.Request == request && !r.done() && !r.Gone })
	for i, o := range s.remove(ctx, hosts) {
		switch {
		case o.err != nil:
			return fmt.Errorf("delete runner %q of an earlier attempt: %w", hosts[i], o.err)
		case o.removal == RunnerBusy:
			return fmt.Errorf("%w: runner %q of an earlier attempt runs a job, so its machine has come after all", ErrUnavailable, hosts[i])
		}
	}
	return nil
}

// intend chooses the attempt's set and saves its record.
func (s *Source) intend(ctx context.Context, a autoscale.Attempt) (r record, x *scaleSet, err error) {
	var refused error
	err = s.commit(ctx, func(records map[string]record) bool {
		host := strings.ToLower(a.Host)
		if _, twice := records[host]; twice || host == "" {
			refused = fmt.Errorf("%w: an attempt needs a host of its own", ErrConflict)
			return false
		}
		if x, refused = s.choose(records, a); refused != nil {
			return false
		}
		r = record{Host: a.Host, Request: a.Request, Pool: a.Pool, Set: x.Name, SetID: x.id, Registered: s.options.Now(), changed: s.serial}
		records[host] = r
		return true
	})
	return r, x, errors.Join(refused, err)
}

// choose finds the set that an attempt's node is for: of those that select its pool
// the one with the most jobs that no runner is meant for yet. Any runner of a set
// takes any of its jobs. The caller holds the lock.
func (s *Source) choose(records map[string]record, a autoscale.Attempt) (*scaleSet, error) {
	var best *scaleSet
	most, selected := 0, false
	for _, x := range s.sets {
		if _, match := x.Select.Match(a.Labels); !match {
			continue
		}
		selected = true
		if x.id == 0 || !x.open {
			continue
		}
		lack := x.pending(records)
		for _, r := range records {
			if r.SetID == x.id && r.open() {
				lack--
			}
		}
		if best == nil || lack > most {
			best, most = x, lack
		}
	}
	switch {
	case best != nil:
		return best, nil
	case selected:
		return nil, fmt.Errorf("%w: no scale set for nodes of pool %s is known yet", ErrUnavailable, a.Pool)
	}
	return nil, fmt.Errorf("%w: no scale set selects pool %s", ErrConfig, a.Pool)
}

// registered saves the id of an attempt's runner.
func (s *Source) registered(ctx context.Context, name string, id int64) error {
	return s.commit(ctx, func(records map[string]record) bool {
		r := records[strings.ToLower(name)]
		r.Runner, r.changed = id, s.serial
		records[strings.ToLower(name)] = r
		return true
	})
}

// forget drops the record of an attempt that came to nothing.
func (s *Source) forget(ctx context.Context, name string) error {
	return s.commit(ctx, func(records map[string]record) bool {
		delete(records, strings.ToLower(name))
		return true
	})
}
