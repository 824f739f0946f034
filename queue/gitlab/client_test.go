package gitlab_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/internal/rest"
	"autoscaled/queue/gitlab"
	"autoscaled/queue/gitlab/gitlabtest"
)

// TestOverSockets: what is true in virtual time is true of HTTP, with a project's path
// in the address and lists of several pages.
func TestOverSockets(t *testing.T) {
	server := gitlabtest.New(gitlabtest.Config{Token: accessToken, Rights: gitlabtest.All(), Now: time.Now})
	listener := httptest.NewServer(server.Handler())
	defer listener.Close()
	c, err := gitlab.New(gitlab.Options{URL: listener.URL + "/", Token: rest.Static(accessToken), Now: time.Now})
	require.NoError(t, err)
	scope := gitlab.Scope{Type: gitlab.ProjectRunner, ID: server.AddProject("acme/mobile/app")}
	require.NoError(t, c.ProbeProject(t.Context(), "acme/mobile/app"))
	require.NoError(t, c.ProbeAdmin(t.Context()))
	require.ErrorIs(t, c.ProbeProject(t.Context(), "acme/other"), gitlab.ErrNotFound)
	for range 201 {
		server.Queue("acme/mobile/app", "a")
		_, _, err := c.CreateRunner(t.Context(), gitlab.NewRunner{Scope: scope, Tags: []string{"a", "b"}, Description: "vm"})
		require.NoError(t, err)
	}
	jobs, err := c.ProjectJobs(t.Context(), "acme/mobile/app")
	require.NoError(t, err)
	require.Len(t, jobs, 201)
	runners, err := c.Runners(t.Context(), scope)
	require.NoError(t, err)
	require.Len(t, runners, 201)
	again, err := c.AllJobs(t.Context())
	require.NoError(t, err)
	require.Len(t, again, 201)
	for i := range jobs {
		require.Equal(t, jobs[i].ID, again[i].ID)
		require.Equal(t, []string{"a"}, again[i].Tags)
		require.WithinDuration(t, jobs[i].Created, again[i].Created, time.Second)
		require.True(t, again[i].Pending())
	}
	id := runners[7].ID
	r, err := c.Pause(t.Context(), id, true)
	require.NoError(t, err)
	require.True(t, r.Paused)
	require.NoError(t, c.DeleteRunner(t.Context(), id))
	_, err = c.Runner(t.Context(), id)
	require.ErrorIs(t, err, gitlab.ErrNotFound)
	require.ErrorIs(t, c.DeleteRunner(t.Context(), id), gitlab.ErrNotFound)
	for _, group := range []int64{server.Group("acme")} {
		scope = gitlab.Scope{Type: gitlab.GroupRunner, ID: group}
		id, token, err := c.CreateRunner(t.Context(), gitlab.NewRunner{Scope: scope, Tags: []string{"a"}, Description: "vm"})
		require.NoError(t, err)
		require.Equal(t, server.Job(jobs[200].ID).ID, server.Take(token.Reveal()))
		theirs, err := c.RunnerJobs(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "running", theirs[0].Status)
		listed, err := c.Runners(t.Context(), scope)
		require.NoError(t, err)
		require.True(t, listed[0].Active && listed[0].Contacted)
	}
}

// TestMalformedAnswers: what isn't what the API promises is an error that shows it.
func TestMalformedAnswers(t *testing.T) {
	const page = `{"data":{"jobs":{"nodes":[%s],"pageInfo":{"hasNextPage":false}}}}`
	for _, body := range []string{"", "null", "{}", "7", `"x"`, "[7]", "[{}]", "<html>", `[{"id":1}]`, `[{"id":0,"status":"running"}]`,
		`[{"id":1,"status":"pending","created_at":"2026-01-01T00:00:00Z"}]`, `[{"id":1,"status":"pending","tag_list":[],"created_at":null}]`,
		`[{"id":1,"status":"pending","tag_list":"a","created_at":"2026-01-01T00:00:00Z"}]`, `[{"id":1,"status":"pending","tag_list":[],"created_at":"today"}]`,
		`[{"id":1,"status":"running","tag_list":[],"created_at":"2026-01-01T00:00:00Z","runner":{}}]`,
		fmt.Sprintf(page, `{"id":"7"}`), fmt.Sprintf(page, `{"id":"gid://gitlab/Ci::Build/-7"}`), fmt.Sprintf(page, `null`),
		fmt.Sprintf(page, `{"id":"gid://gitlab/Ci::Build/7","status":"PENDING","tags":null,"createdAt":"2026-01-01T00:00:00Z"}`),
		`{"data":{"jobs":{"nodes":[]}}}`, `{"data":{"jobs":{"nodes":[],"pageInfo":{}}}}`, `{"data":{"jobs":{"nodes":[],"pageInfo":{"hasNextPage":true}}}}`,
		`{"data":{"jobs":{"nodes":null,"pageInfo":{"hasNextPage":false}}}}`, `{"data":null}`,
	} {
		c := (&scripted{status: 200, body: body}).client(t)
		_, err := c.ProjectJobs(t.Context(), "1")
		require.ErrorIs(t, err, gitlab.ErrMalformed, body)
		_, err = c.AllJobs(t.Context())
		require.ErrorIs(t, err, gitlab.ErrMalformed, body)
		_, err = c.Runner(t.Context(), 1)
		require.ErrorIs(t, err, gitlab.ErrMalformed, body)
		_, _, err = c.CreateRunner(t.Context(), gitlab.NewRunner{})
		require.ErrorIs(t, err, gitlab.ErrMalformed, body)
		require.ErrorIs(t, err, gitlab.ErrUncertain, body)
		require.ErrorIs(t, c.DeleteRunner(t.Context(), 1), gitlab.ErrMalformed, body)
		require.ErrorIs(t, c.ProbeAdmin(t.Context()), gitlab.ErrMalformed, body)
		require.ErrorIs(t, c.ProbeProject(t.Context(), "1"), gitlab.ErrMalformed, body)
	}
	for _, body := range []string{`{"id":2,"paused":true}`, `{"id":1}`, `{"id":1,"paused":false}`} {
		_, err := (&scripted{status: 200, body: body}).client(t).Pause(t.Context(), 1, true)
		require.ErrorIs(t, err, gitlab.ErrMalformed, body)
	}
}

func TestGraphQLRefusals(t *testing.T) {
	for body, want := range map[string]error{
		`{"data":{"jobs":null}}`: gitlab.ErrUnauthorized,
		`{"errors":[{"message":"The resource that you are attempting to access does not exist or you don't have permission"}],"data":null}`: gitlab.ErrUnauthorized,
		`{"errors":[{"message":"insufficient_scope"}]}`:              gitlab.ErrUnauthorized,
		`{"errors":[{"message":"Timeout on Query.jobs"}]}`:           gitlab.ErrUnavailable,
		`{"errors":[{"message":"Field 'tags' doesn't exist"}]}`:      gitlab.ErrInvalidInput,
		`{"errors":[{"message":"Internal server error"}],"data":{}}`: gitlab.ErrUnavailable,
	} {
		_, err := (&scripted{status: 200, body: body}).client(t).AllJobs(t.Context())
		require.ErrorIs(t, err, want)
	}
	body := `{"data":{"jobs":{"nodes":[{"id":"gid://gitlab/Ci::Bridge/7","status":"PENDING"}],"pageInfo":{"hasNextPage":false}}}}`
	jobs, err := (&scripted{status: 200, body: body}).client(t).AllJobs(t.Context())
	require.NoError(t, err)
	require.Empty(t, jobs, "a bridge needs no runner")
}

// TestListsThatDoNotEnd: neither a page that names itself nor ever new ones go on for ever.
func TestListsThatDoNotEnd(t *testing.T) {
	s := &scripted{status: 200, body: "[]", header: http.Header{"Link": {`<https://elsewhere.test/x?a=1>; rel="next"`}}}
	_, err := s.client(t).ProjectJobs(t.Context(), "1")
	require.ErrorIs(t, err, gitlab.ErrMalformed)
	require.Equal(t, 2, s.calls)
	s = &scripted{status: 200, body: "[]", header: http.Header{"Link": {`<%zz>; rel="next"`}}}
	_, err = s.client(t).ProjectJobs(t.Context(), "1")
	require.ErrorIs(t, err, gitlab.ErrMalformed)
	s = &scripted{status: 200, body: `{"data":{"jobs":{"nodes":[],"pageInfo":{"hasNextPage":true,"endCursor":"x"}}}}`}
	_, err = s.client(t).AllJobs(t.Context())
	require.ErrorIs(t, err, gitlab.ErrMalformed)
	require.Equal(t, 2, s.calls)
}

func TestReadsAreRepeated(t *testing.T) {
	s := &scripted{status: 503}
	c := s.client(t, func(o *gitlab.Options) { o.Retries, o.RetryWait = 2, time.Millisecond })
	_, err := c.ProjectJobs(t.Context(), "1")
	require.ErrorIs(t, err, gitlab.ErrUnavailable)
	require.Equal(t, 3, s.calls)
	_, err = c.AllJobs(t.Context())
	require.Error(t, err)
	require.Equal(t, 6, s.calls)
	_, _, err = c.CreateRunner(t.Context(), gitlab.NewRunner{})
	require.ErrorIs(t, err, gitlab.ErrUncertain)
	require.Error(t, c.DeleteRunner(t.Context(), 1))
	_, err = c.Pause(t.Context(), 1, true)
	require.Error(t, err)
	require.Equal(t, 9, s.calls)
}

// TestSecrets: no token is in what is printed, encoded, kept or told of failures.
func TestSecrets(t *testing.T) {
	var texts []string
	for _, status := range []int{200, 201, 400, 401, 403, 500} {
		for _, body := range []string{`{"token":"glrt-secretrunnertoken","id":"x"}`, `{"id":1,"token":"plainsecrettoken","paused":7}`, "glrt-secretrunnertoken " + accessToken, `[{"token":"plainsecrettoken`} {
			c := (&scripted{status: status, body: body}).client(t)
			_, token, err := c.CreateRunner(t.Context(), gitlab.NewRunner{})
			texts = append(texts, fmt.Sprint(err, token), fmt.Sprintf("%+v %#v %q %x", err, token, token, token))
			_, err = c.Runner(t.Context(), 1)
			texts = append(texts, fmt.Sprint(err))
			_, err = c.ProjectJobs(t.Context(), "1")
			texts = append(texts, fmt.Sprint(err))
		}
	}
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		require.Contains(t, w.start("vm-1"), "secret", "the credential itself is whole")
		texts = append(texts, string(w.store.text), fmt.Sprintf("%+v", w.source.Seen()))
		_, token, err := w.client.CreateRunner(t.Context(), gitlab.NewRunner{Scope: w.options.Runner.Scope, Tags: []string{"a"}})
		require.NoError(t, err)
		encoded, err := json.Marshal(struct{ T gitlab.RunnerToken }{token})
		require.NoError(t, err)
		texts = append(texts, string(encoded), fmt.Sprintf("%v %+v %#v %s %q", token, struct{ t gitlab.RunnerToken }{token}, token, token, token))
	})
	for _, text := range texts {
		require.NotContains(t, text, "secret")
	}
	require.Contains(t, strings.Join(texts, ""), "<redacted>")
}

func TestWrongOptions(t *testing.T) {
	_, err := gitlab.New(gitlab.Options{URL: "https://gitlab.test", Now: time.Now})
	require.ErrorIs(t, err, gitlab.ErrConfig)
	_, err = gitlab.New(gitlab.Options{URL: "gitlab.test", Now: time.Now, Token: rest.Static("x")})
	require.ErrorIs(t, err, gitlab.ErrConfig)
	bubble(t, func(t *testing.T) {
		good := newWorld(t, gitlabtest.Config{}).options
		for _, spoil := range []func(*gitlab.SourceOptions){
			func(o *gitlab.SourceOptions) { o.Client = nil },
			func(o *gitlab.SourceOptions) { o.All = true },
			func(o *gitlab.SourceOptions) { o.Projects = nil },
			func(o *gitlab.SourceOptions) { o.Projects = []string{""} },
			func(o *gitlab.SourceOptions) { o.MaxJobs = -1 },
			func(o *gitlab.SourceOptions) { o.Timings.Settle = -1 },
			func(o *gitlab.SourceOptions) { o.Runner.Tags = nil },
			func(o *gitlab.SourceOptions) { o.Runner.Tags = []string{"a,b"} },
			func(o *gitlab.SourceOptions) { o.Runner.Tags = []string{" "} },
			func(o *gitlab.SourceOptions) { o.Runner.Scope.ID = 0 },
			func(o *gitlab.SourceOptions) { o.Runner.Scope.Type = "shared" },
			func(o *gitlab.SourceOptions) { o.Runner.Scope.Type = gitlab.InstanceRunner },
		} {
			o := good
			spoil(&o)
			_, err := gitlab.NewSource(o)
			require.ErrorIs(t, err, gitlab.ErrConfig)
		}
	})
}
