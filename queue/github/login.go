package github

import (
	"context"
	"errors"
	"fmt"
)

// Login gives tokens of GitHub's plain REST API to whoever speaks that: the personal
// access token, or one of the App's installation, which is kept as long as it lives.
// It is safe for concurrent use.
type Login struct{ chain *chain }

// NewLogin checks the options, of which those for polls mean nothing here. Errors are
// ErrConfig; none holds a secret. Nothing is sent.
func NewLogin(o Options) (*Login, error) {
	c, err := newClient(o)
	if err != nil {
		return nil, fmt.Errorf("sign in to GitHub: %w", err)
	}
	return &Login{chain: c.chain}, nil
}

// API is the base URL of the REST API.
func (l *Login) API() string { return l.chain.address.api }

// Owner is the path of the owner in the REST API: /orgs/ORG, /repos/OWNER/REPO or
// /enterprises/NAME.
func (l *Login) Owner() string { return l.chain.address.scope }

// Token returns a token that is good for a minute at least, as far as is known.
func (l *Login) Token(ctx context.Context) (string, error) {
	token := ""
	err := l.alone(ctx, func(c *chain) (err error) {
		token, err = c.login(ctx)
		return err
	})
	if e, ok := errors.AsType[*Error](err); ok {
		e.Uncertain = false // a token nobody has does nothing
	}
	if err != nil {
		return "", fmt.Errorf("sign in to GitHub: %w", err)
	}
	return token, nil
}

// Drop forgets a token that GitHub refused, so that Token makes another where it can.
func (l *Login) Drop(ctx context.Context, token string) {
	_ = l.alone(ctx, func(c *chain) error { // who gave up needs no other
		if c.installation == token {
			c.installation = ""
		}
		return nil
	})
}

// alone is called while nobody else uses the chain.
func (l *Login) alone(ctx context.Context, use func(*chain) error) error {
	select {
	case l.chain.lock <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.chain.lock }()
	return use(l.chain)
}

// HideSecrets removes what answers of GitHub carry and nobody should read, such as
// tokens and JIT configs, from a text that is to be shown.
func HideSecrets(text string) string { return hideSecrets(text) }
