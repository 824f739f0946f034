package anka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"autoscaled/internal/rest"
)

// TLS says how the controller proves itself, and how we do. The zero value
// verifies against the system's roots; CertFile and KeyFile are the client
// certificate where the controller wants one.
type TLS = rest.TLS

// Observation is one attempt of a call, as metrics see it. Its Route is the
// endpoint's path, such as "/api/v1/vm".
type Observation = rest.Observation

// DefaultMaxBody bounds an answer, in bytes. An answer is held in memory as a
// whole, for its status may stand after its body.
const DefaultMaxBody = 64 << 20

// Options says which controller to talk to and how. Only URL is required. At
// most one of RootToken and APIKey is set; a client certificate may stand beside
// either.
type Options struct {
	// URL is the controller's address, such as https://anka.example.com:8090,
	// without /api/v1.
	URL string
	// RootToken is asked for anew with every attempt and sent as HTTP basic
	// root:<token>. nil: none.
	RootToken func() (string, error)
	// APIKey opens sessions. nil: none.
	APIKey *APIKey
	TLS    TLS
	// Timeout limits one attempt, reading the answer included. 0: 30 s.
	Timeout time.Duration
	// MaxBody limits an answer's size in bytes. 0: DefaultMaxBody.
	MaxBody int64
	// Retries is how often a GET is sent again. 0: three times; negative: never.
	Retries int
	// RetryWait is the first wait before a retry; it doubles from there. 0: 500 ms.
	RetryWait time.Duration
	// Transport replaces sockets and TLS, for tests in virtual time.
	Transport http.RoundTripper
	// Observer is told of every attempt; nil: nobody.
	Observer func(Observation)
	// UserAgent names this program to the controller.
	UserAgent string
}

// Client talks to one controller. It is safe for concurrent use.
type Client struct {
	rest    *rest.Client
	open    *rest.Client  // the same controller, without credentials
	session *session      // nil: no API key
	timeout time.Duration // of one attempt
}

// New checks the options. Errors are ErrConfig; none holds a secret.
func New(o Options) (*Client, error) {
	if o.RootToken != nil && o.APIKey != nil {
		return nil, fmt.Errorf("client of Anka: %w: a root token and an API key exclude each other", ErrConfig)
	}
	shared := rest.Options{
		BaseURL:   o.URL,
		TLS:       o.TLS,
		Transport: o.Transport,
		Timeout:   o.Timeout,
		MaxBody:   o.MaxBody,
		Retries:   o.Retries,
		WaitMin:   o.RetryWait,
		Observer:  o.Observer,
		UserAgent: o.UserAgent,
	}
	if shared.MaxBody == 0 {
		shared.MaxBody = DefaultMaxBody
	}
	open, err := rest.New(shared)
	if err != nil {
		return nil, fmt.Errorf("client of Anka: %w", err)
	}
	c := &Client{rest: open, open: open, timeout: cmp.Or(o.Timeout, rest.DefaultTimeout)}
	switch {
	case o.RootToken != nil:
		shared.Auth = rest.Basic{User: "root", Password: o.RootToken}
	case o.APIKey != nil:
		if c.session, err = newSession(*o.APIKey, open); err != nil {
			return nil, fmt.Errorf("client of Anka: %w", err)
		}
		shared.Auth = c.session
	default:
		return c, nil
	}
	if c.rest, err = rest.New(shared); err != nil {
		return nil, fmt.Errorf("client of Anka: %w", err)
	}
	return c, nil
}

// call is one request of the API.
type call struct {
	method, path string
	query        url.Values
	body         any
	// about is what a bare "Not found" means here; nil: ErrNotFound.
	about error
	// hide removes what the request carries and no error may repeat; nil: nothing.
	hide func(text string) string
}

// byID is the query that names one thing.
func byID(id string) url.Values { return url.Values{"id": {id}} }

// send makes a call and reads the envelope of its answer. out takes the body;
// nil: whatever it is, it is ignored.
func send[T any](ctx context.Context, c *Client, k call, out *T, check func(*T) error) error {
	r := rest.Call{
		Method: k.method, Route: k.path, Path: k.path, Query: k.query,
		Into:    intoEnvelope(k, out, check),
		Explain: k.explain,
		Hide:    hideFields,
	}
	if k.hide != nil {
		r.Hide = func(text string) string { return hideFields(k.hide(text)) }
	}
	if k.body != nil {
		encoded, err := encode(k.body)
		if err != nil {
			return err
		}
		r.Body = encoded
	}
	return c.do(ctx, r)
}

// nothing is the body of answers that have none.
type nothing struct{}

// change makes a call of whose answer only the status matters.
func change(ctx context.Context, c *Client, k call) error {
	return send[nothing](ctx, c, k, nil, nil)
}

// do makes a call, with an API key once more under a new session if the
// controller doesn't take the one it was made with. That is safe for any method:
// who isn't let in has changed nothing.
func (c *Client) do(ctx context.Context, r rest.Call) error {
	if c.session == nil {
		_, err := c.rest.Do(ctx, r)
		return err
	}
	ctx, used := withUse(ctx)
	_, err := c.rest.Do(ctx, r)
	if !notLetIn(err) {
		return err
	}
	c.session.drop(used.get())
	_, err = c.rest.Do(ctx, r)
	return err
}

// notLetIn tells a controller's word that credentials don't count (any more)
// from one that they aren't enough.
func notLetIn(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status != 0 && e.Status != http.StatusForbidden && errors.Is(e.Kind, ErrUnauthorized)
}
