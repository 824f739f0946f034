package gitlab_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/queue/gitlab"
	"autoscaled/queue/gitlab/gitlabtest"
)

var _ loop.Mover = (*gitlab.Source)(nil)

// settable lets a world's source go by a clock that can be set.
func settable(by *time.Duration, perMinute int) func(*gitlab.Options, *gitlab.SourceOptions) {
	return func(o *gitlab.Options, s *gitlab.SourceOptions) {
		now := func() time.Time { return time.Now().Add(*by) }
		o.Now, s.Now, o.CallsPerMinute = now, now, perMinute
	}
}

// A clock that is set forward cuts no wait short in which a runner may be given a job.
func TestAPauseIsYoungThoughTheClockIsSet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var by time.Duration
		w := newWorld(t, gitlabtest.Config{}, settable(&by, 0))
		w.server.Contact(w.start("vm-1"))
		w.drain("vm-1")
		for _, set := range []time.Duration{time.Hour, -3 * time.Hour} {
			by += set
			w.source.Moved(set)
			w.keep()
			require.Len(t, w.server.Runners(), 1)
		}
		time.Sleep(10 * time.Second)
		w.keep()
		require.Empty(t, w.server.Runners())
		require.Equal(t, autoscale.DrainDone, w.demand().Use["vm-1"].Drain)
	})
}

// Nor is a registration given up that may arrive yet.
func TestALostRegistrationMayArriveThoughTheClockIsSet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var by time.Duration
		w := newWorld(t, gitlabtest.Config{}, settable(&by, 0))
		w.server.Fail(gitlabtest.Fault{Path: "/user/runners", Cut: true})
		_, err := w.source.Register(t.Context(), attempt("vm-1"))
		require.Error(t, err)
		by = time.Hour
		w.source.Moved(by)
		w.keep()
		require.Contains(t, string(w.store.text), "vm-1")
		time.Sleep(6 * time.Minute)
		w.keep()
		require.NotContains(t, string(w.store.text), "vm-1")
	})
}

// Nor does a clock that is set back keep a runner's jobs from being read.
func TestAnIdleRunnerIsAskedAgainThoughTheClockIsSetBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var by time.Duration
		w := newWorld(t, gitlabtest.Config{}, settable(&by, 0))
		token := w.start("vm-1")
		w.server.Contact(token)
		w.demand()
		job := w.server.Queue(project, "macos-15")
		w.server.Take(token)
		w.server.Finish(job, "success")
		by = -time.Hour
		w.source.Moved(by)
		require.Equal(t, autoscale.HostUse{}, w.demand().Use["vm-1"])
		time.Sleep(30 * time.Second)
		require.Equal(t, autoscale.DrainDone, w.demand().Use["vm-1"].Drain)
	})
}

// A clock that is set back neither keeps the budget used up nor GitLab blocked.
func TestTheBudgetReturnsThoughTheClockIsSetBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var by time.Duration
		w := newWorld(t, gitlabtest.Config{}, settable(&by, 3))
		w.demand()
		w.demand()
		by = -time.Hour
		w.source.Moved(by)
		_, err := w.source.Demand(t.Context())
		require.ErrorIs(t, err, autoscale.ErrThrottled)
		require.ErrorContains(t, err, "for another 1m0s")
		time.Sleep(time.Minute)
		w.demand()
		w.server.Fail(gitlabtest.Fault{Status: 429})
		time.Sleep(time.Minute)
		_, err = w.source.Demand(t.Context())
		require.ErrorIs(t, err, autoscale.ErrThrottled)
		by -= time.Hour
		w.source.Moved(-time.Hour)
		time.Sleep(61 * time.Second)
		w.demand()
	})
}
