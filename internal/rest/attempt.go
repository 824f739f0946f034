package rest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// attempt keeps the books of one call: how often it was sent, what the present
// attempt met, what the last failure was. Its methods are retryablehttp's hooks.
type attempt struct {
	client *Client
	call   *Call
	caller context.Context // for its deadline
	path   string

	count   int
	start   time.Time
	secrets []string // of the present attempt's credentials
	// dialing and connected are set by the transport's own goroutines.
	dialing, connected atomic.Bool
	last               *Error
	correlation        string        // of the present attempt's answer
	wait               time.Duration // before the next attempt
}

type attemptKey struct{}

// attemptOf is for the links that know only their request.
func attemptOf(ctx context.Context) *attempt {
	x, _ := ctx.Value(attemptKey{}).(*attempt)
	return x
}

// context is the caller's, with a trace of how far the request came.
func (x *attempt) context(caller context.Context) context.Context {
	return httptrace.WithClientTrace(context.WithValue(caller, attemptKey{}, x), &httptrace.ClientTrace{
		GetConn: func(string) { x.dialing.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { x.connected.Store(true) },
	})
}

// begin is called before each attempt.
func (x *attempt) begin(retryablehttp.Logger, *http.Request, int) {
	x.count++
	x.start = time.Now()
	x.dialing.Store(false)
	x.connected.Store(false)
	x.correlation = ""
}

// handle reads an answer: into the call's own decoder, or into an error.
func (x *attempt) handle(response *http.Response) error {
	defer response.Body.Close()
	x.correlation = x.correlate(response.Header)
	if x.call.Seen != nil {
		x.call.Seen(response.StatusCode, response.Header)
	}
	body := &bodyReader{r: response.Body, left: x.client.options.MaxBody, max: x.client.options.MaxBody}
	var failure *Error
	if response.StatusCode/100 == 2 && response.ContentLength > body.max { // not a byte of it need be read
		failure = x.failure(response.StatusCode, ErrTooLarge, sizeError{body.max})
	} else if response.StatusCode/100 == 2 {
		failure = x.decode(response.StatusCode, body)
	} else {
		failure = x.refused(response, body)
	}
	x.observe(response.StatusCode)
	if failure != nil {
		return failure
	}
	x.last = nil
	return nil
}

func (x *attempt) decode(status int, body *bodyReader) *Error {
	if x.call.Into == nil || slices.Contains(x.call.Empty, status) {
		_, _ = io.Copy(io.Discard, io.LimitReader(body, headSize)) // lets the connection be used again
		return nil
	}
	err := x.call.Into(body)
	var (
		size    sizeError
		refusal *Refusal
	)
	switch {
	case errors.As(body.err, &size):
		return x.failure(status, ErrTooLarge, body.err)
	case body.err != nil:
		return x.failure(status, ErrUnavailable, body.err)
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		failure := x.failure(status, refusal.Kind, nil)
		failure.Words, failure.Uncertain = shorten(x.hide(fold(refusal.Words))), failure.Uncertain && refusal.Uncertain
		return failure
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(body, headSize)) // fills body.head: the decoder stopped early
	failure := x.failure(status, ErrMalformed, err)
	if seen := excerpt(body.head, x.hide); seen != "" {
		failure.Words += "; read: " + seen
	}
	return failure
}

// refused makes the error of an answer that is no success, and keeps its words.
func (x *attempt) refused(response *http.Response, body *bodyReader) *Error {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, headSize)) // fills body.head; what can't be read is no loss
	failure := x.failure(response.StatusCode, kindOf(response.StatusCode), nil)
	if x.call.Explain != nil {
		if kind := x.call.Explain(response.StatusCode, body.head); kind != nil {
			failure.Kind = kind
		}
	}
	failure.Words = serverWords(body.head, x.hide)
	failure.RetryAfter = retryAfter(response.Header.Get("Retry-After"))
	return failure
}

// failure makes an error of this call and remembers it as the latest. What it
// says of uncertainty follows from status, or from what became of the connection.
func (x *attempt) failure(status int, kind, cause error) *Error {
	e := &Error{
		Method: x.call.Method, Path: x.path, Status: status, Kind: kind,
		Attempts: x.count, Err: cause, Correlation: x.correlation,
	}
	if cause != nil {
		e.Words = shorten(x.hide(fold(cause.Error())))
	}
	if !idempotent(x.call.Method) && x.count > 0 {
		e.Uncertain = mayHaveBeenHandled(status)
		if status == 0 {
			e.Uncertain = !x.neverSent(cause)
		}
	}
	x.last = e
	return e
}

// correlate makes one line of the headers that Options.Correlation names.
func (x *attempt) correlate(h http.Header) string {
	var found []string
	for _, name := range x.client.options.Correlation {
		if value := h.Get(name); value != "" {
			found = append(found, name+" "+value)
		}
	}
	return shorten(x.hide(fold(strings.Join(found, ", "))))
}

// hide removes the credentials' secrets and what the call itself wants hidden.
func (x *attempt) hide(text string) string {
	text = redact(text, x.secrets)
	if x.call.Hide != nil {
		text = x.call.Hide(text)
	}
	return text
}

// neverSent tells failures that came before the server could have seen anything.
func (x *attempt) neverSent(cause error) bool {
	var (
		credentials credentialError
		op          *net.OpError
		dns         *net.DNSError
	)
	switch {
	case errors.As(cause, &credentials), errors.As(cause, &dns), isCertificateError(cause):
		return true
	case errors.As(cause, &op) && op.Op == "dial":
		return true
	}
	return x.dialing.Load() && !x.connected.Load()
}

// transportFailure translates an error that came instead of an answer.
func (x *attempt) transportFailure(err error) *Error {
	cause := withoutURL(err)
	var (
		credentials credentialError
		redirect    redirectError
	)
	switch {
	case errors.As(cause, &credentials):
		return x.failure(0, credentials.kind(), cause)
	case errors.As(cause, &redirect):
		e := x.failure(0, ErrRedirect, cause)
		e.Uncertain = false // a redirect is an answer: not here
		return e
	case isCertificateError(cause):
		return x.failure(0, ErrCertificate, cause)
	}
	return x.failure(0, ErrUnavailable, cause)
}

// outcome is the error that the caller sees when retryablehttp gave up.
func (x *attempt) outcome(err error) error {
	switch {
	case x.last == nil: // not even one attempt was made
		return x.failure(0, ErrUnavailable, withoutURL(err))
	case x.last.Err == nil && x.caller.Err() != nil: // cancelled while waiting to retry
		x.last.Err = x.caller.Err()
	}
	return x.last
}

func (x *attempt) observe(code int) {
	if x.client.options.Observer == nil {
		return
	}
	x.client.options.Observer(Observation{
		Method: x.call.Method, Route: x.call.Route, Code: code, Duration: time.Since(x.start),
	})
}

// retryAfter reads the header's two forms, seconds and date. Zero: none.
func retryAfter(header string) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
