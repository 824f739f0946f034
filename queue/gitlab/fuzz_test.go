package gitlab

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzJobs: a list of jobs is an error, or jobs of which each says what it is.
func FuzzJobs(f *testing.F) {
	f.Add([]byte(`[{"id":1,"status":"pending","tag_list":["a"],"created_at":"2026-01-01T00:00:00.000Z","runner":null}]`))
	f.Add([]byte(`[{"id":2,"status":"running","tag_list":[],"created_at":"2026-01-01T00:00:00+01:00","runner":{"id":7}}]`))
	f.Add([]byte(`[{"id":3,"status":"canceled","tag_list":null,"created_at":null}]`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var page []wireJob
		if intoList(&page, (*wireJob).checkQueued)(strings.NewReader(string(text))) != nil {
			require.Nil(t, page)
			return
		}
		for _, j := range jobsOf(page) {
			require.Positive(t, j.ID)
			require.False(t, j.Created.IsZero())
			require.False(t, j.Pending() && j.Ended())
			require.GreaterOrEqual(t, j.Runner, int64(0))
		}
	})
}

// FuzzPage: a page of GraphQL is an error, or whole jobs and perhaps where to go on.
func FuzzPage(f *testing.F) {
	f.Add([]byte(`{"data":{"jobs":{"nodes":[{"id":"gid://gitlab/Ci::Build/7","status":"PENDING","tags":["a"],"createdAt":"2026-01-01T00:00:00Z","runner":null}],"pageInfo":{"hasNextPage":true,"endCursor":"x"}}}}`))
	f.Add([]byte(`{"data":{"jobs":{"nodes":[{"id":"gid://gitlab/Ci::Bridge/7"}],"pageInfo":{"hasNextPage":false,"endCursor":null}}}}`))
	f.Add([]byte(`{"data":{"jobs":{"nodes":[{"id":"gid://gitlab/Ci::Build/8","status":"RUNNING","tags":[],"createdAt":"2026-01-01T00:00:00Z","runner":{"id":"gid://gitlab/Ci::Runner/9"}}],"pageInfo":{"hasNextPage":false}}}}`))
	f.Add([]byte(`{"data":{"jobs":null}}`))
	f.Add([]byte(`{"errors":[{"message":"no permission"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var (
			w wireConnection
			a answer
		)
		if into(&w, intoPage(&a))(strings.NewReader(string(text))) != nil {
			return
		}
		require.NotNil(t, w.Data.Jobs.Nodes)
		require.LessOrEqual(t, len(a.jobs), len(*w.Data.Jobs.Nodes))
		require.Equal(t, *w.Data.Jobs.PageInfo.HasNextPage, a.after != "")
		for _, j := range a.jobs {
			require.Positive(t, j.ID)
			require.NotEmpty(t, j.Status)
		}
	})
}

// FuzzRunner: a runner is an error, or tells whether it is paused; a new one has a token.
func FuzzRunner(f *testing.F) {
	f.Add([]byte(`{"id":1,"description":"vm","paused":false,"contacted_at":"2026-01-01T00:00:00Z","online":true,"job_execution_status":"active"}`))
	f.Add([]byte(`{"id":1,"description":null,"paused":true,"contacted_at":null}`))
	f.Add([]byte(`{"id":1,"token":"glrt-x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var w wireRunner
		if into(&w, (*wireRunner).check)(strings.NewReader(string(text))) == nil {
			r := w.runner()
			require.Positive(t, r.ID)
			require.Equal(t, *w.Paused, r.Paused)
		}
		var c wireCreated
		if into(&c, (*wireCreated).check)(strings.NewReader(string(text))) == nil {
			require.NotEmpty(t, c.Token)
			require.NotContains(t, hideSecrets(`{"token":"`+strings.Trim(c.Token, `"\`)+`"}`), "glrt-")
		}
	})
}

// FuzzLink: a link to the next page is an error, none, or a query.
func FuzzLink(f *testing.F) {
	f.Add(`<https://gitlab.test/api/v4/x?cursor=7&per_page=100>; rel="next", <https://gitlab.test/x?page=1>; rel="first"`)
	f.Add(`<?>; rel="next"`)
	f.Add(`,;,`)
	f.Fuzz(func(t *testing.T, link string) {
		query, err := nextPage(link)
		require.False(t, err != nil && query != nil)
	})
}

// FuzzLimits: whatever the headers say, calls are held back for a bounded time.
func FuzzLimits(f *testing.F) {
	f.Add("0", "1767225660", "Thu, 01 Jan 2026 00:00:00 GMT")
	f.Add("0", "99999999999999", "")
	f.Add("-1", "-9223372036854775808", "x")
	f.Fuzz(func(t *testing.T, remaining, reset, date string) {
		now := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
		l := limiter{now: func() time.Time { return now }, perMinute: 1}
		l.note(http.Header{"Ratelimit-Remaining": {remaining}, "Ratelimit-Reset": {reset}, "Date": {date}})
		require.LessOrEqual(t, l.blocked.Sub(now), blockedMost)
		now = now.Add(blockedMost)
		require.Empty(t, l.admit())
		require.NotEmpty(t, l.admit())
	})
}

func TestRecordsThatCannotBe(t *testing.T) {
	for _, bad := range []record{{Runner: 7}, {Host: "vm", Runner: -1}} {
		_, err := bad.check()
		require.Error(t, err)
	}
}
