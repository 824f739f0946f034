package gitlab_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/gitlab/gitlabtest"
)

func TestARequestLetInBeforeThePause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		w.server.Queue(project, "macos-15")
		token := w.start("vm-1")
		answer := w.server.Begin(token)
		w.drain("vm-1")
		w.demand()
		w.keep()
		time.Sleep(3 * time.Second)
		job := answer()
		time.Sleep(10 * time.Second)
		w.keep()
		require.Equal(t, autoscale.HostUse{Drain: autoscale.DrainOurs, Settling: true, Whole: true, Jobs: []autoscale.JobID{id(job)}}, w.demand().Use["vm-1"])
		require.NoError(t, w.undrain("vm-1"))
		w.server.Finish(job, "failed")
		require.Equal(t, autoscale.DrainDone, w.demand().Use["vm-1"].Drain)
	})
}

func TestUndrainBeginsAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		token := w.start("vm-1")
		w.server.Contact(token)
		w.drain("vm-1")
		time.Sleep(time.Minute)
		require.NoError(t, w.undrain("vm-1"))
		require.Equal(t, autoscale.HostUse{}, w.demand().Use["vm-1"])
		w.keep()
		require.False(t, w.server.Runners()[0].Paused)
		w.drain("vm-1")
		w.keep()
		require.Len(t, w.server.Runners(), 1, "the second pause is young")
		w.restart()
		w.demand()
		w.keep()
		require.Len(t, w.server.Runners(), 1, "who restarted waits again")
		time.Sleep(10 * time.Second)
		w.keep()
		require.Empty(t, w.server.Runners())
	})
}

func TestLostRegistration(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		w.server.Fail(gitlabtest.Fault{Path: "/user/runners", Handled: true, Cut: true})
		_, err := w.source.Register(t.Context(), attempt("vm-1"))
		require.ErrorIs(t, err, autoscale.ErrUncertain)
		w.server.Fail(gitlabtest.Fault{Path: "/user/runners", Handled: true, Status: 201, Body: `{"id":7}`})
		_, err = w.source.Register(t.Context(), attempt("vm-2"))
		require.ErrorIs(t, err, autoscale.ErrUncertain)
		w.server.Fail(gitlabtest.Fault{Path: "/user/runners", Status: 400, Body: `{"message":"no"}`})
		_, err = w.source.Register(t.Context(), attempt("vm-3"))
		require.ErrorIs(t, err, autoscale.ErrRejected)
		require.Len(t, w.server.Runners(), 2)
		require.Empty(t, w.demand().Use)
		w.restart()
		w.keep()
		require.Empty(t, w.server.Runners())

		w.server.Fail(gitlabtest.Fault{Path: "/user/runners", Cut: true})
		_, err = w.source.Register(t.Context(), attempt("vm-4"))
		require.Error(t, err)
		w.keep()
		require.Contains(t, string(w.store.text), "vm-4")
		time.Sleep(6 * time.Minute)
		w.keep()
		require.NotContains(t, string(w.store.text), "vm-")
	})
}

func TestLostDeletion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, handled := range []bool{true, false} {
			w := newWorld(t, gitlabtest.Config{})
			w.start("vm-1")
			w.server.Fail(gitlabtest.Fault{Method: http.MethodPut, Handled: handled, Cut: true})
			err := errors.Join(w.source.Drain(t.Context(), w.supply.Nodes, "")...)
			require.ErrorIs(t, err, autoscale.ErrUncertain)
			require.Equal(t, handled, w.demand().Use["vm-1"].Drain == autoscale.DrainOurs)
			w.drain("vm-1")
			time.Sleep(10 * time.Second)
			w.server.Fail(gitlabtest.Fault{Method: http.MethodDelete, Handled: handled, Cut: true})
			require.ErrorIs(t, w.source.Keep(t.Context(), w.supply, nil), autoscale.ErrUncertain)
			w.restart()
			require.Equal(t, handled, w.demand().Use["vm-1"].Drain == autoscale.DrainDone)
			time.Sleep(10 * time.Second)
			w.keep()
			require.Equal(t, autoscale.HostUse{Drain: autoscale.DrainDone}, w.demand().Use["vm-1"])
			require.Empty(t, w.server.Runners())
		}
	})
}

func TestARefusedDeletionIsNoDeletion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		w.server.Contact(w.start("vm-1"))
		w.drain("vm-1")
		time.Sleep(10 * time.Second)
		for _, f := range []gitlabtest.Fault{{Status: 403}, {Status: 404}, {Status: 200, Body: "{}"}} {
			f.Method = http.MethodDelete
			w.server.Fail(f)
			require.Error(t, w.source.Keep(t.Context(), w.supply, nil))
			require.Equal(t, autoscale.HostUse{Drain: autoscale.DrainOurs, Settling: true}, w.demand().Use["vm-1"])
		}
		w.server.Fail(gitlabtest.Fault{Method: http.MethodDelete, Status: 404})
		require.Error(t, w.source.Keep(t.Context(), w.supply, nil))
		w.server.Forget(w.server.Runners()[0].ID)
		require.Equal(t, autoscale.HostUse{Whole: true}, w.demand().Use["vm-1"], "no deletion of ours is open")
	})
}

func TestAnotherAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		again := func(from, to string) error {
			a := attempt(to)
			a.Request = attempt(from).Request
			_, err := w.source.Register(t.Context(), a)
			return err
		}
		first := w.start("vm-1")
		began := time.Now()
		require.NoError(t, again("vm-1", "vm-1b"))
		require.GreaterOrEqual(t, time.Since(began), 10*time.Second)
		require.Len(t, w.server.Runners(), 1)
		require.False(t, w.server.Contact(first))
		require.Equal(t, autoscale.DrainDone, w.demand().Use["vm-1"].Drain)

		w.server.Queue(project, "macos-15")
		job := w.server.Take(w.start("vm-2"))
		err := again("vm-2", "vm-2b")
		require.ErrorIs(t, err, autoscale.ErrUnavailable)
		require.ErrorContains(t, err, "arrived after all")
		w.server.Finish(job, "success")
		require.ErrorIs(t, again("vm-2", "vm-2b"), autoscale.ErrUnavailable)

		w.server.Queue(project, "macos-15")
		third := w.start("vm-3")
		go func() {
			time.Sleep(5 * time.Second)
			w.server.Contact(third)
		}()
		require.ErrorIs(t, again("vm-3", "vm-3b"), autoscale.ErrUnavailable)
		require.ErrorIs(t, again("", "vm-3"), autoscale.ErrRejected, "the host has a record")
		bad := attempt("vm-4")
		bad.Labels = nil
		_, err = w.source.Register(t.Context(), bad)
		require.ErrorContains(t, err, `the label "template", which pool ios does not have`)
	})
}

func TestRecordsWithoutHosts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		w.open = []autoscale.RequestID{attempt("coming").Request}
		w.start("coming")
		w.start("never")
		w.server.Queue(project, "macos-15")
		busy := w.server.Take(w.start("busy"))
		w.supply.Nodes = nil
		for range 5 {
			w.keep()
			time.Sleep(10 * time.Second)
		}
		var left []string
		for _, r := range w.server.Runners() {
			left = append(left, r.Description)
		}
		require.Equal(t, []string{"coming", "busy"}, left)
		require.False(t, w.server.Runners()[1].Paused, "what works is left alone")
		w.open = nil
		w.server.Finish(busy, "success")
		for range 5 {
			w.demand()
			w.keep()
			time.Sleep(10 * time.Second)
		}
		require.Empty(t, w.server.Runners())
		w.keep()
		time.Sleep(16 * time.Minute)
		w.keep()
		require.JSONEq(t, `{"version":1,"runners":[]}`, string(w.store.text))
	})
}

func TestALostStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		w.server.Queue(project, "macos-15")
		job := w.server.Take(w.start("vm-1"))
		w.store.text = nil
		w.restart()
		require.NotContains(t, w.demand().Use, "vm-1")
		w.keep()
		require.Equal(t, []autoscale.JobID{id(job)}, w.demand().Use["vm-1"].Jobs)
		for _, text := range []string{"{", `{"version":2,"runners":[]}`, `{"version":1,"runners":[{"host":""}]}`, `{"version":1,"runners":[{"host":"a"},{"host":"A"}]}`} {
			w.store.text = []byte(text)
			w.restart()
			_, err := w.source.Demand(t.Context())
			require.ErrorIs(t, err, autoscale.ErrMalformed)
		}
		w.store.fail = errors.New("the disk is full")
		_, err := w.source.Register(t.Context(), attempt("vm-2"))
		require.ErrorIs(t, err, autoscale.ErrUnavailable)
		require.Len(t, w.server.Runners(), 1, "nothing leaves without its intent on record")
	})
}

func TestAPauseThatEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		w.server.Contact(w.start("vm-1"))
		runner := w.server.Runners()[0].ID
		w.drain("vm-1")
		time.Sleep(time.Minute)
		w.server.PauseRunner(runner, false)
		w.keep()
		require.Len(t, w.server.Runners(), 1, "it is not paused")
		require.Empty(t, w.demand().Use["vm-1"].Drain)
		w.server.PauseRunner(runner, true)
		w.keep()
		w.demand()
		w.keep()
		require.Len(t, w.server.Runners(), 1, "it was paused just now")
		time.Sleep(10 * time.Second)
		w.keep()
		require.Empty(t, w.server.Runners())
	})
}

func TestADrainedRunnerThatOthersDelete(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		w.server.Contact(w.start("vm-1"))
		w.drain("vm-1")
		time.Sleep(10 * time.Second)
		w.server.Forget(w.server.Runners()[0].ID)
		w.keep()
		require.Equal(t, autoscale.HostUse{Whole: true}, w.demand().Use["vm-1"])
	})
}

func TestKeepWhileARunnerIsMade(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		w.after = func(r *http.Request) {
			if r.Method == http.MethodPost {
				w.keep()
			}
		}
		require.True(t, w.server.Contact(w.start("vm-1")))
	})
}
