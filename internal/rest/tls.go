package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// TLS says how a server proves itself and how we do. The zero value verifies
// the server against the system's roots. TLS 1.2 is the oldest version spoken.
type TLS struct {
	// CAFile holds the PEM certificates to trust instead of the system's.
	CAFile string
	// CertFile and KeyFile are our certificate and key (PEM), read anew for
	// every connection so that a renewed certificate is taken up.
	CertFile, KeyFile string
	// Fingerprint pins the server's certificate by the SHA-256 of its DER form,
	// in hex, colons and a leading "sha256:" allowed. It replaces verification
	// by name and issuer, which a self-signed certificate can't pass.
	Fingerprint string
	// ServerName is the name to verify where it isn't the address's.
	ServerName string
	// SkipVerify turns verification off. For experiments on one machine only.
	SkipVerify bool
}

// config checks the options and makes them Go's. Errors are ErrConfig.
func (t TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.SkipVerify}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("%w: CA file: %w", ErrConfig, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: CA file %s holds no PEM certificate", ErrConfig, t.CAFile)
		}
	}
	if t.CertFile != "" || t.KeyFile != "" {
		if _, err := t.clientCertificate(nil); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		c.GetClientCertificate = t.clientCertificate
	}
	if t.Fingerprint != "" {
		pin, err := parseFingerprint(t.Fingerprint)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		c.InsecureSkipVerify = true // verifyPin takes over
		c.VerifyConnection = verifyPin(pin)
	}
	return c, nil
}

func (t TLS) clientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("client certificate %s with key %s: %w", t.CertFile, t.KeyFile, err)
	}
	return &pair, nil
}

// pinError: the server showed another certificate than the pinned one.
type pinError struct{ seen string }

func (e pinError) Error() string {
	return "the server's certificate has the SHA-256 fingerprint " + e.seen + ", not the pinned one"
}

func verifyPin(pin []byte) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return pinError{"(none)"}
		}
		sum := sha256.Sum256(s.PeerCertificates[0].Raw)
		if !bytes.Equal(sum[:], pin) {
			return pinError{hex.EncodeToString(sum[:])}
		}
		return nil
	}
}

func parseFingerprint(text string) ([]byte, error) {
	plain := strings.ToLower(strings.TrimSpace(text))
	plain = strings.ReplaceAll(strings.TrimPrefix(plain, "sha256:"), ":", "")
	pin, err := hex.DecodeString(plain)
	if err != nil || len(pin) != sha256.Size {
		return nil, fmt.Errorf("fingerprint %q is not the hex form of a SHA-256 sum (64 digits)", text)
	}
	return pin, nil
}

// Fingerprint asks a server for its certificate, trusting nobody, and returns
// its SHA-256 in the form that TLS.Fingerprint takes. The address is a URL or
// host:port; port 443 where there is none. Nothing but the handshake is sent.
func Fingerprint(ctx context.Context, addr string) (string, error) {
	hostport, err := dialAddress(addr)
	if err != nil {
		return "", err
	}
	d := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}}
	conn, err := d.DialContext(ctx, "tcp", hostport)
	if err != nil {
		return "", fmt.Errorf("read the certificate of %s: %w", hostport, err)
	}
	defer conn.Close()
	certs := conn.(*tls.Conn).ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return "", fmt.Errorf("read the certificate of %s: it shows none", hostport)
	}
	sum := sha256.Sum256(certs[0].Raw)
	return hex.EncodeToString(sum[:]), nil
}

func dialAddress(addr string) (string, error) {
	if strings.Contains(addr, "://") {
		u, err := url.Parse(addr)
		if err != nil || u.Hostname() == "" {
			return "", fmt.Errorf("%w: no host in the address", ErrConfig)
		}
		if u.Scheme != "https" {
			return "", fmt.Errorf("%w: %s has no certificate, its scheme is %s", ErrConfig, u.Host, u.Scheme)
		}
		addr = u.Host
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		addr = net.JoinHostPort(strings.Trim(addr, "[]"), "443")
	}
	return addr, nil
}

// isCertificateError tells a server that isn't trusted from one that is away.
func isCertificateError(err error) bool {
	var (
		verify *tls.CertificateVerificationError
		pin    pinError
	)
	return errors.As(err, &verify) || errors.As(err, &pin)
}

// newTransport makes the sockets' side: Go's defaults, with our TLS, or by way of a unix
// socket.
func newTransport(t TLS, socket string) (*http.Transport, error) {
	config, err := t.config()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   10 * time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	if socket != "" {
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
	}
	return transport, nil
}
