package gitlab

import (
	"errors"
	"fmt"

	"autoscaled/autoscale"
	"autoscaled/internal/rest"
)

// Error is a failed call: method, path, status, meaning and GitLab's words. It never
// holds tokens.
type Error = rest.Error

// What an error means, to be tested with errors.Is.
var (
	ErrConfig       = rest.ErrConfig       // the options are wrong
	ErrUnauthorized = rest.ErrUnauthorized // the token is wrong (401), or not enough (403)
	ErrNotFound     = rest.ErrNotFound     // no such thing, or one that the token may not see
	ErrInvalidInput = rest.ErrInvalidInput // GitLab refuses what was asked
	ErrConflict     = rest.ErrConflict     // it contradicts what GitLab holds
	ErrThrottled    = rest.ErrThrottled    // too many requests, by GitLab's limit or by our own budget
	ErrUnavailable  = rest.ErrUnavailable  // no answer, or a server error
	ErrMalformed    = rest.ErrMalformed    // the answer isn't what the API promises
	ErrTooLarge     = rest.ErrTooLarge     // the answer is larger than any should be
	ErrUncertain    = rest.ErrUncertain    // the request may have been handled; comes beside one of the others
)

// meanings translates this package's errors into the domain's.
var meanings = []autoscale.Meaning{
	{Vendors: ErrConfig, Ours: autoscale.ErrRejected},
	{Vendors: ErrUnauthorized, Ours: autoscale.ErrUnauthorized},
	{Vendors: ErrNotFound, Ours: autoscale.ErrNotFound},
	{Vendors: ErrInvalidInput, Ours: autoscale.ErrRejected},
	{Vendors: ErrConflict, Ours: autoscale.ErrRejected},
	{Vendors: ErrThrottled, Ours: autoscale.ErrThrottled},
	{Vendors: ErrMalformed, Ours: autoscale.ErrMalformed},
	{Vendors: ErrTooLarge, Ours: autoscale.ErrMalformed},
}

// translateRead says what was attempted and gives the error its meaning in the domain.
// A read changes nothing, though it may be a POST.
func translateRead(attempt string, err error) error {
	return autoscale.NewFailure(fmt.Errorf("%s: %w", attempt, err), classOf(err), false, meanings)
}

// translateAct is translateRead for what changes something.
func translateAct(attempt string, err error) error {
	return autoscale.NewFailure(fmt.Errorf("%s: %w", attempt, err), classOf(err), errors.Is(err, ErrUncertain), meanings).OfAct()
}

func classOf(err error) autoscale.ErrorClass {
	switch {
	case errors.Is(err, ErrUnauthorized):
		return autoscale.ErrorAuth
	case errors.Is(err, ErrThrottled):
		return autoscale.ErrorThrottle
	case errors.Is(err, ErrUncertain):
		return ""
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrInvalidInput), errors.Is(err, ErrConfig):
		return autoscale.ErrorConfig
	}
	return ""
}

// needs says what to grant where a token does not see or may not do something: GitLab
// answers 404 to who may not know that a thing exists.
func needs(err error, grant string) error {
	if errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w (the token needs %s)", err, grant)
	}
	return err
}
