package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"autoscaled/autoscale"
	"autoscaled/internal/rest"
)

// HTTPOptions says where the document is and how to get it.
type HTTPOptions struct {
	// URL of the document. User and password don't belong in it.
	URL string
	// Auth adds credentials: rest.Basic or rest.Bearer. nil: none.
	Auth rest.Auth
	TLS  rest.TLS
	// Timeout limits one attempt; 0 means rest.DefaultTimeout. How long all
	// attempts may take is up to the context given to Demand.
	Timeout time.Duration
	// MaxBytes bounds the document, unpacked; 0 means DefaultMaxBytes.
	MaxBytes int64
	// UserAgent names this program to the server.
	UserAgent string
	// Observer is told of every attempt, for metrics; nil: nobody.
	Observer func(rest.Observation)
	// Retries and WaitMin are those of rest.Options.
	Retries int
	WaitMin time.Duration
	// Transport replaces sockets and TLS, for tests in virtual time.
	Transport http.RoundTripper
}

// HTTP is a demand document at a URL. Failed reads are repeated as package rest
// does it. Where the server gives the document an ETag, it is asked whether the
// document has changed before it is read again. HTTP is safe for concurrent use.
type HTTP struct {
	name   string // the address without its query, which may hold a secret
	path   string
	query  url.Values
	client *rest.Client
	max    int64

	mu     sync.Mutex
	etag   string // of the document that demand is from; empty: none
	demand autoscale.Demand
}

// NewHTTP checks the options. Errors name no secret and are rest.ErrConfig.
func NewHTTP(o HTTPOptions) (*HTTP, error) {
	u, err := url.Parse(o.URL)
	if err != nil { // its text would repeat the address
		return nil, fmt.Errorf("queue: %w: the address is not a URL", rest.ErrConfig)
	}
	if o.MaxBytes < 0 {
		return nil, fmt.Errorf("queue: %w: a bound is negative", rest.ErrConfig)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	h := &HTTP{path: u.EscapedPath(), query: u.Query(), max: o.MaxBytes}
	base := url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}
	h.client, err = rest.New(rest.Options{
		BaseURL: base.String(), Auth: conditional{auth: o.Auth}, TLS: o.TLS, Transport: o.Transport,
		Timeout: o.Timeout, MaxBody: o.MaxBytes, Retries: o.Retries, WaitMin: o.WaitMin,
		Observer: o.Observer, UserAgent: o.UserAgent,
	})
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	h.name = base.String() + h.path
	return h, nil
}

// Demand reads the document, or returns what was read if the server says that
// it has not changed since. The answers share maps and slices: they must not be
// changed.
func (h *HTTP) Demand(ctx context.Context) (autoscale.Demand, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var data []byte
	answer, err := h.client.Do(context.WithValue(ctx, etagKey{}, h.etag), rest.Call{
		Method: http.MethodGet, Route: "queue document", Path: h.path, Query: h.query,
		Into: func(r io.Reader) (err error) {
			data, err = io.ReadAll(r)
			return err
		},
	})
	failure, failed := errors.AsType[*rest.Error](err)
	switch {
	case failed && failure.Status == http.StatusNotModified && h.etag != "":
		return h.demand, nil
	case err != nil:
		return autoscale.Demand{}, &sourceError{"read the queue at " + h.name, httpKind(err), err}
	}
	h.etag, h.demand = "", autoscale.Demand{}
	demand, err := Parse(data, h.name)
	if err != nil {
		return autoscale.Demand{}, err
	}
	h.etag, h.demand = answer.Header.Get("ETag"), demand
	return demand, nil
}

// httpKind is the domain's word for an error of package rest.
func httpKind(err error) error {
	for _, pair := range []struct{ rest, ours error }{
		{rest.ErrUnauthorized, autoscale.ErrUnauthorized},
		{rest.ErrNotFound, autoscale.ErrNotFound},
		{rest.ErrThrottled, autoscale.ErrThrottled},
		{rest.ErrInvalidInput, autoscale.ErrRejected},
		{rest.ErrConflict, autoscale.ErrRejected},
		{rest.ErrMalformed, autoscale.ErrMalformed},
		{rest.ErrTooLarge, autoscale.ErrMalformed},
	} {
		if errors.Is(err, pair.rest) {
			return pair.ours
		}
	}
	return autoscale.ErrUnavailable
}

// conditional adds to a request, beside its credentials, which version of the
// document is known and which kinds of document are read.
type conditional struct{ auth rest.Auth }

// etagKey is where a request's context has the known version.
type etagKey struct{}

// Authorize sets the headers.
func (c conditional) Authorize(r *http.Request) ([]string, error) {
	r.Header.Set("Accept", "application/json, application/yaml, */*;q=0.5")
	if etag, _ := r.Context().Value(etagKey{}).(string); etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	if c.auth == nil {
		return nil, nil
	}
	return c.auth.Authorize(r)
}
