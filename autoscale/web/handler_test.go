package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// start serves on a free port until the test ends and returns the base URL.
func start(t *testing.T, problems *[]Problem, webConfig string) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "autoscaled_test", Help: "A test."})
	registry.MustRegister(gauge)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	h := Handler(Options{Metrics: registry, Problems: func() []Problem { return *problems }, Version: "v1.2.3"})
	go func() { ended <- Serve(ctx, l, h, webConfig) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return "http://" + l.Addr().String()
}

func get(t *testing.T, url, accept string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	request.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body), answer.Header
}

func TestHealth(t *testing.T) {
	problems := []Problem{}
	url := start(t, &problems, "")
	code, body, _ := get(t, url+"/readyz", "")
	require.Equal(t, 200, code)
	require.Equal(t, "ready\n", body)
	_, body, header := get(t, url+"/readyz", "application/json")
	require.Equal(t, "application/json", header.Get("Content-Type"))
	require.JSONEq(t, `{"ready":true,"problems":[]}`, body)

	problems = []Problem{{"queue", "read /q.yaml: empty"}, {"cloud", "unauthorised"}}
	code, body, _ = get(t, url+"/readyz", "*/*")
	require.Equal(t, 503, code)
	require.Equal(t, "queue: read /q.yaml: empty\ncloud: unauthorised\n", body)
	code, body, _ = get(t, url+"/readyz", "text/plain;q=0.5, application/json")
	require.Equal(t, 503, code)
	require.JSONEq(t, `{"ready":false,"problems":[{"part":"queue","problem":"read /q.yaml: empty"},{"part":"cloud","problem":"unauthorised"}]}`, body)

	code, body, _ = get(t, url+"/livez", "")
	require.Equal(t, 200, code, "alive though not ready")
	require.Equal(t, "alive\n", body)
}

func TestPages(t *testing.T) {
	url := start(t, &[]Problem{}, "")
	_, body, _ := get(t, url+"/", "")
	require.Equal(t, "autoscaled v1.2.3\n/metrics\n/livez\n/readyz\n", body)
	_, body, _ = get(t, url+"/", "text/html")
	require.Contains(t, body, `<a href="readyz">`)
	_, body, _ = get(t, url+"/metrics", "")
	require.Contains(t, body, "autoscaled_test 0\n")
	code, _, _ := get(t, url+"/other", "")
	require.Equal(t, 404, code)
	answer, err := http.Post(url+"/readyz", "", nil)
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, 405, answer.StatusCode)
}

func TestPrefersJSON(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": true, "text/html,application/xhtml+xml,*/*;q=0.8": false,
		"application/json;q=0.1, text/plain": false, "application/json, text/plain;q=0.9": true, "image/png": false,
	} {
		require.Equal(t, want, prefersJSON(accept), accept)
	}
}

func TestWebConfigFileAsksForAPassword(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.yaml")
	// some bcrypt hash
	require.NoError(t, os.WriteFile(path, []byte("basic_auth_users:\n  prom: $2a$04$6Z.nVGZBR4ETbtFX7pXMeO07vHTJZCZ9y8AfRK7Z1tmKKh2SRyrJO\n"), 0o600))
	require.NoError(t, CheckWebConfig(path))
	url := start(t, &[]Problem{}, path)
	code, _, _ := get(t, url+"/readyz", "")
	require.Equal(t, 401, code)

	require.NoError(t, CheckWebConfig(""))
	require.NoError(t, os.WriteFile(path, []byte("basic_auth: {}\n"), 0o600))
	require.Error(t, CheckWebConfig(path))
}

func TestServeTellsWhyItEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	err = Serve(t.Context(), l, http.NotFoundHandler(), filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorContains(t, err, "serve on "+l.Addr().String()+": ")
	require.ErrorContains(t, err, "none.yaml")

	l, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.ErrorContains(t, Serve(t.Context(), l, http.NotFoundHandler(), ""), "serve on ")
}
