package ankatest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ask makes a call with an Authorization header and returns status and body.
func (f fixture) ask(client *http.Client, method, path, authorization, body string) (int, []byte) {
	f.Helper()
	r, err := http.NewRequest(method, f.url+path, bytes.NewBufferString(body))
	require.NoError(f, err)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	response, err := client.Do(r)
	require.NoError(f, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(f, err)
	return response.StatusCode, text
}

func basic(user, token string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+token))
}

func TestRootToken(t *testing.T) {
	cfg := small()
	cfg.Auth.RootToken = "1111111111"
	for _, style := range []string{ErrorsStatus, ErrorsOK} {
		cfg.Errors = style
		f := start(t, cfg)
		for _, wrong := range []string{"", basic("root", "2"), basic("admin", "1111111111"), basic("root", ""), "Bearer x", "Bearer e30="} {
			status, text := f.ask(http.DefaultClient, "GET", "/api/v1/vm", wrong, "")
			require.Equal(t, 401, status, "in both styles of errors")
			require.JSONEq(t, `{"status":"FAIL","message":"Authentication Required"}`, string(text))
		}
		status, _ := f.ask(http.DefaultClient, "GET", "/api/v1/vm", basic("root", "1111111111"), "")
		require.Equal(t, 200, status)
		status, _ = f.ask(http.DefaultClient, "GET", "/livez", "", "")
		require.Equal(t, 200, status, "health needs no credentials")
	}
}

func newKey(t *testing.T) (*rsa.PrivateKey, string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	return key, base64.StdEncoding.EncodeToString(der)
}

func TestPublicKeyForms(t *testing.T) {
	key, plain := newKey(t)
	der, err := base64.StdEncoding.DecodeString(plain)
	require.NoError(t, err)
	for _, form := range []string{
		plain,
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey)})),
	} {
		read, err := parsePublicKey(form)
		require.NoError(t, err)
		require.True(t, key.PublicKey.Equal(read))
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err = x509.MarshalPKIXPublicKey(&other.PublicKey)
	require.NoError(t, err)
	for _, wrong := range []string{"", "%", "AAAA", base64.StdEncoding.EncodeToString(der)} {
		_, err := parsePublicKey(wrong)
		require.Error(t, err)
	}
}

// session goes through the handshake as clients do and returns the header it earns.
func (f fixture) session(key *rsa.PrivateKey, id string) string {
	f.Helper()
	status, sealed := f.ask(http.DefaultClient, "POST", "/tap/v1/hand", "", `{"id": "`+id+`"}`)
	require.Equal(f, 200, status)
	raw, err := base64.StdEncoding.DecodeString(string(sealed))
	require.NoError(f, err, "the answer is base64 and nothing else")
	secret, err := rsa.DecryptOAEP(sha256.New(), nil, key, raw, nil)
	require.NoError(f, err)
	status, text := f.ask(http.DefaultClient, "POST", "/tap/v1/shake", "", `{"id": "`+id+`", "secret": "`+string(secret)+`"}`)
	require.Equal(f, 200, status)
	var shaken struct {
		ID   string
		Data any
	}
	require.NoError(f, json.Unmarshal(text, &shaken))
	require.Equal(f, id, shaken.ID)
	data, err := json.Marshal(shaken.Data)
	require.NoError(f, err)
	return "Bearer " + base64.StdEncoding.EncodeToString(data)
}

func TestKeySession(t *testing.T) {
	key, public := newKey(t)
	cfg := small()
	cfg.Auth.Keys = []KeyConfig{{ID: "nathan", PublicKey: public}, {ID: "other", PublicKey: public}}
	f := start(t, cfg)
	status, _ := f.ask(http.DefaultClient, "GET", "/api/v1/status", "", "")
	require.Equal(t, 401, status)
	bearer := f.session(key, "nathan")
	status, _ = f.ask(http.DefaultClient, "GET", "/api/v1/status", bearer, "")
	require.Equal(t, 200, status)
	again := f.session(key, "nathan")
	require.NotEqual(t, bearer, again)

	data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(again, "Bearer "))
	require.NoError(t, err)
	forged := base64.StdEncoding.EncodeToString(bytes.ReplaceAll(data, []byte("nathan"), []byte("other")))
	status, _ = f.ask(http.DefaultClient, "GET", "/api/v1/status", "Bearer "+forged, "")
	require.Equal(t, 401, status, "a session is its key's")

	f.after(sessionLife)
	for _, expired := range []string{bearer, again, "Bearer %", "Bearer AAAA"} {
		status, text := f.ask(http.DefaultClient, "GET", "/api/v1/status", expired, "")
		require.Equal(t, 401, status)
		require.Contains(t, string(text), "Authentication Required")
	}
	status, _ = f.ask(http.DefaultClient, "GET", "/api/v1/status", f.session(key, "other"), "")
	require.Equal(t, 200, status)

	for _, wrong := range [][2]string{{"/tap/v1/hand", `{"id":"none"}`}, {"/tap/v1/shake", `{"id":"nathan","secret":"guess"}`}, {"/tap/v1/shake", `{"id":"none","secret":""}`}} {
		status, _ = f.ask(http.DefaultClient, "POST", wrong[0], "", wrong[1])
		require.Equal(t, 401, status)
	}
	for _, path := range []string{"/tap/v1/hand", "/tap/v1/shake"} {
		status, _ = f.ask(http.DefaultClient, "POST", path, "", "id=1")
		require.Equal(t, 400, status)
	}
}

// A secret serves once, and not for ever.
func TestHandshakeSecrets(t *testing.T) {
	key, public := newKey(t)
	cfg := small()
	cfg.Auth.Keys = []KeyConfig{{ID: "k", PublicKey: public}}
	f := start(t, cfg)
	shake := func(wait time.Duration, times int) (status int) {
		_, sealed := f.ask(http.DefaultClient, "POST", "/tap/v1/hand", "", `{"id":"k"}`)
		raw, err := base64.StdEncoding.DecodeString(string(sealed))
		require.NoError(t, err)
		secret, err := rsa.DecryptOAEP(sha256.New(), nil, key, raw, nil)
		require.NoError(t, err)
		f.after(wait)
		for range times {
			status, _ = f.ask(http.DefaultClient, "POST", "/tap/v1/shake", "", `{"id":"k","secret":"`+string(secret)+`"}`)
		}
		return status
	}
	require.Equal(t, 200, shake(0, 1))
	require.Equal(t, 401, shake(0, 2))
	require.Equal(t, 401, shake(sessionLife, 1))
}

// authority signs certificates for a test, in files.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue writes NAME.pem and NAME.key.
func (a *authority) issue(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	template.DNSNames = []string{"localhost"}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	require.NoError(a.t, os.WriteFile(a.file(name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(a.t, os.WriteFile(a.file(name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return cert, key
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func TestClientCertificate(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	a.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	cfg := small()
	cfg.Auth.ClientCertificate = true
	cfg.TLS = TLSConfig{Certificate: a.file("server.pem"), Key: a.file("server.key"), ClientCA: a.file("ca.pem")}
	f := start(t, cfg)
	require.Regexp(t, "^https://", f.url)
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	settings := &tls.Config{RootCAs: roots, ServerName: "localhost"}
	bare := &http.Client{Transport: &http.Transport{TLSClientConfig: settings}}
	status, _ := f.ask(bare, "GET", "/api/v1/status", "", "")
	require.Equal(t, 401, status)
	pair, err := tls.LoadX509KeyPair(a.file("client.pem"), a.file("client.key"))
	require.NoError(t, err)
	settings = settings.Clone()
	settings.Certificates = []tls.Certificate{pair}
	known := &http.Client{Transport: &http.Transport{TLSClientConfig: settings}}
	status, _ = f.ask(known, "GET", "/api/v1/status", "", "")
	require.Equal(t, 200, status)
}

func TestTLSFilesMustBeThere(t *testing.T) {
	a := newAuthority(t)
	for _, c := range []TLSConfig{
		{Certificate: a.file("none"), Key: a.file("ca.key")},
		{Certificate: a.file("ca.pem"), Key: a.file("ca.key"), ClientCA: a.file("none")},
		{Certificate: a.file("ca.pem"), Key: a.file("ca.key"), ClientCA: a.file("ca.key")},
	} {
		cfg := small()
		cfg.TLS = c
		server, err := New(cfg, NewManualClock(testStart), 1)
		require.NoError(t, err)
		_, err = server.Start("127.0.0.1:0")
		require.ErrorContains(t, err, "tls of the simulator")
	}
}
