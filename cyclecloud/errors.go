package cyclecloud

import (
	"errors"
	"fmt"

	"autoscaled/internal/rest"
)

// Error is a failed call: method, path, status, meaning and the server's words.
// It never holds credentials.
type Error = rest.Error

// What an error means, to be tested with errors.Is.
var (
	ErrConfig       = rest.ErrConfig       // the client's options are wrong
	ErrUnauthorized = rest.ErrUnauthorized // user or password are wrong, or not enough
	ErrNotFound     = rest.ErrNotFound     // no such cluster, node or operation
	ErrInvalidInput = rest.ErrInvalidInput // the server, or this client, refuses what was asked
	ErrConflict     = rest.ErrConflict     // a 409 that couldn't be told apart, or a report submitted before
	ErrThrottled    = rest.ErrThrottled    // too many requests
	ErrUnavailable  = rest.ErrUnavailable  // no answer, or a server error
	ErrCertificate  = rest.ErrCertificate  // the server's certificate isn't trusted
	ErrRedirect     = rest.ErrRedirect     // the server points elsewhere
	ErrMalformed    = rest.ErrMalformed    // the answer isn't what the API promises
	ErrTooLarge     = rest.ErrTooLarge     // the answer exceeds Options.MaxBody
	ErrUncertain    = rest.ErrUncertain    // the request may have been handled; comes beside one of the others

	// ErrRequestSeen: the server has handled this request id before.
	ErrRequestSeen = errors.New("request id seen before")
)

// RequestSeenError is ErrRequestSeen with what the earlier request did.
type RequestSeenError struct {
	RequestID string
	Found     Lookup
}

// Error names the request id and how many nodes it has.
func (e *RequestSeenError) Error() string {
	return fmt.Sprintf("request id %s seen before, with %d nodes", e.RequestID, len(e.Found.Nodes))
}

// Is matches ErrRequestSeen.
func (e *RequestSeenError) Is(target error) bool { return target == ErrRequestSeen }

// refuse is an input that is not even sent.
func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalidInput, fmt.Sprintf(format, args...))
}
