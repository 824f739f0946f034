package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// endsByItself waits for a daemon's end.
func (p *process) endsByItself() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(deadline):
		require.FailNow(p.t, "it goes on", "%s", p.log())
	}
	require.Equal(p.t, exitFailure, p.cmd.ProcessState.ExitCode(), p.log())
}

// A daemon whose state directory is deleted could be doubled: it ends before it makes or
// ends anything more, and the next one goes on.
func TestRunEndsWithoutItsStateDirectory(t *testing.T) {
	s := newSite(t, nil)
	p := s.start()
	p.ready()
	require.NoError(t, os.RemoveAll(s.path("state")))
	s.write("queue.yaml", "jobs: [{id: a}]\nrunning: []\n")
	p.endsByItself()
	require.Contains(t, p.log(), "the daemon ends: ")
	require.Contains(t, p.log(), "state directory "+s.path("state")+": journal is lost: journal.db was removed, and another autoscaled could begin there")
	require.Zero(t, s.nodes())
	require.NoDirExists(t, s.path("state"))

	p = s.start()
	eventually(t, "a node", func() bool { return s.nodes() == 1 })
	require.Zero(t, p.stop(syscall.SIGTERM))
}

// Where another daemon has begun in the meantime the first one ends and leaves it alone.
func TestRunEndsBesideItsSuccessor(t *testing.T) {
	s := newSite(t, nil)
	first := s.start()
	first.ready()
	require.NoError(t, os.Remove(filepath.Join(s.path("state"), "journal.db")))
	second := s.start()
	first.endsByItself()
	second.ready()
	require.Zero(t, s.command("status").code, "its socket is there")
	require.FileExists(t, s.path("state/autoscaled.pid"))
	s.write("queue.yaml", "jobs: [{id: a}]\nrunning: []\n")
	eventually(t, "a node", func() bool { return s.nodes() == 1 })
	require.Len(t, s.server.Books().Creates, 1)
}
