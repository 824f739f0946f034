package fleet_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/internal/fleet"
	"autoscaled/internal/rest"
	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

const (
	arm = "macos-15-xcode-16" // a set, and the template of its jobs
	pat = "ghp_secretofthistest"
)

// bench is a small world in a bubble, and clients that do what a daemon would.
type bench struct {
	*testing.T
	world  *fleet.World
	anka   *ankatest.Server
	github *githubtest.Server
	mac    *anka.Client
	ci     *github.Client
	set    github.Set
}

// inBubble plays on two Macs in virtual time.
func inBubble(t *testing.T, o fleet.Options, play func(b bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := ankatest.DefaultConfig()
		cfg.Timing.Sigma = 0
		cfg.Nodes = []ankatest.NodeConfig{{
			Name: "mini", Count: 2, Arch: "arm64", Holds: []ankatest.HoldConfig{{Template: arm, Tag: "v2"}},
		}}
		b := bench{T: t}
		var err error
		b.anka, err = ankatest.New(cfg, ankatest.ClockFunc(time.Now), 1)
		require.NoError(t, err)
		b.github = githubtest.New(githubtest.Config{PAT: pat, PollWait: 50 * time.Second}, githubtest.ClockFunc(time.Now))
		b.github.AddSet(arm)
		o.Anka, o.GitHub, o.Now = b.anka, b.github, time.Now
		b.world, err = fleet.New(o)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go b.world.Run(ctx)
		b.mac, err = anka.New(anka.Options{URL: "http://anka.test", Transport: b.world.AnkaTransport()})
		require.NoError(t, err)
		b.ci = newGitHub(t, b.world.GitHubTransport())
		b.set, err = b.ci.FindSet(ctx, 1, arm)
		require.NoError(t, err)
		play(b)
	})
}

func newGitHub(t *testing.T, transport http.RoundTripper) *github.Client {
	c, err := github.New(github.Options{URL: "http://github.test/acme", Token: rest.Static(pat), Transport: transport})
	require.NoError(t, err)
	return c
}

// start makes a runner's record and the VM that is to be it.
func (b bench) start(name string) (instance string, record int64) {
	b.Helper()
	r, config, err := b.ci.GenerateJITConfig(b.Context(), b.set.ID, name, "")
	require.NoError(b, err)
	id, err := b.anka.TemplateID(arm)
	require.NoError(b, err)
	ids, err := b.mac.StartInstances(b.Context(), anka.StartRequest{
		TemplateID: id, Tag: "v2", Count: 1, Name: name, Script: []byte("#!/bin/sh\n/Users/anka/run.sh --jitconfig " + config.Reveal() + " &\n"),
	})
	require.NoError(b, err)
	return ids[0], r.ID
}

// job queues one that arrives now.
func (b bench) job(length time.Duration) {
	b.world.Add(fleet.Job{Set: arm, At: time.Now(), Length: length})
}

func (b bench) violations() (kinds []fleet.ViolationKind) {
	for _, v := range b.world.Books().Violations {
		kinds = append(kinds, v.Kind)
	}
	return kinds
}

func (b bench) end(instance string) {
	b.Helper()
	require.NoError(b, b.mac.TerminateInstance(b.Context(), instance))
}

// TestJobRunsInAVM: 3 s until a Mac takes the instance, 25 s of boot, 5 s until it has a
// network and its script begins, 90 s until the runner is there.
func TestJobRunsInAVM(t *testing.T) {
	inBubble(t, fleet.Options{}, func(b bench) {
		b.job(10 * time.Minute)
		instance, _ := b.start("runner-1")
		time.Sleep(3 * time.Minute)
		books := b.world.Books()
		require.Equal(b, 1, books.Running())
		require.Equal(b, 123*time.Second, books.QueueTime(95))
		require.Equal(b, "runner-1", books.Jobs[0].Runner)
		require.Len(b, books.Records, 1)
		require.True(b, books.Records[0].Busy)
		require.Equal(b, map[string]int{books.Jobs[0].Node: 1}, withoutZeros(books.MostVMs))
		time.Sleep(10 * time.Minute)
		b.end(instance)
		books = b.world.Books()
		require.Equal(b, 1, books.Succeeded())
		require.Equal(b, 10*time.Minute, books.Jobs[0].Ended.Sub(books.Jobs[0].Started))
		require.Empty(b, books.Records)
		require.Empty(b, books.VMs)
		require.Equal(b, 1, books.Starts)
		require.Empty(b, books.Violations)
	})
}

func withoutZeros(m map[string]int) map[string]int {
	for k, n := range m {
		if n == 0 {
			delete(m, k)
		}
	}
	return m
}

func TestVMEndedUnderAJobIsAViolation(t *testing.T) {
	inBubble(t, fleet.Options{}, func(b bench) {
		b.job(time.Hour)
		instance, _ := b.start("runner-1")
		time.Sleep(5 * time.Minute)
		b.end(instance)
		require.Equal(b, []fleet.ViolationKind{fleet.ViolationBusy}, b.violations())
		require.Equal(b, time.Now(), b.world.Books().Violations[0].At)
		require.Equal(b, 1, b.world.Books().Running(), "GitHub has not noticed")
		time.Sleep(fleet.DefaultLostAfter + time.Second)
		require.Equal(b, "failed", b.world.Books().Jobs[0].Result)
	})
}

func TestVMEndedWithItsRunnerWaitingIsAViolation(t *testing.T) {
	for _, wait := range []time.Duration{40 * time.Second, 5 * time.Minute} { // coming, idle
		inBubble(t, fleet.Options{}, func(b bench) {
			first, _ := b.start("runner-1")
			second, record := b.start("runner-2")
			time.Sleep(wait)
			_, err := b.ci.RemoveRunner(b.Context(), record)
			require.NoError(b, err)
			b.end(second)
			require.Empty(b, b.violations())
			b.end(first)
			require.Equal(b, []fleet.ViolationKind{fleet.ViolationRecord}, b.violations())
		})
	}
}

// TestVMThatNeverCameUpMayGo: so may one that failed.
func TestVMThatNeverCameUpMayGo(t *testing.T) {
	inBubble(t, fleet.Options{}, func(b bench) {
		b.job(time.Hour)
		early, _ := b.start("runner-1")
		time.Sleep(10 * time.Second)
		b.end(early)
		late, _ := b.start("runner-2")
		time.Sleep(3 * time.Minute)
		require.Equal(b, 1, b.world.Books().Running())
		require.NoError(b, b.anka.FailInstance(late, "the Mac's fault"))
		time.Sleep(time.Minute)
		b.end(late)
		require.Empty(b, b.violations())
		require.Equal(b, "offline", b.world.Books().Records[1].Status)
	})
}

func TestDeletedRunnerComesUpInVain(t *testing.T) {
	inBubble(t, fleet.Options{}, func(b bench) {
		_, record := b.start("runner-1")
		time.Sleep(time.Minute)
		_, err := b.ci.RemoveRunner(b.Context(), record)
		require.NoError(b, err)
		b.job(time.Minute)
		time.Sleep(time.Hour)
		require.Equal(b, 1, b.world.Books().Waiting())
	})
}

func TestCancelledJobs(t *testing.T) {
	inBubble(t, fleet.Options{}, func(b bench) {
		b.world.Add(
			fleet.Job{Set: arm, At: time.Now(), Length: time.Hour, CancelAfter: 30 * time.Minute},
			fleet.Job{Set: arm, At: time.Now(), Length: time.Hour, CancelAfter: time.Minute},
		)
		b.start("runner-1")
		time.Sleep(time.Second)
		b.start("runner-2")
		time.Sleep(2*time.Minute - 2*time.Second)
		require.Equal(b, 1, b.world.Books().Waiting())
		time.Sleep(40 * time.Minute)
		books := b.world.Books()
		require.Equal(b, "canceled", books.Jobs[0].Result)
		require.Equal(b, 30*time.Minute, books.Jobs[0].Ended.Sub(books.Jobs[0].At))
		require.Empty(b, books.Jobs[1].Runner)
		b.job(time.Minute)
		time.Sleep(time.Second)
		require.Equal(b, "runner-1", books.Jobs[0].Runner)
		require.Equal(b, "runner-2", b.world.Books().Jobs[2].Runner, "a runner has one job")
		require.Empty(b, b.violations())
	})
}

// TestNewsOfAStartMayBeLate: the queue tells of it later than the statistics, and before
// what comes after.
func TestNewsOfAStartMayBeLate(t *testing.T) {
	for length, late := range map[time.Duration]time.Duration{time.Hour: 20 * time.Second, 5 * time.Second: 5 * time.Second} {
		inBubble(t, fleet.Options{NewsLate: 20 * time.Second}, func(b bench) {
			session, err := b.ci.Open(b.Context(), b.set.ID, "test")
			require.NoError(b, err)
			b.job(length)
			b.start("runner-1")
			b.hear(session, github.JobAssigned)
			b.hear(session, github.JobStarted)
			require.Equal(b, late, time.Since(b.world.Books().Jobs[0].Started))
			require.NoError(b, session.Close(b.Context()))
		})
	}
}

// hear polls until news of a kind come.
func (b bench) hear(s *github.Session, kind github.EventKind) {
	b.Helper()
	for range 10 {
		m, err := s.Next(b.Context(), 1)
		require.NoError(b, err)
		if m == nil {
			continue
		}
		require.NoError(b, s.Ack(b.Context(), m.ID))
		require.Equal(b, kind, m.Events[0].Kind)
		return
	}
	require.Fail(b, "they never came", string(kind))
}

// TestMutedQueueTellsNothing: jobs that come meanwhile are told of afterwards.
func TestMutedQueueTellsNothing(t *testing.T) {
	inBubble(t, fleet.Options{}, func(b bench) {
		session, err := b.ci.Open(b.Context(), b.set.ID, "test")
		require.NoError(b, err)
		b.github.Mute(true)
		b.job(time.Hour)
		m, err := session.Next(b.Context(), 1)
		require.NoError(b, err)
		require.Nil(b, m)
		b.github.Mute(false)
		b.hear(session, github.JobAssigned)
		require.NoError(b, session.Close(b.Context()))
	})
}

func TestQueueTimes(t *testing.T) {
	var b fleet.Books
	require.Zero(t, b.QueueTime(50))
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for i := range 20 {
		b.Jobs = append(b.Jobs, fleet.JobRecord{Job: fleet.Job{At: at}, Started: at.Add(time.Duration(20-i) * time.Second)})
	}
	b.Jobs = append(b.Jobs, fleet.JobRecord{Job: fleet.Job{At: at}})
	require.Equal(t, time.Second, b.QueueTime(0))
	require.Equal(t, 10*time.Second, b.QueueTime(50))
	require.Equal(t, 19*time.Second, b.QueueTime(95))
	require.Equal(t, 20*time.Second, b.QueueTime(96))
	require.Equal(t, 20*time.Second, b.QueueTime(100))
}

// TestWorldByHand: with a clock that is moved from event to event nothing is missed.
func TestWorldByHand(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	clock := ankatest.NewManualClock(at)
	cfg := ankatest.DefaultConfig()
	cfg.Timing.Sigma = 0
	mac, err := ankatest.New(cfg, clock, 1)
	require.NoError(t, err)
	ci := githubtest.New(githubtest.Config{PAT: pat, PollWait: time.Second}, clock)
	ci.AddSet(arm)
	world, err := fleet.New(fleet.Options{Anka: mac, GitHub: ci, Now: clock.Now})
	require.NoError(t, err)
	world.Add(fleet.Job{Set: arm, At: at.Add(time.Minute), Length: time.Minute})
	client, err := anka.New(anka.Options{URL: "http://anka.test", Transport: world.AnkaTransport()})
	require.NoError(t, err)
	github := newGitHub(t, world.GitHubTransport())
	set, err := github.FindSet(t.Context(), 1, arm)
	require.NoError(t, err)
	b := bench{T: t, world: world, anka: mac, mac: client, ci: github, set: set}
	b.start("runner-1")
	var moments []time.Duration
	for next, ok := world.Next(); ok; next, ok = world.Next() {
		clock.Advance(next.Sub(clock.Now()))
		world.Step()
		moments = append(moments, clock.Now().Sub(at))
	}
	require.Contains(t, moments, time.Minute)
	require.Equal(t, 183*time.Second, moments[len(moments)-1])
	require.Equal(t, 1, world.Books().Succeeded())
	require.Equal(t, 63*time.Second, world.Books().QueueTime(50))
}

func TestWorldNeedsItsServers(t *testing.T) {
	_, err := fleet.New(fleet.Options{})
	require.Error(t, err)
}
