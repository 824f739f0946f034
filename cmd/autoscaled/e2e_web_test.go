package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The web configuration file guards every page, and what the HTTP server has to
// say about callers is a log line like any other.
func TestRunServesWithTLSAndBasicAuth(t *testing.T) {
	s := newSite(t, nil)
	s.certificate("cert.pem", "key.pem")
	const hash = "$2a$04$HVv5n3MXmDWORTyaL7gJluoZ5AHXZfAwXSD9lqQ.UtRcgg/mzwoJ." // bcrypt of webpass
	s.write("web.yaml", "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\nbasic_auth_users: {prometheus: '"+hash+"'}\n")
	s.configure("top", "web_config_file: web.yaml")
	p := s.start()
	address := strings.TrimPrefix(p.url, "http://")

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	for _, path := range []string{"/metrics", "/livez", "/readyz"} {
		for password, want := range map[string]int{"": 401, "wrong": 401, "webpass": 200} {
			request, err := http.NewRequest("GET", "https://"+address+path, nil)
			require.NoError(t, err)
			if password != "" {
				request.SetBasicAuth("prometheus", password)
			}
			eventually(t, path, func() bool { // /readyz is 503 before the first tick
				answer, err := client.Do(request)
				require.NoError(t, err)
				require.NoError(t, answer.Body.Close())
				return answer.StatusCode == want
			})
		}
	}

	_, _ = p.get("/metrics")
	line := p.logged("http: TLS handshake error")
	require.Equal(t, "warn", line["level"], "in the log's own format")
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.NotContains(t, p.log(), "webpass")
}

// certificate writes a self-signed certificate and its key.
func (s *site) certificate(cert, key string) {
	served := httptest.NewTLSServer(http.NotFoundHandler())
	defer served.Close()
	pair := served.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(s.t, err)
	s.write(cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})))
	s.write(key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}
