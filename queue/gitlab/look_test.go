package gitlab_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/gitlab/gitlabtest"
)

const (
	oneByOne = "GET /api/v4/runners/{id}"
	jobsOf   = "GET /api/v4/runners/{id}/jobs"
	list     = "GET /api/v4/projects/{id}/runners"
)

// several starts runners and lets as many of them as are meant ask for work.
func several(w *world, n, heard int) {
	for i := range n {
		token := w.start(fmt.Sprint("vm-", i))
		if i < heard {
			w.server.Contact(token)
		}
	}
}

// made are the calls of a kind since before.
func made(w *world, before map[string]int, kind string) int {
	return w.server.Calls()[kind] - before[kind]
}

func TestManyRunnersAreReadByTheirList(t *testing.T) {
	for _, old := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, gitlabtest.Config{Old: old})
			several(w, 40, 10)
			before := w.server.Calls()
			for range 3 {
				require.Len(t, w.demand().Use, 40)
				time.Sleep(10 * time.Second)
			}
			require.Equal(t, 3, made(w, before, list))
			require.Zero(t, made(w, before, oneByOne))
			require.Equal(t, 10, made(w, before, jobsOf), "who is idle is not asked again at once")
			use := w.demand().Use
			require.Equal(t, autoscale.HostUse{}, use["vm-9"])
			require.Equal(t, autoscale.HostUse{Missing: true}, use["vm-10"])
		})
	}
}

// TestWhatTheListDoesNotShow is asked for by itself: a list that moves from page to page
// proves nothing.
func TestWhatTheListDoesNotShow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		several(w, 5, 5)
		w.server.Fail(gitlabtest.Fault{Path: "/runners", Body: "[]"})
		use := w.demand().Use
		for i := range 5 {
			require.Equal(t, autoscale.HostUse{}, use[fmt.Sprint("vm-", i)])
		}
		w.server.Fail(gitlabtest.Fault{Path: "/runners", Status: 403, Body: "{}"})
		require.Equal(t, use, w.demand().Use, "a token that may not list them")
		w.server.Fail(gitlabtest.Fault{Path: "/runners", Body: "{}", Times: 2})
		_, err := w.source.Demand(t.Context())
		require.ErrorIs(t, err, autoscale.ErrMalformed)
	})
}

// TestIdleRunnerIsAskedAgain: once a list showed it at work, at once; otherwise soon.
func TestIdleRunnerIsAskedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, gitlabtest.Config{})
		token := w.start("vm-1")
		w.server.Contact(token)
		w.demand()
		job := w.server.Queue(project, "macos-15")
		w.server.Take(token)
		require.True(t, w.demand().Use["vm-1"].Busy())
		w.server.Finish(job, "success")
		require.Equal(t, autoscale.DrainDone, w.demand().Use["vm-1"].Drain)

		quick := w.start("vm-2")
		w.server.Contact(quick)
		w.demand()
		job = w.server.Queue(project, "macos-15")
		w.server.Take(quick)
		w.server.Finish(job, "success")
		require.Equal(t, autoscale.HostUse{}, w.demand().Use["vm-2"], "nothing has shown its job")
		time.Sleep(30 * time.Second)
		require.Equal(t, autoscale.DrainDone, w.demand().Use["vm-2"].Drain)
	})
}

// TestRecordOfAnEndedRunner is deleted with one call, or found gone by it.
func TestRecordOfAnEndedRunner(t *testing.T) {
	for _, forgotten := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, gitlabtest.Config{})
			token := w.start("vm-1")
			job := w.server.Queue(project, "macos-15")
			w.server.Take(token)
			w.server.Finish(job, "success")
			require.Equal(t, autoscale.DrainDone, w.demand().Use["vm-1"].Drain)
			w.end("vm-1")
			if forgotten {
				w.server.Forget(w.server.Runners()[0].ID)
			}
			before := w.server.Calls()
			w.keep()
			require.Empty(t, w.server.Runners())
			require.Zero(t, made(w, before, oneByOne)+made(w, before, jobsOf))
			w.keep()
		})
	}
}
