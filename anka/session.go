package anka

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	jsonv1 "encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/singleflight"

	"autoscaled/internal/rest"
)

// Life of a session. That it is renewed a minute early is our own choice.
const (
	sessionLife   = 5 * time.Minute
	sessionMargin = time.Minute
)

const (
	pathHand  = "/tap/v1/hand"
	pathShake = "/tap/v1/shake"
)

// APIKey is a user API key. It opens sessions, which are renewed before they
// expire and when the controller doesn't take one any more.
type APIKey struct {
	ID string
	// Key gives the private RSA key as PEM (PKCS #1 or #8). It is asked for anew
	// with every session, so that a file may change.
	Key func() ([]byte, error)
}

// session keeps the token of the present session. Callers who need a new one at
// the same time share it.
type session struct {
	key    APIKey
	open   *rest.Client // without credentials
	flight singleflight.Group

	mu  sync.Mutex
	now token
}

// token is one session: what goes into the header, what must not be shown of it,
// and until when it is used.
type token struct {
	header  string
	secrets []string
	until   time.Time
}

func newSession(key APIKey, open *rest.Client) (*session, error) {
	if key.ID == "" || key.Key == nil {
		return nil, fmt.Errorf("%w: an API key needs an id and a key", ErrConfig)
	}
	return &session{key: key, open: open}, nil
}

// use remembers which token a call was made with.
type use struct {
	mu     sync.Mutex
	header string
}

func (u *use) set(header string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.header = header
}

func (u *use) get() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.header
}

type useKey struct{}

func withUse(ctx context.Context) (context.Context, *use) {
	u := &use{}
	return context.WithValue(ctx, useKey{}, u), u
}

// Authorize sets the Authorization header, opening a session if there is none.
func (s *session) Authorize(r *http.Request) ([]string, error) {
	t, err := s.token(r.Context())
	if err != nil {
		return nil, err
	}
	if u, ok := r.Context().Value(useKey{}).(*use); ok {
		u.set(t.header)
	}
	r.Header.Set("Authorization", "Bearer "+t.header)
	return t.secrets, nil
}

// token gives the present session's, or a new one's. A caller who gives up
// doesn't end what others wait for.
func (s *session) token(ctx context.Context) (token, error) {
	if t, ok := s.present(); ok {
		return t, nil
	}
	renewal := s.flight.DoChan("", func() (any, error) { return s.renew() })
	select {
	case <-ctx.Done():
		return token{}, ctx.Err()
	case result := <-renewal:
		if result.Err != nil {
			return token{}, result.Err
		}
		return result.Val.(token), nil
	}
}

func (s *session) present() (token, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.now.header != "" && time.Now().Before(s.now.until)
}

// drop forgets the session of that header, unless it is renewed already.
func (s *session) drop(header string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.header == header {
		s.now = token{}
	}
}

// renew opens a session. Each of its two calls has the client's timeout.
func (s *session) renew() (token, error) {
	if t, ok := s.present(); ok { // another has just done it
		return t, nil
	}
	private, err := s.privateKey()
	if err != nil {
		return token{}, err
	}
	secret, err := s.hand(private)
	if err != nil {
		return token{}, certain(err)
	}
	asked := time.Now()
	data, err := s.shake(secret)
	if err != nil {
		return token{}, certain(err)
	}
	t := token{header: base64.StdEncoding.EncodeToString(data), until: asked.Add(sessionLife - sessionMargin)}
	t.secrets = append(leaves(data), t.header, string(data))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = t
	return t, nil
}

// certain takes the doubt from a handshake's failure: nothing that matters comes
// of half a session, and what it was opened for was not sent.
func certain(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Uncertain = false
	}
	return fmt.Errorf("open a session: %w", err)
}

func (s *session) privateKey() (*rsa.PrivateKey, error) {
	text, err := s.key.Key()
	if err != nil {
		return nil, fmt.Errorf("read the API key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("read the API key: no PEM in it")
	}
	if private, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return private, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("read the API key: neither PKCS #1 nor PKCS #8")
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("read the API key: a %T where an RSA key should be", parsed)
	}
	return private, nil
}

// hand asks for a secret that only the key's owner can read.
func (s *session) hand(private *rsa.PrivateKey) (secret string, err error) {
	body := struct {
		ID string `json:"id"`
	}{s.key.ID}
	err = s.call(pathHand, body, func(answer []byte) error {
		sealed, err := decodeBase64(strings.Trim(strings.TrimSpace(string(answer)), `"`))
		if err != nil {
			return errors.New("no base64 where the sealed secret should be")
		}
		plain, err := rsa.DecryptOAEP(sha256.New(), nil, private, sealed, nil)
		if err != nil {
			return &rest.Refusal{Kind: ErrUnauthorized, Words: "the controller's secret is not sealed for this key"}
		}
		secret = string(plain)
		return nil
	})
	return secret, err
}

// shake gives the secret back and gets the session.
func (s *session) shake(secret string) (data []byte, err error) {
	body := struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}{s.key.ID, secret}
	err = s.call(pathShake, body, func(answer []byte) error {
		var shaken struct {
			Data jsontext.Value `json:"data"`
		}
		if err := decode(answer, &shaken); err != nil {
			return err
		}
		if k := shaken.Data.Kind(); k == 0 || k == 'n' {
			return errors.New("data is missing")
		}
		var compact bytes.Buffer
		if err := jsonv1.Compact(&compact, shaken.Data); err != nil {
			return err
		}
		data = compact.Bytes()
		return nil
	})
	return data, err
}

// sealed finds what may be a secret in an answer to a handshake.
var sealed = regexp.MustCompile(`[A-Za-z0-9+/=_-]{16,}`)

// call makes one call of the handshake. Its answers have no envelope, unless
// they are a FAIL, which is about the credentials whatever it says.
func (s *session) call(path string, body any, into func(answer []byte) error) error {
	encoded, err := encode(body)
	if err != nil {
		return err
	}
	_, err = s.open.Do(context.Background(), rest.Call{
		Method: http.MethodPost, Route: path, Path: path, Body: encoded,
		Hide: func(text string) string { return sealed.ReplaceAllString(hideFields(text), redacted) },
		Into: func(r io.Reader) error {
			answer, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			if e, err := decodeEnvelope(answer); err == nil && e.Status == "FAIL" {
				return &rest.Refusal{Kind: ErrUnauthorized, Words: e.words()}
			}
			return into(answer)
		},
		Explain: func(status int, head []byte) error {
			_, err := decodeEnvelope(head)
			switch {
			case status == http.StatusNotFound && err != nil:
				return ErrNoEndpoint
			case status < 500 && status != http.StatusTooManyRequests:
				return ErrUnauthorized
			}
			return nil
		},
	})
	return err
}

// decodeBase64 takes both alphabets, padded or not.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(text)
}

// leaves lists the texts of an object, which must not be shown.
func leaves(object []byte) []string {
	var members map[string]any
	if json.Unmarshal(object, &members) != nil {
		return nil
	}
	var found []string
	for _, member := range members {
		if s, ok := member.(string); ok && len(s) >= gram {
			found = append(found, s)
		}
	}
	return found
}
