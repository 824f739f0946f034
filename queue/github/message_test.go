package github_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

// messageOf writes a message as the service does: its body is a string.
func messageOf(body, statistics string) string {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"messageId":7,"messageType":"RunnerScaleSetJobMessages","body":%s,"statistics":%s}`, text, statistics)
}

// read lets a session read one answer of the queue.
func read(t *testing.T, status int, answer string) (*github.Session, *github.Message, error) {
	service := &scripted{status: 200, body: goodSession, queue: func() (int, string) { return status, answer }}
	s, err := service.client(t).Open(t.Context(), 3, "autoscaled")
	require.NoError(t, err)
	m, err := s.Next(t.Context(), 1)
	return s, m, err
}

func TestWhatAMessageHolds(t *testing.T) {
	const assigned = `{"messageType":"JobAssigned","jobId":"a","runnerRequestId":0}`
	for _, c := range []struct {
		name, answer            string
		events, skipped, unread int
	}{
		{"one event", messageOf("["+assigned+"]", zeroes), 1, 0, 0},
		{"a byte order mark, within too", "\uFEFF" + messageOf("\uFEFF["+assigned+"]", zeroes), 1, 0, 0},
		{"no events", messageOf("[]", zeroes), 0, 0, 0},
		{"an empty body", messageOf("", zeroes), 0, 0, 0},
		{"no body", `{"messageId":7,"messageType":"RunnerScaleSetJobMessages","statistics":` + zeroes + `}`, 0, 0, 0},
		{"a null body", `{"messageId":7,"messageType":"RunnerScaleSetJobMessages","body":null}`, 0, 0, 0},
		{"unknown kinds", messageOf(`[{"messageType":"JobDreamt","jobId":5},`+assigned+`,{}]`, zeroes), 1, 2, 0},
		{"another type of message", `{"messageId":7,"messageType":"Advertisement","body":5}`, 0, 1, 0},
		{"bad entries among good", messageOf(`[`+assigned+`,5,{"messageType":"JobAssigned","jobId":5},{"messageType":"JobAssigned"},`+assigned+`]`, zeroes), 2, 0, 3},
		{"a start without a runner", messageOf(`[{"messageType":"JobStarted","jobId":"a"}]`, zeroes), 0, 0, 1},
		{"a bad time", messageOf(`[{"messageType":"JobAssigned","jobId":"a","queueTime":"noon"}]`, zeroes), 0, 0, 1},
		{"a body that is no string", `{"messageId":7,"messageType":"RunnerScaleSetJobMessages","body":[1]}`, 0, 0, 1},
		{"a body that holds no array", messageOf(`{"a":1}`, zeroes), 0, 0, 1},
		{"a body that is cut", messageOf("["+assigned, zeroes), 0, 0, 1},
		{"bad statistics", messageOf("["+assigned+"]", `{"totalAssignedJobs":1}`), 1, 0, 1},
	} {
		_, m, err := read(t, 200, c.answer)
		require.NoError(t, err, c.name)
		require.EqualValues(t, 7, m.ID, c.name)
		require.Len(t, m.Events, c.events, c.name)
		require.Equal(t, c.skipped, m.Skipped, c.name)
		require.Len(t, m.Unread, c.unread, c.name)
		for _, u := range m.Unread {
			require.ErrorIs(t, u, github.ErrMalformed)
			require.ErrorContains(t, u, "message 7")
		}
	}
}

func TestAMessageThatCannotEvenBeAcknowledged(t *testing.T) {
	for _, answer := range []string{
		"", "\uFEFF", "null", "[]", "7", "{}", `{"messageId":null}`, `{"messageId":-1}`, `{"messageId":"7"}`, `{"messageId":1.5}`,
		messageOf("[]", zeroes) + "x", messageOf("[]", zeroes)[:40], "<html>sign in</html>",
	} {
		s, m, err := read(t, 200, answer)
		require.ErrorIs(t, err, github.ErrMalformed, answer)
		require.Nil(t, m)
		counts, known := s.Statistics()
		require.True(t, known, "what was known stays")
		require.Zero(t, counts)
	}
}

func TestStatisticsAreKeptDoubtedAndNeverInvented(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	_, s := w.open()
	w.server.Queue("macs", 3)
	w.next(s)
	require.Nil(t, w.next(s))
	counts, known := s.Statistics()
	require.True(t, known)
	require.Equal(t, 3, counts.Assigned, "kept over a 202")

	allZero := map[string]int{
		"totalAvailableJobs": 0, "totalAcquiredJobs": 0, "totalAssignedJobs": 0, "totalRunningJobs": 0,
		"totalRegisteredRunners": 0, "totalBusyRunners": 0, "totalIdleRunners": 0,
	}
	w.server.Send("macs", `[{"messageType":"JobAssigned","jobId":"a"}]`, allZero)
	w.next(s)
	_, known = s.Statistics()
	require.False(t, known, "a job was assigned, yet nothing is: unknown, not zero")
	require.Nil(t, w.next(s))
	_, known = s.Statistics()
	require.False(t, known, "no news mends nothing")
	require.NoError(t, s.Refresh(t.Context()))
	counts, known = s.Statistics()
	require.True(t, known)
	require.Equal(t, 3, counts.Assigned, "a session's are absolute")

	w.server.Send("macs", `[{"messageType":"JobAssigned","jobId":"a"},{"messageType":"JobCompleted","jobId":"a"}]`, allZero)
	w.next(s)
	counts, known = s.Statistics()
	require.True(t, known, "assigned and over: nothing is left")
	require.Zero(t, counts)
	w.server.Send("macs", "[]", nil)
	w.next(s)
	_, known = s.Statistics()
	require.False(t, known, "a message without any")
	_, known = new(github.Tracker).Statistics()
	require.False(t, known)
}

func TestErrorsAreToldByName(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   error
	}{
		{404, `{"typeName":"GitHub.X.RunnerScaleSetNotFoundException, GitHub.X","message":"gone"}`, github.ErrSetNotFound},
		{500, `{"typeName":"GitHub.X.RunnerScaleSetNotFoundException, GitHub.X","message":"gone"}`, github.ErrSetNotFound},
		{400, "\uFEFF" + `{"typeName":"a.RunnerScaleSetSessionExpiredException","message":"over"}`, github.ErrSessionExpired},
		{409, "RunnerScaleSetSessionConflictException", github.ErrSessionConflict},
		{409, "some text", github.ErrConflict},
		{400, "", github.ErrInvalidInput},
		{404, "", github.ErrNotFound},
		{429, `{"message":"slow down"}`, github.ErrThrottled},
		{503, "", github.ErrUnavailable},
	} {
		service := &scripted{status: c.status, body: c.body}
		_, err := service.client(t).Set(t.Context(), 3)
		require.ErrorIs(t, err, c.want, c.body)
		require.ErrorContains(t, err, "read scale set 3: GET /a/_apis/runtime/runnerscalesets/3")
		require.ErrorContains(t, err, "[X-GitHub-Request-Id REQ:9]")
	}
	require.ErrorIs(t, (&scripted{status: 404}).client(t).DeleteSet(t.Context(), 3), github.ErrNotFound, "a 404 of whomever proves no deletion")
	service := &scripted{status: 400, body: "bearer " + pat + ` "messageQueueAccessToken":"secretqueue" eyJhbGciOiJSUzI1NiJ9.secretjwt`}
	_, err := service.client(t).Set(t.Context(), 3)
	require.NotContains(t, err.Error(), "secret")
}

func TestListsThatAreNotWhole(t *testing.T) {
	for body, ok := range map[string]bool{
		`{"count":0,"value":[]}`:                    true,
		`{"count":0,"value":null}`:                  true,
		`{"value":[{"id":1,"name":"a"}]}`:           true,
		`{"count":1,"value":[{"id":1,"name":"a"}]}`: true,
		`{"count":2,"value":[{"id":1,"name":"a"}]}`: false,
		`{"count":1}`: false,
		`{}`:          false,
		`[]`:          false,
		``:            false,
		`null`:        false,
		`{"count":1,"value":[{"id":0,"name":"a"}]}`:    false,
		`{"count":1,"value":[{"id":1}]}`:               false,
		`{"count":1,"value":[null]}`:                   false,
		`{"count":1,"value":[{"id":1,"name":"a"}]} {}`: false,
	} {
		service := &scripted{status: 200, body: body}
		c := service.client(t)
		_, runners := c.Runners(t.Context())
		_, sets := c.Sets(t.Context())
		if ok {
			require.NoError(t, errors.Join(runners, sets), body)
			continue
		}
		require.ErrorIs(t, runners, github.ErrMalformed, body)
		require.ErrorIs(t, sets, github.ErrMalformed, body)
	}
	service := &scripted{status: 200, body: `{"count":2,"value":[{"id":1,"name":"a"},{"id":2,"name":"A"}]}`}
	_, err := service.client(t).FindRunner(t.Context(), "a")
	require.ErrorIs(t, err, github.ErrMalformed)
	service.body = `{"count":1,"value":[{"id":1,"name":"b"}]}`
	_, err = service.client(t).FindRunner(t.Context(), "a")
	require.ErrorIs(t, err, github.ErrRunnerNotFound, "a server that doesn't filter")
}
