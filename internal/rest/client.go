package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Defaults of Options.
const (
	DefaultTimeout  = 30 * time.Second
	DefaultMaxBody  = 256 << 20 // bytes
	DefaultRetries  = 3
	DefaultWaitMin  = 500 * time.Millisecond
	DefaultWaitMax  = 8 * time.Second
	DefaultAfterMax = 30 * time.Second
)

// maxRedirects bounds how often one attempt is sent on within the same server.
const maxRedirects = 5

// Options says whom to talk to and how. Zero values mean the defaults above.
type Options struct {
	// BaseURL is the server's address: scheme, host, perhaps a path before the
	// API's own. No user information, query or fragment.
	BaseURL string
	// Auth adds credentials; nil: none.
	Auth Auth
	TLS  TLS
	// Socket is the path of a unix socket on which the server listens; the host of
	// BaseURL is then only its name. Empty: it listens on that host.
	Socket string
	// Transport replaces sockets and TLS, for tests in virtual time.
	Transport http.RoundTripper
	// Timeout limits one attempt, reading its answer included.
	Timeout time.Duration
	// MaxBody limits an answer, unpacked, in bytes.
	MaxBody int64
	// Retries is how often a GET is sent again; negative: never.
	Retries int
	// WaitMin and WaitMax bound the wait before a retry, AfterMax the wait that
	// a server may ask for with Retry-After.
	WaitMin, WaitMax, AfterMax time.Duration
	// Observer is told of every attempt, for metrics; nil: nobody. It is called
	// from the goroutine that makes the call.
	Observer func(Observation)
	// UserAgent names this program to the server.
	UserAgent string
	// Correlation names the headers of an answer under which the server finds
	// the request again; an error keeps them.
	Correlation []string
}

// Observation is one attempt, as metrics see it.
type Observation struct {
	Method   string
	Route    string // the path's template: its values are few
	Code     int    // HTTP status; 0: no answer
	Duration time.Duration
}

// Call is one request and what to do with its answer.
type Call struct {
	Method string
	// Route is the template that Path was made from, as "/nodes/{node}".
	Route string
	// Path stands below the base URL, escaped, with a leading slash.
	Path  string
	Query url.Values
	// Header is sent beside, and in place of, what every request carries.
	Header http.Header
	// Auth stands in for Options.Auth; nil: it doesn't.
	Auth Auth
	// Body is sent as JSON; nil: no body.
	Body any
	// Into decodes a 2xx answer as it arrives. It may be called again for a
	// later attempt and must then start afresh. An error makes the answer
	// ErrMalformed, or a [Refusal] what it says. nil: the answer's body is ignored.
	Into func(io.Reader) error
	// Empty lists the 2xx statuses whose meaning is that there is nothing to
	// decode: Into isn't called for them.
	Empty []int
	// Explain finds the meaning of a refusal, an answer outside 2xx, in its
	// status and the beginning of its body. nil, or nil from it: the status tells.
	Explain func(status int, head []byte) error
	// Seen is shown the status and the headers of every answer, failures and
	// unreadable ones too, such as to read a server's limits. nil: nobody is.
	Seen func(status int, header http.Header)
	// Hide removes from text that is to be shown what this call holds beside
	// credentials and nobody should read. nil: nothing.
	Hide func(text string) string
}

// Answer is what remains of a success once its body was decoded.
type Answer struct {
	Status int
	Header http.Header
}

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	options Options
	http    *http.Client
}

// New checks the options; errors are ErrConfig and name no secret.
func New(o Options) (*Client, error) {
	base, err := parseBase(o.BaseURL)
	if err != nil {
		return nil, err
	}
	o.defaults()
	transport, err := o.transport()
	if err != nil {
		return nil, err
	}
	return &Client{base: base, options: o, http: &http.Client{
		Transport: transport, Timeout: o.Timeout, CheckRedirect: checkRedirect,
	}}, nil
}

func parseBase(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil { // its text would repeat the address, password and all
		return nil, fmt.Errorf("%w: the address is not a URL", ErrConfig)
	}
	switch {
	case u.User != nil:
		return nil, fmt.Errorf("%w: the address of %s carries user information; give user and password apart from it", ErrConfig, u.Host)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, fmt.Errorf("%w: the address must look like https://host", ErrConfig)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%w: the address of %s carries a query or fragment", ErrConfig, u.Host)
	}
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	return u, nil
}

func (o *Options) defaults() {
	orDefault(&o.Timeout, DefaultTimeout)
	orDefault(&o.MaxBody, DefaultMaxBody)
	orDefault(&o.Retries, DefaultRetries)
	orDefault(&o.WaitMin, DefaultWaitMin)
	orDefault(&o.WaitMax, DefaultWaitMax)
	orDefault(&o.AfterMax, DefaultAfterMax)
	o.WaitMax = max(o.WaitMax, o.WaitMin)
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// transport builds the links below the HTTP client, innermost first.
func (o *Options) transport() (http.RoundTripper, error) {
	next := o.Transport
	if next == nil {
		sockets, err := newTransport(o.TLS, o.Socket)
		if err != nil {
			return nil, err
		}
		next = sockets
	} else if o.TLS != (TLS{}) || o.Socket != "" {
		return nil, fmt.Errorf("%w: TLS options or a socket and a transport of one's own exclude each other", ErrConfig)
	}
	return authorizer{auth: o.Auth, next: next}, nil
}

// Do makes one call. An error is always an *Error.
func (c *Client) Do(ctx context.Context, call Call) (Answer, error) {
	x := &attempt{client: c, call: &call, caller: ctx, path: c.base.Path + call.Path}
	if err := ctx.Err(); err != nil {
		return Answer{}, x.failure(0, ErrUnavailable, err)
	}
	request, err := c.request(x.context(ctx), call)
	if err != nil {
		return Answer{}, x.failure(0, ErrConfig, err)
	}
	request.SetResponseHandler(x.handle)
	sender := retryablehttp.Client{
		HTTPClient:     c.http,
		RetryMax:       max(c.options.Retries, 0),
		RequestLogHook: x.begin,
		CheckRetry:     x.checkRetry,
		Backoff:        x.backoff,
		ErrorHandler:   giveUp,
	}
	response, err := sender.Do(request)
	if err != nil {
		return Answer{}, x.outcome(err)
	}
	return Answer{Status: response.StatusCode, Header: response.Header}, nil
}

// request builds what goes out. Credentials come later, for each attempt.
func (c *Client) request(ctx context.Context, call Call) (*retryablehttp.Request, error) {
	var body any
	if call.Body != nil {
		encoded, err := json.Marshal(call.Body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body = encoded
	}
	address := c.base.String() + call.Path
	if len(call.Query) > 0 {
		address += "?" + call.Query.Encode()
	}
	request, err := retryablehttp.NewRequestWithContext(ctx, call.Method, address, body)
	if err != nil {
		return nil, withoutURL(err)
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.options.UserAgent != "" {
		request.Header.Set("User-Agent", c.options.UserAgent)
	}
	for name, values := range call.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	return request, nil
}

// checkRedirect follows a GET within the same server only: credentials go
// nowhere else, and a request that changes something is sent once, to the
// address it was meant for.
func checkRedirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	to := r.URL.Scheme + "://" + r.URL.Host + r.URL.Path
	switch {
	case len(via) > maxRedirects:
		return redirectError{fmt.Sprintf("more than %d redirects, the last to %s", maxRedirects, to)}
	case r.URL.Host != first.URL.Host || r.URL.Scheme != first.URL.Scheme:
		return redirectError{"the server points to " + to + ", another server: if that is right, set it as the address"}
	case !idempotent(first.Method):
		return redirectError{"the server points a " + first.Method + " to " + to}
	}
	return nil
}

type redirectError struct{ text string }

func (e redirectError) Error() string { return e.text }

// withoutURL drops the address that net/http and net/url wrap around a cause:
// it may hold what should not be shown.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

func idempotent(method string) bool {
	return method == http.MethodGet || method == http.MethodHead
}
