package github

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// App is a GitHub App installed where the runners belong.
type App struct {
	// ID is the App's client id or its numeric id.
	ID string
	// Installation is the numeric id of the installation.
	Installation int64
	// Key gives the App's private RSA key as PEM (PKCS #1 or #8). It is asked for
	// anew with every token, so that a file may change.
	Key func() ([]byte, error)
}

// Times of an App's JWT. It may live for ten minutes at most; a minute is left
// to clocks that differ, on either side.
const (
	appBackdate = time.Minute
	appLife     = 9 * time.Minute
)

// sign makes the App's JWT as of now.
func (a App) sign(now time.Time) (string, error) {
	text, err := a.Key()
	if err != nil {
		return "", fmt.Errorf("read the App's key: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return "", fmt.Errorf("read the App's key: %w", err)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": a.ID, "iat": now.Add(-appBackdate).Unix(), "exp": now.Add(appLife).Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("sign as the App: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(claims)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign as the App: %w", err)
	}
	return signed + "." + encode(signature), nil
}

// parseKey reads a private key. Its errors never repeat what was read.
func parseKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM in it")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("neither PKCS #1 nor PKCS #8")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a %T where an RSA key should be", parsed)
	}
	return key, nil
}

// expiry reads when a JWT ends, without checking its signature: it isn't ours to
// check. ok is false for what has no such claim.
func expiry(token string) (at time.Time, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Exp *float64 `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Exp == nil || !(*claims.Exp > 0 && *claims.Exp < math.MaxInt32*100) {
		return time.Time{}, false
	}
	return time.Unix(int64(*claims.Exp), 0), true
}
