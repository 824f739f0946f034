package gitlab

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"autoscaled/autoscale"
)

// Register makes the record of a runner for a host that is about to be made, and returns
// the token with which the host becomes that runner. Runners of earlier attempts of the
// request are deleted first; one that was heard of is an error, for its VM has arrived
// after all. It is not repeated: where its answer is lost, the runner has a token that
// nobody knows, and Keep deletes it.
func (s *Source) Register(ctx context.Context, a autoscale.Attempt) (credential string, err error) {
	if s.DryRun {
		return "", errDryRun
	}
	tags, err := s.Runner.tags(a.Pool, a.Labels)
	if err != nil {
		return "", fmt.Errorf("register runner %s: %w: %w", a.Host, err, autoscale.ErrRejected)
	}
	if err := s.retire(ctx, a.Request); err != nil {
		return "", err
	}
	if err := s.intend(ctx, a); err != nil {
		return "", err
	}
	id, token, err := s.Client.CreateRunner(ctx, NewRunner{
		Scope: s.Runner.Scope, Description: a.Host, Tags: tags,
		Note: fmt.Sprintf("Made by autoscaled for pool %s, request %s.", a.Pool, a.Request),
	})
	key := strings.ToLower(a.Host)
	if err != nil {
		if errors.Is(err, ErrUncertain) {
			s.note(key, func(r *record) { r.underway, r.lost = false, s.Now() })
		} else if forget := s.forget(ctx, key); forget != nil {
			err = errors.Join(err, forget)
		}
		const grant = "the scope create_runner (or api), and for its owner the right to make runners of that type"
		return "", translateAct("register runner "+a.Host, needs(err, grant))
	}
	if err := s.update(ctx, key, func(r *record) { r.underway, r.Runner = false, id }); err != nil {
		s.note(key, func(r *record) { r.underway, r.lost = false, s.Now() })
		return "", err
	}
	return token.Reveal(), nil
}

// intend writes the record of a runner before it is made.
func (s *Source) intend(ctx context.Context, a autoscale.Attempt) error {
	taken := false
	err := s.commit(ctx, func(records map[string]record) bool {
		key := strings.ToLower(a.Host)
		if _, taken = records[key]; taken || key == "" {
			taken = true
			return false
		}
		records[key] = record{Host: a.Host, Request: a.Request, Pool: a.Pool, Registered: s.Now(), underway: true}
		return true
	})
	if err == nil && taken {
		return fmt.Errorf("register runner %q: there is a record of such a host: %w", a.Host, autoscale.ErrRejected)
	}
	return err
}

func (s *Source) forget(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	return s.commit(ctx, func(records map[string]record) bool {
		for _, key := range keys {
			delete(records, key)
		}
		return true
	})
}

// retire deletes the runners of earlier attempts of a request.
func (s *Source) retire(ctx context.Context, request autoscale.RequestID) error {
	earlier, err := s.where(ctx, func(r *record) bool { return r.Request == request && !r.Deleted })
	if err != nil {
		return err
	}
	for i := range earlier {
		r := &earlier[i]
		if r.Runner == 0 { // nobody has its token; Keep deletes it where it was made
			continue
		}
		if err := s.retireOne(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// retireOne deletes a runner that was never heard of. A request of its for a job that
// GitLab let in before the pause shows that it was.
func (s *Source) retireOne(ctx context.Context, r *record) error {
	what := fmt.Sprintf("delete runner %s of an earlier attempt", r.Host)
	arrived := fmt.Errorf("%s: its VM has arrived after all: %w", what, autoscale.ErrUnavailable)
	l, err := s.inspect(ctx, r)
	switch {
	case errors.Is(err, ErrNotFound) && r.Deleting:
		return s.update(ctx, r.key(), func(r *record) { r.Deleting, r.Deleted = false, true })
	case err != nil:
		return translateAct(what, needs(err, grantManage))
	case l.heard || l.active:
		return arrived
	}
	if err := s.pause(ctx, r.key()); err != nil {
		return err
	}
	if !sleep(ctx, s.Timings.Settle) {
		return fmt.Errorf("%s: no time left to see that it has no job: %w", what, autoscale.ErrUnavailable)
	}
	if l, err = s.inspect(ctx, r); err == nil && (l.heard || !l.idle()) {
		return arrived
	}
	deleted, err := s.remove(ctx, r.key())
	if err == nil && !deleted {
		return arrived
	}
	return err
}
