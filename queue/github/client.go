package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"

	"autoscaled/internal/rest"
)

// TLS says how the servers prove themselves, for a GitHub Enterprise Server with
// a CA of its own. The zero value verifies against the system's roots.
type TLS = rest.TLS

// Observation is one attempt of a call, as metrics see it.
type Observation = rest.Observation

// Defaults of Options. The service answers a poll within about 50 s.
const (
	DefaultTimeout     = 30 * time.Second
	DefaultPollTimeout = 90 * time.Second
	DefaultRetryWait   = time.Second
)

// Options says whose runners are meant and who asks. URL and one of Token and
// App are required.
type Options struct {
	// URL is the configuration URL: https://github.com/ORG, .../OWNER/REPO or
	// .../enterprises/NAME, or the same on another host.
	URL string
	// Token gives a personal access token, asked for anew whenever it is used.
	Token func() (string, error)
	// App signs in as a GitHub App.
	App *App
	TLS TLS
	// Timeout limits one attempt of a call, PollTimeout one of a poll; 0: the
	// defaults. A poll's must exceed a minute.
	Timeout, PollTimeout time.Duration
	// Retries is how often a GET is sent again. 0: three times; negative: never.
	Retries int
	// RetryWait is the first wait before something is repeated; it doubles from
	// there. 0: DefaultRetryWait.
	RetryWait time.Duration
	// Transport replaces sockets and TLS, for tests in virtual time.
	Transport http.RoundTripper
	// Observer is told of every attempt; nil: nobody.
	Observer func(Observation)
	// UserAgent names this program; "": autoscaled, as the JSON object that
	// GitHub's own client sends.
	UserAgent string
}

const userAgent = `{"system":"autoscaled","subsystem":"queue"}`

// Client talks to GitHub on behalf of one organisation, repository or
// enterprise. It is safe for concurrent use.
type Client struct {
	address address
	servers *servers
	chain   *chain
}

// New checks the options. Errors are ErrConfig; none holds a secret. Nothing is
// sent.
func New(o Options) (*Client, error) {
	c, err := newClient(o)
	if err != nil {
		return nil, fmt.Errorf("client of GitHub: %w", err)
	}
	return c, nil
}

func newClient(o Options) (*Client, error) {
	where, err := parseAddress(o.URL)
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	o.defaults()
	c := &Client{address: where, servers: &servers{options: o, known: map[server]*rest.Client{}}}
	api, err := c.servers.at(server{base: where.api})
	if err != nil {
		return nil, err
	}
	c.chain = newChain(o, where, api, c.servers)
	return c, nil
}

func (o *Options) check() error {
	switch {
	case (o.Token == nil) == (o.App == nil):
		return fmt.Errorf("%w: exactly one of a personal access token and a GitHub App is needed", ErrConfig)
	case o.App != nil && (o.App.ID == "" || o.App.Installation <= 0 || o.App.Key == nil):
		return fmt.Errorf("%w: a GitHub App needs an id, an installation and a key", ErrConfig)
	case o.PollTimeout != 0 && o.PollTimeout <= time.Minute:
		return fmt.Errorf("%w: a poll takes up to a minute, its time-out must be longer than %s", ErrConfig, o.PollTimeout)
	case o.Timeout < 0 || o.RetryWait < 0:
		return fmt.Errorf("%w: a time-out or wait is negative", ErrConfig)
	}
	return nil
}

func (o *Options) defaults() {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.PollTimeout == 0 {
		o.PollTimeout = DefaultPollTimeout
	}
	if o.RetryWait == 0 {
		o.RetryWait = DefaultRetryWait
	}
	if o.UserAgent == "" {
		o.UserAgent = userAgent
	}
}

// server is a place that calls go to, and whether they may take as long as a poll.
type server struct {
	base string
	poll bool
}

// servers keeps the connections to the places that GitHub names while we talk:
// the service's address comes with a token, the queue's with a session.
type servers struct {
	options Options

	mu    sync.Mutex
	known map[server]*rest.Client
}

// maxServers bounds how many places are remembered. GitHub names few, and
// forgetting one costs a new connection.
const maxServers = 16

func (s *servers) at(where server) (*rest.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.known[where]; c != nil {
		return c, nil
	}
	o := s.options
	timeout, retries := o.Timeout, o.Retries
	if where.poll { // who listens polls again, and wants to know of an outage
		timeout, retries = o.PollTimeout, -1
	}
	c, err := rest.New(rest.Options{
		BaseURL: where.base, TLS: o.TLS, Transport: o.Transport, Timeout: timeout, MaxBody: maxAnswer,
		Retries: retries, WaitMin: o.RetryWait, Observer: o.Observer, UserAgent: o.UserAgent,
		Correlation: []string{"ActivityId", "X-GitHub-Request-Id"},
	})
	if err != nil {
		return nil, err
	}
	if len(s.known) >= maxServers {
		clear(s.known)
	}
	s.known[where] = c
	return c, nil
}

// foreign checks an address that a server gave us before a token goes there.
func (a address) foreign(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the address is not one of a server")
	case a.secure && u.Scheme != "https":
		return nil, fmt.Errorf("the address of %s is not https", u.Host)
	}
	return u, nil
}

// apiVersion is asked of every call of the service.
const apiVersion = "6.0-preview"

// authorized is the credential of one call.
func authorized(token string) rest.Auth { return rest.Bearer{Token: rest.Static(token)} }

// call makes a call of the service with the admin token, once more with a new
// one if it was not let in: that is safe for any method, for nothing changed.
func (c *Client) call(ctx context.Context, k rest.Call) (rest.Answer, error) {
	reg, err := c.chain.current(ctx)
	if err != nil {
		return rest.Answer{}, err
	}
	answer, err := reg.send(ctx, k, reg.token)
	if !notLetIn(err) {
		return answer, err
	}
	c.chain.drop(ctx, reg.token)
	if reg, err = c.chain.current(ctx); err != nil {
		return rest.Answer{}, err
	}
	return reg.send(ctx, k, reg.token)
}

// send makes a call of the service with that token.
func (r registration) send(ctx context.Context, k rest.Call, token string) (rest.Answer, error) {
	k.Route, k.Auth, k.Explain, k.Hide = routeOf(k), authorized(token), explain, hideSecrets
	query := url.Values{"api-version": {apiVersion}}
	maps.Copy(query, k.Query)
	k.Query = query
	k.Header = http.Header{"Content-Type": {"application/json"}}
	return r.server.Do(ctx, k)
}

// deletion deletes what is at a path. Only 204 says that it is done: whatever
// else has a status of success comes from somewhere else, such as a proxy.
func deletion(path, route string) rest.Call {
	return rest.Call{
		Method: http.MethodDelete, Path: path, Route: route, Empty: []int{http.StatusNoContent},
		Into: func(io.Reader) error { return errors.New("an answer where there should be none (204)") },
	}
}

func routeOf(k rest.Call) string {
	if k.Route == "" {
		return k.Path
	}
	return k.Route
}

// notLetIn tells that a server refused the credentials, and so did nothing.
func notLetIn(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && errors.Is(e.Kind, ErrUnauthorized) && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden)
}
