package cyclecloud

import (
	"errors"
	"fmt"

	"autoscaled/autoscale"
)

// meanings translates this package's errors into the domain's.
var meanings = []autoscale.Meaning{
	{Vendors: ErrUnauthorized, Ours: autoscale.ErrUnauthorized},
	{Vendors: ErrNotFound, Ours: autoscale.ErrNotFound},
	{Vendors: ErrInvalidInput, Ours: autoscale.ErrRejected},
	{Vendors: ErrConflict, Ours: autoscale.ErrRejected},
	{Vendors: ErrThrottled, Ours: autoscale.ErrThrottled},
	{Vendors: ErrMalformed, Ours: autoscale.ErrMalformed},
	{Vendors: ErrTooLarge, Ours: autoscale.ErrMalformed},
}

// translate says what was attempted and gives the error its meaning in the domain.
func (p *Provider) translate(attempt string, err error) autoscale.Failure {
	attempted := fmt.Errorf("%s, cluster %s: %w", attempt, p.options.Cluster, err)
	return autoscale.NewFailure(attempted, classOfError(err), errors.Is(err, ErrUncertain), meanings)
}

// translateAct is translate for what changes something.
func (p *Provider) translateAct(attempt string, err error) autoscale.Failure {
	return p.translate(attempt, err).OfAct()
}

// seenBefore tells whether the server answered that it knows the request id.
func seenBefore(err error) (Lookup, bool) {
	seen, ok := errors.AsType[*RequestSeenError](err)
	if !ok {
		return Lookup{}, false
	}
	return seen.Found, true
}
