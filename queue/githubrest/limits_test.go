package githubrest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/githubrest"
	"autoscaled/queue/githubrest/githubresttest"
)

func TestFiftyRepositoriesKeepToTheBudget(t *testing.T) {
	play(t, githubresttest.Config{Latency: 100 * time.Millisecond}, func(w *world) {
		for i := range 50 { // five jobs each, in runs of their own
			for range 5 {
				w.server.Queue(fmt.Sprintf("acme/r%d", i), xcode)
			}
		}
		w.wait(20 * time.Minute)
		var last []int64
		for range 60 {
			w.wait(time.Minute)
			for _, id := range last {
				w.server.Cancel(id)
			}
			last = nil
			for i := range 50 { // nothing stays as it is
				last = append(last, w.server.Queue(fmt.Sprintf("acme/r%d", i), xcode)...)
			}
			w.must()
		}
		counted, _ := w.server.Counted()
		require.Less(w, counted, 80*3000/60+3000/60+10)
		st := w.source.Status()
		require.EqualValues(w, counted, st.Calls)
		for _, r := range st.Repositories {
			require.Less(w, time.Since(r.Read), 6*time.Minute, r.Name)
		}
	}, many(50), func(o *githubrest.Options) { o.CallsPerHour, o.Timings.Stale = 3000, 10*time.Minute })
}

func TestABudgetThatDoesNotSufficeIsToldInWords(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		for i := range 50 {
			w.server.Queue(fmt.Sprintf("acme/r%d", i), xcode)
		}
		w.wait(time.Minute)
		_, err := w.demand()
		require.ErrorIs(w, err, autoscale.ErrUnavailable)
		require.ErrorContains(w, err, "has not been read yet")
		require.ErrorContains(w, err, "more")
		require.ErrorIs(w, err, githubrest.ErrBudget)
		require.ErrorContains(w, err, "of which calls_per_hour allows 100")
		require.ErrorIs(w, w.source.Status().Shortage, githubrest.ErrBudget)
		counted, _ := w.server.Counted()
		require.Less(w, counted, 6)
	}, many(50), func(o *githubrest.Options) { o.CallsPerHour = 100 })
}

func TestARepositoryWithManyRunsDelaysItself(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		var ids []int64
		for range 600 {
			ids = append(ids, w.server.Queue("acme/r0", xcode)...)
		}
		for minute := range 30 {
			w.wait(time.Minute)
			for i, id := range ids { // all change all the time
				w.server.SetStatus(id, []string{"queued", "waiting"}[(i+minute)%2])
			}
			for i := 1; i < 5; i++ {
				w.server.Queue(fmt.Sprintf("acme/r%d", i), xcode)
			}
		}
		for i, r := range w.source.Status().Repositories {
			if i > 0 {
				require.Less(w, time.Since(r.Read), 5*time.Minute, r.Name)
			}
		}
		_, err := w.demand()
		require.ErrorContains(w, err, "acme/r0")
		require.NotContains(w, err.Error(), "acme/r1")
		require.NotContains(w, err.Error(), "acme/r2")
	}, many(5), func(o *githubrest.Options) { o.CallsPerHour = 1000 })
}

func TestWhatHasNotChangedCostsNothing(t *testing.T) {
	play(t, githubresttest.Config{PerPage: 2}, func(w *world) {
		for range 5 {
			w.server.Queue("acme/widgets", xcode, xcode, xcode)
		}
		w.wait(10 * time.Minute)
		first, _ := w.server.Counted()
		w.wait(time.Hour)
		counted, saved := w.server.Counted()
		require.Equal(w, first, counted)
		require.Greater(w, saved, 100)
		require.EqualValues(w, saved, w.source.Status().NotModified)
		require.Equal(w, 15, w.must().Jobs())

		w.server.SetToken("ghp_another") // its ETags are others
		w.mu.Lock()
		w.token = "ghp_another"
		w.mu.Unlock()
		w.wait(10 * time.Minute)
		now, _ := w.server.Counted()
		require.InDelta(w, counted+first, now, 2)
		require.Equal(w, 15, w.must().Jobs())
	})
}

func TestTheRateLimitIsKeptAndRecoveredFrom(t *testing.T) {
	play(t, githubresttest.Config{Limit: 60}, func(w *world) {
		for range 5 {
			w.server.Queue("acme/widgets", xcode)
		}
		w.wait(2 * time.Minute)
		require.Equal(w, 5, w.must().Jobs())
		w.server.Spend(60)
		w.server.Queue("acme/widgets", xcode)
		w.wait(time.Minute)
		before := w.server.Calls()
		w.wait(20 * time.Minute)
		require.Equal(w, before, w.server.Calls(), "GitHub has none left to give")
		_, err := w.demand()
		require.ErrorIs(w, err, autoscale.ErrThrottled)
		require.ErrorContains(w, err, "GitHub takes no more calls for")
		w.wait(time.Hour)
		require.Greater(w, w.server.Calls()["runs"], before["runs"])
		_, err = w.source.Register(w.ctx, attempt("vm-1", "q"))
		require.NoError(w, err)
	})
}

func TestSecondaryLimitsAreWaitedOut(t *testing.T) {
	for name, fault := range map[string]githubresttest.Fault{
		"retry-after":  {Status: 403, Header: http.Header{"Retry-After": {"300"}}, Body: `{"message":"You have exceeded a secondary rate limit."}`},
		"429":          {Status: 429, Header: http.Header{"Retry-After": {"300"}}},
		"only headers": {Status: 403, Header: http.Header{"Retry-After": {"300"}}, Body: `{"message":"Slow down"}`},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, githubresttest.Config{}, func(w *world) {
				w.server.Queue("acme/widgets", xcode)
				w.wait(time.Minute)
				require.Equal(w, 1, w.must().Jobs())
				w.server.Fail(fault)
				w.wait(time.Minute)
				before := w.server.Calls()
				_, err := w.source.Register(w.ctx, attempt("vm-1", "q"))
				require.ErrorIs(w, err, autoscale.ErrThrottled)
				require.NotErrorIs(w, err, autoscale.ErrUncertain)
				w.wait(200 * time.Second)
				require.Equal(w, before, w.server.Calls())
				w.wait(2 * time.Minute)
				require.Equal(w, 1, w.must().Jobs())
			})
		})
	}
	play(t, githubresttest.Config{}, func(w *world) { // it says neither until when nor how long
		w.stop()
		before := 0
		calls := func() (n int) {
			for _, of := range w.server.Calls() {
				n += of
			}
			return n - before
		}
		before = calls()
		w.anew(githubresttest.Fault{Times: 3, Status: 403, Body: `{"message":"You have exceeded a secondary rate limit."}`})
		w.wait(time.Second)
		require.Equal(w, 1, calls())
		w.wait(70 * time.Second)
		require.Equal(w, 2, calls())
		w.wait(60 * time.Second)
		require.Equal(w, 2, calls(), "the second wait is longer")
		w.wait(20 * time.Minute)
		require.Zero(w, w.must().Jobs())
	})
}

func TestAnOutageIsUnknownDemandAndNoEnd(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode, xcode)
		w.wait(35 * time.Second)
		w.register("vm-1")
		w.register("vm-2")
		w.server.Connect("vm-1")
		w.server.Start("vm-1")
		w.wait(time.Minute)
		w.server.Fail(githubresttest.Fault{Times: -1, Status: 503, Body: "<html><title>Unicorn!</title></html>"})
		w.wait(10 * time.Minute)
		for range 50 {
			w.wait(time.Minute)
			_, err := w.demand()
			require.ErrorIs(w, err, autoscale.ErrUnavailable)
			require.ErrorContains(w, err, "Unicorn!")
			require.Error(w, w.drain("vm-2"))
		}
		w.server.Heal()
		w.wait(time.Minute)
		d := w.must()
		require.True(w, d.Use["vm-1"].Busy())
		require.NotEqual(w, autoscale.DrainDone, d.Use["vm-1"].Drain)
		require.Equal(w, autoscale.DrainDone, d.Use["vm-2"].Drain, "which was asked for, in doubt, and found out about")
		require.Equal(w, 1, d.Jobs())
	})
}

func TestAnswersThatAreNoneAreErrorsAndNeverZero(t *testing.T) {
	for name, body := range map[string]string{
		"empty": "", "no JSON": "tea", "null": "null", "an array": "[]", "other members": `{"runs":[]}`, "no list": `{"total_count":0}`,
		"no total": `{"workflow_runs":[],"jobs":[]}`, "less than all": `{"total_count":3,"workflow_runs":[],"jobs":[],"runners":[]}`,
		"no id": `{"total_count":1,"workflow_runs":[{"status":"queued"}],"runners":[{"name":"x"}]}`, "cut": `{"total_count":0,"workflow_runs":[`,
		"more after it": `{"total_count":0,"workflow_runs":[],"runners":[]} x`, "negative": `{"total_count":-1,"workflow_runs":[],"runners":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			play(t, githubresttest.Config{}, func(w *world) {
				w.anew(githubresttest.Fault{Times: -1, Body: body})
				w.wait(time.Minute)
				_, err := w.demand()
				require.ErrorIs(w, err, autoscale.ErrMalformed)
				require.NotEmpty(w, w.told())
				w.server.Heal()
				w.wait(time.Minute)
				require.Zero(w, w.must().Jobs())
			})
		})
	}
}

func TestATokenWithoutRightsIsSaidToHaveNone(t *testing.T) {
	for name, fault := range map[string]githubresttest.Fault{
		"may not":   {Status: 403, Body: `{"message":"Resource not accessible by personal access token"}`},
		"not found": {Status: 404, Body: `{"message":"Not Found"}`},
		"unknown":   {Status: 401, Body: `{"message":"Bad credentials"}`},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, githubresttest.Config{}, func(w *world) {
				fault.Times = -1
				w.anew(fault)
				w.wait(time.Minute)
				_, err := w.demand()
				if fault.Status == 404 {
					require.ErrorIs(w, err, autoscale.ErrNotFound)
					require.ErrorContains(w, err, "a token that may not see it")
				} else {
					require.ErrorIs(w, err, autoscale.ErrUnauthorized)
				}
				require.ErrorContains(w, err, "repository acme/widgets")
				require.ErrorContains(w, err, "the list of runners")
				w.server.Heal()
				w.wait(time.Minute)
				w.must()
			})
		})
	}
}

func TestAThousandRunsAreTooManyToKnow(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		for range 1003 {
			w.server.Queue("acme/widgets", xcode)
		}
		w.wait(10 * time.Minute)
		_, err := w.demand()
		require.ErrorIs(w, err, autoscale.ErrUnavailable)
		require.ErrorContains(w, err, "no more than 1000 runs of a status and there are 1003 or more")
	})
}

func TestListsOfSeveralPagesAreReadWhole(t *testing.T) {
	play(t, githubresttest.Config{PerPage: 3}, func(w *world) {
		for range 7 {
			w.server.Queue("acme/widgets", xcode, xcode, xcode, xcode, xcode)
		}
		w.wait(10 * time.Minute)
		require.Equal(w, 35, w.must().Jobs())
		for i := range 7 {
			w.register(fmt.Sprintf("vm-%d", i))
			w.server.Connect(fmt.Sprintf("vm-%d", i))
		}
		w.wait(5 * time.Minute)
		for i := range 7 {
			require.False(w, w.must().Use[fmt.Sprintf("vm-%d", i)].Missing)
		}
	})
}

func TestATokenGoesToNoOtherServer(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.anew(githubresttest.Fault{
			Path: "/actions/runs", Times: -1, Body: `{"total_count":0,"workflow_runs":[]}`,
			Header: http.Header{"Link": {`<http://evil.test/api/v3/x>; rel="next"`}},
		})
		w.wait(time.Minute)
		_, err := w.demand()
		require.ErrorIs(w, err, autoscale.ErrMalformed)
		require.ErrorContains(w, err, "evil.test")
	})
}
