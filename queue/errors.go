package queue

import (
	"errors"
	"fmt"
	"io/fs"

	"autoscaled/autoscale"
)

// sourceError is a demand that could not be had: what was attempted, and why.
// It is one of package autoscale's errors, and its cause.
type sourceError struct {
	attempt string
	kind    error
	cause   error
}

func (e *sourceError) Error() string   { return e.attempt + ": " + e.cause.Error() }
func (e *sourceError) Unwrap() []error { return []error{e.kind, e.cause} }

// fileKind is the meaning of an error of the file system.
func fileKind(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return autoscale.ErrUnauthorized
	case errors.Is(err, fs.ErrNotExist):
		return autoscale.ErrNotFound
	default:
		return autoscale.ErrUnavailable
	}
}

// checkSize makes an error of a document that exceeds its bound, in bytes.
func checkSize(name string, size int, most int64) error {
	if int64(size) <= most {
		return nil
	}
	return tooLong(name, most)
}

func tooLong(name string, most int64) error {
	return &DocumentError{Name: name, Mistakes: []Mistake{{What: fmt.Sprintf("is longer than %d bytes", most)}}}
}
