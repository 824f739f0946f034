package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/config"
	"autoscaled/cyclecloud/cyclecloudtest"
	"autoscaled/internal/rest"
)

func TestCheckTellsAllMistakes(t *testing.T) {
	s := newSite(t, nil)
	r := s.command("check")
	c, err := config.Load(s.path("config.yaml"))
	require.NoError(t, err)
	require.Equal(t, result{0, "ok    config   " + s.path("config.yaml") + ": cluster demo, 1 pool, policy revision " +
		c.Clusters[0].Policy().Revision + "\n" +
		"ok    state    " + s.path("state") + " is not there yet, and can be made\n", ""}, r)

	s.configure("interval", "soon", "max", "-1", "top", "dryrun: true")
	r = s.command("check")
	require.Equal(t, exitUsage, r.code)
	file := s.path("config.yaml")
	require.Equal(t, strings.Join([]string{
		file + `:3: interval: "soon" is no duration such as 90s, 5m or 1h30m`,
		file + `:5: dryrun: unknown key; did you mean "dry_run"?`,
		file + `:11: clusters[0].policy.max: -1 is negative`,
	}, "\n")+"\n", r.err)
	require.Empty(t, r.out)
}

// Where the configuration is only checked the state directory may be out of reach;
// where everything is tried it may not.
func TestCheckTriesTheStateDirectory(t *testing.T) {
	s := newSite(t, nil)
	require.NoError(t, os.Mkdir(s.path("state"), 0o750))
	require.Contains(t, s.command("check").out, "ok    state    "+s.path("state")+" can be written\n")
	left, err := os.ReadDir(s.path("state"))
	require.NoError(t, err)
	require.Empty(t, left)

	s.write("occupied", "a file")
	for _, state := range []string{"occupied", "occupied/deep/state"} {
		s.configure("state", state)
		r := s.command("check")
		require.Zero(t, r.code)
		require.Regexp(t, `(?m)^warn  state    .*occupied.*not a directory`, r.out)
		r = s.command("check", "--connect")
		require.Equal(t, exitBlind, r.code)
		require.Regexp(t, `(?m)^FAIL  state    .*occupied.*not a directory`, r.out)
		require.Contains(t, r.out, "ok    cloud")
	}
}

func TestCheckConnects(t *testing.T) {
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><html><title>Please log in</title></html>"))
	}))
	defer html.Close()
	for name, c := range map[string]struct {
		keys []string
		code int
		want []string
	}{
		"all is well": {nil, exitOK, []string{
			`ok    queue    file .*/queue.yaml: 0 pending jobs, 0 hosts in use`,
			`ok    cloud    http://127.0.0.1:\d+: cluster demo is Started; 4 buckets, 1 node`,
			`ok    pool     small: 1 bucket`,
		}},
		"password": {[]string{"password", "queue.yaml"}, exitBlind, []string{`FAIL  cloud    http://127.0.0.1:\d+ refuses user admin: .*401`}},
		"cluster":  {[]string{"cluster", "dmo"}, exitBlind, []string{`FAIL  cloud    http://127.0.0.1:\d+ has no cluster dmo: .*404`}},
		"queue":    {[]string{"queue", "file: {path: none.yaml}"}, exitBlind, []string{`FAIL  queue    .*none.yaml: no such file`, `ok    cloud `}},
		"html":     {[]string{"url", html.URL}, exitBlind, []string{`FAIL  cloud    .*malformed answer.*Please log in`}},
		"nodearray": {[]string{"pools", "[{name: x, nodearray: exceute}]"}, exitBlind, []string{
			`FAIL  pool     x: no bucket matches; the cluster has no nodearray "exceute"; did you mean "execute"\?; it has execute, ondemand`,
		}},
		"machine type": {[]string{"pools", "[{name: x, nodearray: execute, machine_types: [Standard_F4_v2]}]"}, exitBlind, []string{
			`FAIL  pool     x: no bucket matches; the cluster has no machine type "Standard_F4_v2"; did you mean "Standard_F4s_v2"\?`,
		}},
		"pools that share a nodearray": {[]string{"pools", "[{name: small, nodearray: execute, machine_types: [Standard_F4s_v2]}, {name: rest, nodearray: execute}]"}, exitOK, []string{
			`ok    pool     small: 1 bucket$`, `ok    pool     rest: 1 bucket$`,
		}},
		"a price is missing": {[]string{"max", "20\n      budget: {per_hour: 5}"}, exitBlind, []string{"FAIL  pool     small: there is a budget, and no price of Standard_F4s_v2; no such node will be made\n"}},
		"spot":               {[]string{"pools", "[{name: x, nodearray: execute, spot: true}]"}, exitBlind, []string{`FAIL  pool     x: no bucket matches; spot or regular`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, nil)
			s.configure(c.keys...)
			r := s.command("check", "--connect")
			require.Equal(t, c.code, r.code, r.out+r.err)
			for _, want := range c.want {
				require.Regexp(t, `(?m)^`+want, r.out)
			}
			if c.code == exitBlind {
				require.Equal(t, "autoscaled: 1 check failed\n", r.err)
			}
		})
	}
}

func TestCheckConnectsToAStoppedCluster(t *testing.T) {
	cloud := cyclecloudtest.DefaultConfig()
	cloud.Clusters[0].State = "Terminated"
	s := newSiteOf(t, cloud, 1, nil)
	r := s.command("check", "--connect")
	require.Equal(t, exitBlind, r.code)
	require.Regexp(t, `FAIL  cloud    .*: cluster demo is Terminated, not Started`, r.out)
}

// The line that check prints for a self-signed server is the one that helps.
func TestCheckPinsASelfSignedServer(t *testing.T) {
	s := newSite(t, nil)
	served := httptest.NewTLSServer(s.server.Handler())
	defer served.Close()
	s.configure("url", served.URL)
	r := s.command("check", "--connect")
	require.Equal(t, exitBlind, r.code)
	require.Regexp(t, `FAIL  cloud    .*certificate`, r.out)
	line := regexp.MustCompile(`(?m)^ +tls: (\{fingerprint: [0-9a-f]{64}\})$`).FindStringSubmatch(r.out)
	require.NotNil(t, line, r.out)

	s.configure("tls", line[1])
	r = s.command("check", "--connect")
	require.Zero(t, r.code, r.out)

	s.configure("tls", "{fingerprint: "+strings.Repeat("ab", 32)+"}")
	r = s.command("check", "--connect")
	require.Equal(t, exitBlind, r.code)
	fingerprint, err := rest.Fingerprint(t.Context(), served.URL)
	require.NoError(t, err)
	require.Contains(t, r.out, fingerprint)
}

// So it does for the server of the queue's document.
func TestCheckPinsASelfSignedQueue(t *testing.T) {
	documents := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"jobs": [], "running": []}`))
	}))
	defer documents.Close()
	s := newSite(t, nil)
	s.configure("queue", "http: {url: '"+documents.URL+"'}")
	r := s.command("check", "--connect")
	require.Equal(t, exitBlind, r.code)
	require.Regexp(t, `FAIL  queue    .*certificate`, r.out)
	require.Contains(t, r.out, "this line under http: trusts")
	line := regexp.MustCompile(`(?m)^ +(tls: \{fingerprint: [0-9a-f]{64}\})$`).FindStringSubmatch(r.out)
	require.NotNil(t, line, r.out)

	s.configure("queue", "http: {url: '"+documents.URL+"', "+line[1]+"}")
	r = s.command("check", "--connect")
	require.Zero(t, r.code, r.out)
}

// Each kind of queue is wired to its keys.
func TestCheckReadsEveryKindOfQueue(t *testing.T) {
	var header http.Header
	documents := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		_, _ = w.Write([]byte(`{"jobs": [{"id": "x"}], "running": []}`))
	}))
	defer documents.Close()
	s := newSite(t, nil)
	s.write("token", "hush\n")
	for queue, want := range map[string]string{
		"exec: {command: [echo, 'jobs: [{id: x}, {id: y}]']}":                        "command echo: 2 pending jobs, what runs is not told",
		"http: {url: '" + documents.URL + "/d.json?key=hush', token_file: token}":    documents.URL + "/d.json: 1 pending job, 0 hosts in use",
		"http: {url: '" + documents.URL + "/d.json', user: u, password_file: token}": documents.URL + "/d.json: 1 pending job, 0 hosts in use",
		"file: {path: queue.yaml, max_age: 1h}":                                      "queue.yaml: 0 pending jobs",
	} {
		s.configure("queue", queue)
		r := s.command("check", "--connect")
		require.Zero(t, r.code, r.out)
		require.Contains(t, r.out, want)
		require.NotContains(t, r.out, "hush")
		switch {
		case strings.Contains(queue, "token_file"):
			require.Equal(t, "Bearer hush", header.Get("Authorization"))
			require.Regexp(t, `^autoscaled/`, header.Get("User-Agent"))
		case strings.Contains(queue, "user: u"):
			require.Equal(t, "Basic dTpodXNo", header.Get("Authorization"))
		}
	}
	s.configure("queue", "exec: {command: [sleep, '1000'], timeout: 1s}")
	r := s.command("check", "--connect")
	require.Equal(t, exitBlind, r.code)
	require.Contains(t, r.out, "FAIL  queue")
}
