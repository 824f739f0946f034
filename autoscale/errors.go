package autoscale

import "errors"

// Errors by meaning. A vendor's package translates its own errors into these,
// wrapped with what was attempted and the server's words.
var (
	// ErrUnauthorized: the cloud or queue refused our credentials.
	ErrUnauthorized = errors.New("not authorised")
	// ErrNotFound: the cluster, or whatever was named in the config, is not there.
	ErrNotFound = errors.New("not found")
	// ErrRejected: the request was understood and refused; nothing came of it.
	ErrRejected = errors.New("rejected")
	// ErrThrottled: too many requests; nothing came of it.
	ErrThrottled = errors.New("throttled")
	// ErrUnavailable: the cloud or queue could not be reached or is broken;
	// nothing came of it.
	ErrUnavailable = errors.New("unavailable")
	// ErrMalformed: the answer could not be understood.
	ErrMalformed = errors.New("malformed answer")
	// ErrUncertain: the request left and may or may not have been handled.
	// It is wrapped beside the cause.
	ErrUncertain = errors.New("outcome unknown")
)
