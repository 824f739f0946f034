package slurm_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/internal/rest"
	"autoscaled/queue/slurm"
)

var _ slurm.Cluster = (*slurm.REST)(nil)

// fakeREST is a slurmrestd that gives prepared answers and notes what it was asked.
type fakeREST struct {
	mu      sync.Mutex
	asked   []string
	tokens  []string
	answers map[string]func(w http.ResponseWriter, r *http.Request) // by path
}

func (f *fakeREST) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r.URL.RequestURI())
	f.tokens = append(f.tokens, r.Header.Get("X-SLURM-USER-NAME")+":"+r.Header.Get("X-SLURM-USER-TOKEN"))
	if answer := f.answers[r.URL.Path]; answer != nil {
		answer(w, r)
		return
	}
	http.Error(w, "Unable find requested URL.", http.StatusNotFound)
}

func (f *fakeREST) set(path string, answer func(w http.ResponseWriter, r *http.Request)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[path] = answer
}

// take are the questions since the last call.
func (f *fakeREST) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.asked
	f.asked, f.tokens = nil, nil
	return asked
}

func says(status int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// offers is slurmrestd's description of itself with versions of its API.
func offers(versions ...int) func(http.ResponseWriter, *http.Request) {
	var paths []string
	for _, v := range versions {
		paths = append(paths, fmt.Sprintf(`"\/slurm\/v0.0.%d\/diag": {"get": {}}, "\/slurm\/v0.0.%d\/jobs\/": {"get": {"x": [1]}}`, v, v))
	}
	return says(200, `{"tags": [], "paths": {`+strings.Join(paths, ",")+`}}`)
}

func newREST(t *testing.T, o slurm.RESTOptions, c *slurm.Commands, versions ...int) (*slurm.REST, *fakeREST) {
	f := &fakeREST{answers: map[string]func(http.ResponseWriter, *http.Request){"/openapi/v3": offers(versions...)}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	if c == nil {
		c = newBench(t, "exit 1").Commands
	}
	o.URL = server.URL
	r, err := slurm.NewREST(o, c)
	require.NoError(t, err)
	return r, f
}

func TestRESTReadsInTheNewestVersionThatBothKnow(t *testing.T) {
	for want, c := range map[string]struct {
		offered []int
		sample  string
	}{
		"v0.0.38": {[]int{38}, "22.05-pending"}, "v0.0.42": {[]int{42, 40, 41}, "24.11"}, "v0.0.41": {[]int{41, 38, 99}, "24.11"},
	} {
		r, f := newREST(t, slurm.RESTOptions{}, nil, c.offered...)
		f.set("/slurm/"+want+"/jobs", says(200, sample(t, c.sample+"-jobs.json")))
		f.set("/slurm/"+want+"/nodes", says(200, sample(t, c.sample+"-nodes.json")))
		jobs, err := r.Jobs(t.Context())
		require.NoError(t, err)
		require.Len(t, jobs, 36)
		nodes, err := r.Nodes(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, nodes)
		asked := f.take()
		require.Len(t, asked, 3, "the versions are asked for once")
		require.Equal(t, want == "v0.0.42", strings.Contains(asked[2], "flags=ALL&flags=DETAIL&flags=MIXED&flags=FUTURE"))
	}
	r, _ := newREST(t, slurm.RESTOptions{}, nil, 99)
	_, err := r.Jobs(t.Context())
	require.ErrorIs(t, err, autoscale.ErrRejected)
	require.ErrorContains(t, err, "it offers [v0.0.99], and v0.0.38 to v0.0.42 are known")
	r, f := newREST(t, slurm.RESTOptions{}, nil, 42)
	f.set("/openapi/v3", says(200, `{"paths": {}}`))
	_, err = r.Nodes(t.Context())
	require.ErrorIs(t, err, slurm.ErrAnswer)
	require.ErrorContains(t, err, "no version of /slurm/…/jobs")
}

// TestRESTLooksAgainForVersions: where the version is gone, another Slurm came.
func TestRESTLooksAgainForVersions(t *testing.T) {
	r, f := newREST(t, slurm.RESTOptions{}, nil, 38)
	f.set("/slurm/v0.0.38/jobs", says(200, `{"jobs": []}`))
	_, err := r.Jobs(t.Context())
	require.NoError(t, err)
	f.set("/slurm/v0.0.38/jobs", nil)
	f.set("/slurm/v0.0.42/jobs", says(200, `{"jobs": []}`))
	f.set("/openapi/v3", offers(42))
	_, err = r.Jobs(t.Context())
	require.ErrorIs(t, err, autoscale.ErrNotFound)
	_, err = r.Jobs(t.Context())
	require.NoError(t, err)
}

func TestRESTPartitions(t *testing.T) {
	b := newBench(t, prints(t, "22.05-partitions.lines"))
	r, f := newREST(t, slurm.RESTOptions{}, b.Commands, 38)
	old, err := r.Partitions(t.Context())
	require.NoError(t, err)
	require.Len(t, f.take(), 1, "they are read by command")

	r, f = newREST(t, slurm.RESTOptions{}, nil, 42)
	f.set("/slurm/v0.0.42/partitions", says(200, sample(t, "24.11-partitions.json")))
	young, err := r.Partitions(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, old, young, "both generations tell the same of one configuration")

	const one = `{"partitions": [{"name": "a", "partition": {"state": ["UP"]}, "maximums": {"oversubscribe": %s, "time": null}, "nodes": null}]}`
	for sharing, want := range map[string]string{
		`{"jobs": 0, "flags": []}`: "EXCLUSIVE", `{"jobs": 1, "flags": []}`: "NO", `{"jobs": 3, "flags": []}`: "YES", `{"jobs": 2, "flags": ["force"]}`: "FORCE",
	} {
		list, err := slurm.ReadPartitions(strings.NewReader(fmt.Sprintf(one, sharing)))
		require.NoError(t, err)
		require.Equal(t, []slurm.Partition{{Name: "a", State: "UP", OverSubscribe: want}}, list)
	}
	for text, want := range map[string]string{
		`{"partitions": [{"name": "a"}]}`:                                                      `record 1 (name "a"): it has no state`,
		`{"partitions": [{"name": "a", "partition": {"state": ["UP"]}}]}`:                      "how jobs share nodes",
		`{"partitions": [{"name": "a", "maximums": {"oversubscribe": {"jobs": "x"}}}]}`:        "maximums: oversubscribe: jobs: want a whole number",
		`{"partitions": [{"name": "a", "partition": 3}]}`:                                      "partition: want an object",
		`{"partitions": [{"name": "a", "partition": {"state": 3, `:                             "EOF",
		`{"partitions": [{"partition": {"state": "UP"}, "maximums": {"oversubscribe": {}}}]}`:  "it has no name",
		`{"partitions": [{"name": "a", "nodes": {"configured": 1}, "partition": {"state": 1}}`: `configured: want a text, not "1"`,
	} {
		_, err := slurm.ReadPartitions(strings.NewReader(text))
		require.ErrorIs(t, err, slurm.ErrAnswer, text)
		require.ErrorContains(t, err, want, text)
	}
}

const oneJobNow = `{"jobs": [{"job_id": %d, "job_state": ["PENDING"]}], "last_update": {"set": true, "infinite": false, "number": %d}}`

// TestRESTAsksForChanges: "nothing changed", however it is said, is what was read last,
// and never an empty list.
// What changed is asked for by a time, which versions take in ways of their own.
func TestRESTAsksForChangesInEachVersion(t *testing.T) {
	for version, want := range map[int]string{38: "?update_time=1000", 39: "", 40: "?update_time=uts1000", 41: "?update_time=uts1000", 42: "?update_time=1000"} {
		path := fmt.Sprintf("/slurm/v0.0.%d/jobs", version)
		r, f := newREST(t, slurm.RESTOptions{}, nil, version)
		f.set(path, says(200, fmt.Sprintf(oneJobNow, 7, 1000)))
		for range 2 {
			_, err := r.Jobs(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, []string{"/openapi/v3", path, path + want}, f.take())
	}
}

func TestRESTAsksForChanges(t *testing.T) {
	const path = "/slurm/v0.0.42/jobs"
	r, f := newREST(t, slurm.RESTOptions{}, nil, 42)
	f.set(path, says(200, fmt.Sprintf(oneJobNow, 7, 1000)))
	first, err := r.Jobs(t.Context())
	require.NoError(t, err)
	require.Len(t, first, 1)
	f.take()
	for _, unchanged := range []func(http.ResponseWriter, *http.Request){
		says(304, ""), says(200, `{"jobs": [], "last_update": {"set": true, "infinite": false, "number": 0}, "errors": []}`),
	} {
		f.set(path, unchanged)
		again, err := r.Jobs(t.Context())
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Equal(t, []string{path + "?update_time=1000"}, f.take())
	}
	f.set(path, says(200, fmt.Sprintf(oneJobNow, 8, 2000)))
	changed, err := r.Jobs(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(8), changed[0].ID)
	require.Len(t, f.take(), 1)

	f.set(path, says(200, `{"jobs": [], "last_update": {"set": true, "infinite": false, "number": 3000}}`))
	none, err := r.Jobs(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)
	require.Equal(t, []string{path + "?update_time=2000", path}, f.take(), "an empty answer is asked for again without a condition")

	f.set(path, says(500, `{"errors": [{"description": "no"}]}`))
	_, err = r.Jobs(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	f.set(path, says(200, `{"jobs": [{"job_id": 1}]}`))
	_, err = r.Jobs(t.Context())
	require.ErrorIs(t, err, slurm.ErrAnswer)
	require.ErrorContains(t, err, "no job_state")
}

// TestRESTAsksByItsOwnClock: v0.0.38 tells no time.
func TestRESTAsksByItsOwnClock(t *testing.T) {
	r, f := newREST(t, slurm.RESTOptions{}, nil, 38)
	f.set("/slurm/v0.0.38/jobs", says(200, `{"jobs": [{"job_id": 1, "job_state": "PENDING"}]}`))
	before := time.Now().Add(-6 * time.Second).Unix()
	_, err := r.Jobs(t.Context())
	require.NoError(t, err)
	f.take()
	f.set("/slurm/v0.0.38/jobs", says(304, ""))
	jobs, err := r.Jobs(t.Context())
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	var since int64
	_, err = fmt.Sscanf(f.take()[0], "/slurm/v0.0.38/jobs?update_time=%d", &since)
	require.NoError(t, err)
	require.GreaterOrEqual(t, since, before)
	require.LessOrEqual(t, since, time.Now().Add(-5*time.Second).Unix())
}

// TestRESTReadsNodesWhole: slurmrestd can't be asked for nodes that changed.
func TestRESTReadsNodesWhole(t *testing.T) {
	r, f := newREST(t, slurm.RESTOptions{}, nil, 38)
	f.set("/slurm/v0.0.38/nodes", says(200, `{"nodes": [{"name": "a", "state": "idle"}]}`))
	for range 2 {
		_, err := r.Nodes(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, []string{"/openapi/v3", "/slurm/v0.0.38/nodes", "/slurm/v0.0.38/nodes"}, f.take())
}

func jwt(issued, expires int64) string {
	claims := fmt.Sprintf(`{"exp":%d,"iat":%d,"sun":"me"}`, expires, issued)
	return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestRESTTokens(t *testing.T) {
	now := time.Now().Unix()
	good, token := jwt(now, now+600), ""
	r, f := newREST(t, slurm.RESTOptions{User: "me", Token: func() (string, error) { return token, nil }}, nil, 38)
	failing := says(500, `{"errors": [{"description": "Failed while looking for jobs", "error_number": -1}], "jobs": []}`)
	f.set("/slurm/v0.0.38/jobs", failing)

	token = good
	_, err := r.Jobs(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable, "the controller may be away")
	require.NotErrorIs(t, err, autoscale.ErrUnauthorized)
	require.Equal(t, "me:"+good, f.tokens[1])

	token = jwt(now-600, now-1)
	_, err = r.Jobs(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnauthorized)
	require.ErrorContains(t, err, "the token ended at")
	require.NotContains(t, err.Error(), token)
	require.Equal(t, autoscale.ErrorAuth, autoscale.ClassOf(err))

	up := newBench(t, "echo 'Slurmctld(primary) at head is UP'")
	r, f = newREST(t, slurm.RESTOptions{User: "me", Token: rest.Static(good)}, up.Commands, 38)
	f.set("/slurm/v0.0.38/jobs", failing)
	_, err = r.Jobs(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnauthorized)
	require.ErrorContains(t, err, "likely the token")
	for _, refusal := range []func(http.ResponseWriter, *http.Request){
		says(401, "Authentication failure"), says(511, `{}`), says(500, `{"errors": [{"error_number": 1007}]}`),
	} {
		f.set("/slurm/v0.0.38/jobs", refusal)
		_, err = r.Jobs(t.Context())
		require.ErrorIs(t, err, autoscale.ErrUnauthorized)
	}
	r, _ = newREST(t, slurm.RESTOptions{User: "me", Token: func() (string, error) { return "", errors.New("read secret: /nonexistent") }}, nil, 38)
	_, err = r.Jobs(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnauthorized)
	require.ErrorContains(t, err, "/nonexistent")
}

// TestRESTRenewsTokens: a token is had from scontrol, kept, and had anew once it was
// refused.
func TestRESTRenewsTokens(t *testing.T) {
	now := time.Now().Unix()
	b := newBench(t, fmt.Sprintf(`n=$(wc -l <"$BENCH/calls"); if [ $n -lt 3 ]; then echo "SLURM_JWT=%s"; else echo "SLURM_JWT=last"; fi`, jwt(now, now+3600)))
	r, f := newREST(t, slurm.RESTOptions{User: "me", Renew: true}, b.Commands, 42)
	f.set("/slurm/v0.0.42/jobs", says(200, `{"jobs": []}`))
	for range 3 {
		_, err := r.Jobs(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, []string{"token|lifespan=3600|username=me"}, b.calls(t))

	refused := 0
	f.set("/slurm/v0.0.42/jobs", func(w http.ResponseWriter, r *http.Request) {
		if refused++; refused == 1 {
			says(511, "{}")(w, r)
			return
		}
		says(200, `{"jobs": []}`)(w, r)
	})
	_, err := r.Jobs(t.Context())
	require.NoError(t, err)
	require.Len(t, b.calls(t), 2)

	wrong := newBench(t, "echo nonsense")
	r, _ = newREST(t, slurm.RESTOptions{User: "me", Renew: true}, wrong.Commands, 42)
	_, err = r.Jobs(t.Context())
	require.ErrorContains(t, err, "want SLURM_JWT=")
	refusing := newBench(t, "echo 'scontrol: error: slurm_fetch_token: error with request: Invalid user id' >&2; exit 1")
	r, _ = newREST(t, slurm.RESTOptions{User: "me", Renew: true}, refusing.Commands, 42)
	_, err = r.Jobs(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnauthorized)
}

func TestRESTOverASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rest.socket")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	f := &fakeREST{answers: map[string]func(http.ResponseWriter, *http.Request){"/openapi/v3": offers(38), "/slurm/v0.0.38/jobs": says(200, `{"jobs": []}`)}}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: f}}
	server.Start()
	defer server.Close()
	r, err := slurm.NewREST(slurm.RESTOptions{URL: "unix://" + path}, newBench(t, "").Commands)
	require.NoError(t, err)
	jobs, err := r.Jobs(t.Context())
	require.NoError(t, err)
	require.Empty(t, jobs)
	require.Equal(t, []string{":", ":"}, f.tokens, "our own user is known without")
	require.NoError(t, r.Reconfigure(t.Context()), "the rest is done by command")
}

func TestRESTOptions(t *testing.T) {
	for _, o := range []slurm.RESTOptions{
		{URL: "ftp://host"}, {URL: "unix://relative"}, {URL: "http://host", Renew: true},
		{URL: "http://host", Token: rest.Static("x")}, {URL: "http://host", User: "u", Token: rest.Static("x"), Renew: true},
	} {
		_, err := slurm.NewREST(o, nil)
		require.ErrorIs(t, err, rest.ErrConfig)
	}
}

func FuzzReadPartitions(f *testing.F) {
	f.Add(sample(f, "24.11-partitions.json"))
	f.Fuzz(func(t *testing.T, text string) {
		list, err := slurm.ReadPartitions(strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, slurm.ErrAnswer)
			return
		}
		for _, p := range list {
			require.NotEmpty(t, p.Name)
			require.NotEmpty(t, p.State)
		}
	})
}
