package rest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// What an error means, to be tested with errors.Is. Every [Error] is exactly
// one of these, and beside it may be ErrUncertain.
var (
	// ErrConfig: the client can't be built or the call can't be written as given.
	ErrConfig = errors.New("bad client configuration")
	// ErrUnauthorized: credentials are missing, wrong (401) or not enough (403).
	ErrUnauthorized = errors.New("not authorized")
	// ErrNotFound: the server knows no such thing (404, 410).
	ErrNotFound = errors.New("not found")
	// ErrInvalidInput: the server refuses what was asked (400 and other 4xx).
	ErrInvalidInput = errors.New("invalid input")
	// ErrConflict: the request contradicts what the server holds (409).
	ErrConflict = errors.New("conflict")
	// ErrThrottled: too many requests (429); Error.RetryAfter may say how long to wait.
	ErrThrottled = errors.New("throttled")
	// ErrUnavailable: no answer, or a server error (5xx): try again later.
	ErrUnavailable = errors.New("unavailable")
	// ErrCertificate: the server's certificate isn't trusted.
	ErrCertificate = errors.New("certificate not trusted")
	// ErrRedirect: the server points elsewhere and we don't follow.
	ErrRedirect = errors.New("redirect not followed")
	// ErrMalformed: the answer isn't what the API promises.
	ErrMalformed = errors.New("malformed answer")
	// ErrTooLarge: the answer exceeds Options.MaxBody.
	ErrTooLarge = errors.New("answer too large")

	// ErrUncertain: the server may have handled the request although no usable
	// answer came back. Only a method that changes something can be uncertain.
	ErrUncertain = errors.New("the request may have been handled")
)

// Error is what became of one call. It never holds credentials.
type Error struct {
	Method string
	Path   string // of the address, without query and user information
	Status int    // HTTP status; 0: no answer
	Kind   error  // one of the Err… values above, or a vendor's own that wraps one
	// Words are the server's, or a description of what was read; shortened to
	// one line, secrets removed.
	Words string
	// RetryAfter is how long the server asks to wait; 0: it didn't say.
	RetryAfter time.Duration
	// Uncertain: the request may have taken effect. False for GET and HEAD.
	Uncertain bool
	// Attempts is how often the request was sent or tried to be.
	Attempts int
	// Correlation are the names under which the server finds the request again,
	// such as "X-Request-Id 7b1"; empty where none were asked for or came.
	Correlation string
	// Err is the cause where there is one, such as a dial error.
	Err error
}

// Error tells method, path, status, meaning and the server's words in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", e.Method, e.Path)
	if e.Status != 0 {
		fmt.Fprintf(&b, "%d %s: ", e.Status, http.StatusText(e.Status))
	}
	b.WriteString(e.Kind.Error())
	if e.Words != "" {
		b.WriteString(": " + e.Words)
	}
	if e.Correlation != "" {
		b.WriteString(" [" + e.Correlation + "]")
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (%d attempts)", e.Attempts)
	}
	if e.Uncertain {
		b.WriteString(" (" + ErrUncertain.Error() + ")")
	}
	return b.String()
}

// Is matches the error's meaning, and ErrUncertain where it applies.
func (e *Error) Is(target error) bool {
	return errors.Is(e.Kind, target) || (e.Uncertain && target == ErrUncertain)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Refusal is what [Call].Into returns when an answer with a success status says
// that the request failed, or proves that what was asked for isn't there. Not
// even a method that changes something took effect, unless Uncertain.
type Refusal struct {
	Kind      error  // as Error.Kind
	Words     string // the server's; they are shortened and searched for secrets
	Uncertain bool
}

// Error tells meaning and words.
func (r *Refusal) Error() string { return r.Kind.Error() + ": " + r.Words }

// kindOf translates a status that is no success.
func kindOf(status int) error {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden,
		status == http.StatusProxyAuthRequired:
		return ErrUnauthorized
	case status == http.StatusNotFound, status == http.StatusGone:
		return ErrNotFound
	case status == http.StatusConflict:
		return ErrConflict
	case status == http.StatusTooManyRequests:
		return ErrThrottled
	case status == http.StatusRequestTimeout, status >= 500:
		return ErrUnavailable
	case status >= 300 && status < 400:
		return ErrRedirect
	case status >= 400:
		return ErrInvalidInput
	default:
		return ErrMalformed
	}
}

// mayHaveBeenHandled tells whether a request answered with this failure status
// could still have taken effect. A 4xx and a 3xx are refusals; a 5xx may come
// from a proxy that lost the server's answer, a 408 from a server that read all
// but the end.
func mayHaveBeenHandled(status int) bool {
	return status >= 500 || status == http.StatusRequestTimeout || status < 300
}
