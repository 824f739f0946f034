package autoscale

import "errors"

// ErrorClass says what kind of trouble a failure is: who can end it, and what to
// do until then. The set is closed; ErrorClasses lists it. Empty: not known.
type ErrorClass string

// The classes of errors.
const (
	// ErrorCapacity: the cloud has no more machines of that kind just now.
	ErrorCapacity ErrorClass = "capacity"
	// ErrorQuota: a quota of the subscription is used up.
	ErrorQuota ErrorClass = "quota"
	// ErrorAuth: the cloud refused credentials, ours or the ones that the
	// vendor's server has for the cloud underneath.
	ErrorAuth ErrorClass = "auth"
	// ErrorConfig: what was asked can't be had as it is described: an image, a
	// subnet or a machine type that does not exist.
	ErrorConfig ErrorClass = "config"
	// ErrorThrottle: too many requests in too short a time.
	ErrorThrottle ErrorClass = "throttle"
	// ErrorBoot: the machine was there and did not come up, or not in time.
	ErrorBoot ErrorClass = "boot"
)

// ErrorClasses lists all classes in the order of the documentation.
func ErrorClasses() []ErrorClass {
	return []ErrorClass{ErrorCapacity, ErrorQuota, ErrorAuth, ErrorConfig, ErrorThrottle, ErrorBoot}
}

// Shortage tells whether a failure of the class means that other nodes of the offering can't
// be had either. One that did not boot, or an answer that credentials were wrong, says
// nothing of them.
func (c ErrorClass) Shortage() bool {
	return c == "" || c == ErrorCapacity || c == ErrorQuota || c == ErrorConfig
}

// lasts tells whether waiting does not help: somebody must mend something.
func (c ErrorClass) lasts() bool { return c == ErrorAuth || c == ErrorConfig }

// ClassOf is the class of an error: the one that it names itself, as a vendor's
// errors do who knows the server's words, else what its meaning says.
func ClassOf(err error) ErrorClass {
	var classed interface{ ErrorClass() ErrorClass }
	if errors.As(err, &classed) {
		return classed.ErrorClass()
	}
	switch {
	case errors.Is(err, ErrUnauthorized):
		return ErrorAuth
	case errors.Is(err, ErrThrottled):
		return ErrorThrottle
	}
	return ""
}
