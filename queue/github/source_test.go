package github_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

// What the loop asks of a queue.
var (
	_ loop.Queue   = (*github.Source)(nil)
	_ loop.Drainer = (*github.Source)(nil)
	_ loop.Keeper  = (*github.Source)(nil)
	_ loop.Mover   = (*github.Source)(nil)
)

func TestTheLifeOfOneJob(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		require.Empty(b, b.known().Classes)
		queued := time.Now()
		b.server.Queue("macs", 1)
		b.wait(time.Minute)
		require.Positive(b, b.wakes)
		d := b.known()
		require.Len(b, d.Classes[0].Members, 1)
		require.EqualValues(b, "macs#1", d.Classes[0].Members[0].ID)
		require.True(b, queued.Equal(d.Classes[0].Members[0].Submitted))
		require.Equal(b, autoscale.HasLabel("pool", pool), d.Classes[0].Selector)
		require.Equal(b, "1 1 2", fmt.Sprint(d.Classes[0].Tasks, d.Classes[0].PerTask.Cores, d.Classes[0].Exclusive))

		config, err := b.register("r1", "ios-Abc")
		require.NoError(b, err)
		require.Equal(b, "missing", b.use("ios-abc"))
		require.NoError(b, b.keep(node("ios-Abc", "r1")))
		b.wait(90 * time.Second)
		require.Equal(b, "missing", b.use("ios-abc"))
		_, err = b.server.Connect(config)
		require.NoError(b, err)
		b.wait(time.Minute)
		require.Equal(b, "", b.use("ios-abc"), "a listing shows it online")

		b.begin("ios-Abc")
		require.Equal(b, "busy", b.use("ios-abc"))
		require.Empty(b, b.known().Classes, "its job doesn't wait")
		require.NoError(b, b.server.Finish("ios-Abc", "succeeded"))
		synctest.Wait()
		require.Equal(b, "done", b.use("ios-abc"))
		require.NoError(b, b.drain("ios-Abc"))
		require.ErrorIs(b, b.undrain("ios-Abc"), autoscale.ErrRejected)

		require.NoError(b, b.keep())
		require.Equal(b, "done", b.use("ios-abc"), "its machine might come late")
		b.wait(20 * time.Minute)
		require.NoError(b, b.keep())
		require.Equal(b, "no record", b.use("ios-abc"))
		require.NotContains(b, b.store.read(), "ios")
	})
}

func TestAJobCancelledDuringBoot(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.late = 10 * time.Second
		id := b.server.Queue("macs", 1)[0]
		config, err := b.register("r1", "vm-1")
		require.NoError(b, err)
		require.NoError(b, b.server.Cancel("macs", id))
		b.wait(time.Second)
		require.Empty(b, b.known().Classes)
		require.Equal(b, "missing", b.use("vm-1"), "nobody said that it may go")
		require.NoError(b, b.undrain("vm-1"))
		require.NoError(b, b.drain("vm-1"))
		require.Equal(b, "done", b.use("vm-1"))
		require.Error(b, b.undrain("vm-1"))
		_, err = b.server.Connect(config)
		require.Error(b, err)
	})
}

func TestNewsOfAStartThatComeLate(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.late = 10 * time.Second
		b.server.Queue("macs", 1)
		b.up("r1", "vm-1")
		b.begin("vm-1")
		require.Equal(b, "missing", b.use("vm-1"))
		err := b.drain("vm-1")
		require.ErrorIs(b, err, autoscale.ErrRejected)
		require.ErrorContains(b, err, "is busy")
		require.ErrorContains(b, err, "end of its job is awaited")
		require.Equal(b, "busy", b.use("vm-1"))
		require.NoError(b, b.server.Finish("vm-1", "succeeded"))
		synctest.Wait()
		require.Equal(b, "done", b.use("vm-1"))
		b.wait(20 * time.Second)
		require.Equal(b, "done", b.use("vm-1"), "the start's news came after the end's")
	})
}

func TestAnEndIsEnoughWhereTheStartWasNotHeardOf(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.late = time.Hour
		b.server.Queue("macs", 1)
		b.up("r1", "vm-1")
		b.begin("vm-1")
		require.NoError(b, b.server.Finish("vm-1", "succeeded"))
		synctest.Wait()
		require.Equal(b, "done", b.use("vm-1"))
		b.wait(2 * time.Hour)
		require.Equal(b, "done", b.use("vm-1"))
	})
}

func TestALostRegistrationOutlivesAnOutage(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.server.Fail(githubtest.Fault{Path: "generatejitconfig", Handled: true, Cut: true})
		_, err := b.register("r1", "vm-1")
		require.ErrorIs(b, err, autoscale.ErrUncertain)
		b.server.Fail(githubtest.Fault{Path: "/agents", Status: 500, Times: -1})
		b.wait(time.Hour)
		require.Error(b, b.keep())
		b.server.Heal()
		require.NoError(b, b.keep())
		require.Equal(b, "[]", b.runners())
	})
}

func TestALostAnswerToARegistration(t *testing.T) {
	for _, handled := range []bool{false, true} {
		inLab(t, githubtest.Config{}, func(b bench) {
			b.server.Fail(githubtest.Fault{Path: "generatejitconfig", Handled: handled, Cut: true})
			_, err := b.register("r1", "vm-1")
			require.ErrorIs(b, err, autoscale.ErrUncertain)
			require.ErrorIs(b, err, autoscale.ErrUnavailable)
			require.Contains(b, b.store.read(), "vm-1")
			require.Equal(b, 1, b.server.Calls()[generated])
			_, err = b.register("r1", "vm-2")
			require.NoError(b, err)
			require.Equal(b, "[vm-2]", b.runners(), "the earlier attempt's is gone")
			require.NoError(b, b.keep(node("vm-2", "r1")))
			b.wait(30 * time.Minute)
			require.NoError(b, b.keep(node("vm-2", "r1")))
			require.Equal(b, "no record", b.use("vm-1"))
			require.Equal(b, "missing", b.use("vm-2"))
			require.NoError(b, b.keep())
			require.Equal(b, "[]", b.runners())
		})
	}
}

func TestARegistrationThatArrivesLate(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.server.Fail(githubtest.Fault{Path: "generatejitconfig", Cut: true})
		_, err := b.register("r1", "vm-1")
		require.ErrorIs(b, err, autoscale.ErrUncertain)
		require.NoError(b, b.keep())
		require.Equal(b, "missing", b.use("vm-1"), "it may come yet")
		client, err := github.New(github.Options{URL: "http://github.test/acme", Token: func() (string, error) { return pat, nil }, Transport: b.server.Transport()})
		require.NoError(b, err)
		set, err := client.FindSet(b.ctx, 1, "macs")
		require.NoError(b, err)
		_, _, err = client.GenerateJITConfig(b.ctx, set.ID, "vm-1", "")
		require.NoError(b, err)
		require.NoError(b, b.keep())
		require.Equal(b, "[]", b.runners())
	})
}

func TestARegistrationThatIsRefusedLeavesNothing(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.server.Fail(githubtest.Fault{Path: "generatejitconfig", Status: 400, Body: "no"})
		_, err := b.register("r1", "vm-1")
		require.ErrorIs(b, err, autoscale.ErrRejected)
		require.NotErrorIs(b, err, autoscale.ErrUncertain)
		require.NotContains(b, b.store.read(), "vm-1")

		_, err = b.source.Register(b.ctx, autoscale.Attempt{Request: "r", Pool: "x", Host: "vm-9", Labels: map[string]string{"pool": "x"}})
		require.ErrorIs(b, err, autoscale.ErrRejected)
		require.ErrorContains(b, err, "no scale set selects pool x")
		b.up("r2", "vm-2")
		_, err = b.register("r3", "VM-2")
		require.ErrorContains(b, err, "a host of its own")

		calls := b.server.Calls()[generated]
		b.store.breakWith(errors.New("the disk is full"))
		_, err = b.register("r4", "vm-4")
		require.ErrorContains(b, err, "the disk is full")
		require.NotErrorIs(b, err, autoscale.ErrUncertain)
		require.Equal(b, calls, b.server.Calls()[generated], "nothing is sent without its intent")
		require.ErrorContains(b, b.drain("vm-2"), "the disk is full")
		require.Equal(b, "[vm-2]", b.runners())
	})
}

func TestAnEarlierAttemptThatWorks(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.late = time.Hour
		b.server.Queue("macs", 2)
		b.up("r1", "vm-1")
		b.begin("vm-1")
		_, err := b.register("r1", "vm-2")
		require.ErrorIs(b, err, autoscale.ErrUnavailable)
		require.ErrorContains(b, err, "has come after all")
		require.NotErrorIs(b, err, autoscale.ErrUncertain)
		require.Equal(b, "[vm-1]", b.runners())
	})
}

func TestALostAnswerToADeletion(t *testing.T) {
	for _, handled := range []bool{false, true} {
		inLab(t, githubtest.Config{UnknownIs404: true}, func(b bench) {
			b.up("r1", "vm-1")
			b.up("r2", "vm-2")
			lost := githubtest.Fault{Method: "DELETE", Path: "/agents/", Handled: handled, Cut: true, Times: 2}
			b.server.Fail(lost)
			require.ErrorIs(b, b.drain("vm-1"), autoscale.ErrUncertain)
			require.ErrorIs(b, b.drain("vm-2"), autoscale.ErrUncertain)
			require.ErrorContains(b, b.undrain("vm-1"), "not known yet")
			require.NotContains(b, b.use("vm-1"), "done")
			require.NoError(b, b.drain("vm-1"), "404 tells, as ours was under way")
			require.Equal(b, "done", b.use("vm-1"))
			b.wait(61 * time.Second)
			require.Equal(b, handled, b.use("vm-2") == "done", "a listing tells")
		})
	}
}

func TestNotFoundProvesNothing(t *testing.T) {
	inLab(t, githubtest.Config{UnknownIs404: true}, func(b bench) {
		b.server.Queue("macs", 1)
		b.up("r1", "vm-1")
		b.wait(61 * time.Second)
		require.Equal(b, "", b.use("vm-1"))
		require.NoError(b, b.server.Prune("vm-1"))
		for range 3 {
			err := b.drain("vm-1")
			require.ErrorContains(b, err, "proves nothing")
			require.Equal(b, "missing", b.use("vm-1"))
			b.wait(2 * time.Minute)
		}
		b.begin("vm-1")
		b.wait(10 * time.Minute)
		require.Equal(b, "busy", b.use("vm-1"), "though it is not listed")
		require.ErrorContains(b, b.drain("vm-1"), "proves nothing")
		require.NoError(b, b.server.Finish("vm-1", "succeeded"))
		synctest.Wait()
		require.Equal(b, "done", b.use("vm-1"))
	})
}

func TestAJobWhoseEndWasLost(t *testing.T) {
	for _, stays := range []bool{false, true} {
		inLab(t, githubtest.Config{UnknownIs404: true}, func(b bench) {
			id := b.server.Queue("macs", 1)[0]
			b.up("r1", "vm-1")
			b.begin("vm-1")
			require.Equal(b, "busy", b.use("vm-1"))
			b.server.DropSession("macs")
			if stays {
				require.NoError(b, b.server.Cancel("macs", id))
			} else {
				require.NoError(b, b.server.Finish("vm-1", "succeeded"))
			}
			b.server.LoseNews("macs")
			b.wait(8 * time.Minute)
			require.Equal(b, "done", b.use("vm-1"))
			require.Equal(b, "[]", b.runners())
		})
	}
}

func TestARunnerThatIsAwayForLongIsMissing(t *testing.T) {
	for _, terse := range []bool{false, true} {
		inLab(t, githubtest.Config{Terse: terse}, func(b bench) {
			b.up("r1", "vm-1")
			b.wait(61 * time.Second)
			require.Equal(b, terse, b.use("vm-1") == "missing", "what isn't told isn't known")
			b.server.Disconnect("vm-1")
			b.wait(5 * time.Minute)
			require.NotEqual(b, "done", b.use("vm-1"))
			b.wait(2 * time.Minute)
			require.Equal(b, "missing", b.use("vm-1"))
		})
	}
}
