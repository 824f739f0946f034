package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale/web"
	"autoscaled/config"
	"autoscaled/queue/slurm"
)

// hookSite is a folder with a configuration that is wrong but for its state directory,
// as while somebody edits it, and the spool of a daemon that ran once.
func hookSite(t *testing.T) (s *site, spool slurm.Spool) {
	t.Helper()
	dir, err := os.MkdirTemp("", "hook") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	s = &site{t: t, dir: dir, file: filepath.Join(dir, "config.yaml")}
	s.write("config.yaml", "state_dir: state\nclusters: [{nmae: demo}]\n")
	require.NoError(t, os.Mkdir(s.path("state"), 0o750))
	spool = slurm.NewSpool(s.path("state"))
	require.NoError(t, spool.Make())
	return s, spool
}

// spooled are the hooks that were left.
func spooled(t *testing.T, spool slurm.Spool) []slurm.Hook {
	t.Helper()
	list, err := spool.List(time.Now())
	require.NoError(t, err)
	return list
}

// wakes counts how often a control socket in the site's state directory is told to wake.
func (s *site) wakes() *atomic.Int64 {
	s.t.Helper()
	var count atomic.Int64
	l, err := web.ListenControl(s.path("state"))
	require.NoError(s.t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- web.ServeControl(ctx, l, web.Control{Wake: func() { count.Add(1) }}) }()
	s.t.Cleanup(func() { stop(); <-served })
	return &count
}

func TestSlurmHooksAreLeftForADaemonThatIsDown(t *testing.T) {
	s, spool := hookSite(t)
	s.write("resume.json", `{"jobs":[{"job_id":7,"nodes":"htc-[1-8]"}],"all_nodes":"htc-[1-8]"}`)
	t.Setenv("SLURM_RESUME_FILE", s.path("resume.json"))
	for _, kind := range []string{"resume", "suspend", "resume-fail"} {
		r := s.command("slurm", kind, "htc-[1-8]")
		require.Zero(t, r.code, r.err)
		require.Contains(t, r.err, "no daemon is running")
	}
	list := spooled(t, spool)
	require.Len(t, list, 3)
	require.Equal(t, []slurm.HookJob{{ID: 7, Nodes: "htc-[1-8]"}}, list[0].Jobs)
	for i, kind := range []slurm.HookKind{slurm.HookResume, slurm.HookSuspend, slurm.HookResumeFail} {
		require.Equal(t, kind, list[i].Kind)
		require.Equal(t, "htc-[1-8]", list[i].Nodes)
		require.WithinDuration(t, time.Now(), list[i].At, deadline)
	}
}

func TestSlurmHookWakesTheDaemon(t *testing.T) {
	s, spool := hookSite(t)
	count := s.wakes()
	r := s.command("slurm", "resume", "hpc-1")
	require.Zero(t, r.code)
	require.Empty(t, r.err)
	require.EqualValues(t, 1, count.Load())
	require.Len(t, spooled(t, spool), 1)

	require.NoError(t, os.RemoveAll(s.path("state/hooks")))
	r = s.command("slurm", "resume", "hpc-1")
	require.Equal(t, exitFailure, r.code, "slurmctld logs it")
	require.Contains(t, r.err, "the daemon makes it when it starts")
	require.EqualValues(t, 2, count.Load(), "it is woken all the same")
}

// slurmctld has called the program by the link that slurm.conf names, with a host list.
func TestSlurmHookUnderItsOwnName(t *testing.T) {
	s, spool := hookSite(t)
	cmd := s.program("hpc-[1-2]")
	cmd.Args[0] = "/usr/local/sbin/autoscaled-slurm-resume-fail"
	require.NoError(t, cmd.Run())
	list := spooled(t, spool)
	require.Len(t, list, 1)
	require.Equal(t, slurm.HookResumeFail, list[0].Kind)
	require.Equal(t, "hpc-[1-2]", list[0].Nodes)
}

func TestSlurmHookWhoseDaemonHangs(t *testing.T) {
	s, spool := hookSite(t)
	l, err := net.Listen("unix", s.path("state/"+web.Socket)) // nobody accepts
	require.NoError(t, err)
	defer l.Close()
	r := s.command("slurm", "suspend", "hpc-1")
	require.Zero(t, r.code)
	require.Contains(t, r.err, "the daemon did not answer within 25ms")
	require.Len(t, spooled(t, spool), 1)
}

func TestSlurmHookWithoutAUsableResumeFile(t *testing.T) {
	s, spool := hookSite(t)
	t.Setenv("SLURM_RESUME_FILE", s.path("none"))
	r := s.command("slurm", "resume", "hpc-1")
	require.Zero(t, r.code)
	require.Contains(t, r.err, "read SLURM_RESUME_FILE: ")
	require.Len(t, spooled(t, spool), 1)
}

func TestSlurmHookRefusesWhatIsNoHostList(t *testing.T) {
	s, spool := hookSite(t)
	for _, args := range [][]string{{}, {""}, {"htc-[1-8"}, {"htc-[8-1]"}, {"a", "b"}} {
		r := s.command(append([]string{"slurm", "resume"}, args...)...)
		require.Equal(t, exitUsage, r.code, "%q", args)
		require.NotEmpty(t, r.err)
	}
	require.Contains(t, s.command("slurm", "resume", "htc-[1-8").err, `expand host list "htc-[1-8": its brackets do not match`)
	require.Empty(t, spooled(t, spool))
}

func TestSlurmHookFindsTheStateDirectory(t *testing.T) {
	s, spool := hookSite(t)
	require.NoError(t, os.Remove(s.file))
	r := s.command("slurm", "resume", "a")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "read state_dir of "+s.file)
	require.Zero(t, s.command("slurm", "resume", "a", "--state-dir", s.path("state")).code)
	t.Setenv(config.EnvName("state_dir"), "state")
	require.Zero(t, s.command("slurm", "resume", "a").code)
	require.Len(t, spooled(t, spool), 2)
}

// BenchmarkSlurmHook is one hook, process and all. The test binary, which has more to
// load than the program, stands for it.
func BenchmarkSlurmHook(b *testing.B) {
	state := b.TempDir()
	spool := slurm.NewSpool(state)
	require.NoError(b, spool.Make())
	b.Setenv(runAsProgram, "1")
	file := filepath.Join(state, "config.yaml")
	require.NoError(b, os.WriteFile(file, []byte("state_dir: "+state+"\n"), 0o600))
	for b.Loop() {
		require.NoError(b, exec.Command(os.Args[0], "slurm", "resume", "htc-[1-1000]", "-c", file).Run())
		b.StopTimer()
		list, err := spool.List(time.Now())
		require.NoError(b, err)
		require.Len(b, list, 1)
		require.NoError(b, spool.Remove(list))
		b.StartTimer()
	}
}
