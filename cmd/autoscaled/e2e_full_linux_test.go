package main

import (
	"net/http"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// limitFiles lets a process's files grow to so many bytes only, which to the daemon
// is a full disk.
func limitFiles(t *testing.T, pid int, most uint64) {
	t.Helper()
	limit := syscall.Rlimit{Cur: most, Max: 1 << 40}
	_, _, code := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	require.Zero(t, code)
}

// A full disk stops the daemon's work and not the daemon; it goes on by itself.
func TestRunOnAFullDisk(t *testing.T) {
	s, p := grown(t)
	limitFiles(t, p.cmd.Process.Pid, 0)
	s.write("queue.yaml", "jobs: [{id: a, tasks: 5, exclusive: task}]\nrunning: []\n")
	p.shows(`autoscaled_journal_usable{cluster="demo"}`, "0")
	code, body := p.get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Regexp(t, `^journal: .*the disk of the state directory is full: .*journal.db: file too large`, body)
	code, _ = p.get("/livez")
	require.Equal(t, http.StatusOK, code)
	p.logged("step failed")
	require.Equal(t, 2, s.nodes(), "nothing is asked for that could not be remembered")
	require.Len(t, s.server.Books().Creates, 1)

	limitFiles(t, p.cmd.Process.Pid, 1<<40)
	eventually(t, "five nodes", func() bool { return s.nodes() == 5 })
	p.shows(`autoscaled_journal_usable{cluster="demo"}`, "1")
	p.ready()
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.Zero(t, s.command("journal", "check").code)
}
