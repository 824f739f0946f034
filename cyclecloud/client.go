package cyclecloud

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"autoscaled/internal/rest"
)

// TLS says how the server proves itself, and how we do. The zero value verifies
// against the system's roots; see the fields for a CA file of one's own, a
// client certificate and a pinned fingerprint.
type TLS = rest.TLS

// Observation is one attempt of a call, as metrics see it. Its Route is a
// template such as "/clusters/{cluster}/nodes".
type Observation = rest.Observation

// Options says which server to talk to and how. Only URL is required.
type Options struct {
	// URL is the server's address, such as https://cyclecloud.example.com.
	URL  string
	User string
	// Password is asked for anew with every attempt, so that a password file may change.
	Password func() (string, error)
	TLS      TLS
	// Timeout limits one attempt, reading the answer included. 0: 30 s.
	Timeout time.Duration
	// MaxBody limits an answer's size in bytes. 0: 256 MiB.
	MaxBody int64
	// Retries is how often a GET is sent again. 0: three times; negative: never.
	Retries int
	// RetryWait is the first wait before a retry; it doubles from there. 0: 500 ms.
	RetryWait time.Duration
	// Transport replaces sockets and TLS, for tests in virtual time.
	Transport http.RoundTripper
	// Observer is told of every attempt; nil: nobody.
	Observer func(Observation)
	// UserAgent names this program to the server.
	UserAgent string
}

// Client talks to one CycleCloud server. It is safe for concurrent use.
type Client struct{ rest *rest.Client }

// New checks the options. Errors are ErrConfig; none holds a password.
func New(o Options) (*Client, error) {
	var auth rest.Auth
	if o.User != "" || o.Password != nil {
		auth = rest.Basic{User: o.User, Password: o.Password}
	}
	r, err := rest.New(rest.Options{
		BaseURL:   o.URL,
		Auth:      auth,
		TLS:       o.TLS,
		Transport: o.Transport,
		Timeout:   o.Timeout,
		MaxBody:   o.MaxBody,
		Retries:   o.Retries,
		WaitMin:   o.RetryWait,
		Observer:  o.Observer,
		UserAgent: o.UserAgent,
	})
	if err != nil {
		return nil, fmt.Errorf("CycleCloud: %w", err)
	}
	return &Client{rest: r}, nil
}

// route is a path template and the values of its {parts}.
type route struct {
	template string
	path     string
}

// at fills a template's parts in order, each escaped to be one path segment.
func at(template string, parts ...string) (route, error) {
	path := make([]byte, 0, len(template)+16)
	next := 0
	for i := 0; i < len(template); i++ {
		if template[i] != '{' {
			path = append(path, template[i])
			continue
		}
		part := parts[next]
		next++
		if part == "" || part == "." || part == ".." {
			return route{}, fmt.Errorf("%w: %q is no name for %s", ErrInvalidInput, part, template)
		}
		path = append(path, url.PathEscape(part)...)
		for template[i] != '}' {
			i++
		}
	}
	return route{template: template, path: string(path)}, nil
}

// get reads one thing. Its answer replaces *out.
func get[T any](ctx context.Context, c *Client, r route, query url.Values, out *T, check func(*T) error) error {
	_, err := c.rest.Do(ctx, rest.Call{
		Method: http.MethodGet, Route: r.template, Path: r.path, Query: query,
		Into: into(out, check),
	})
	return err
}

// post changes something, sent once. A nil body sends none. Its answer replaces
// *out; nil: ignored.
func post[T any](ctx context.Context, c *Client, r route, query url.Values, body any, out *T, check func(*T) error) (rest.Answer, error) {
	call := rest.Call{Method: http.MethodPost, Route: r.template, Path: r.path, Query: query}
	if body != nil {
		encoded, err := encode(body)
		if err != nil {
			return rest.Answer{}, err
		}
		call.Body = encoded
	}
	if out != nil {
		call.Into = into(out, check)
	}
	return c.rest.Do(ctx, call)
}
