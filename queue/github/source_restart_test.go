package github_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

func TestKilledAndStartedAgain(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.server.Queue("macs", 3)
		b.up("r1", "works")
		b.up("r2", "ends")
		b.up("r3", "waits")
		b.begin("works")
		b.begin("ends")
		b.kill()
		require.True(b, b.server.HasSession("macs"), "nobody closed it")
		require.NoError(b, b.server.Finish("ends", "succeeded"))
		b.start()
		err := b.unknown("another session")
		require.ErrorContains(b, err, `scale set "macs"`)
		require.ErrorContains(b, err, "trying again every 30s")
		require.ErrorIs(b, err, autoscale.ErrUnavailable)
		b.wait(5 * time.Minute)
		b.unknown("another session")
		b.server.DropSession("macs")
		b.wait(31 * time.Second)
		require.Equal(b, []string{"busy", "done", ""}, []string{b.use("works"), b.use("ends"), b.use("waits")})
		require.Equal(b, 1, b.known().Jobs())

		b.end()
		require.False(b, b.server.HasSession("macs"))
		require.NoError(b, b.server.Finish("works", "succeeded"))
		b.server.LoseNews("macs")
		b.start()
		require.Equal(b, []string{"done", "done", ""}, []string{b.use("works"), b.use("ends"), b.use("waits")}, "it had started, and isn't listed")
	})
}

func TestAnOutageConcludesNothing(t *testing.T) {
	faults := map[string]githubtest.Fault{
		"5xx":         {Status: 503, Times: -1},
		"403":         {Status: 403, Times: -1},
		"no answer":   {Cut: true, Times: -1},
		"garbage":     {Body: "<html>sign in</html>", Times: -1},
		"empty polls": {Path: "/queue/", Status: 202, Times: -1},
	}
	for name, fault := range faults {
		inLab(t, githubtest.Config{UnknownIs404: true}, func(b bench) {
			b.server.Queue("macs", 3)
			b.up("r1", "works")
			b.up("r2", "waits")
			b.begin("works")
			b.wait(61 * time.Second)
			require.Equal(b, 2, b.known().Jobs())
			b.server.Fail(fault)
			saved := b.store.read()
			b.wait(time.Minute)
			require.Equal(b, 2, b.known().Jobs(), "%s: what was known a minute ago will do", name)
			for range 59 {
				b.wait(time.Minute)
				if name != "empty polls" {
					continue
				}
				require.Equal(b, []string{"busy", ""}, []string{b.use("works"), b.use("waits")})
				require.Equal(b, 2, b.known().Jobs(), "nothing new is not zero")
			}
			if name != "empty polls" {
				b.unknown(`scale set "macs"`)
				require.Error(b, b.drain("waits"), name)
				_, err := b.register("r3", "new")
				require.Error(b, err, name)
			}
			require.NoError(b, b.server.Finish("works", "succeeded"))
			if name == "empty polls" {
				require.Equal(b, saved, b.store.read())
			}
			b.server.Heal()
			b.wait(time.Minute)
			require.Equal(b, "done", b.use("works"), name)
			require.Positive(b, b.server.Calls()[refreshed], "%s: counts are read anew", name)
			require.Equal(b, 2, b.known().Jobs(), name)
			require.NotContains(b, b.use("waits"), "busy", name)
		})
	}
}

func TestASetThatIsDeletedIsMadeAgain(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.up("r1", "vm-1")
		client, err := github.New(github.Options{URL: "http://github.test/acme", Token: func() (string, error) { return pat, nil }, Transport: b.server.Transport()})
		require.NoError(b, err)
		set, err := client.FindSet(b.ctx, 1, "macs")
		require.NoError(b, err)
		require.NoError(b, client.DeleteSet(b.ctx, set.ID))
		b.wait(2 * time.Minute)
		again, err := client.FindSet(b.ctx, 1, "macs")
		require.NoError(b, err)
		require.NotEqual(b, set.ID, again.ID)
		b.server.Queue("macs", 2)
		b.wait(time.Second)
		require.Equal(b, 2, b.known().Jobs())
		require.Equal(b, "missing", b.use("vm-1"), "it serves no set any more")
		b.up("r2", "vm-2")
		b.begin("vm-2")
		require.Equal(b, 1, b.known().Jobs())
	})
}

func TestLabelsThatAreDropped(t *testing.T) {
	labels := func(names ...string) func(o *github.SourceOptions) {
		return func(o *github.SourceOptions) { o.Sets[0].Labels = names }
	}
	inLab(t, githubtest.Config{OneLabel: true}, func(b bench) {
		err := b.unknown("drops all but one")
		require.ErrorContains(b, err, "[macos-15 xcode-16]")
		require.ErrorIs(b, err, autoscale.ErrRejected)
		require.False(b, b.server.HasSession("macs"))
	}, labels("macos-15", "xcode-16"))
	inLab(t, githubtest.Config{}, func(b bench) {
		b.known()
		b.end()
		b.options.Sets[0].Labels = []string{"xcode-17"}
		b.start()
		b.known()
		require.Equal(b, 1, b.server.Calls()["PATCH /service/rest/_apis/runtime/runnerscalesets/{set}"], "labels follow the configuration")
		b.end()
		b.start()
		b.known()
		require.Equal(b, 1, b.server.Calls()["PATCH /service/rest/_apis/runtime/runnerscalesets/{set}"])
	}, labels("macos-15", "Xcode-16"))
}

func TestJobsThatMustBeAcquired(t *testing.T) {
	inLab(t, githubtest.Config{Acquire: true}, func(b bench) {
		b.server.Queue("macs", 2)
		b.wait(time.Second)
		require.Equal(b, 2, b.known().Jobs())
		b.server.Fail(githubtest.Fault{Path: "acquirejobs", Status: 500})
		b.server.Queue("macs", 1)
		b.wait(time.Second)
		require.Equal(b, 2, b.known().Jobs())
		require.Len(b, b.reports, 1)
		require.Zero(b, b.server.Unacknowledged("macs"), "it blocks nothing")
		b.wait(2 * time.Minute)
		require.Equal(b, 3, b.known().Jobs())
	})
}

func TestADryRunOnlyReads(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.unknown("a dry run makes no scale set, the daemon makes it when it runs without --dry-run")
		b.options.DryRun = false
		b.end()
		b.start()
		b.server.Queue("macs", 3)
		b.up("r1", "vm-1")
		b.begin("vm-1")
		saved := b.store.read()
		b.end()
		b.options.DryRun = true
		before := b.server.Calls()
		b.start()
		require.Equal(b, 2, b.known().Jobs())
		require.Equal(b, "busy", b.use("vm-1"))
		b.server.Queue("macs", 1)
		b.wait(31 * time.Second)
		require.Equal(b, 3, b.known().Jobs())
		_, err := b.register("r2", "vm-2")
		require.ErrorContains(b, err, "dry run")
		require.ErrorContains(b, b.drain("vm-1"), "dry run")
		require.ErrorContains(b, b.keep(), "dry run")
		require.Equal(b, saved, b.store.read())
		for call, n := range b.server.Calls() {
			if !strings.HasPrefix(call, "GET /service") && !strings.Contains(call, "/api/v3/") {
				require.Equal(b, before[call], n, call)
			}
		}
	}, func(o *github.SourceOptions) { o.DryRun = true })
}

func TestALostStore(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.server.Queue("macs", 1)
		b.up("r1", "works")
		b.up("r2", "waits")
		b.up("r3", "other")
		b.begin("works")
		b.end()
		b.store.text = nil
		b.start()
		require.Empty(b, b.known().Use)
		require.ErrorContains(b, b.drain("nobody"), "proves nothing")
		require.NoError(b, b.drain("waits"))
		require.Equal(b, "done", b.use("waits"))
		require.ErrorContains(b, b.drain("works"), "is busy")
		require.Equal(b, "busy", b.use("works"))
		require.NoError(b, b.keep(node("other", "r3"), node("works", "r1")))
		require.Equal(b, "", b.use("other"))
		require.Equal(b, "[works other]", b.runners())
	})
}

func TestARunnerOfAnotherSetIsLeftAlone(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.up("r1", "vm-1")
		b.end()
		b.store.text = nil
		b.options.Sets[0].Name = "others"
		b.start()
		require.ErrorContains(b, b.drain("vm-1"), "none of ours")
		require.NoError(b, b.keep(node("vm-1", "r1")))
		require.Equal(b, "no record", b.use("vm-1"))
		require.Equal(b, "[vm-1]", b.runners())
	})
}

func TestASpoiltStoreIsNotTakenForEmpty(t *testing.T) {
	for _, text := range []string{"{", "[]", `{"version":2,"runners":[]}`, `{"version":1,"runners":[{"host":"a"}]}`, `{"version":1,"runners":[{"host":"a","set":"s"},{"host":"A","set":"s"}]}`, `{"version":1,"runners":[],"more":1}`} {
		inLab(t, githubtest.Config{}, func(b bench) {
			b.end()
			b.store.text = []byte(text)
			b.start()
			b.unknown("read the records of runners")
			_, err := b.register("r1", "vm-1")
			require.ErrorIs(b, err, autoscale.ErrMalformed)
			require.Equal(b, text, b.store.read())
		})
	}
}

func TestCapacityIsWhatThePoolsCanHave(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.wait(time.Second)
		require.Zero(b, b.server.Capacity("macs"), "nothing is known of any supply")
		supply := autoscale.Supply{
			Pools: []autoscale.Pool{
				{ID: "a", Labels: map[string]string{"pool": pool}, Draws: []autoscale.Draw{{Limit: "l", Amount: 2}, {Limit: "untold", Amount: 1}}},
				{ID: "b", Labels: map[string]string{"pool": pool}, Draws: []autoscale.Draw{{Limit: "l", Amount: 1}}},
				{ID: "bad", Labels: map[string]string{"pool": pool}, Invalid: "no such tag"},
				{ID: "other", Labels: map[string]string{"pool": "other"}},
			},
			Limits: []autoscale.Limit{{ID: "l", Max: 12, Used: 3}},
			Nodes:  []autoscale.Node{node("1", ""), node("2", ""), {Pool: "other", Phase: autoscale.PhaseReady}},
		}
		supply.Nodes[0].Pool, supply.Nodes[1].Pool, supply.Nodes[1].Phase = "bad", "a", autoscale.PhaseStarting
		require.NoError(b, b.source.Keep(b.ctx, supply, nil))
		synctest.Wait()
		require.Equal(b, 7, b.server.Capacity("macs"), "four of a, one of b, two that are there; at once")
		supply.Stopped = "maintenance"
		require.NoError(b, b.source.Keep(b.ctx, supply, nil))
		b.wait(time.Minute)
		require.Equal(b, 2, b.server.Capacity("macs"))
	})
}

func TestSourceOptionsAreChecked(t *testing.T) {
	good := github.SourceOptions{Client: &github.Client{}, Owner: "a", Store: &memoryStore{}, Now: time.Now, Sets: []github.SetOptions{{Name: "a"}}}
	_, err := github.NewSource(good)
	require.NoError(t, err)
	for words, change := range map[string]func(*github.SourceOptions){
		"a client":      func(o *github.SourceOptions) { o.Client = nil },
		"a store":       func(o *github.SourceOptions) { o.Store = nil },
		"a clock":       func(o *github.SourceOptions) { o.Now = nil },
		"owner":         func(o *github.SourceOptions) { o.Owner = "" },
		"no scale sets": func(o *github.SourceOptions) { o.Sets = nil },
		"of its own":    func(o *github.SourceOptions) { o.Sets = []github.SetOptions{{Name: "a"}, {Name: "A"}} },
		"negative":      func(o *github.SourceOptions) { o.Timings.Linger = -1 },
		"stale":         func(o *github.SourceOptions) { o.Timings.Stale = time.Minute },
	} {
		o := good
		change(&o)
		_, err := github.NewSource(o)
		require.ErrorIs(t, err, github.ErrConfig, words)
		require.ErrorContains(t, err, words)
	}
}

func TestDemandWaitsForTheFirstNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(context.Background(), githubtest.Config{})
		defer l.end()
		s, err := github.NewSource(l.optionsOf(t))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = s.Demand(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, autoscale.ErrUnavailable)
		require.ErrorContains(t, err, `scale set "macs"`)
		require.ErrorIs(t, l.source.Run(t.Context()), github.ErrConfig, "it runs once")
	})
}

func (l *lab) optionsOf(t *testing.T) github.SourceOptions {
	o := l.options
	client, err := github.New(github.Options{URL: "http://github.test/acme", Token: func() (string, error) { return "", errors.New("none") }, Transport: l.server.Transport()})
	require.NoError(t, err)
	o.Client = client
	return o
}

func TestRunnersAreListedBeforeAnythingIsKnown(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		b.server.Queue("macs", 1)
		b.up("r1", "vm-1")
		b.begin("vm-1")
		b.end()
		b.server.Fail(githubtest.Fault{Path: "/agents", Status: 500, Times: -1})
		b.start()
		b.unknown("list runners")
		b.wait(time.Hour)
		b.unknown("list runners")
		b.server.Heal()
		b.wait(30 * time.Second)
		require.Equal(b, "busy", b.use("vm-1"))
	})
}

func TestOlderJobsComeFirst(t *testing.T) {
	inLab(t, githubtest.Config{}, func(b bench) {
		begin := time.Now()
		for range 3 {
			b.server.Queue("macs", 1)
			b.wait(time.Minute)
		}
		ages := func() string {
			text := ""
			for _, m := range b.known().Classes[0].Members {
				text += fmt.Sprint(m.ID, " ", m.Submitted.Sub(begin), "; ")
			}
			return text
		}
		require.Equal(b, "macs#1 0s; macs#2 1m0s; macs#3 2m0s; ", ages())
		b.up("r1", "vm-1")
		b.begin("vm-1")
		require.Equal(b, "macs#1 1m0s; macs#2 2m0s; ", ages())
		b.up("r2", "vm-2")
		b.late = time.Minute
		b.begin("vm-2")
		require.Error(b, b.drain("vm-2"))
		require.Equal(b, "macs#1 2m0s; ", ages(), "the oldest runs, though no message said so yet")
		require.NoError(b, b.server.Finish("vm-2", "failed"))
		b.server.Queue("macs", 1)
		b.end()
		b.start()
		b.wait(time.Minute)
		require.Equal(b, "macs#1 3m0s; macs#2 4m0s; ", ages())
		b.server.Queue("macs", 1)
		b.wait(time.Minute)
		require.Equal(b, "macs#1 3m0s; macs#2 4m0s; macs#3 4m0s; ", ages(), "after a restart the time of the count will do")
	})
}
