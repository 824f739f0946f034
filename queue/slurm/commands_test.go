package slurm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

var _ slurm.Cluster = (*slurm.Commands)(nil)

// bench is a folder with a squeue and a scontrol that note how they were called.
type bench struct {
	folder string
	*slurm.Commands
}

// newBench makes commands that run script, where $0 and $* are theirs.
func newBench(t *testing.T, script string) *bench {
	b := &bench{folder: t.TempDir()}
	t.Setenv("BENCH", b.folder)
	text := "#!/bin/sh\n" + `for a in "$@"; do printf '%s\037' "$a"; done >>"$BENCH/calls"; echo >>"$BENCH/calls"` + "\n" + script + "\n"
	for _, name := range []string{"squeue", "scontrol"} {
		require.NoError(t, os.WriteFile(filepath.Join(b.folder, name), []byte(text), 0o700))
	}
	var err error
	b.Commands, err = slurm.NewCommands(slurm.CommandsOptions{Folder: b.folder, Conf: "/its/slurm.conf"})
	require.NoError(t, err)
	return b
}

// calls are the arguments of each call, with | between.
func (b *bench) calls(t *testing.T) []string {
	text, err := os.ReadFile(filepath.Join(b.folder, "calls"))
	require.NoError(t, err)
	var calls []string
	for line := range strings.Lines(string(text)) {
		calls = append(calls, strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\x1f"), "\x1f", "|"))
	}
	return calls
}

// prints is a script that prints a sample.
func prints(t *testing.T, name string) string {
	path, err := filepath.Abs(filepath.Join("testdata", name))
	require.NoError(t, err)
	return "cat '" + path + "'"
}

func TestCommandsRead(t *testing.T) {
	t.Setenv("SQUEUE_STATES", "all")
	jobs, err := newBench(t, `[ -z "$SQUEUE_STATES" ] && [ "$SLURM_TIME_FORMAT$SLURM_CONF$LC_ALL" = %s/its/slurm.confC ] || exit 9; `+prints(t, "22.05-jobs.delimited")).Jobs(t.Context())
	require.NoError(t, err)
	want, err := slurm.ReadDelimitedJobs(strings.NewReader(sample(t, "22.05-jobs.delimited")))
	require.NoError(t, err)
	require.Equal(t, want, jobs)

	b := newBench(t, prints(t, "22.05-nodes.lines"))
	nodes, err := b.Nodes(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, nodes)
	require.Equal(t, []string{"--local|--all|--future|--details|--oneliner|show|node"}, b.calls(t))

	partitions, err := newBench(t, prints(t, "22.05-partitions.lines")).Partitions(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, partitions)
}

// TestCommandsTellNothingFromNoAnswer: only a success without lines is an empty list.
func TestCommandsTellNothingFromNoAnswer(t *testing.T) {
	jobs, err := newBench(t, "").Jobs(t.Context())
	require.NoError(t, err)
	require.Empty(t, jobs)
	nodes, err := newBench(t, "echo No nodes in the system").Nodes(t.Context())
	require.NoError(t, err)
	require.Empty(t, nodes)
	_, err = newBench(t, "").Nodes(t.Context())
	require.ErrorIs(t, err, slurm.ErrAnswer)

	failing := newBench(t, "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1")
	_, err = failing.Jobs(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorContains(t, err, "read slurm's jobs")
	require.ErrorContains(t, err, "Unable to contact slurm controller")
	_, err = failing.Nodes(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	_, err = failing.Partitions(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	_, err = failing.Settings(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	_, err = newBench(t, "echo 'error: Access/permission denied' >&2; exit 1").Jobs(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnauthorized)

	missing, err := slurm.NewCommands(slurm.CommandsOptions{Folder: "/nonexistent"})
	require.NoError(t, err)
	_, err = missing.Jobs(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = slurm.NewCommands(slurm.CommandsOptions{Timeout: -1})
	require.ErrorContains(t, err, "negative")
}

func TestCommandsReadSettings(t *testing.T) {
	s, err := newBench(t, prints(t, "22.05-config.lines")).Settings(t.Context())
	require.NoError(t, err)
	require.Equal(t, "22.05.8", s.Version)
	require.Equal(t, "lab", s.ClusterName)
	require.Equal(t, "topology/none", s.TopologyPlugin)
	require.Equal(t, "cons_tres", strings.TrimPrefix(s.All["SelectType"], "select/"))
	require.Negative(t, s.SuspendTime)
	require.Equal(t, 30*time.Second, s.SuspendTimeout)
	require.Equal(t, 60*time.Second, s.ResumeTimeout)
	require.Empty(t, s.ResumeProgram)
	for text, want := range map[string]string{
		"":                                  "no SLURM_VERSION",
		"SLURM_VERSION = 1\n":               `SuspendTime is ""`,
		"SLURM_VERSION = 1\nSuspendTime=x ": `SuspendTime is "x": want seconds`,
	} {
		_, err := slurm.ReadSettings(strings.NewReader(text))
		require.ErrorIs(t, err, slurm.ErrAnswer)
		require.ErrorContains(t, err, want)
	}
}

func TestCommandsUpdate(t *testing.T) {
	b := newBench(t, "")
	require.NoError(t, b.UpdateNodes(t.Context(), slurm.NodeUpdate{Names: []string{"n2", "n1"}, State: "DRAIN", Reason: "autoscaled: a \"bad\"\ndisk = gone\x1b"}))
	require.NoError(t, b.UpdateNodes(t.Context(), slurm.NodeUpdate{Names: []string{"n1"}, Address: "10.0.0.1", Host: "h1", Comment: "c"}))
	require.NoError(t, b.UpdateNodes(t.Context(), slurm.NodeUpdate{State: "DRAIN"}), "no nodes")
	require.NoError(t, b.UpdateJob(t.Context(), "7", "autoscaled: wait"))
	require.NoError(t, b.Reconfigure(t.Context()))
	require.NoError(t, b.CreateNode(t.Context(), slurm.NewNode{
		Name: "d1", Host: "h", Address: "a", State: "CLOUD", Features: []string{"f", "g"}, CPUs: 4, Memory: 16 * autoscale.GiB, Gres: "gpu:4",
	}))
	require.Equal(t, []string{
		"--local|update|nodename=n[1-2]|reason=autoscaled: a 'bad' disk = gone|state=DRAIN",
		"--local|update|nodename=n1|nodeaddr=10.0.0.1|nodehostname=h1|comment=c",
		"--local|update|jobid=7|comment=autoscaled: wait",
		"--local|reconfigure",
		"--local|create|nodename=d1|nodehostname=h|nodeaddr=a|cpus=4|realmemory=16384|feature=f,g|gres=gpu:4|state=CLOUD",
	}, b.calls(t))

	for _, u := range []slurm.NodeUpdate{
		{Names: []string{"n1"}}, {Names: []string{"n 1"}, State: "DOWN"}, {Names: []string{"n1", "n2"}, Host: "h"},
	} {
		require.ErrorIs(t, b.UpdateNodes(t.Context(), u), autoscale.ErrRejected)
	}
}

func TestCommandsSayWhyAChangeFailed(t *testing.T) {
	for said, want := range map[string]error{
		"slurm_update error: Invalid node state specified":                          autoscale.ErrRejected,
		"slurm_update error: Invalid node name specified":                           autoscale.ErrNotFound,
		"slurm_update error: Access/permission denied":                              autoscale.ErrUnauthorized,
		"slurm_update error: Unable to contact slurm controller (connect failure)":  autoscale.ErrUnavailable,
		"slurm_reconfigure error: Zero Bytes were transmitted or received":          autoscale.ErrUnavailable,
		"slurm_update error: Socket timed out on send/recv operation":               autoscale.ErrUnavailable,
		"You must specify a reason when DOWNING or DRAINING a node. Request denied": autoscale.ErrRejected,
		"": autoscale.ErrUnavailable,
	} {
		b := newBench(t, fmt.Sprintf("echo '%s' >&2; exit 1", said))
		err := b.UpdateNodes(t.Context(), slurm.NodeUpdate{Names: []string{"n1"}, State: "DOWN", Reason: "r"})
		require.ErrorIs(t, err, want, said)
		require.ErrorContains(t, err, said)
		require.ErrorContains(t, err, `update nodes "n1" to reason=r state=DOWN`)
	}
	b := newBench(t, "sleep 10000")
	quick, err := slurm.NewCommands(slurm.CommandsOptions{Folder: b.folder, Timeout: 10 * time.Millisecond})
	require.NoError(t, err)
	require.ErrorIs(t, quick.Reconfigure(t.Context()), autoscale.ErrUnavailable)
}

func TestCommandsDelete(t *testing.T) {
	const unknown = `echo 'delete_node: Invalid node name specified' >&2; exit 1`
	b := newBench(t, `case "$3" in *[?]|nodename=gone) `+unknown+`;; nodename=busy) echo 'delete_node: Requested nodes are busy' >&2; exit 1;; nodename=left-\[*) `+unknown+`;; esac`)
	require.NoError(t, b.DeleteNodes(t.Context(), nil))
	require.NoError(t, b.DeleteNodes(t.Context(), []string{"gone"}))
	require.NoError(t, b.DeleteNodes(t.Context(), []string{"left-1", "left-2"}))
	require.Equal(t, []string{
		"--local|delete|nodename=gone", "--local|delete|nodename=gone",
		"--local|delete|nodename=left-[1-2]", "--local|delete|nodename=left-1", "--local|delete|nodename=left-2",
	}, b.calls(t))
	err := b.DeleteNodes(t.Context(), []string{"busy"})
	require.ErrorIs(t, err, autoscale.ErrRejected)
	require.ErrorContains(t, err, "nodes are busy")
}

func TestCommandsCreateWhatIsThere(t *testing.T) {
	b := newBench(t, `case "$2" in create) echo 'error: Node there' >&2; exit 1;; esac; [ "$6" = there ]`)
	require.NoError(t, b.CreateNode(t.Context(), slurm.NewNode{Name: "there"}))
	err := b.CreateNode(t.Context(), slurm.NewNode{Name: "other"})
	require.ErrorIs(t, err, autoscale.ErrRejected)
	require.ErrorContains(t, err, `create node "other"`)
}

// TestCommandsCutLongLists: all nodes are named, each once, in calls that Linux allows.
func TestCommandsCutLongLists(t *testing.T) {
	for _, c := range []struct{ nodes, step, calls int }{{1, 1, 1}, {20_000, 1, 1}, {4000, 2, 1}, {4200, 2, 2}, {20_000, 3, 8}} {
		b := newBench(t, "")
		var names []string
		for i := range c.nodes {
			names = append(names, fmt.Sprintf("node-%07d", i*c.step))
		}
		require.NoError(t, b.UpdateNodes(t.Context(), slurm.NodeUpdate{Names: names, State: "RESUME"}))
		require.Len(t, b.calls(t), c.calls)
		var told []string
		for _, call := range b.calls(t) {
			list, err := slurm.Expand(strings.TrimPrefix(strings.Split(call, "|")[2], "nodename="))
			require.NoError(t, err)
			told = append(told, list...)
		}
		require.Equal(t, names, told)
	}
}

func FuzzReadSettings(f *testing.F) {
	f.Add(sample(f, "22.05-config.lines"))
	f.Add("SLURM_VERSION = 22.05.8\nSuspendTime = INFINITE\nSuspendTimeout = 30 sec\nResumeTimeout = 9999999999999 sec\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := slurm.ReadSettings(strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, slurm.ErrAnswer)
			return
		}
		require.NotEmpty(t, s.Version)
		require.GreaterOrEqual(t, s.SuspendTime, time.Duration(-1))
	})
}
