package github_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/internal/rest"
	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

// listener acts as a source does: it polls, remembers what it saw, acknowledges.
type listener struct {
	*rapid.T
	session *github.Session
	seen    map[github.JobKey]github.EventKind
}

func (l *listener) poll() {
	m, err := l.session.Next(l.Context(), 1)
	if err != nil || m == nil {
		return
	}
	for _, e := range m.Events {
		l.seen[e.Key()] = e.Kind
	}
	_ = l.session.Ack(l.Context(), m.ID) // if it is lost, the message comes again
}

// TestWhateverIsLostTheListenerLearnsAll: polls and acknowledgements fail before
// or after they took effect, tokens end, jobs come, start and end; once all is
// well again the listener has seen the last of every job, and its statistics are
// the service's.
func TestWhateverIsLostTheListenerLearnsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		server := githubtest.New(githubtest.Config{PAT: pat}, githubtest.ClockFunc(time.Now))
		c, err := github.New(github.Options{URL: "http://github.test/acme/widgets", Token: rest.Static(pat), Transport: server.Transport(), Retries: -1})
		require.NoError(t, err)
		set, err := c.CreateSet(t.Context(), github.Set{Name: "macs", GroupID: 1})
		require.NoError(t, err)
		session, err := c.Open(t.Context(), set.ID, "autoscaled")
		require.NoError(t, err)
		l := &listener{t, session, map[github.JobKey]github.EventKind{}}
		want := map[github.JobKey]github.EventKind{}
		waiting := []string{}
		t.Repeat(map[string]func(*rapid.T){
			"queue": func(t *rapid.T) {
				for _, id := range server.Queue("macs", rapid.IntRange(1, 60).Draw(t, "jobs")) {
					waiting = append(waiting, id)
					want[github.JobKey{JobID: id}] = github.JobAssigned
				}
			},
			"cancel": func(t *rapid.T) {
				if len(waiting) > 0 {
					require.NoError(t, server.Cancel("macs", waiting[0]))
					want[github.JobKey{JobID: waiting[0]}] = github.JobCompleted
					waiting = waiting[1:]
				}
			},
			"requeue": func(*rapid.T) { server.RequeueAll("macs") },
			"fault": func(t *rapid.T) {
				server.Fail(githubtest.Fault{
					Method: rapid.SampledFrom([]string{"GET", "DELETE"}).Draw(t, "method"), Path: "/queue/",
					Handled: rapid.Bool().Draw(t, "handled"), Cut: rapid.Bool().Draw(t, "cut"),
					Status: rapid.SampledFrom([]int{200, 401, 500, 503}).Draw(t, "status"),
				})
			},
			"expire": func(*rapid.T) { server.ExpireQueue() },
			"poll":   func(*rapid.T) { l.poll() },
		})
		server.Heal()
		for range 2 + len(want) {
			l.poll()
		}
		require.Equal(t, want, l.seen)
		require.Zero(t, server.Unacknowledged("macs"))
		require.NoError(t, session.Refresh(t.Context()))
		counts, known := session.Statistics()
		require.True(t, known)
		require.Equal(t, len(waiting), counts.Assigned)
	})
}

func TestASessionIsForManyGoroutines(t *testing.T) {
	w := newWorld(t, githubtest.Config{PollWait: time.Millisecond})
	set, s := w.open()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 5 {
				runner, _, err := w.client.GenerateJITConfig(t.Context(), set.ID, "vm-"+string(rune('a'+i)), "")
				if err == nil {
					_, err = w.client.RemoveRunner(t.Context(), runner.ID)
				}
				s.Statistics()
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 5 {
		w.server.Queue("macs", 1)
		if i == 2 { // once: a call is repeated once
			w.server.ExpireAdmin()
			w.server.ExpireQueue()
		}
		w.next(s)
	}
	all.Wait()
	require.Empty(t, w.server.Runners())
}

func TestRepositoriesAndEnterprises(t *testing.T) {
	for _, owner := range []string{"/acme/widgets", "/enterprises/acme"} {
		w := newWorld(t, githubtest.Config{})
		c, err := github.New(github.Options{URL: w.url + owner, Token: rest.Static(pat)})
		require.NoError(t, err)
		_, err = c.Sets(t.Context())
		require.NoError(t, err)
	}
}
