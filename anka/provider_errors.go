package anka

import (
	"errors"
	"fmt"
	"strings"

	"autoscaled/autoscale"
)

// meanings translates this package's errors into the domain's.
var meanings = []struct{ ours, domain error }{
	{ErrUnauthorized, autoscale.ErrUnauthorized},
	{ErrNotFound, autoscale.ErrNotFound},
	{ErrLicence, autoscale.ErrRejected},
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
	return target == e.meaning || e.uncertain && target == autoscale.ErrUncertain
}

// translate says what was attempted and gives the error its meaning in the domain.
// What has none there can only be waited out.
func translate(attempt string, err error) domainError {
	e := domainError{
		error:     fmt.Errorf("%s: %w", attempt, err),
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

// translateAct is translate for what changes something: what names a thing that isn't
// there is rejected.
func translateAct(attempt string, err error) domainError {
	e := translate(attempt, err)
	if e.meaning == autoscale.ErrNotFound && !e.uncertain {
		e.meaning = autoscale.ErrRejected
	}
	return e
}

// translateLook is translate for the look before something is changed. As nothing
// was sent, nothing came of it, whatever went wrong.
func translateLook(attempt string, err error) domainError {
	e := translate(attempt, err)
	if e.meaning != autoscale.ErrUnauthorized && e.meaning != autoscale.ErrThrottled {
		e.meaning = autoscale.ErrUnavailable
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
