package cyclecloud

import (
	"errors"
	"fmt"

	"autoscaled/autoscale"
)

// meanings translates this package's errors into the domain's.
var meanings = []struct{ ours, domain error }{
	{ErrUnauthorized, autoscale.ErrUnauthorized},
	{ErrNotFound, autoscale.ErrNotFound},
	{ErrInvalidInput, autoscale.ErrRejected},
	{ErrConflict, autoscale.ErrRejected},
	{ErrThrottled, autoscale.ErrThrottled},
	{ErrMalformed, autoscale.ErrMalformed},
	{ErrTooLarge, autoscale.ErrMalformed},
}

// domainError is an error of this package with its meaning and its class in the
// domain.
type domainError struct {
	error
	meaning   error
	class     autoscale.ErrorClass
	uncertain bool
}

// ErrorClass is what kind of trouble it is.
func (e domainError) ErrorClass() autoscale.ErrorClass { return e.class }

func (e domainError) Unwrap() error { return e.error }

func (e domainError) Is(target error) bool {
	return target == e.meaning || (e.uncertain && target == autoscale.ErrUncertain)
}

// translate says what was attempted and gives the error its meaning in the
// domain. What has none there can only be waited out.
func (p *Provider) translate(attempt string, err error) error {
	e := domainError{
		error:     fmt.Errorf("%s, cluster %s: %w", attempt, p.options.Cluster, err),
		meaning:   autoscale.ErrUnavailable,
		class:     classOfError(err),
		uncertain: errors.Is(err, ErrUncertain),
	}
	for _, m := range meanings {
		if errors.Is(err, m.ours) {
			e.meaning = m.domain
			break
		}
	}
	return e
}

// translateAct is translate for what changes something: a cluster that isn't
// there has rejected it.
func (p *Provider) translateAct(attempt string, err error) error {
	if errors.Is(err, ErrNotFound) && !errors.Is(err, ErrUncertain) {
		return domainError{error: p.translate(attempt, err), meaning: autoscale.ErrRejected, class: classOfError(err)}
	}
	return p.translate(attempt, err)
}

// seenBefore tells whether the server answered that it knows the request id.
func seenBefore(err error) (Lookup, bool) {
	seen, ok := errors.AsType[*RequestSeenError](err)
	if !ok {
		return Lookup{}, false
	}
	return seen.Found, true
}
