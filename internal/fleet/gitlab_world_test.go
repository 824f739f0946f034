package fleet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/internal/fleet"
	"autoscaled/internal/rest"
	"autoscaled/queue/gitlab"
	"autoscaled/queue/gitlab/gitlabtest"
)

// gitlabBench is a bench whose CI service is GitLab.
type gitlabBench struct {
	bench
	gitlab *gitlabtest.Server
	runner *gitlab.Client
}

// inGitLab plays on two Macs in virtual time.
func inGitLab(t *testing.T, play func(b gitlabBench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := ankatest.DefaultConfig()
		cfg.Timing.Sigma = 0
		cfg.Nodes = []ankatest.NodeConfig{{Name: "mini", Count: 2, Arch: "arm64", Holds: []ankatest.HoldConfig{{Template: arm, Tag: "v2"}}}}
		b := gitlabBench{bench: bench{T: t}}
		b.gitlab = gitlabtest.New(gitlabtest.Config{Token: accessToken, Rights: gitlabtest.All(), Now: time.Now})
		b.gitlab.AddProject(ourProject)
		var err error
		b.anka, err = ankatest.New(cfg, ankatest.ClockFunc(time.Now), 1)
		require.NoError(t, err)
		b.world, err = fleet.New(fleet.Options{
			Anka: b.anka, GitLab: b.gitlab, Now: time.Now, Sets: map[string]fleet.GitLabJobs{arm: {Project: ourProject, Tags: []string{arm}}},
		})
		require.NoError(t, err)
		go b.world.Run(t.Context())
		b.mac, err = anka.New(anka.Options{URL: "http://anka.test", Transport: b.world.AnkaTransport()})
		require.NoError(t, err)
		b.runner, err = gitlab.New(gitlab.Options{URL: "http://gitlab.test", Token: rest.Static(accessToken), Now: time.Now, Transport: b.world.GitLabTransport()})
		require.NoError(t, err)
		play(b)
	})
}

// start makes a runner's record and the VM that is to be it.
func (b gitlabBench) start(name string) (instance string, record int64) {
	b.Helper()
	record, token, err := b.runner.CreateRunner(b.Context(), gitlab.NewRunner{
		Scope: gitlab.Scope{Type: gitlab.InstanceRunner}, Description: name, Tags: []string{arm},
	})
	require.NoError(b, err)
	id, err := b.anka.TemplateID(arm)
	require.NoError(b, err)
	ids, err := b.mac.StartInstances(b.Context(), anka.StartRequest{
		TemplateID: id, Tag: "v2", Count: 1, Name: name, Script: []byte("#!/bin/sh\ngitlab-runner run-single --token " + token.Reveal() + " &\n"),
	})
	require.NoError(b, err)
	return ids[0], record
}

func (b gitlabBench) pause(record int64) {
	b.Helper()
	_, err := b.runner.Pause(b.Context(), record, true)
	require.NoError(b, err)
}

func TestGitLabJobRunsInAVM(t *testing.T) {
	inGitLab(t, func(b gitlabBench) {
		b.job(10 * time.Minute)
		instance, record := b.start("runner-1")
		time.Sleep(3 * time.Minute)
		require.Len(b, b.gitlab.RunningOn(record), 1)
		time.Sleep(10 * time.Minute)
		b.end(instance)
		books := b.world.Books()
		require.Equal(b, 1, books.Succeeded())
		require.Equal(b, "runner-1", books.Jobs[0].Runner)
		require.Len(b, books.GitLab, 1, "its record is there yet")
		require.Empty(b, books.Violations)
	})
}

// TestGitLabVMEndedTooSoon: under a job, while its runner could be given one, or while
// GitLab is about to give it one that it asked for before it was paused.
func TestGitLabVMEndedTooSoon(t *testing.T) {
	inGitLab(t, func(b gitlabBench) {
		atWork, _ := b.start("at-work")
		b.job(time.Hour)
		time.Sleep(3 * time.Minute)
		b.end(atWork)
		require.Equal(b, []fleet.ViolationKind{fleet.ViolationBusy}, b.violations())
		open, _ := b.start("open")
		paused, record := b.start("paused")
		time.Sleep(3 * time.Minute)
		b.end(open)
		require.Equal(b, []fleet.ViolationKind{fleet.ViolationBusy, fleet.ViolationRecord}, b.violations())
		b.pause(record)
		time.Sleep(10 * time.Second)
		b.end(paused)
		require.Len(b, b.violations(), 2, "nothing can come to it")
	})
	given := 0
	for after := range 8 { // one of them falls between asking and answer
		inGitLab(t, func(b gitlabBench) {
			instance, record := b.start("asking")
			time.Sleep(3*time.Minute + time.Duration(after)*time.Second)
			b.pause(record)
			b.end(instance)
			b.job(time.Hour)
			time.Sleep(time.Minute)
			given += len(b.violations())
		})
	}
	require.Positive(t, given)
}

// TestGitLabJobIsCancelledAtWork: its runner cleans up before it is free.
func TestGitLabJobIsCancelledAtWork(t *testing.T) {
	inGitLab(t, func(b gitlabBench) {
		b.world.Add(fleet.Job{Set: arm, At: time.Now(), Length: time.Hour, CancelAfter: 30 * time.Minute})
		b.start("runner-1")
		time.Sleep(30*time.Minute + 10*time.Second)
		require.Equal(b, 1, b.world.Books().Running())
		time.Sleep(10 * time.Second)
		require.Equal(b, "canceled", b.world.Books().Jobs[0].Result)
		b.job(time.Minute)
		time.Sleep(time.Minute)
		require.Equal(b, 1, b.world.Books().Waiting(), "a runner has one job")
	})
}
