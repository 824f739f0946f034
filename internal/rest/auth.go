package rest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/url"
	"strings"
)

// Secret gives a password or token when it is needed. It is asked anew for
// every attempt, so a source that reads a file follows the file.
type Secret func() (string, error)

// Static is a secret that never changes.
func Static(value string) Secret {
	return func() (string, error) { return value, nil }
}

// Auth adds credentials to a request that is about to go out.
type Auth interface {
	// Authorize sets the headers and returns what must not appear in errors.
	Authorize(r *http.Request) (secrets []string, err error)
}

// Basic is HTTP basic authentication.
type Basic struct {
	User     string
	Password Secret // nil: empty
}

// Authorize sets the Authorization header.
func (b Basic) Authorize(r *http.Request) ([]string, error) {
	password, err := b.Password.value()
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(b.User, password)
	encoded := base64.StdEncoding.EncodeToString([]byte(b.User + ":" + password))
	return []string{password, encoded}, nil
}

// Bearer is a token in the Authorization header.
type Bearer struct{ Token Secret }

// Authorize sets the Authorization header.
func (b Bearer) Authorize(r *http.Request) ([]string, error) {
	token, err := b.Token.value()
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return []string{token}, nil
}

func (s Secret) value() (string, error) {
	if s == nil {
		return "", nil
	}
	return s()
}

// authorizer is the link that adds credentials: below retries and redirects,
// so that each attempt carries the secret of its own moment.
type authorizer struct {
	auth Auth // nil: none, unless the call has its own
	next http.RoundTripper
}

func (a authorizer) RoundTrip(r *http.Request) (*http.Response, error) {
	x := attemptOf(r.Context())
	auth := a.auth
	if x != nil && x.call.Auth != nil {
		auth = x.call.Auth
	}
	if auth == nil {
		return a.next.RoundTrip(r)
	}
	out := r.Clone(r.Context()) // a RoundTripper may not change its request
	secrets, err := auth.Authorize(out)
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, credentialError{err}
	}
	if x != nil {
		x.secrets = secrets
	}
	return a.next.RoundTrip(out)
}

// credentialError marks that nothing was sent since no credentials were had.
type credentialError struct{ error }

func (e credentialError) Unwrap() error { return e.error }

// kind is ErrUnauthorized, or what became of the call that was to fetch them.
func (e credentialError) kind() error {
	if call, ok := errors.AsType[*Error](e.error); ok {
		return call.Kind
	}
	return ErrUnauthorized
}

// redact removes secrets from text that is to be shown, in every form that a
// server may give back.
func redact(text string, secrets []string) string {
	for _, s := range secrets {
		if s == "" {
			continue
		}
		for _, form := range forms(s) {
			text = strings.ReplaceAll(text, form, redacted)
		}
	}
	return text
}

// forms are a secret as it is, in an address, in JSON and in HTML.
func forms(secret string) []string {
	quoted, _ := json.Marshal(secret) // a string always has a JSON form
	var plain strings.Builder
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	_ = e.Encode(secret)
	bare := strings.TrimSuffix(plain.String(), "\n")
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret),
		string(quoted[1 : len(quoted)-1]), bare[1 : len(bare)-1],
	}
}

const redacted = "<redacted>"
