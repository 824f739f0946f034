package ankatest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const authenticationRequired = "Authentication Required"

// sessionLife is how long a session of an API key lasts.
const sessionLife = 5 * time.Minute

// handshake is a secret that a key's owner has yet to show.
type handshake struct {
	secret string
	until  time.Time
}

// session lets the owner of a key in for a while.
type session struct {
	keyID string
	until time.Time
}

// sessionData is what a client sends back, in base64, as its bearer token.
type sessionData struct {
	ID      string    `json:"id"`
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

// admits tells whether a caller satisfies one of the ways to authenticate that are set.
func (w *world) admits(r *http.Request) bool {
	a := w.cfg.Auth
	if a.RootToken == "" && len(a.Keys) == 0 && !a.ClientCertificate {
		return true
	}
	if a.ClientCertificate && r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return true
	}
	if user, token, ok := r.BasicAuth(); ok {
		same := subtle.ConstantTimeCompare([]byte(token), []byte(a.RootToken)) == 1
		return a.RootToken != "" && user == "root" && same
	}
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && w.hasSession(bearer)
}

func (w *world) hasSession(bearer string) bool {
	text, err := base64.StdEncoding.DecodeString(bearer)
	if err != nil {
		return false
	}
	var data sessionData
	if json.Unmarshal(text, &data) != nil {
		return false
	}
	s, ok := w.sessions[data.Token]
	return ok && s.keyID == data.ID && w.now.Before(s.until)
}

// hand begins a session: the answer is the base64 of a secret that only the key's owner can read.
// Unlike the rest of the API it has no envelope.
func hand(w *world, c call) *answer {
	var r idRequest
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	key := w.publicKey(r.ID)
	if key == nil {
		return refuse(http.StatusUnauthorized, authenticationRequired)
	}
	w.made++
	secret := identifier(w.seed, "secret", w.made)
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, key, []byte(secret), nil)
	if err != nil {
		return refuse(http.StatusInternalServerError, "%v", err)
	}
	w.secrets[r.ID] = handshake{secret, w.now.Add(sessionLife)}
	return &answer{
		status: http.StatusOK, contentType: "text/plain; charset=utf-8",
		body: []byte(base64.StdEncoding.EncodeToString(sealed)),
	}
}

// shake ends a handshake with the data of a session. A secret serves once.
func shake(w *world, c call) *answer {
	var r struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	h, ok := w.secrets[r.ID]
	delete(w.secrets, r.ID)
	if !ok || !w.now.Before(h.until) || subtle.ConstantTimeCompare([]byte(h.secret), []byte(r.Secret)) != 1 {
		return refuse(http.StatusUnauthorized, authenticationRequired)
	}
	for token, s := range w.sessions {
		if !w.now.Before(s.until) {
			delete(w.sessions, token)
		}
	}
	w.made++
	data := sessionData{ID: r.ID, Token: identifier(w.seed, "session", w.made), Expires: w.now.Add(sessionLife).UTC()}
	w.sessions[data.Token] = session{r.ID, data.Expires}
	return &answer{status: http.StatusOK, body: mustMarshal(map[string]any{"id": r.ID, "data": data})}
}

// publicKey is the key of that id; nil if there is none.
func (w *world) publicKey(id string) *rsa.PublicKey {
	for _, k := range w.cfg.Auth.Keys {
		if k.ID == id {
			key, err := parsePublicKey(k.PublicKey)
			if err != nil {
				panic("ankatest: a key that the config's check let through: " + err.Error())
			}
			return key
		}
	}
	return nil
}

// parsePublicKey reads an RSA public key, PEM or the base64 of its PKIX DER form.
func parsePublicKey(text string) (*rsa.PublicKey, error) {
	var der []byte
	if block, _ := pem.Decode([]byte(text)); block != nil {
		if block.Type == "RSA PUBLIC KEY" {
			return x509.ParsePKCS1PublicKey(block.Bytes)
		}
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err != nil {
			return nil, errors.New("public_key is neither PEM nor base64")
		}
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("public_key: %w", err)
	}
	rsaKey, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("public_key is no RSA key")
	}
	return rsaKey, nil
}
