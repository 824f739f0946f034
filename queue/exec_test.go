package queue

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

func shell(t *testing.T, script string, o ExecOptions) *Exec {
	t.Helper()
	o.Command = []string{"/bin/sh", "-c", script}
	e, err := NewExec(o)
	require.NoError(t, err)
	return e
}

// life is a pipe by name that processes hold open: it ends when the last of
// them does.
type life struct {
	path           string
	reader, holder *os.File
}

func newLife(t *testing.T) *life {
	t.Helper()
	l := &life{path: filepath.Join(t.TempDir(), "life")}
	require.NoError(t, syscall.Mkfifo(l.path, 0o600))
	var err error
	l.holder, err = os.OpenFile(l.path, os.O_RDWR, 0) // so that opening waits for nobody
	require.NoError(t, err)
	l.reader, err = os.OpenFile(l.path, os.O_RDONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { l.holder.Close(); l.reader.Close() })
	return l
}

// await reads until a process has written the line.
func (l *life) await(t *testing.T, line string) {
	t.Helper()
	buffer := make([]byte, len(line))
	_, err := io.ReadFull(l.reader, buffer)
	require.NoError(t, err)
	require.Equal(t, line, string(buffer))
}

// end waits until no process is left and returns what they wrote.
func (l *life) end(t *testing.T) string {
	t.Helper()
	require.NoError(t, l.holder.Close())
	rest, err := io.ReadAll(l.reader)
	require.NoError(t, err)
	return string(rest)
}

func TestExecReadsTheCommandsOutput(t *testing.T) {
	require.Equal(t, 1, jobsOf(t, shell(t, `echo 'jobs: [{id: 1}]'; echo noise >&2`, ExecOptions{})))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "q"), "jobs: []")
	require.Equal(t, 0, jobsOf(t, shell(t, `cat q`, ExecOptions{Dir: dir})))
	require.Equal(t, 0, jobsOf(t, shell(t, `cat; echo 'jobs: []'`, ExecOptions{})), "standard input is empty")
}

func TestExecKeepsTheDaemonsSecrets(t *testing.T) {
	t.Setenv("AUTOSCALED_PASSWORD", "secret")
	t.Setenv("QUEUE_HOST", "head")
	d, err := shell(t, `echo "jobs: [{id: '$QUEUE_HOST/$QUEUE_USER/$AUTOSCALED_PASSWORD'}]"`, ExecOptions{Env: []string{"QUEUE_USER=me"}}).Demand(t.Context())
	require.NoError(t, err)
	require.Equal(t, autoscale.JobID("head/me/"), d.Classes[0].Members[0].ID)
}

func TestExecErrors(t *testing.T) {
	for script, want := range map[string]struct {
		kind error
		says []string
	}{
		"echo 'jobs: []'; echo 'no such  partition' >&2; exit 3": {autoscale.ErrUnavailable, []string{"/bin/sh", "exit status 3", "it said: no such partition"}},
		"echo 'jobs: []'; kill -9 $$":                            {autoscale.ErrUnavailable, []string{"signal: killed"}},
		"exit 0":                                                 {autoscale.ErrMalformed, []string{"/bin/sh", "is empty"}},
		"echo 'jobs: [{id: 1, cores: -1}]'":                      {autoscale.ErrMalformed, []string{"/bin/sh", "line 1", "negative"}},
		"while :; do echo '# endless'; done":                     {autoscale.ErrMalformed, []string{"/bin/sh", "longer than 1000 bytes"}},
	} {
		d, err := shell(t, script, ExecOptions{MaxBytes: 1000}).Demand(t.Context())
		require.ErrorIs(t, err, want.kind, script)
		require.Equal(t, autoscale.Demand{}, d)
		for _, part := range want.says {
			require.ErrorContains(t, err, part, script)
		}
	}
	e, err := NewExec(ExecOptions{Command: []string{"/nonexistent/queue"}})
	require.NoError(t, err)
	_, err = e.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorContains(t, err, "/nonexistent/queue")
	_, err = NewExec(ExecOptions{})
	require.ErrorContains(t, err, "program is missing")
	_, err = NewExec(ExecOptions{Command: []string{"a"}, Timeout: -1})
	require.ErrorContains(t, err, "negative")
}

func TestExecShowsTheEndOfLongComplaints(t *testing.T) {
	_, err := shell(t, `i=0; while [ $i -lt 3000 ]; do echo "line $i" >&2; i=$((i+1)); done; printf 'the end\033[0m' >&2; exit 1`, ExecOptions{}).Demand(t.Context())
	require.ErrorContains(t, err, "line 2999 the end [0m")
	require.ErrorContains(t, err, "it said: …")
	require.NotContains(t, err.Error(), "line 100 ")
	require.Less(t, len(err.Error()), 2<<10)
}

// brood starts a child and a grandchild that hold the pipe and would stay for
// hours, in the shell's own process group.
const brood = `exec 3>"$LIFE"; sh -c 'sleep 10000 & echo grandchild >&3; wait' & wait`

func TestExecEndsTheWholeGroupWithTheContext(t *testing.T) {
	l := newLife(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := shell(t, brood, ExecOptions{Env: []string{"LIFE=" + l.path}, Timeout: time.Hour}).Demand(ctx)
		ended <- err
	}()
	l.await(t, "grandchild\n")
	cancel()
	err := <-ended
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.Empty(t, l.end(t))
}

func TestExecEndsTheWholeGroupWhenTimeIsUp(t *testing.T) {
	l := newLife(t)
	_, err := shell(t, brood, ExecOptions{Env: []string{"LIFE=" + l.path}, Timeout: 300 * time.Millisecond}).Demand(t.Context())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorContains(t, err, "was ended after 300ms")
	l.end(t)
}

func TestExecEndsWhatTheCommandLeaves(t *testing.T) {
	l := newLife(t)
	up := filepath.Join(t.TempDir(), "up")
	require.NoError(t, syscall.Mkfifo(up, 0o600))
	const script = `sh -c 'exec 3>"$LIFE"; echo left >&3; echo up >"$UP"; exec sleep 10000' & read up <"$UP"; echo 'jobs: []'`
	require.Equal(t, 0, jobsOf(t, shell(t, script, ExecOptions{Env: []string{"LIFE=" + l.path, "UP=" + up}})))
	l.await(t, "left\n")
	require.Empty(t, l.end(t))
}

// TestExecWaitsForNobodyElse: a process that has left the group and holds the
// output, such as a connection that ssh shares, does not hold the daemon.
func TestExecWaitsForNobodyElse(t *testing.T) {
	l := newLife(t)
	release := filepath.Join(t.TempDir(), "release")
	require.NoError(t, syscall.Mkfifo(release, 0o600))
	holder, err := os.OpenFile(release, os.O_RDWR, 0)
	require.NoError(t, err)
	const script = `setsid sh -c 'echo up >"$UP"; exec 3>"$LIFE"; read x <"$RELEASE"' & read up <"$UP"; echo 'jobs: [{id: 1}]'`
	up := filepath.Join(t.TempDir(), "up")
	require.NoError(t, syscall.Mkfifo(up, 0o600))
	require.Equal(t, 1, jobsOf(t, shell(t, script, ExecOptions{Env: []string{"LIFE=" + l.path, "RELEASE=" + release, "UP=" + up}})))
	_, err = holder.WriteString("go\n")
	require.NoError(t, err)
	l.end(t)
	require.NoError(t, holder.Close())
}

func TestSpoolExample(t *testing.T) {
	spool := t.TempDir()
	example, err := filepath.Abs("../examples/queue/spool.sh")
	require.NoError(t, err)
	e, err := NewExec(ExecOptions{Command: []string{example, spool}})
	require.NoError(t, err)
	_, err = e.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorContains(t, err, "no readable waiting and running")

	for _, dir := range []string{"waiting", "running"} {
		require.NoError(t, os.Mkdir(filepath.Join(spool, dir), 0o700))
	}
	d, err := e.Demand(t.Context())
	require.NoError(t, err)
	require.Equal(t, autoscale.Demand{Use: map[string]autoscale.HostUse{}, Vouched: true}, d)

	write(t, filepath.Join(spool, "waiting", "17"), "tasks: 4, cores: 2\n")
	write(t, filepath.Join(spool, "waiting", "18"), "")
	write(t, filepath.Join(spool, "running", "16"), "node-1\n")
	d, err = e.Demand(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, d.Jobs())
	require.Equal(t, map[string]autoscale.HostUse{"node-1": {Jobs: []autoscale.JobID{"16"}, Whole: true}}, d.Use)

	write(t, filepath.Join(spool, "waiting", "19"), "cores: "+strings.Repeat("x", 10))
	_, err = e.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrMalformed)
}
