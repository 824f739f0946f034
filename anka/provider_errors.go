package anka

import (
	"errors"
	"fmt"
	"strings"

	"autoscaled/autoscale"
)

// meanings translates this package's errors into the domain's.
var meanings = []autoscale.Meaning{
	{Vendors: ErrUnauthorized, Ours: autoscale.ErrUnauthorized},
	{Vendors: ErrNotFound, Ours: autoscale.ErrNotFound},
	{Vendors: ErrLicence, Ours: autoscale.ErrRejected},
	{Vendors: ErrInvalidInput, Ours: autoscale.ErrRejected},
	{Vendors: ErrConflict, Ours: autoscale.ErrRejected},
	{Vendors: ErrThrottled, Ours: autoscale.ErrThrottled},
	{Vendors: ErrMalformed, Ours: autoscale.ErrMalformed},
	{Vendors: ErrTooLarge, Ours: autoscale.ErrMalformed},
}

// translate says what was attempted and gives the error its meaning in the domain.
func translate(attempt string, err error) autoscale.Failure {
	return autoscale.NewFailure(fmt.Errorf("%s: %w", attempt, err), classOfError(err), errors.Is(err, ErrUncertain), meanings)
}

// translateAct is translate for what changes something.
func translateAct(attempt string, err error) autoscale.Failure {
	return translate(attempt, err).OfAct()
}

// translateLook is translate for the look before something is changed. As nothing
// was sent, nothing came of it, whatever went wrong.
func translateLook(attempt string, err error) autoscale.Failure {
	e := translate(attempt, err)
	if e.Meaning != autoscale.ErrUnauthorized && e.Meaning != autoscale.ErrThrottled {
		e.Meaning = autoscale.ErrUnavailable
	}
	return e
}

// classOfError is what kind of trouble a failed call had. Nothing is known of one
// that got no answer.
func classOfError(err error) autoscale.ErrorClass {
	switch {
	case errors.Is(err, ErrUnauthorized):
		return autoscale.ErrorAuth
	case errors.Is(err, ErrThrottled):
		return autoscale.ErrorThrottle
	case errors.Is(err, ErrUncertain):
		return ""
	case errors.Is(err, ErrLicence), errors.Is(err, ErrNotFound), errors.Is(err, ErrInvalidInput), errors.Is(err, ErrConflict):
		return autoscale.ErrorConfig
	}
	return ""
}

// nodeWords are what an instance's message may say, in lower case, and what class of
// trouble each tells of. No document lists the messages: this is our own reading. The
// first that occurs counts.
var nodeWords = []struct {
	class autoscale.ErrorClass
	any   []string
}{
	{autoscale.ErrorCapacity, []string{"no space", "not enough space", "disk is full", "disk full", "capacity", "no available node"}},
	{autoscale.ErrorAuth, []string{"authentication", "unauthorized", "forbidden", "access denied"}},
	{autoscale.ErrorConfig, []string{"licens", "licenc", "not in the registry", "no such tag", "no such template", "invalid"}},
}

// classOfNode is what kind of trouble an instance tells of that did not come up. One in
// Error that says nothing more was given a Mac and did not come up on it.
func classOfNode(i *Instance) autoscale.ErrorClass {
	message := strings.ToLower(i.Message)
	for _, w := range nodeWords {
		for _, word := range w.any {
			if strings.Contains(message, word) {
				return w.class
			}
		}
	}
	if i.State == Errored {
		return autoscale.ErrorBoot
	}
	return ""
}
