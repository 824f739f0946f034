package github_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/internal/rest"
	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

const (
	polled    = "GET /queue/message"
	refreshed = "PATCH /service/rest/_apis/runtime/runnerscalesets/{set}/sessions/{session}"
)

func TestSetsAndGroups(t *testing.T) {
	for _, mark := range []bool{false, true} {
		w := newWorld(t, githubtest.Config{Mark: mark})
		ctx := t.Context()
		group, err := w.client.FindGroup(ctx, "")
		require.NoError(t, err)
		require.Equal(t, github.Group{ID: 1, Name: "default", Default: true}, group)
		require.Empty(t, w.server.Calls(), "nothing was asked")
		group, err = w.client.FindGroup(ctx, "macs")
		require.NoError(t, err)
		require.Equal(t, 2, group.ID)
		_, err = w.client.FindGroup(ctx, "none")
		require.ErrorIs(t, err, github.ErrGroupNotFound)
		require.ErrorIs(t, err, github.ErrNotFound)

		_, err = w.client.FindSet(ctx, 2, "mac-14")
		require.ErrorIs(t, err, github.ErrSetNotFound)
		made, err := w.client.CreateSet(ctx, github.Set{Name: "mac-14", GroupID: 2, Labels: github.Labels("mac-14", "xcode-16")})
		require.NoError(t, err)
		require.Equal(t, github.Labels("mac-14", "xcode-16"), made.Labels)
		require.Nil(t, made.Statistics)
		_, err = w.client.CreateSet(ctx, github.Set{Name: "mac-14", GroupID: 2})
		require.ErrorIs(t, err, github.ErrInvalidInput)
		found, err := w.client.FindSet(ctx, 2, "mac-14")
		require.NoError(t, err)
		require.Equal(t, made.ID, found.ID)
		_, err = w.client.FindSet(ctx, 1, "mac-14")
		require.ErrorIs(t, err, github.ErrSetNotFound)

		found.Labels = github.Labels("mac-15")
		changed, err := w.client.UpdateSet(ctx, made.ID, found)
		require.NoError(t, err)
		require.Equal(t, github.Labels("mac-15"), changed.Labels)
		read, err := w.client.Set(ctx, made.ID)
		require.NoError(t, err)
		require.Equal(t, &github.Statistics{}, read.Statistics)
		require.NoError(t, w.client.DeleteSet(ctx, made.ID))
		require.NoError(t, w.client.DeleteSet(ctx, made.ID), "gone is deleted")
		_, err = w.client.Set(ctx, made.ID)
		require.ErrorIs(t, err, github.ErrSetNotFound)
		all, err := w.client.Sets(ctx)
		require.NoError(t, err)
		require.Empty(t, all)
	}
}

func TestASessionHearsOfAJobFromItsQueueingToItsEnd(t *testing.T) {
	w := newWorld(t, githubtest.Config{Mark: true})
	set, s := w.open()
	counts, known := s.Statistics()
	require.True(t, known)
	require.Zero(t, counts)
	require.Nil(t, w.next(s), "202: nothing new")
	require.Equal(t, 10, w.server.Capacity("macs"))

	ids := w.server.Queue("macs", 2)
	m := w.next(s)
	require.Len(t, m.Events, 2)
	require.Empty(t, m.Unread)
	require.Equal(t, github.JobAssigned, m.Events[0].Kind)
	require.Equal(t, github.JobKey{JobID: ids[0]}, m.Events[0].Key(), "request ids are all 0")
	require.NotEqual(t, m.Events[0].Key(), m.Events[1].Key())
	require.True(t, m.Events[0].FinishTime.IsZero())
	require.False(t, m.Events[0].QueueTime.IsZero())

	runner, config, err := w.client.GenerateJITConfig(t.Context(), set.ID, "vm-1", "")
	require.NoError(t, err)
	require.Equal(t, set.ID, runner.SetID)
	name, err := w.server.Connect(config.Reveal())
	require.NoError(t, err)
	_, err = w.server.Start(name)
	require.NoError(t, err)
	m = w.next(s)
	require.Equal(t, github.JobStarted, m.Events[0].Kind)
	require.Equal(t, "vm-1", m.Events[0].RunnerName)
	require.Equal(t, runner.ID, m.Events[0].RunnerID)
	counts, known = s.Statistics()
	require.True(t, known)
	require.Equal(t, github.Statistics{Assigned: 2, Running: 1, Registered: 1, Busy: 1}, counts)

	require.NoError(t, w.server.Finish(name, "succeeded"))
	require.NoError(t, w.server.Cancel("macs", ids[1]))
	m = w.next(s)
	require.Equal(t, "succeeded", m.Events[0].Result)
	require.Equal(t, "canceled", m.Events[1].Result)
	require.Empty(t, m.Events[1].RunnerName)
	require.Nil(t, w.next(s))
	counts, known = s.Statistics()
	require.True(t, known)
	require.Zero(t, counts)

	require.NoError(t, s.Close(t.Context()))
	require.False(t, w.server.HasSession("macs"))
	require.NoError(t, s.Close(t.Context()), "closed is closed")
}

func TestAMessageComesAgainUntilItIsAcknowledged(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	_, s := w.open()
	w.server.Queue("macs", 60)
	first, err := s.Next(t.Context(), 0)
	require.NoError(t, err)
	require.Len(t, first.Events, 50, "at most 50 in a message, so they are never counted")
	require.Equal(t, 60, first.Statistics.Assigned)
	again, err := s.Next(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, first, again)

	w.server.Fail(githubtest.Fault{Method: "DELETE", Path: "/queue/", Cut: true})
	require.ErrorIs(t, s.Ack(t.Context(), first.ID), github.ErrUncertain)
	again, err = s.Next(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID, "the acknowledgement never arrived")

	w.server.Fail(githubtest.Fault{Method: "DELETE", Path: "/queue/", Handled: true, Cut: true})
	require.ErrorIs(t, s.Ack(t.Context(), first.ID), github.ErrUncertain)
	second := w.next(s)
	require.Greater(t, second.ID, first.ID)
	require.Len(t, second.Events, 10)
	require.NoError(t, s.Ack(t.Context(), first.ID))
	require.Zero(t, w.server.Unacknowledged("macs"))
}

func TestALostPollLosesNothing(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	_, s := w.open()
	w.server.Queue("macs", 1)
	for _, f := range []githubtest.Fault{
		{Path: "/queue/", Handled: true, Cut: true},
		{Path: "/queue/", Handled: true, Status: 502},
		{Path: "/queue/", Handled: true},
		{Path: "/queue/", Handled: true, Body: "<html>sign in</html>"},
		{Path: "/queue/", Status: 200, Body: `{"messageId":0,"messageType":"RunnerScaleSetJobMessages"}`},
	} {
		before := w.server.Calls()[polled]
		w.server.Fail(f)
		m, err := s.Next(t.Context(), 1)
		require.Error(t, err)
		require.Nil(t, m)
		require.Equal(t, before+1, w.server.Calls()[polled], "not repeated: who listens wants to know")
		counts, known := s.Statistics()
		require.True(t, known)
		require.Zero(t, counts, "what was known stays")
	}
	require.Len(t, w.next(s).Events, 1)
	_, err := s.Next(t.Context(), -1)
	require.ErrorIs(t, err, github.ErrConfig)
}

func TestAnExpiredQueueTokenIsRenewedOnce(t *testing.T) {
	w := newWorld(t, githubtest.Config{Acquire: true})
	_, s := w.open()
	w.server.Queue("macs", 1)
	w.server.ExpireQueue()
	m, err := s.Next(t.Context(), 1)
	require.NoError(t, err)
	w.server.ExpireQueue()
	got, err := s.Acquire(t.Context(), []int64{m.Events[0].RequestID})
	require.NoError(t, err)
	require.Equal(t, []int64{m.Events[0].RequestID}, got)
	w.server.ExpireQueue()
	require.NoError(t, s.Ack(t.Context(), m.ID))
	require.Equal(t, 3, w.server.Calls()[refreshed])
	require.Equal(t, 1, w.server.Calls()[registered], "the admin token was not in doubt")

	w.server.Fail(githubtest.Fault{Path: "/queue/", Status: 401, Times: -1})
	_, err = s.Next(t.Context(), 1)
	require.ErrorIs(t, err, github.ErrUnauthorized)
	require.Equal(t, 4, w.server.Calls()[refreshed], "once")
}

func TestTheQueueTokenIsRenewedBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := virtual(t, githubtest.Config{PAT: pat, QueueLife: 10 * time.Minute, PollWait: 50 * time.Second}, nil)
		set, err := c.CreateSet(t.Context(), github.Set{Name: "macs", GroupID: 1})
		require.NoError(t, err)
		s, err := c.Open(t.Context(), set.ID, "autoscaled")
		require.NoError(t, err)
		begin := time.Now()
		for time.Since(begin) < time.Hour {
			m, err := s.Next(t.Context(), 1)
			require.NoError(t, err)
			require.Nil(t, m)
		}
		require.Equal(t, 72, server.Calls()[polled], "every 50 s, none turned away")
		require.Equal(t, 6, server.Calls()[refreshed])
	})
}

func TestAPollWaitsAndIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := virtual(t, githubtest.Config{PAT: pat, PollWait: 80 * time.Second}, func(o *github.Options) { o.Timeout = 5 * time.Second })
		set, err := c.CreateSet(t.Context(), github.Set{Name: "macs", GroupID: 1})
		require.NoError(t, err)
		s, err := c.Open(t.Context(), set.ID, "autoscaled")
		require.NoError(t, err)
		begin := time.Now()
		time.AfterFunc(70*time.Second, func() { server.Queue("macs", 1) })
		m, err := s.Next(t.Context(), 1)
		require.NoError(t, err, "a poll takes longer than other calls may")
		require.Len(t, m.Events, 1)
		require.Equal(t, 70*time.Second, time.Since(begin))
		require.NoError(t, s.Ack(t.Context(), m.ID))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = s.Next(ctx, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
	})
}

func TestOneSessionASet(t *testing.T) {
	w := newWorld(t, githubtest.Config{})
	set, s := w.open()
	_, err := w.client.Open(t.Context(), set.ID, "another")
	require.ErrorIs(t, err, github.ErrSessionConflict)
	require.ErrorIs(t, err, github.ErrConflict)
	require.ErrorContains(t, err, "ActivityId activity-1, X-GitHub-Request-Id REQ:1")
	require.NoError(t, s.Refresh(t.Context()))

	w.server.DropSession("macs")
	require.ErrorIs(t, s.Refresh(t.Context()), github.ErrSessionExpired)
	_, err = s.Next(t.Context(), 1)
	require.ErrorIs(t, err, github.ErrSessionExpired)
	require.NoError(t, s.Close(t.Context()))
	s, err = w.client.Open(t.Context(), set.ID, "another")
	require.NoError(t, err)
	require.NoError(t, w.client.DeleteSet(t.Context(), set.ID))
	require.NoError(t, s.Close(t.Context()))
	_, err = w.client.Open(t.Context(), set.ID, "late")
	require.ErrorIs(t, err, github.ErrSetNotFound)
}

func TestASessionThatCannotBeListenedToIsClosedAndRefused(t *testing.T) {
	for name, body := range map[string]string{
		"no queue":          strings.Replace(goodSession, "https://queue.test/m?x=1", "", 1),
		"no token":          strings.Replace(goodSession, "eyJsecretqueuetoken", "", 1),
		"null statistics":   strings.Replace(goodSession, zeroes, "null", 1),
		"part statistics":   strings.Replace(goodSession, `"totalIdleRunners":0`, `"other":0`, 1),
		"null count":        strings.Replace(goodSession, `"totalIdleRunners":0`, `"totalIdleRunners":null`, 1),
		"negative count":    strings.Replace(goodSession, `"totalIdleRunners":0`, `"totalIdleRunners":-1`, 1),
		"plain http":        strings.Replace(goodSession, "https://queue", "http://queue", 1),
		"a path":            strings.Replace(goodSession, "https://queue.test", "", 1),
		"no session":        strings.Replace(goodSession, `"a-b"`, `""`, 1),
		"empty":             "",
		"null":              "null",
		"cut in the middle": goodSession[:len(goodSession)-100],
	} {
		service := &scripted{status: 200, body: body}
		_, err := service.client(t).Open(t.Context(), 3, "autoscaled")
		require.ErrorIs(t, err, github.ErrMalformed, name)
		require.ErrorIs(t, err, github.ErrUncertain, "%s: there may be a session now", name)
		require.NotContains(t, err.Error(), "secret", name)
		require.ErrorContains(t, err, "REQ:9", name)
	}
	service := &scripted{status: 200, body: goodSession}
	_, err := service.client(t).Open(t.Context(), 3, "autoscaled")
	require.NoError(t, err)

	w := newWorld(t, githubtest.Config{})
	set := w.set()
	w.server.Fail(githubtest.Fault{Path: "/sessions", Handled: true, Body: `{"sessionId":"not the one"}`})
	_, err = w.client.Open(t.Context(), set.ID, "a")
	require.ErrorIs(t, err, github.ErrMalformed)
	require.Equal(t, 1, w.server.Calls()["DELETE /service/rest/_apis/runtime/runnerscalesets/{set}/sessions/{session}"], "what was opened is closed")
}

func TestJobsAreAcquiredWhereTheServerDoesNotAssign(t *testing.T) {
	w := newWorld(t, githubtest.Config{Acquire: true})
	set, s := w.open()
	jobs, err := w.client.Acquirable(t.Context(), set.ID)
	require.NoError(t, err)
	require.Empty(t, jobs, "204")
	w.server.Queue("macs", 2)
	m := w.next(s)
	require.Equal(t, github.JobAvailable, m.Events[0].Kind)
	require.Equal(t, 2, m.Statistics.Available)
	jobs, err = w.client.Acquirable(t.Context(), set.ID)
	require.NoError(t, err)
	require.Len(t, jobs, 2)
	require.Equal(t, []string{"macs"}, jobs[0].Labels)

	got, err := s.Acquire(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, got)
	got, err = s.Acquire(t.Context(), []int64{jobs[1].RequestID, 999})
	require.NoError(t, err)
	require.Equal(t, []int64{jobs[1].RequestID}, got, "another set was faster")
	m = w.next(s)
	require.Equal(t, github.JobAssigned, m.Events[0].Kind)
	require.Equal(t, jobs[1].RequestID, m.Events[0].Key().RequestID)

	w.server.Fail(githubtest.Fault{Path: "acquirejobs", Handled: true, Cut: true})
	_, err = s.Acquire(t.Context(), []int64{jobs[0].RequestID})
	require.ErrorIs(t, err, github.ErrUncertain)
	require.Equal(t, 2, w.server.Calls()["POST /service/rest/_apis/runtime/runnerscalesets/{set}/acquirejobs"], "never blindly repeated")
}

func TestAPollTellsTheNewestMessageAcknowledged(t *testing.T) {
	var last []string
	server := githubtest.New(githubtest.Config{PAT: pat}, githubtest.ClockFunc(time.Now))
	next := server.Transport()
	c, err := github.New(github.Options{URL: "http://github.test/acme", Token: rest.Static(pat), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet && r.URL.Path == "/queue/message" {
			last = append(last, r.URL.Query().Get("lastMessageId"))
			require.NotEmpty(t, r.URL.Query().Get("sessionId"), "the address's own query is kept")
		}
		return next.RoundTrip(r)
	})})
	require.NoError(t, err)
	set, err := c.CreateSet(t.Context(), github.Set{Name: "macs", GroupID: 1})
	require.NoError(t, err)
	s, err := c.Open(t.Context(), set.ID, "autoscaled")
	require.NoError(t, err)
	id := server.Send("macs", "[]", nil)
	for range 2 {
		m, err := s.Next(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, id, m.ID)
	}
	require.NoError(t, s.Ack(t.Context(), id))
	require.NoError(t, s.Refresh(t.Context()))
	_, err = s.Next(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, []string{"", "", strconv.FormatInt(id, 10)}, last, "seeing is not acknowledging; a refresh forgets nothing")
}

func TestCallersShareARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := githubtest.New(githubtest.Config{PAT: pat}, githubtest.ClockFunc(time.Now))
		next := server.Transport()
		c, err := github.New(github.Options{URL: "http://github.test/acme", Token: rest.Static(pat), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPatch {
				time.Sleep(5 * time.Second) // virtual
			}
			return next.RoundTrip(r)
		})})
		require.NoError(t, err)
		set, err := c.CreateSet(t.Context(), github.Set{Name: "macs", GroupID: 1})
		require.NoError(t, err)
		s, err := c.Open(t.Context(), set.ID, "autoscaled")
		require.NoError(t, err)
		server.ExpireQueue()
		done := make(chan error, 5)
		for i := range 5 {
			go func() { done <- s.Ack(t.Context(), int64(i+1)) }()
		}
		for range 5 {
			require.NoError(t, <-done)
		}
		require.Equal(t, 1, server.Calls()[refreshed])
	})
}
