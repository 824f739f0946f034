package slurm

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"time"

	"autoscaled/autoscale"
	"autoscaled/internal/rest"
)

// tokenLife is how long the tokens last that we ask for. A new one is had when a
// quarter of it is left. Our own choice: long enough to outlast any outage of the
// controller's that jobs outlast, short enough for a secret.
const tokenLife = time.Hour

// tokenAuth is the token of one call.
type tokenAuth struct{ user, token string }

// Authorize sets slurmrestd's headers.
func (a tokenAuth) Authorize(r *http.Request) ([]string, error) {
	r.Header.Set("X-SLURM-USER-NAME", a.user)
	r.Header.Set("X-SLURM-USER-TOKEN", a.token)
	return []string{a.token}, nil
}

// ends is when the token does, if it says so.
func (a tokenAuth) ends() (time.Time, bool) {
	claims, ok := claimsOf(a.token)
	return time.Unix(claims.Exp, 0), ok && claims.Exp > 0
}

// claims are what a token says of itself (RFC 7519), times in seconds of Unix time.
type claims struct {
	Exp int64 `json:"exp"`
	Iat int64 `json:"iat"`
}

// claimsOf reads a token without checking it, which is for the server to do.
func claimsOf(token string) (c claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, false
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	return c, err == nil && json.Unmarshal(text, &c) == nil
}

// auth is who we are in the next call; nil: whom the socket knows.
func (r *REST) auth(ctx context.Context) (rest.Auth, error) {
	var (
		token string
		err   error
	)
	switch {
	case r.renewed != nil:
		token, err = r.renewed.token(ctx)
	case r.options.Token != nil:
		if token, err = r.options.Token(); err != nil {
			err = fmt.Errorf("read slurmrestd's token: %w: %w", autoscale.ErrUnauthorized, err)
		}
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return tokenAuth{user: r.options.User, token: strings.TrimPrefix(strings.TrimSpace(token), "SLURM_JWT=")}, nil
}

// tokens are had one after the other.
type tokens struct {
	next func(context.Context) (string, error)

	mu      sync.Mutex
	current string
	until   time.Time // then the next is due
}

// token is one that lasts a while yet.
func (t *tokens) token(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.current != "" && now.Before(t.until) {
		return t.current, nil
	}
	token, err := t.next(ctx)
	if err != nil {
		return "", err
	}
	t.current, t.until = token, now.Add(tokenLife*3/4)
	if c, ok := claimsOf(token); ok && c.Iat > 0 && c.Exp > c.Iat { // their difference needs no common clock
		t.until = now.Add(time.Duration(min(c.Exp-c.Iat, int64(tokenLife/time.Second))) * time.Second * 3 / 4)
	}
	return token, nil
}

// forget drops a token that was refused.
func (t *tokens) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current = ""
}

// token has scontrol make a token of tokenLife. Only Slurm's own user may name another's.
func (c *Commands) token(ctx context.Context, name string) (string, error) {
	arguments := []string{"token", "lifespan=" + strconv.Itoa(int(tokenLife/time.Second))}
	if own, err := user.Current(); err != nil || own.Username != name {
		arguments = append(arguments, "username="+name)
	}
	printed, err := c.pieces(ctx, "scontrol", arguments...)
	if err != nil {
		return "", changing("get a token of "+name, err)
	}
	text := string(bytes.TrimSpace(bytes.Join(printed, nil)))
	token, ok := strings.CutPrefix(text, "SLURM_JWT=")
	if !ok || token == "" {
		return "", fmt.Errorf("get a token of %s: %w: want SLURM_JWT=", name, ErrAnswer)
	}
	return token, nil
}

// ping tells whether the controller answers our commands.
func (c *Commands) ping(ctx context.Context) error {
	printed, err := c.pieces(ctx, "scontrol", "ping")
	if err == nil && !bytes.Contains(bytes.Join(printed, nil), []byte(" UP")) {
		err = ErrAnswer
	}
	return err
}
