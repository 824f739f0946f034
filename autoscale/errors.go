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

// Failure is a vendor's error with what it means here. Its text is that of the error.
type Failure struct {
	error
	// Meaning is one of the errors above.
	Meaning error
	// Class is what kind of trouble it is. Empty: not known.
	Class ErrorClass
	// Uncertain: the request may have been handled; it is ErrUncertain too.
	Uncertain bool
}

// NewFailure is an error, which says what was attempted, whose meaning is that of the
// first vendor's error that it is. What is none of them can only be waited out.
func NewFailure(err error, class ErrorClass, uncertain bool, meanings []Meaning) Failure {
	f := Failure{error: err, Meaning: ErrUnavailable, Class: class, Uncertain: uncertain}
	for _, m := range meanings {
		if errors.Is(err, m.Vendors) {
			f.Meaning = m.Ours
			break
		}
	}
	return f
}

// Meaning is what an error of a vendor's package means here.
type Meaning struct{ Vendors, Ours error }

// ErrorClass is Class, for [ClassOf].
func (f Failure) ErrorClass() ErrorClass { return f.Class }

// Unwrap gives the vendor's error.
func (f Failure) Unwrap() error { return f.error }

// Is tells whether target is the meaning, or ErrUncertain where that is so.
func (f Failure) Is(target error) bool {
	return target == f.Meaning || f.Uncertain && target == ErrUncertain
}

// OfAct is the failure of what changes something: what names a thing that isn't there
// is rejected.
func (f Failure) OfAct() Failure {
	if f.Meaning == ErrNotFound && !f.Uncertain {
		f.Meaning = ErrRejected
	}
	return f
}
