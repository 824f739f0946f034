package rest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// checkRetry is our retry policy in retryablehttp's form. It is called with a
// transport's error, with an answer not yet read, and with what reading it gave.
func (x *attempt) checkRetry(_ context.Context, _ *http.Response, err error) (bool, error) {
	if err == nil {
		return false, nil
	}
	failure, read := err.(*Error) // not what it wraps: credentials may come of calls of their own
	if !read {
		failure = x.transportFailure(err)
		x.observe(0)
	}
	if !idempotent(x.call.Method) || !worthRepeating(failure) || x.caller.Err() != nil {
		return false, failure
	}
	x.wait = x.client.waitFor(x.count, failure.RetryAfter)
	if deadline, ok := x.caller.Deadline(); ok && time.Until(deadline) <= x.wait {
		return false, failure // the failure says more than a deadline would
	}
	return true, nil
}

// worthRepeating: failures that may pass by themselves.
func worthRepeating(e *Error) bool {
	if errors.Is(e.Kind, ErrThrottled) {
		return true
	}
	return errors.Is(e.Kind, ErrUnavailable) && e.Status != http.StatusNotImplemented
}

// waitFor doubles the wait with each attempt and draws from its upper half, so
// that clients who failed together don't come back together. A server's own
// wish goes first, up to its cap.
func (c *Client) waitFor(attempts int, wish time.Duration) time.Duration {
	o := &c.options
	if wish > 0 {
		return min(wish, o.AfterMax)
	}
	wait := o.WaitMin
	for range attempts - 1 {
		wait = min(2*wait, o.WaitMax)
	}
	return wait/2 + rand.N(wait/2+1)
}

// backoff hands retryablehttp the wait that checkRetry has chosen.
func (x *attempt) backoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return x.wait }

// giveUp ends a call that failed: the last failure says why.
func giveUp(r *http.Response, err error, _ int) (*http.Response, error) {
	if r != nil {
		r.Body.Close()
	}
	return nil, err
}
