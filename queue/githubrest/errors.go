package githubrest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"autoscaled/autoscale"
	"autoscaled/internal/rest"
)

// Error is a failed call: method, path, status, meaning, GitHub's words, and the
// request's name in GitHub's logs. It never holds tokens or JIT configs.
type Error = rest.Error

// What an error means, to be tested with errors.Is.
var (
	ErrConfig       = rest.ErrConfig       // the options are wrong, or what was asked for can't be
	ErrUnauthorized = rest.ErrUnauthorized // credentials are wrong, or not enough
	ErrNotFound     = rest.ErrNotFound     // no such thing; GitHub says so too of what the token may not see
	ErrInvalidInput = rest.ErrInvalidInput // GitHub refuses what was asked
	ErrConflict     = rest.ErrConflict     // it contradicts what GitHub holds
	ErrThrottled    = rest.ErrThrottled    // too many requests
	ErrUnavailable  = rest.ErrUnavailable  // no answer, or a server error
	ErrMalformed    = rest.ErrMalformed    // the answer isn't what the API promises
	ErrUncertain    = rest.ErrUncertain    // the request may have been handled; comes beside one of the others

	// ErrBudget: the calls that the source may make don't suffice to know the demand.
	ErrBudget = fmt.Errorf("the call budget does not suffice: %w", rest.ErrUnavailable)
	// ErrRunnerBusy: the runner runs a job.
	ErrRunnerBusy = fmt.Errorf("the runner is busy: %w", rest.ErrConflict)

	errNotModified = errors.New("not modified")
	errDryRun      = fmt.Errorf("%w: a dry run changes nothing", rest.ErrConfig)
)

// explain tells refusals for too many calls from those for too few rights. The 304 is
// an answer that rest knows no use for.
func explain(status int, head []byte) error {
	switch {
	case status == http.StatusNotModified:
		return errNotModified
	case status == http.StatusForbidden && strings.Contains(strings.ToLower(string(head)), "rate limit"):
		return rest.ErrThrottled
	}
	return nil
}

// hidden says of what was not found that it may be there.
func hidden(err error) error {
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: GitHub says so too to a token that may not see it", err)
	}
	return err
}

// meanings translates this package's errors into the domain's.
var meanings = []autoscale.Meaning{
	{Vendors: ErrUnauthorized, Ours: autoscale.ErrUnauthorized},
	{Vendors: ErrThrottled, Ours: autoscale.ErrThrottled},
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

// classOf is what kind of trouble a failed call had. Nothing is known of one that got
// no answer.
func classOf(err error) autoscale.ErrorClass {
	switch {
	case errors.Is(err, ErrUnauthorized):
		return autoscale.ErrorAuth
	case errors.Is(err, ErrThrottled):
		return autoscale.ErrorThrottle
	case errors.Is(err, ErrUncertain), errors.Is(err, ErrRunnerBusy):
		return ""
	case errors.Is(err, ErrConfig), errors.Is(err, ErrNotFound), errors.Is(err, ErrInvalidInput):
		return autoscale.ErrorConfig
	}
	return ""
}
