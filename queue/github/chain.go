package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"autoscaled/internal/rest"
)

const (
	// renewEarly is how long before its end a token is used no more.
	renewEarly = time.Minute
	// registerTries is how often a registration that isn't let in is redone with
	// tokens made anew: a token may be too young to be known everywhere.
	registerTries = 3
)

// registration is the end of the chain: where the service is, and its token.
type registration struct {
	server *rest.Client
	token  string
	until  time.Time // when to redo the chain
}

// chain turns the credentials we were given into those of the service.
type chain struct {
	options Options
	address address
	api     *rest.Client
	servers *servers

	lock chan struct{} // held while the fields below are used, and while they are renewed

	now          registration
	installation string // token of the App's installation
	until        time.Time
}

func newChain(o Options, a address, api *rest.Client, s *servers) *chain {
	return &chain{options: o, address: a, api: api, servers: s, lock: make(chan struct{}, 1)}
}

// current gives the registration in force, or makes one. Callers who need one at
// the same time wait for the first of them.
func (c *chain) current(ctx context.Context) (registration, error) {
	select {
	case c.lock <- struct{}{}:
	case <-ctx.Done():
		return registration{}, fmt.Errorf("register with GitHub: %w", ctx.Err())
	}
	defer func() { <-c.lock }()
	if c.now.server != nil && time.Now().Before(c.now.until) {
		return c.now, nil
	}
	reg, err := c.renew(ctx)
	if err != nil {
		return registration{}, certain(err)
	}
	c.now = reg
	return reg, nil
}

// drop forgets the registration of that token, unless it is renewed already, and
// what it was made with.
func (c *chain) drop(ctx context.Context, token string) {
	select {
	case c.lock <- struct{}{}:
	case <-ctx.Done(): // who gave up needs no other
		return
	}
	defer func() { <-c.lock }()
	if c.now.token == token {
		c.now, c.installation = registration{}, ""
	}
}

// certain takes the doubt from a failure of the chain: nothing that matters
// comes of half of it, and the call that it was for was not sent.
func certain(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Uncertain = false
	}
	return fmt.Errorf("register with GitHub: %w", err)
}

// renew goes through the chain, anew if it isn't let in at its end, or with a
// token of an installation that was kept.
func (c *chain) renew(ctx context.Context) (registration, error) {
	for try := 1; ; try++ {
		kept := c.installation != ""
		reg, last, err := c.through(ctx)
		if err == nil || !notLetIn(err) || try == registerTries || !last && !kept {
			return reg, err
		}
		c.installation = ""
		if err := pause(ctx, c.options.RetryWait<<(try-1)); err != nil {
			return registration{}, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// through goes through the chain once; last tells that it came to its last step.
func (c *chain) through(ctx context.Context) (reg registration, last bool, err error) {
	token, err := c.login(ctx)
	if err != nil {
		return registration{}, false, err
	}
	path := c.address.scope + "/actions/runners/registration-token"
	granted, err := c.grant(ctx, path, authorized(token))
	if err != nil {
		return registration{}, false, err
	}
	reg, err = c.register(ctx, granted.Token)
	return reg, true, err
}

// login gives the personal access token, or the token of the App's installation,
// which is kept as long as it lives.
func (c *chain) login(ctx context.Context) (string, error) {
	if c.options.Token != nil {
		token, err := c.options.Token()
		if err == nil && token == "" {
			err = errors.New("it is empty")
		}
		if err != nil {
			return "", fmt.Errorf("read the personal access token: %w: %w", ErrUnauthorized, err)
		}
		return token, nil
	}
	if c.installation != "" && time.Now().Before(c.until) {
		return c.installation, nil
	}
	c.installation = ""
	jwt, err := c.options.App.sign(time.Now())
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	path := fmt.Sprintf("/app/installations/%d/access_tokens", c.options.App.Installation)
	granted, err := c.grant(ctx, path, authorized(jwt))
	if err != nil {
		return "", err
	}
	c.installation, c.until = granted.Token, granted.ExpiresAt.Add(-renewEarly)
	return granted.Token, nil
}

// granted is GitHub's answer to a request for a token.
type granted struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

// grant asks the REST API for a token.
func (c *chain) grant(ctx context.Context, path string, auth rest.Auth) (g granted, err error) {
	_, err = c.api.Do(ctx, rest.Call{
		Method: http.MethodPost, Route: path, Path: path, Auth: auth, Explain: explainAPI, Hide: hideSecrets,
		Into: into(&g, func(g *granted) error {
			if g.Token == "" || g.ExpiresAt.IsZero() {
				return errors.New("token or expires_at is missing")
			}
			return nil
		}),
	})
	return g, err
}

// explainAPI tells GitHub's 403 of too many requests from one of too few rights,
// and takes a 404 for the latter: it hides owners from who may not see them.
func explainAPI(status int, head []byte) error {
	switch {
	case status == http.StatusForbidden && strings.Contains(strings.ToLower(string(head)), "rate limit"):
		return rest.ErrThrottled
	case status == http.StatusNotFound:
		return rest.ErrUnauthorized
	}
	return nil
}

// remoteAuth is how a registration token is shown.
type remoteAuth string

// Authorize sets the Authorization header.
func (a remoteAuth) Authorize(r *http.Request) ([]string, error) {
	r.Header.Set("Authorization", "RemoteAuth "+string(a))
	return []string{string(a)}, nil
}

// register takes the last step: where the service is, and its admin token. When
// that ends stands only in the token.
func (c *chain) register(ctx context.Context, token string) (reg registration, err error) {
	type answer struct {
		URL   string `json:"url"`
		Token string `json:"token"`
	}
	body := struct {
		URL   string `json:"url"`
		Event string `json:"runner_event"`
	}{c.address.config, "register"}
	const path = "/actions/runner-registration"
	var got answer
	_, err = c.api.Do(ctx, rest.Call{
		Method: http.MethodPost, Route: path, Path: path, Body: body, Auth: remoteAuth(token),
		Explain: explainAPI, Hide: hideSecrets,
		Into: into(&got, func(a *answer) error {
			reg, err = c.registration(a.URL, a.Token)
			return err
		}),
	})
	return reg, err
}

func (c *chain) registration(address, token string) (registration, error) {
	u, err := c.address.foreign(address)
	if err != nil {
		return registration{}, err
	}
	ends, ok := expiry(token)
	if !ok {
		return registration{}, errors.New("the token has no exp claim")
	}
	at, err := c.servers.at(server{base: u.String()})
	if err != nil {
		return registration{}, err
	}
	return registration{server: at, token: token, until: ends.Add(-renewEarly)}, nil
}
