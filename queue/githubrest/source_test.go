package githubrest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/githubrest"
	"autoscaled/queue/githubrest/githubresttest"
)

func TestTheLifeOfAJob(t *testing.T) {
	play(t, githubresttest.Config{Latency: 50 * time.Millisecond}, func(w *world) {
		require.Zero(w, w.must().Jobs())
		id := w.server.Queue("acme/widgets", xcode)[0]
		w.wait(35 * time.Second)
		d := w.must()
		require.Equal(w, 1, d.Jobs())
		require.Equal(w, autoscale.HasLabel("template", "xcode-16"), d.Classes[0].Selector)
		require.Equal(w, w.server.Job(id).Created.UTC().Truncate(time.Second), d.Classes[0].Members[0].Submitted.UTC())

		w.register("vm-1")
		require.ElementsMatch(w, []string{"self-hosted", "macOS", "xcode-16"}, w.server.Runners()[0].Labels)
		require.Equal(w, autoscale.HostUse{Missing: true}, w.must().Use["vm-1"])
		require.True(w, w.server.Connect("vm-1"))
		w.wait(35 * time.Second)
		require.Equal(w, autoscale.HostUse{}, w.must().Use["vm-1"])

		require.Equal(w, id, w.server.Start("VM-1"))
		w.wait(35 * time.Second)
		d = w.must()
		require.Zero(w, d.Jobs())
		require.True(w, d.Use["vm-1"].Busy())
		require.Contains(w, string(d.Use["vm-1"].Jobs[0]), "acme/widgets#")
		require.ErrorIs(w, w.drain("vm-1"), autoscale.ErrRejected)
		require.True(w, w.must().Use["vm-1"].Busy())

		w.server.Finish(id)
		w.wait(35 * time.Second)
		use := w.must().Use["vm-1"]
		require.False(w, use.Busy())
		require.Equal(w, autoscale.DrainDone, use.Drain)
		require.Error(w, w.source.Undrain(w.ctx, []autoscale.Node{node("vm-1")})[0])

		require.NoError(w, w.source.Keep(w.ctx, supply("vm-1"), nil))
		w.wait(time.Hour)
		require.NoError(w, w.source.Keep(w.ctx, supply(), nil))
		require.NotContains(w, w.must().Use, "vm-1")
		require.Empty(w, w.told())
	})
}

func TestOnlyQueuedJobsThatARuleMapsAreDemand(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		ids := w.server.Queue("acme/widgets", xcode, []string{"ubuntu-latest"}, []string{"xcode-16", "gpu"}, []string{"xcode-15"})
		w.server.SetStatus(w.server.Queue("acme/widgets", xcode, xcode)[0], "waiting")
		w.server.SetStatus(ids[0], "completed") // the others hide in a run that is in progress
		w.wait(time.Minute)
		d := w.must()
		require.Equal(w, 3, d.Jobs())
		held := 0
		for _, c := range d.Classes {
			if c.Held != "" {
				require.Equal(w, "GitHub says waiting", c.Held)
				held++
			}
		}
		require.Equal(w, 1, held)
		st := w.source.Status().Repositories[0]
		require.Equal(w, []int{2, 1, 2}, []int{st.Queued, st.Held, st.NotOurs})
	})
}

func TestACancelledJobIsNoDemandAndItsRunnerGoes(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		id := w.server.Queue("acme/widgets", xcode)[0]
		w.wait(35 * time.Second)
		w.register("vm-1")
		w.server.Cancel(id)
		w.wait(35 * time.Second)
		require.Zero(w, w.must().Jobs())
		require.NoError(w, w.drain("vm-1"))
		require.Equal(w, autoscale.DrainDone, w.must().Use["vm-1"].Drain)
		require.Empty(w, w.server.Runners())
	})
}

func TestAJobThatARunnerHasBegunIsNotCountedTwice(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode, xcode)
		w.wait(35 * time.Second)
		w.register("vm-1")
		w.server.Connect("vm-1")
		w.server.Fail(githubresttest.Fault{Path: "/actions/runs", Times: -1, Status: 502}) // jobs are not read
		require.NotZero(w, w.server.Start("vm-1"))
		w.wait(time.Minute)
		d := w.must()
		require.True(w, d.Use["vm-1"].Busy())
		require.Equal(w, 1, d.Jobs())
	})
}

func TestARunnerWhoseJobWasNeverReadEndsWithItsRegistration(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode)
		w.wait(35 * time.Second)
		w.register("vm-1")
		w.server.Connect("vm-1")
		w.server.Fail(githubresttest.Fault{Path: "/actions/runs", Times: -1, Status: 502})
		id := w.server.Start("vm-1")
		w.wait(time.Minute)
		require.True(w, w.must().Use["vm-1"].Busy())
		w.server.Finish(id)
		w.server.Heal()
		w.wait(2 * time.Minute)
		require.Equal(w, autoscale.HostUse{Drain: autoscale.DrainDone}, w.must().Use["vm-1"])
		require.Zero(w, w.must().Jobs())
	})
}

func TestAJobIsAskedAboutWhoseRunIsListedNoMore(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode)
		w.wait(35 * time.Second)
		w.register("vm-1")
		w.server.Connect("vm-1")
		id := w.server.Start("vm-1")
		w.wait(35 * time.Second)
		w.server.Fail(githubresttest.Fault{Path: "/runners", Times: -1, Status: 500})
		w.server.Finish(id)
		w.wait(35 * time.Second)
		require.Equal(w, autoscale.HostUse{Drain: autoscale.DrainDone}, w.must().Use["vm-1"])
	})
}

func TestNotFoundProvesNothing(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode)
		w.wait(35 * time.Second)
		w.register("vm-1")
		w.server.Connect("vm-1")
		w.wait(35 * time.Second)
		w.server.Prune("vm-1")
		for range 2 {
			err := w.drain("vm-1")
			require.ErrorContains(w, err, "proves nothing")
			require.ErrorIs(w, err, autoscale.ErrRejected)
		}
		require.Equal(w, autoscale.HostUse{Missing: true}, w.must().Use["vm-1"])
		id := w.server.Start("vm-1") // seen: pruned seconds before it took a job
		require.NotZero(w, id)
		w.wait(35 * time.Second)
		require.True(w, w.must().Use["vm-1"].Busy())
		require.ErrorIs(w, w.drain("vm-1"), githubrest.ErrRunnerBusy, "its job is known to run")
		require.True(w, w.must().Use["vm-1"].Busy())
		w.server.Finish(id)
		w.wait(35 * time.Second)
		require.Equal(w, autoscale.HostUse{Drain: autoscale.DrainDone}, w.must().Use["vm-1"])
	})
}

func TestALostDeletionIsFoundOutAbout(t *testing.T) {
	for name, handled := range map[string]bool{"arrived": true, "did not arrive": false} {
		t.Run(name, func(t *testing.T) {
			play(t, githubresttest.Config{}, func(w *world) {
				w.server.Queue("acme/widgets", xcode)
				w.wait(35 * time.Second)
				w.register("vm-1")
				w.server.Fail(githubresttest.Fault{Method: "DELETE", Cut: true, Handled: handled})
				require.ErrorIs(w, w.drain("vm-1"), autoscale.ErrUncertain)
				require.NotEqual(w, autoscale.DrainDone, w.must().Use["vm-1"].Drain)
				require.Error(w, w.source.Undrain(w.ctx, []autoscale.Node{node("vm-1")})[0])
				w.wait(time.Minute)
				require.Equal(w, autoscale.DrainDone, w.must().Use["vm-1"].Drain)
				require.Empty(w, w.server.Runners())
			})
		})
	}
}

func TestAnUnseenRunnerIsNotTakenForDeletedByWhoMayNotSeeIt(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode)
		w.wait(35 * time.Second)
		w.register("vm-1")
		w.server.Connect("vm-1")
		w.server.Start("vm-1")
		w.wait(35 * time.Second)
		w.server.Fail(githubresttest.Fault{Path: "/orgs/", Times: -1, Status: 404, Body: `{"message":"Not Found"}`})
		require.Error(w, w.drain("vm-1"))
		require.True(w, w.must().Use["vm-1"].Busy())
		require.NotEqual(w, autoscale.DrainDone, w.must().Use["vm-1"].Drain)
	})
}

func TestALostRegistrationIsCleanedUp(t *testing.T) {
	for name, handled := range map[string]bool{"arrived": true, "did not arrive": false} {
		t.Run(name, func(t *testing.T) {
			play(t, githubresttest.Config{}, func(w *world) {
				w.server.Queue("acme/widgets", xcode)
				w.wait(35 * time.Second)
				w.server.Fail(githubresttest.Fault{Method: "POST", Cut: true, Handled: handled})
				_, err := w.source.Register(w.ctx, attempt("vm-1", "q"))
				require.ErrorIs(w, err, autoscale.ErrUncertain)
				require.Equal(w, 1, w.server.Calls()["register"], "nothing is sent twice")
				_, err = w.source.Register(w.ctx, attempt("vm-2", "q"))
				require.NoError(w, err)
				require.Len(w, w.server.Runners(), 1, "that of the first attempt went before")
				require.NoError(w, w.source.Keep(w.ctx, supply("vm-2"), nil))
				w.wait(time.Hour)
				require.NoError(w, w.source.Keep(w.ctx, supply("vm-2"), nil))
				require.NotContains(w, w.must().Use, "vm-1")
				require.Contains(w, w.must().Use, "vm-2")
			})
		})
	}
}

func TestABusyRunnerOfAnEarlierAttemptForbidsAnother(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode)
		w.wait(35 * time.Second)
		_, err := w.source.Register(w.ctx, attempt("vm-1", "q"))
		require.NoError(w, err)
		w.wait(35 * time.Second)
		w.server.Fail(githubresttest.Fault{Method: "GET", Times: -1, Status: 500}) // nothing else tells
		w.server.Connect("vm-1")
		w.server.Start("vm-1")
		_, err = w.source.Register(w.ctx, attempt("vm-2", "q"))
		require.ErrorIs(w, err, autoscale.ErrUnavailable)
		require.True(w, w.must().Use["vm-1"].Busy(), "GitHub said so when it refused")
		require.Len(w, w.server.Runners(), 1)
	})
}

func TestKeepDeletesWhatNothingWillUse(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode, xcode)
		w.wait(35 * time.Second)
		for _, host := range []string{"vm-1", "vm-2", "vm-3", "vm-4"} {
			w.register(host)
		}
		w.server.Connect("vm-4")
		w.server.Start("vm-4")
		w.wait(35 * time.Second)
		require.NoError(w, w.source.Keep(w.ctx, supply("vm-1"), []autoscale.RequestID{"vm-2"}))
		var left []string
		for _, r := range w.server.Runners() {
			left = append(left, r.Name)
		}
		require.Equal(w, []string{"vm-1", "vm-2", "vm-4"}, left)
		require.Equal(w, autoscale.DrainDone, w.must().Use["vm-3"].Drain, "its machine may come yet")
	})
}

func TestARestartForgetsNothing(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode, xcode, xcode)
		w.wait(35 * time.Second)
		for _, host := range []string{"vm-1", "vm-2", "vm-3"} {
			w.register(host)
			w.server.Connect(host)
		}
		require.NoError(w, w.drain("vm-1"))
		first := w.server.Start("vm-2")
		second := w.server.Start("vm-3")
		w.wait(35 * time.Second)
		w.stop()
		w.server.Finish(second)
		w.begin()
		w.wait(time.Minute)
		d := w.must()
		require.Equal(w, autoscale.DrainDone, d.Use["vm-1"].Drain)
		require.True(w, d.Use["vm-2"].Busy())
		require.Equal(w, autoscale.HostUse{Drain: autoscale.DrainDone}, d.Use["vm-3"])
		w.server.Finish(first)
		w.wait(time.Minute)
		require.Equal(w, autoscale.HostUse{Drain: autoscale.DrainDone}, w.must().Use["vm-2"])
	})
}

func TestALostStoreIsMadeUpForByTheList(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode)
		w.wait(35 * time.Second)
		w.register("vm-1")
		w.register("vm-2")
		w.server.Connect("vm-1")
		w.server.Start("vm-1")
		w.stop()
		w.store.text = nil
		w.begin()
		w.wait(35 * time.Second)
		d := w.must()
		require.True(w, d.Use["vm-1"].Busy())
		require.False(w, d.Use["vm-2"].Busy())
		require.NoError(w, w.source.Keep(w.ctx, supply("vm-1", "vm-2"), nil))
		require.Len(w, w.server.Runners(), 2)
		require.Error(w, w.drain("vm-1"))
		require.NoError(w, w.drain("vm-2"))
		require.ErrorContains(w, w.drain("vm-9"), "proves nothing")
	})
}

func TestWhatCantBeSavedDoesNotHappen(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode)
		w.wait(35 * time.Second)
		w.register("vm-1")
		w.store.mu.Lock()
		w.store.err = autoscale.ErrUnavailable
		w.store.mu.Unlock()
		_, err := w.source.Register(w.ctx, attempt("vm-2", "q"))
		require.Error(w, err)
		require.Error(w, w.drain("vm-1"))
		require.Len(w, w.server.Runners(), 1)
		require.Equal(w, 1, w.server.Calls()["register"])
		require.Zero(w, w.server.Calls()["delete"])
	})
}

func TestRunnersGetTheLabelsOfJobsThatLackOne(t *testing.T) {
	arm := []string{"xcode-16", "ARM64"}
	play(t, githubresttest.Config{}, func(w *world) {
		_, err := w.source.Register(w.ctx, attempt("vm-0", "q"))
		require.ErrorContains(w, err, "no job has asked for pool ios yet")
		require.ErrorIs(w, err, autoscale.ErrRejected)
		w.server.Queue("acme/widgets", xcode, arm, arm)
		w.wait(35 * time.Second)
		for _, host := range []string{"vm-1", "vm-2", "vm-3", "vm-4"} {
			w.register(host)
		}
		var got []string
		for _, r := range w.server.Runners() {
			got = append(got, strings.Join(r.Labels[2:], " "))
		}
		require.ElementsMatch(w, []string{"ARM64 xcode-16", "ARM64 xcode-16", "xcode-16"}, got[:3])
	})
	play(t, githubresttest.Config{}, func(w *world) {
		w.register("vm-1")
		require.Equal(w, []string{"self-hosted", "macOS", "warm"}, w.server.Runners()[0].Labels)
	}, func(o *githubrest.Options) {
		o.Standing = []githubrest.Standing{{Select: autoscale.HasLabel("template", "xcode-16"), Labels: []string{"warm"}}}
	})
}

func TestADryRunOnlyReads(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode)
		w.wait(35 * time.Second)
		require.Equal(w, 1, w.must().Jobs())
		_, err := w.source.Register(w.ctx, attempt("vm-1", "q"))
		require.ErrorIs(w, err, autoscale.ErrRejected)
		require.Error(w, w.drain("vm-1"))
		require.Error(w, w.source.Keep(w.ctx, supply(), nil))
		w.wait(10 * time.Minute)
		require.Zero(w, w.store.saves)
		require.Zero(w, w.server.Calls()["register"]+w.server.Calls()["delete"])
	}, func(o *githubrest.Options) { o.DryRun = true })
}
