package github

import (
	"errors"
	"fmt"

	"autoscaled/autoscale"
)

// meanings translates this package's errors into the domain's.
var meanings = []autoscale.Meaning{
	{Vendors: ErrUnauthorized, Ours: autoscale.ErrUnauthorized},
	{Vendors: ErrThrottled, Ours: autoscale.ErrThrottled},
	{Vendors: ErrSessionConflict, Ours: autoscale.ErrUnavailable},
	{Vendors: ErrNotFound, Ours: autoscale.ErrNotFound},
	{Vendors: ErrConfig, Ours: autoscale.ErrRejected},
	{Vendors: ErrInvalidInput, Ours: autoscale.ErrRejected},
	{Vendors: ErrConflict, Ours: autoscale.ErrRejected},
	{Vendors: ErrMalformed, Ours: autoscale.ErrMalformed},
	{Vendors: autoscale.ErrMalformed, Ours: autoscale.ErrMalformed}, // of our own records
}

// translate says what was attempted and gives the error its meaning in the domain.
func translate(attempt string, err error) autoscale.Failure {
	return autoscale.NewFailure(fmt.Errorf("%s: %w", attempt, err), classOf(err), errors.Is(err, ErrUncertain), meanings)
}

// translateAct is translate for what changes something.
func translateAct(attempt string, err error) autoscale.Failure {
	return translate(attempt, err).OfAct()
}

// classOf is what kind of trouble a failed call had. Nothing is known of one that
// got no answer.
func classOf(err error) autoscale.ErrorClass {
	switch {
	case errors.Is(err, ErrUnauthorized):
		return autoscale.ErrorAuth
	case errors.Is(err, ErrThrottled):
		return autoscale.ErrorThrottle
	case errors.Is(err, ErrUncertain), errors.Is(err, ErrRunnerBusy), errors.Is(err, ErrRunnerNotFound), errors.Is(err, ErrSessionConflict):
		return ""
	case errors.Is(err, ErrConfig), errors.Is(err, ErrNotFound), errors.Is(err, ErrInvalidInput):
		return autoscale.ErrorConfig
	}
	return ""
}
