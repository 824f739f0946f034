package rest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/internal/rest"
)

// secure is a server with a certificate that only its own authority vouches for.
func secure(t *testing.T, change func(*tls.Config)) *httptest.Server {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		_, _ = io.WriteString(w, name)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{}
	if change != nil {
		change(s.TLS)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// hello makes one call and returns what the server said.
func hello(t *testing.T, s *httptest.Server, o rest.TLS) (string, error) {
	c, err := rest.New(rest.Options{BaseURL: s.URL, TLS: o, Retries: -1})
	require.NoError(t, err)
	var said []byte
	_, err = c.Do(t.Context(), rest.Call{Method: "POST", Path: "/", Into: func(r io.Reader) (err error) {
		said, err = io.ReadAll(r)
		return err
	}})
	return string(said), err
}

func writePEM(t *testing.T, name, kind string, der []byte) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

func TestServerIsVerified(t *testing.T) {
	s := secure(t, nil)
	der := s.Certificate().Raw
	sum := sha256.Sum256(der)
	pin := hex.EncodeToString(sum[:])
	other := strings.Repeat("ab", sha256.Size)
	colons := strings.ToUpper(strings.Join(pairs(pin), ":"))

	for name, test := range map[string]struct {
		tls   rest.TLS
		words string // of the error; empty: none
	}{
		"unknown authority":  {rest.TLS{}, "certificate"},
		"own CA":             {rest.TLS{CAFile: writePEM(t, "ca.pem", "CERTIFICATE", der)}, ""},
		"own CA, wrong name": {rest.TLS{CAFile: writePEM(t, "ca.pem", "CERTIFICATE", der), ServerName: "elsewhere.test"}, "elsewhere.test"},
		"pinned":             {rest.TLS{Fingerprint: pin}, ""},
		"pinned, colons":     {rest.TLS{Fingerprint: "SHA256:" + colons}, ""},
		"pinned to another":  {rest.TLS{Fingerprint: other}, "has the SHA-256 fingerprint " + pin},
		"pinned, wrong, CA":  {rest.TLS{Fingerprint: other, CAFile: writePEM(t, "ca.pem", "CERTIFICATE", der)}, pin},
		"not verified":       {rest.TLS{SkipVerify: true}, ""},
	} {
		_, err := hello(t, s, test.tls)
		if test.words == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, rest.ErrCertificate, name)
		require.ErrorContains(t, err, test.words, name)
		require.NotErrorIs(t, err, rest.ErrUncertain, name)
	}

	for _, addr := range []string{s.URL, strings.TrimPrefix(s.URL, "https://"), s.URL + "/some/path"} {
		got, err := rest.Fingerprint(t.Context(), addr)
		require.NoError(t, err)
		require.Equal(t, pin, got)
	}
}

func pairs(digits string) (out []string) {
	for i := 0; i < len(digits); i += 2 {
		out = append(out, digits[i:i+2])
	}
	return out
}

func TestOldTLSIsRefused(t *testing.T) {
	s := secure(t, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	_, err := hello(t, s, rest.TLS{SkipVerify: true})
	require.ErrorIs(t, err, rest.ErrUnavailable)
	require.ErrorContains(t, err, "protocol version")
}

func TestClientCertificateIsReadAnew(t *testing.T) {
	s := secure(t, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert })
	dir := t.TempDir()
	o := rest.TLS{SkipVerify: true, CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	_, err := rest.New(rest.Options{BaseURL: s.URL, TLS: o})
	require.ErrorIs(t, err, rest.ErrConfig)
	require.ErrorContains(t, err, o.CertFile)

	issue(t, o, "first")
	c, err := rest.New(rest.Options{BaseURL: s.URL, TLS: o})
	require.NoError(t, err)
	for _, name := range []string{"first", "second"} {
		issue(t, o, name)
		var said []byte
		_, err := c.Do(t.Context(), rest.Call{Method: "GET", Path: "/", Into: func(r io.Reader) (err error) {
			said, err = io.ReadAll(r)
			return err
		}})
		require.NoError(t, err)
		require.Equal(t, name, string(said))
		s.CloseClientConnections()
	}
	_, err = hello(t, s, rest.TLS{SkipVerify: true})
	require.Error(t, err)
}

// issue writes a self-signed certificate for name.
func issue(t *testing.T, o rest.TLS, name string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(o.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(o.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

func TestBadTLSOptions(t *testing.T) {
	nonsense := writePEM(t, "x.pem", "NOTHING", []byte("x"))
	for _, o := range []rest.TLS{
		{CAFile: "/does/not/exist"}, {CAFile: nonsense}, {CertFile: nonsense}, {KeyFile: nonsense}, {CertFile: nonsense, KeyFile: nonsense},
		{Fingerprint: "abc"}, {Fingerprint: strings.Repeat("zz", 32)}, {Fingerprint: strings.Repeat("ab", 31)},
	} {
		_, err := rest.New(rest.Options{BaseURL: "https://server.test", TLS: o})
		require.ErrorIs(t, err, rest.ErrConfig, "%+v", o)
	}
	_, err := rest.New(rest.Options{BaseURL: "https://server.test", TLS: rest.TLS{SkipVerify: true}, Transport: http.DefaultTransport})
	require.ErrorIs(t, err, rest.ErrConfig)
}

func TestFingerprintFailures(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for _, addr := range []string{plain.URL, "https://", "https://%zz", "ftp://host"} {
		_, err := rest.Fingerprint(t.Context(), addr)
		require.ErrorIs(t, err, rest.ErrConfig, addr)
	}
	_, err := rest.Fingerprint(t.Context(), strings.TrimPrefix(plain.URL, "http://"))
	require.ErrorContains(t, err, "read the certificate of")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = rest.Fingerprint(ctx, "[::1]")
	require.ErrorContains(t, err, "[::1]:443")
}
