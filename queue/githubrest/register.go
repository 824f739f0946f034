package githubrest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"autoscaled/autoscale"
)

// Register registers the runner of an attempt and returns its JIT config, which makes
// whoever has it that runner: a secret, for the start-up script alone. The runners of
// earlier attempts of the same request are deleted first; one that runs a job, so that
// its machine has arrived after all, is ErrUnavailable. A record of the attempt is saved
// before GitHub is asked, and nothing is sent twice: an error that is ErrUncertain
// leaves it to Keep to find out what became of the runner.
func (s *Source) Register(ctx context.Context, a autoscale.Attempt) (credential string, err error) {
	attempt := fmt.Sprintf("register runner %q for request %s", a.Host, a.Request)
	if s.options.DryRun {
		return "", notSent(attempt, errDryRun)
	}
	if err := s.retire(ctx, a.Request); err != nil {
		return "", notSent(attempt, err)
	}
	r, err := s.intend(ctx, a)
	if err != nil {
		return "", notSent(attempt, err)
	}
	defer poke(s.kick)
	got, err := s.client.register(ctx, r.Host, s.options.Group, newLabelSet(r.Labels).names(), s.options.WorkFolder)
	switch {
	case err == nil && !strings.EqualFold(got.Runner.Name, r.Host):
		err = fmt.Errorf("%w: it is called %q", ErrMalformed, got.Runner.Name)
	case err == nil:
		if err = s.registered(ctx, r.Host, got.Runner.ID); err == nil {
			return got.Config, nil
		}
	case !errors.Is(err, ErrUncertain):
		err = errors.Join(err, s.forget(ctx, r.Host))
	}
	return "", translateAct(attempt, err)
}

// retire deletes the runners of earlier attempts of a request. Their records stay, for
// their machines may still come.
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
		case o.removal == busy:
			return fmt.Errorf("%w: runner %q of an earlier attempt runs a job, so its machine has come after all", ErrUnavailable, hosts[i])
		}
	}
	return nil
}

// intend chooses the labels of the attempt's runner and saves its record.
func (s *Source) intend(ctx context.Context, a autoscale.Attempt) (r record, err error) {
	var refused error
	err = s.commit(ctx, func(records map[string]record) {
		host := strings.ToLower(a.Host)
		if _, twice := records[host]; twice || host == "" {
			refused = fmt.Errorf("%w: an attempt needs a host of its own", ErrConflict)
			return
		}
		var set labelSet
		if set, refused = s.choose(a); refused != nil {
			return
		}
		r = record{
			Host: a.Host, Request: a.Request, Pool: a.Pool, Labels: set.names(), Registered: s.now(), changed: s.serial,
		}
		records[host] = r
	})
	return r, errors.Join(refused, err)
}

// registered saves the id of an attempt's runner.
func (s *Source) registered(ctx context.Context, name string, id int64) error {
	return s.commit(ctx, func(records map[string]record) {
		if r, known := records[strings.ToLower(name)]; known {
			r.Runner, r.changed = id, s.serial
			records[strings.ToLower(name)] = r
		}
	})
}

// forget drops the record of an attempt that came to nothing.
func (s *Source) forget(ctx context.Context, name string) error {
	return s.commit(ctx, func(records map[string]record) { delete(records, strings.ToLower(name)) })
}
