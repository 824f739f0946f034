package main

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/config"
	"autoscaled/internal/fleet"
	"autoscaled/queue/github/githubtest"
)

// ciSite is a site of Macs whose VMs run the jobs of a simulated GitHub.
type ciSite struct {
	*ankaSite
	world *fleet.World
	ci    *githubtest.Server
	ciURL string
}

const (
	ciSet     = "macos-15"
	ciToken   = "ghp_secretofthistest"
	ciSpeed   = 100
	ciService = "github: {url: '{ci}/acme', token_file: token, scale_sets: [{name: macos-15, select: {template: macos-15-xcode-16}}]}"
)

func newCISite(t *testing.T) *ciSite {
	t.Helper()
	s := &ciSite{ankaSite: newAnkaSite(t, nil)}
	s.ci = githubtest.New(githubtest.Config{PAT: ciToken, PollWait: time.Second}, githubtest.ClockFunc(time.Now))
	s.ci.AddSet(ciSet)
	served := httptest.NewServer(s.ci.Handler())
	t.Cleanup(served.Close)
	s.ciURL = served.URL
	var err error
	s.world, err = fleet.New(fleet.Options{
		Anka: s.macs, GitHub: s.ci, Now: s.macs.Now, Registration: 20 * time.Second,
		After: func(d time.Duration) <-chan time.Time { return time.After(d / ciSpeed) },
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil { // its clock goes by itself, and so do instances
			s.world.Step()
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	s.write("token", ciToken+"\n")
	s.configure("queue", strings.ReplaceAll(ciService, "{ci}", served.URL))
	return s
}

// queued lets n jobs of a length arrive now.
func (s *ciSite) queued(n int, length time.Duration) {
	for range n {
		s.world.Add(fleet.Job{Set: ciSet, At: s.macs.Now(), Length: length})
	}
}

func (s *ciSite) succeeded() (n int) {
	for _, j := range s.world.Books().Jobs {
		if j.Result == "succeeded" {
			n++
		}
	}
	return n
}

// The main job: queued jobs become VMs that start a runner each, and are gone after
// use, over a kill -9 in between. No secret is written anywhere.
func TestRunServesScaleSets(t *testing.T) {
	s := newCISite(t)
	r := s.command("check", "--connect")
	require.Zero(t, r.code, r.out)
	require.Contains(t, r.out, "ok    queue    1 scale set of http://")
	require.False(t, s.ci.HasSession(ciSet))

	p := s.start()
	s.queued(4, 4*time.Minute)
	eventually(t, "VMs", func() bool { return s.alive()["v2"] == 4 })
	require.NoError(t, p.cmd.Process.Kill())
	<-p.ended
	s.ci.DropSession(ciSet)
	p = s.start()
	eventually(t, "all jobs have succeeded", func() bool { return s.succeeded() == 4 })
	eventually(t, "no VMs", func() bool { return len(s.alive()) == 0 })
	eventually(t, "no runners", func() bool { return len(s.ci.Runners()) == 0 })
	require.Len(t, s.macs.Books().Starts, 4)
	require.Empty(t, s.world.Books().Violations)
	r = s.command("plan", "-o", "json")
	require.Zero(t, r.code, r.err)
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.False(t, s.ci.HasSession(ciSet), "the session is closed")

	written := p.log() + r.out
	kept, err := filepath.Glob(s.path("state/*"))
	require.NoError(t, err)
	require.NotEmpty(t, kept)
	for _, path := range kept {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		written += string(text)
	}
	require.Contains(t, written, "\"host\"", "the runners' records are among it")
	require.NotContains(t, written, ciToken)
	require.NotContains(t, written, "encodedJITConfig")
	for _, start := range s.macs.Books().Starts {
		require.Equal(t, "v2", start.Tag)
	}
}

// A dry run reads, opens no session and registers nobody.
func TestDryRunServesNoScaleSets(t *testing.T) {
	s := newCISite(t)
	s.queued(2, time.Minute)
	p := s.start("--dry-run")
	p.ready()
	require.False(t, s.ci.HasSession(ciSet))
	require.Empty(t, s.ci.Runners())
	require.Empty(t, s.macs.Books().Starts)
	require.Zero(t, p.stop(syscall.SIGTERM))
}

// What is built in is a good script.
func TestBuiltInScripts(t *testing.T) {
	text := githubScript.Fill("a'b", "host", "https://x")
	require.Contains(t, text, `export ACTIONS_RUNNER_INPUT_JITCONFIG='a'\''b'`)
	require.Contains(t, text, "$HOME")
	require.Equal(t, githubScript, config.Script(strings.Replace(text, `'a'\''b'`, "{credential}", 1)), "nothing else is filled in")
}
