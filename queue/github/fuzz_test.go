package github

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzMessage: whatever the queue answers, it is an error or a message that can
// be acknowledged, whose events name their jobs, and nothing is lost silently.
func FuzzMessage(f *testing.F) {
	const counts = `{"totalAvailableJobs":1,"totalAcquiredJobs":2,"totalAssignedJobs":3,"totalRunningJobs":4,"totalRegisteredRunners":5,"totalBusyRunners":6,"totalIdleRunners":7}`
	for _, body := range []string{
		`""`, `null`, `"[]"`, `"[1,null,{}]"`, `"{\"a\":"`, `7`,
		`"[{\"messageType\":\"JobAssigned\",\"jobId\":\"a\",\"runnerRequestId\":0,\"queueTime\":\"0001-01-01T00:00:00Z\"}]"`,
		`"[{\"messageType\":\"JobStarted\",\"jobId\":\"a\",\"runnerId\":9,\"runnerName\":\"vm\"}]"`,
		`"[{\"messageType\":\"JobCompleted\",\"jobId\":\"a\",\"result\":\"canceled\",\"runnerName\":\"\"}]"`,
	} {
		f.Add([]byte(`{"messageId":1,"messageType":"RunnerScaleSetJobMessages","body":` + body + `,"statistics":` + counts + `}`))
	}
	f.Add([]byte("\uFEFF" + `{"messageId":1,"messageType":"X"}`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, text []byte) {
		var w wireMessage
		if into(&w, (*wireMessage).check)(strings.NewReader(string(text))) != nil {
			return
		}
		m := w.message()
		require.Positive(t, m.ID)
		for _, e := range m.Events {
			require.NotEqual(t, JobKey{}, e.Key())
			require.NotEmpty(t, e.Kind)
		}
		for _, u := range m.Unread {
			require.ErrorIs(t, u, ErrMalformed)
		}
		var body string
		var entries []json.RawMessage
		if w.Type == messageType && json.Unmarshal(w.Body, &body) == nil && json.Unmarshal([]byte(body), &entries) == nil {
			accounted := len(m.Events) + m.Skipped + len(m.Unread)
			require.GreaterOrEqual(t, accounted, len(entries))
			require.LessOrEqual(t, accounted, len(entries)+1, "the statistics")
		}
		var tracker Tracker
		tracker.Take(m)
		_, known := tracker.Statistics()
		if known {
			require.NotNil(t, m.Statistics)
		}
	})
}

// FuzzStatistics: they are an error, or seven counts that aren't negative and
// read the same when written.
func FuzzStatistics(f *testing.F) {
	f.Add([]byte(`{"totalAvailableJobs":1,"totalAcquiredJobs":2,"totalAssignedJobs":3,"totalRunningJobs":4,"totalRegisteredRunners":5,"totalBusyRunners":6,"totalIdleRunners":7}`))
	f.Add([]byte(`{"totalAvailableJobs":null,"totalAssignedJobs":-1}`))
	f.Add([]byte(`{"totalAssignedJobs":1e99}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s Statistics
		if s.UnmarshalJSON(text) != nil {
			require.Zero(t, s)
			return
		}
		for _, field := range s.fields() {
			require.GreaterOrEqual(t, *field.count, 0)
		}
		written, err := json.Marshal(s)
		require.NoError(t, err)
		var again Statistics
		require.NoError(t, again.UnmarshalJSON(written))
		require.Equal(t, s, again)
	})
}

// FuzzExpiry: reading a token's end never fails but by saying so.
func FuzzExpiry(f *testing.F) {
	f.Add("eyJhIjoxfQ.eyJleHAiOjE3MDAwMDAwMDB9.sig")
	f.Add("a.b.c")
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		at, ok := expiry(token)
		require.Equal(t, ok, !at.IsZero())
	})
}
