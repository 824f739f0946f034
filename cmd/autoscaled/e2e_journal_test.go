package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale/journal"
)

// grown is a site whose daemon made two nodes, and is still running.
func grown(t *testing.T) (*site, *process) {
	t.Helper()
	s := newSite(t, nil)
	s.configure("idle", "1h")
	s.write("queue.yaml", "jobs: [{id: a, tasks: 2, exclusive: task}]\nrunning: []\n")
	p := s.start()
	p.shows(`autoscaled_nodes{cluster="demo",phase="ready",pool="execute/Standard_F4s_v2"}`, "2")
	p.shows(`autoscaled_operations_open{cluster="demo",kind="create",phase="accepted"}`, "0")
	return s, p
}

// What the commands show is the same, whether a daemon runs or not; they say which.
func TestJournalCommands(t *testing.T) {
	s, p := grown(t)
	views := []string{"ls", "ls --all", "export", "check", "show " + requestOf(t, s)}
	told := map[string]result{}
	for _, view := range views {
		r := s.command(append([]string{"journal"}, strings.Fields(view)...)...)
		require.Zero(t, r.code, "%s: %s", view, r.err)
		require.Equal(t, "(told by the daemon that runs in "+s.path("state")+")\n", r.err)
		told[view] = r
	}
	require.Zero(t, p.stop(syscall.SIGTERM))

	require.Equal(t, "No operation is under way; 1 are finished.\n", told["ls"].out)
	require.Regexp(t, `(?s)^REQUEST +KIND +PHASE +POOL +COUNT +ADDED +SEEN +AGE +REASON\n[0-9a-f-]{36}  create  converged  execute/Standard_F4s_v2  2 +2 +2 +\S+ +for 1 waiting job\n$`, told["ls --all"].out)
	require.Equal(t, "ok    journal  0 operations under way, 1 finished, 1 memory\n", told["check"].out)
	shown := told[views[4]].out
	for _, want := range []string{
		`(?m)^phase +converged$`, `(?m)^nodes asked for +2$`, `(?m)^calls that left +1$`, `(?m)^for jobs +a$`,
		`(?m)^History\n.* UTC \(\S+ ago\)  sent\n.*  accepted\n.*  converged\n`, `(?m)^Nodes\n  \S+  up \S+ after it was asked for, `,
	} {
		require.Regexp(t, want, shown)
	}

	for _, view := range []string{"ls", "check"} {
		r := s.command("journal", view)
		require.Equal(t, result{0, told[view].out, "(read from the file in " + s.path("state") + "; no daemon runs there)\n"}, r)
	}
	r := s.command("journal", "export")
	require.Equal(t, operationsOf(told["export"].out), operationsOf(r.out), "the memory may have a later look in it")
	require.Contains(t, r.out, `{"kind":"memory","cluster":"demo","record":{"v":1,`)

	// The directory alone is enough, wherever its copy lies.
	require.NoError(t, os.Mkdir(s.path("copy"), 0o750))
	data, err := os.ReadFile(s.path("state/journal.db"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.path("copy/journal.db"), data, 0o400))
	s.file = s.path("no-such.yaml")
	require.Equal(t, r.out, s.command("journal", "export", "--state-dir", s.path("copy")).out)
}

// requestOf is the request id of the first operation.
func requestOf(t *testing.T, s *site) string {
	t.Helper()
	r := s.command("journal", "ls", "--all")
	require.Zero(t, r.code, r.err)
	return strings.Fields(strings.Split(r.out, "\n")[1])[0]
}

func operationsOf(export string) (lines []string) {
	for line := range strings.Lines(export) {
		if strings.HasPrefix(line, `{"kind":"operation"`) {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestJournalShowFindsByABeginning(t *testing.T) {
	s, _ := grown(t)
	id := requestOf(t, s)
	require.Equal(t, s.command("journal", "show", id).code, s.command("journal", "show", id[:6]).code)
	shown := s.command("journal", "show", id)
	for _, row := range []string{`policy revision +[0-9a-f]{12}\n`, `for jobs +\S`} {
		require.Regexp(t, row, shown.out)
	}
	r := s.command("journal", "show", "nobody")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "the journal has no operation nobody")
	require.Equal(t, exitUsage, s.command("journal", "show").code)
}

func TestJournalCheckTellsDamage(t *testing.T) {
	s, p := grown(t)
	require.Zero(t, p.stop(syscall.SIGTERM))
	file := s.path("state/journal.db")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	damaged := strings.ReplaceAll(string(data), `"phase":"converged"`, `"phase":"konverged"`)
	require.NoError(t, os.WriteFile(file, []byte(damaged), 0o640))
	r := s.command("journal", "check")
	require.Equal(t, exitFailure, r.code, r.out)
	require.Contains(t, r.out, "FAIL  finished demo/")
	require.Contains(t, r.out, "a record is not as it was written")
	require.Contains(t, r.err, "in the journal (0 operations under way, 1 finished, 1 memory)")
	require.Equal(t, exitFailure, s.command("journal", "ls").code)

	require.NoError(t, os.WriteFile(file, []byte("this is no journal"), 0o640))
	r = s.command("journal", "check")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "journal is damaged")

	require.NoError(t, os.Remove(file))
	r = s.command("journal", "check")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "no journal")
}

// A damaged journal ends the daemon, and is moved aside only where the flag says so.
func TestRunSetsADamagedJournalAside(t *testing.T) {
	s, p := grown(t)
	require.Zero(t, p.stop(syscall.SIGTERM))
	file := s.path("state/journal.db")
	require.NoError(t, os.WriteFile(file, []byte("this is no journal"), 0o640))
	r := s.command("run")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "journal is damaged")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "this is no journal", string(data), "never by itself")

	p = s.start("--set-aside-damaged-journal")
	line := p.logged("DAMAGED JOURNAL SET ASIDE")
	require.Equal(t, "error", line["level"])
	require.Contains(t, line["damage"], "journal is damaged")
	moved, err := filepath.Glob(s.path("state/journal.db.damaged-*"))
	require.NoError(t, err)
	require.Equal(t, []string{line["moved_to"].(string)}, moved)
	p.ready()
	p.shows(`autoscaled_jobs_served{cluster="demo",reason="on_ready"}`, "1")
	require.Equal(t, 2, s.nodes(), "the nodes are recognised")
	require.Zero(t, p.stop(syscall.SIGTERM))

	p = s.start("--set-aside-damaged-journal")
	p.ready()
	require.Nil(t, p.find("DAMAGED"), "a sound one stays where it is")
	require.Zero(t, p.stop(syscall.SIGTERM))
	moved, err = filepath.Glob(s.path("state/journal.db.damaged-*"))
	require.NoError(t, err)
	require.Len(t, moved, 1)
}

// A newer journal is refused, flag or not.
func TestRunRefusesANewerJournal(t *testing.T) {
	s, p := grown(t)
	require.Zero(t, p.stop(syscall.SIGTERM))
	file := s.path("state/journal.db")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	newer := strings.ReplaceAll(string(data), `schema{"v":1}`, `schema{"v":2}`)
	require.NotEqual(t, string(data), newer)
	require.NoError(t, os.WriteFile(file, []byte(newer), 0o640))
	r := s.command("run", "--set-aside-damaged-journal")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, journal.ErrNewer.Error())
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, newer, string(after))
}
