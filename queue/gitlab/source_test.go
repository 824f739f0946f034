package gitlab_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/gitlab"
	"autoscaled/queue/gitlab/gitlabtest"
)

func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func id(job int64) autoscale.JobID { return autoscale.JobID(fmt.Sprint("gitlab/", job)) }

func TestALifeOfAJob(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		job := w.server.Queue(project, "macos-15")
		submitted := time.Now()
		time.Sleep(time.Minute)
		d := w.demand()
		require.Len(t, d.Classes, 1)
		require.Equal(t, autoscale.HasLabel("template", "macos-15"), d.Classes[0].Selector)
		require.Equal(t, autoscale.ExclusiveTask, d.Classes[0].Exclusive)
		require.Equal(t, []autoscale.Member{{ID: id(job), Submitted: submitted.UTC()}}, d.Classes[0].Members)
		require.False(t, d.Vouched)

		token := w.start("VM-1")
		runners := w.server.Runners()
		require.Len(t, runners, 1)
		require.Equal(t, "VM-1", runners[0].Description)
		require.Equal(t, []string{"macos-15", "ios"}, runners[0].Tags)
		require.True(t, runners[0].Locked)
		require.False(t, runners[0].Untagged)
		require.Equal(t, map[string]autoscale.HostUse{"vm-1": {Missing: true}}, w.demand().Use)
		require.True(t, w.server.Contact(token))
		require.Equal(t, map[string]autoscale.HostUse{"vm-1": {}}, w.demand().Use)

		require.Equal(t, job, w.server.Take(token))
		d = w.demand()
		require.Empty(t, d.Classes)
		require.Equal(t, map[string]autoscale.HostUse{"vm-1": {Jobs: []autoscale.JobID{id(job)}, Whole: true}}, d.Use)
		w.server.Finish(job, "canceling")
		require.True(t, w.demand().Use["vm-1"].Busy(), "its last script runs")
		w.server.Finish(job, "success")
		require.Equal(t, map[string]autoscale.HostUse{"vm-1": {Drain: autoscale.DrainDone}}, w.demand().Use)
		w.restart()
		require.Equal(t, map[string]autoscale.HostUse{"vm-1": {Drain: autoscale.DrainDone}}, w.demand().Use)

		w.keep()
		require.Len(t, w.server.Runners(), 1, "its VM is there")
		w.end("VM-1")
		w.keep()
		require.Empty(t, w.server.Runners())
		require.Equal(t, map[string]autoscale.HostUse{"vm-1": {Drain: autoscale.DrainDone}}, w.demand().Use, "a lost start may bring its VM yet")
		w.keep()
		time.Sleep(16 * time.Minute)
		w.keep()
		require.Empty(t, w.demand().Use)
	})
}

func TestCancelledDuringBoot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		job := w.server.Queue(project, "macos-15")
		w.start("vm-1")
		w.server.Cancel(job)
		require.Zero(t, w.demand().Jobs())
		w.drain("vm-1")
		require.Equal(t, autoscale.HostUse{Drain: autoscale.DrainOurs, Settling: true, Missing: true}, w.demand().Use["vm-1"])
		w.keep()
		require.Len(t, w.server.Runners(), 1, "a request for a job may be on its way")
		time.Sleep(10 * time.Second)
		w.keep()
		require.Empty(t, w.server.Runners())
		require.Equal(t, 1, w.woken)
		require.Equal(t, autoscale.HostUse{Drain: autoscale.DrainDone}, w.demand().Use["vm-1"])
		require.False(t, w.server.Contact(w.tokens["vm-1"]))
		require.ErrorIs(t, w.undrain("vm-1"), autoscale.ErrRejected)
	})
}

func TestWhatOthersDoToRunners(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		w.server.Contact(w.start("paused"))
		w.server.Contact(w.start("forgotten"))
		runners := w.server.Runners()
		w.server.PauseRunner(runners[0].ID, true)
		w.server.Forget(runners[1].ID)
		for range 3 {
			w.keep()
			time.Sleep(time.Hour)
			d := w.demand()
			require.Equal(t, autoscale.HostUse{Drain: autoscale.DrainForeign}, d.Use["paused"])
			require.Equal(t, autoscale.HostUse{Whole: true}, d.Use["forgotten"], "a job of its may run yet")
		}
		require.Len(t, w.server.Runners(), 1)
		errs := w.source.Drain(t.Context(), []autoscale.Node{{Host: "forgotten"}, {Host: "unheard-of"}}, "")
		require.ErrorIs(t, errs[0], autoscale.ErrRejected)
		require.ErrorIs(t, errs[1], autoscale.ErrNotFound)
	})
}

func TestWhoseJobs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		w.server.Queue(project)
		w.server.Queue(project, "linux")
		held := w.server.Queue(project, "macos-15", "gpu")
		w.server.Queue(project, "macos-14")
		_, stranger, err := w.client.CreateRunner(t.Context(), gitlab.NewRunner{Scope: w.options.Runner.Scope, Tags: []string{"macos-15", "ios"}, Description: "stranger"})
		require.NoError(t, err)
		for _, c := range w.demand().Classes {
			require.Empty(t, c.Held, "no pool is known yet")
		}
		w.keep()
		d := w.demand()
		require.Equal(t, 2, d.Jobs(), "%+v", d.Classes)
		seen := w.source.Seen()
		require.Equal(t, 2, seen.Pending)
		require.Equal(t, 1, seen.Untaken)
		require.Equal(t, 2, seen.Foreign)
		require.ElementsMatch(t, []string{"", "linux"}, seen.Tags)
		require.Positive(t, seen.Calls)
		for _, c := range d.Classes {
			if c.Members[0].ID == id(held) {
				require.Contains(t, c.Held, "runners of pool ios don't have the tag gpu")
			} else {
				require.Empty(t, c.Held)
			}
		}
		theirs := w.server.Queue(project, "macos-15")
		require.Equal(t, theirs, w.server.Take(stranger.Reveal()))
		for _, status := range []string{"running", "pending"} { // given, and not confirmed yet
			w.server.Finish(theirs, status)
			d = w.demand()
			require.Equal(t, 2, d.Jobs())
			require.Empty(t, d.Use)
		}
	})
}

func TestATokenThatSeesNothing(t *testing.T) {
	all := func(_ *gitlab.Options, o *gitlab.SourceOptions) { o.Projects, o.All = nil, true }
	listed := func(*gitlab.Options, *gitlab.SourceOptions) {}
	read := gitlabtest.Rights{Read: true, Projects: []string{}}
	for name, c := range map[string]struct {
		rights gitlabtest.Rights
		source func(*gitlab.Options, *gitlab.SourceOptions)
		want   error
		grant  string
	}{
		"no administrator": {read, all, autoscale.ErrUnauthorized, "an administrator as its owner"},
		"another scope":    {gitlabtest.Rights{Create: true, Projects: []string{}}, listed, autoscale.ErrUnauthorized, "read_api"},
		"another project":  {read, listed, autoscale.ErrNotFound, "the role Reporter"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, gitlabtest.Config{}, c.source)
				w.server.Queue(project, "macos-15")
				require.Equal(t, 1, w.demand().Jobs())
				w.server.SetRights(c.rights)
				time.Sleep(10 * time.Minute)
				_, err := w.source.Demand(t.Context())
				require.ErrorIs(t, err, c.want)
				require.ErrorContains(t, err, c.grant)
			})
		})
	}
}

func TestManyJobs(t *testing.T) {
	for _, all := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, gitlabtest.Config{}, func(_ *gitlab.Options, o *gitlab.SourceOptions) {
				if all {
					o.Projects, o.All = nil, true
				}
			})
			first := w.server.Queue(project, "macos-15")
			for range 1199 {
				w.server.Queue(project, "macos-15")
			}
			d := w.demand()
			require.Len(t, d.Classes, 1)
			require.Equal(t, 1200, d.Jobs())
			require.Equal(t, id(first), d.Classes[0].Members[0].ID)
			job := w.server.Take(w.start("vm-1"))
			d = w.demand()
			require.Equal(t, 1199, d.Jobs())
			require.Equal(t, []autoscale.JobID{id(job)}, d.Use["vm-1"].Jobs)
			w.server.Fail(gitlabtest.Fault{Path: map[bool]string{false: "/jobs", true: "/graphql"}[all], Status: 500, Times: 3})
			_, err := w.source.Demand(t.Context())
			require.ErrorIs(t, err, autoscale.ErrUnavailable)
			require.NotErrorIs(t, err, autoscale.ErrUncertain)
		})
	}
}

func TestOutage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		job := w.server.Queue(project, "macos-15")
		w.server.Take(w.start("busy"))
		w.server.Contact(w.start("idle"))
		w.demand()
		before := len(w.server.Runners())
		for _, f := range []gitlabtest.Fault{{Status: 503}, {Cut: true}, {Body: "[]"}, {Status: 403}, {Body: "<html>"}, {Body: "null"}} {
			f.Times = -1
			w.server.Fail(f)
			for range 3 {
				_, err := w.source.Demand(t.Context())
				require.Error(t, err, "%+v", f)
				_ = w.source.Keep(t.Context(), w.supply, nil) // it has nothing to do, or can't
				time.Sleep(11 * time.Minute)
				w.restart()
			}
			w.server.Heal()
		}
		require.Len(t, w.server.Runners(), before)
		d := w.demand()
		require.Equal(t, []autoscale.JobID{id(job)}, d.Use["busy"].Jobs)
		require.Equal(t, autoscale.HostUse{}, d.Use["idle"])
		w.server.Fail(gitlabtest.Fault{Path: "/runners/", Status: 502, Times: -1})
		_, err := w.source.Demand(t.Context())
		require.ErrorIs(t, err, autoscale.ErrUnavailable, "what one runner does is part of the truth")
		w.server.Heal()
		w.server.Fail(gitlabtest.Fault{Path: "/runners/", Status: 403, Times: -1})
		_, err = w.source.Demand(t.Context())
		require.ErrorIs(t, err, autoscale.ErrUnauthorized)
		require.ErrorContains(t, err, "manage_runner")
	})
}

func TestDryRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		w.server.Queue(project, "macos-15")
		w.server.Take(w.start("vm-1"))
		w.start("vm-2")
		w.drain("vm-2")
		time.Sleep(time.Minute)
		w.options.DryRun = true
		w.restart()
		saved := string(w.store.text)
		d := w.demand()
		require.True(t, d.Use["vm-1"].Busy())
		w.keep()
		_, err := w.source.Register(t.Context(), attempt("vm-3"))
		require.ErrorIs(t, err, autoscale.ErrRejected)
		require.ErrorIs(t, w.undrain("vm-2"), autoscale.ErrRejected)
		require.Equal(t, saved, string(w.store.text))
		require.Len(t, w.server.Runners(), 2)
	})
}

func TestLimits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{PerMinute: 5}, func(o *gitlab.Options, _ *gitlab.SourceOptions) { o.CallsPerMinute = -1 })
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
		w.demand() // two calls
		w.demand()
		w.demand()
		w.demand() // the fifth call: none are left
		calls := func() (n int) {
			for _, c := range w.server.Calls() {
				n += c
			}
			return n
		}
		require.Equal(t, 5, calls())
		time.Sleep(30 * time.Second)
		_, err := w.source.Demand(context.Background())
		require.ErrorIs(t, err, autoscale.ErrThrottled)
		require.ErrorContains(t, err, "GitLab asked to wait, for another 30s")
		require.Equal(t, 5, calls())
		time.Sleep(30 * time.Second)
		w.demand()
		w.server.Fail(gitlabtest.Fault{Status: 429})
		_, err = w.source.Demand(context.Background())
		require.ErrorIs(t, err, autoscale.ErrThrottled)
		require.Equal(t, 7, calls(), "what is throttled isn't repeated")
		time.Sleep(61 * time.Second)
		w.demand()
	})
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{}, func(o *gitlab.Options, _ *gitlab.SourceOptions) { o.CallsPerMinute = 3 })
		w.demand()
		w.demand()
		_, err := w.source.Demand(t.Context())
		require.ErrorIs(t, err, autoscale.ErrThrottled)
		require.ErrorContains(t, err, "the budget of 3 calls a minute is used up for another 1m0s")
		time.Sleep(time.Minute)
		w.demand()
	})
}

func TestSeveralJobsAVM(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{Old: true}, func(_ *gitlab.Options, o *gitlab.SourceOptions) { o.MaxJobs = 2 })
		token := w.start("vm-1")
		for range 2 {
			w.server.Queue(project, "macos-15", "ios")
			require.Empty(t, w.demand().Use["vm-1"].Drain)
			job := w.server.Take(token)
			require.True(t, w.demand().Use["vm-1"].Busy())
			w.server.Finish(job, "success")
		}
		require.Equal(t, autoscale.DrainDone, w.demand().Use["vm-1"].Drain)
	})
}

func TestJobsThatTheTokenDoesNotSee(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{Rights: gitlabtest.All()}, func(_ *gitlab.Options, o *gitlab.SourceOptions) {
			o.Runner.Scope = gitlab.Scope{Type: gitlab.InstanceRunner}
		})
		token := w.start("vm-1")
		w.server.AddProject("other/secret")
		w.server.Queue("other/secret", "macos-15")
		require.NotZero(t, w.server.Take(token))
		w.server.SetRights(gitlabtest.Rights{Read: true, Manage: true, Projects: []string{project}})
		require.Equal(t, autoscale.HostUse{Whole: true}, w.demand().Use["vm-1"])
		w.drain("vm-1")
		time.Sleep(time.Minute)
		w.keep()
		require.Len(t, w.server.Runners(), 1)
	})
}

// TestAPauseThatEnded: a runner that somebody lets work again, be it for a moment, is not
// deleted as if it had been paused all along.
// TestMoreJobsThanAllowed: a program that takes more jobs than it should is busy all the same.
func TestMoreJobsThanAllowed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{Old: true})
		token := w.start("vm-1")
		w.server.Queue(project, "macos-15")
		w.server.Finish(w.server.Take(token), "success")
		w.server.Queue(project, "macos-15")
		second := w.server.Take(token)
		w.server.Finish(second, "canceling") // which the list of jobs does not show
		require.Equal(t, autoscale.HostUse{Jobs: []autoscale.JobID{id(second)}, Whole: true}, w.demand().Use["vm-1"])
		w.server.Finish(second, "canceled")
		require.Equal(t, autoscale.HostUse{Drain: autoscale.DrainDone}, w.demand().Use["vm-1"])
	})
}

// TestJobsThatMoveWhileTheyAreRead: what is taken or ends between two calls is told once,
// as it was seen last.
func TestJobsThatMoveWhileTheyAreRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		token := w.start("vm-1")
		w.server.Contact(token)
		job := w.server.Queue(project, "macos-15")
		look := func(r *http.Request) bool {
			return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/runners/")
		}
		w.before = func(r *http.Request) {
			if look(r) {
				w.server.Take(token)
			}
		}
		d := w.demand()
		require.Zero(t, d.Jobs())
		require.Equal(t, autoscale.HostUse{Jobs: []autoscale.JobID{id(job)}, Whole: true}, d.Use["vm-1"])
		w.drain("vm-1")
		w.before = func(r *http.Request) {
			if look(r) {
				w.server.Finish(job, "success")
			}
		}
		require.Equal(t, autoscale.HostUse{Drain: autoscale.DrainDone}, w.demand().Use["vm-1"])
	})
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		w.server.Queue(project, "macos-15")
		job := w.server.Take(w.start("vm-1"))
		w.server.Finish(job, "pending") // it has a runner, which has not confirmed it
		d := w.demand()
		require.Zero(t, d.Jobs())
		require.Equal(t, []autoscale.JobID{id(job)}, d.Use["vm-1"].Jobs)
	})
}
