package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"autoscaled/internal/rest"
)

// TLS says how the server proves itself, for an instance with a CA of its own. The zero
// value verifies against the system's roots.
type TLS = rest.TLS

// Observation is one attempt of a call, as metrics see it.
type Observation = rest.Observation

// Defaults of Options. The budget is half of what GitLab.com and a new instance allow
// for lists of jobs, 600 a minute and user; the rest is for people.
const (
	DefaultTimeout        = 20 * time.Second
	DefaultRetries        = 2
	DefaultRetryWait      = 500 * time.Millisecond
	DefaultCallsPerMinute = 300
)

// maxAnswer bounds an answer, in bytes: a hundred jobs with all their fields take a
// few hundred kilobytes.
const maxAnswer = 32 << 20

// Options says which GitLab is meant and who asks. URL, Token and Now are required.
type Options struct {
	// URL is the instance's address, with its path where it is not at the root.
	URL string
	// Token gives the access token, asked for anew whenever it is used.
	Token func() (string, error)
	TLS   TLS
	// Timeout limits one attempt of a call. 0: the default.
	Timeout time.Duration
	// Retries is how often a read is sent again that found the server unavailable.
	// 0: the default; negative: never. What is throttled is not repeated.
	Retries int
	// RetryWait is the first wait before that; it doubles. 0: the default.
	RetryWait time.Duration
	// CallsPerMinute is the budget of calls. What is beyond it isn't sent, and fails as
	// throttled. 0: the default; negative: no bound of our own.
	CallsPerMinute int
	// Transport replaces sockets and TLS, for tests in virtual time.
	Transport http.RoundTripper
	// Observer is told of every attempt; nil: nobody.
	Observer func(Observation)
	// UserAgent names this program; "": autoscaled.
	UserAgent string
	// Now is the clock of budget and limits.
	Now func() time.Time
}

// Client talks to one GitLab instance. It is safe for concurrent use.
type Client struct {
	rest    *rest.Client
	options Options
	limiter limiter
}

// New checks the options. Errors are ErrConfig; none holds a secret. Nothing is sent.
func New(o Options) (*Client, error) {
	if o.Token == nil || o.Now == nil || o.Timeout < 0 || o.RetryWait < 0 {
		return nil, fmt.Errorf("client of GitLab: %w: it takes a token, a clock, and times that aren't negative", ErrConfig)
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.RetryWait == 0 {
		o.RetryWait = DefaultRetryWait
	}
	if o.Retries == 0 {
		o.Retries = DefaultRetries
	}
	if o.CallsPerMinute == 0 {
		o.CallsPerMinute = DefaultCallsPerMinute
	}
	if o.UserAgent == "" {
		o.UserAgent = "autoscaled"
	}
	r, err := rest.New(rest.Options{
		BaseURL: o.URL, Auth: header{o.Token}, TLS: o.TLS, Transport: o.Transport, Timeout: o.Timeout, MaxBody: maxAnswer,
		Retries:  -1, // by do, which keeps to the budget
		Observer: o.Observer, UserAgent: o.UserAgent, Correlation: []string{"X-Request-Id"},
	})
	if err != nil {
		return nil, fmt.Errorf("client of GitLab: %w", err)
	}
	return &Client{rest: r, options: o, limiter: limiter{now: o.Now, perMinute: o.CallsPerMinute}}, nil
}

// do makes a call within the budget. Reads, which may be POSTs, are repeated where the
// server was not to be had.
func (c *Client) do(ctx context.Context, call rest.Call, read bool) (rest.Answer, error) {
	call.Hide = hideSecrets
	wait := c.options.RetryWait
	for again := 0; ; again++ {
		answer, err := c.once(ctx, call)
		failure, failed := errors.AsType[*Error](err)
		if !failed || !read || !errors.Is(failure.Kind, ErrUnavailable) || again >= c.options.Retries || !sleep(ctx, wait) {
			return answer, err
		}
		wait *= 2
	}
}

func (c *Client) once(ctx context.Context, call rest.Call) (rest.Answer, error) {
	if why := c.limiter.admit(); why != "" {
		return rest.Answer{}, &Error{Method: call.Method, Path: call.Path, Kind: ErrThrottled, Words: why}
	}
	answer, err := c.rest.Do(ctx, call)
	c.limiter.note(answer.Header)
	if failure, ok := errors.AsType[*Error](err); ok && errors.Is(failure.Kind, ErrThrottled) {
		c.limiter.block(failure.RetryAfter)
	}
	return answer, err
}

// sleep waits; false: the context ended, or would before.
func sleep(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
