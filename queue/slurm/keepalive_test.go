package slurm_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

// suspender is a controller that reads SuspendExcNodes of a file.
type suspender struct {
	path, runsWith string
	reconfigured   int
	err            error
	deaf           bool
}

func (c *suspender) Settings(context.Context) (slurm.Settings, error) {
	return slurm.Settings{SuspendExcNodes: c.runsWith}, c.err
}

func (c *suspender) Reconfigure(context.Context) error {
	if c.err != nil {
		return c.err
	}
	c.reconfigured++
	text, err := os.ReadFile(c.path)
	if err != nil || c.deaf {
		return err
	}
	c.runsWith = ""
	if _, list, found := strings.Cut(string(text), "\nSuspendExcNodes="); found {
		c.runsWith = strings.TrimSpace(list)
	}
	return nil
}

const keepAliveFirst = "# Managed by autoscaled, from KeepAlive in CycleCloud. Entries of others are kept.\n"

type keepAliveRig struct {
	*suspender
	t     *testing.T
	k     *slurm.KeepAlive
	nodes []slurm.Node
}

func newKeepAliveRig(t *testing.T) *keepAliveRig {
	r := &keepAliveRig{t: t, suspender: &suspender{path: filepath.Join(t.TempDir(), "keep_alive.conf")}}
	r.k = slurm.NewKeepAlive(r.path, r.suspender)
	for _, name := range []string{"htc-1", "htc-2", "htc-3", "hpc-1"} {
		r.nodes = append(r.nodes, slurm.Node{Name: name})
	}
	return r
}

// mirror mirrors nodes of these names, which are kept alive.
func (r *keepAliveRig) mirror(names ...string) error {
	supply := autoscale.Supply{Nodes: []autoscale.Node{{Name: "hpc-1", Phase: autoscale.PhaseReady}}}
	for _, name := range names {
		supply.Nodes = append(supply.Nodes, autoscale.Node{Name: name, Phase: autoscale.PhaseReady, KeepAlive: true})
	}
	return r.k.Mirror(r.t.Context(), supply, r.nodes)
}

func (r *keepAliveRig) says(want string) {
	r.t.Helper()
	text, err := os.ReadFile(r.path)
	require.NoError(r.t, err)
	require.Equal(r.t, want, string(text))
}

func TestKeepAliveIsMirrored(t *testing.T) {
	r := newKeepAliveRig(t)
	require.NoError(t, r.mirror())
	r.says(keepAliveFirst + "# KeepAlive: \n")
	require.Zero(t, r.reconfigured, "Slurm runs with as much already")

	require.NoError(t, r.mirror("htc-2", "htc-1", "scheduler", "HTC-3"))
	r.says(keepAliveFirst + "# KeepAlive: htc-[1-2]\nSuspendExcNodes=htc-[1-2]\n")
	require.Equal(t, "htc-[1-2]", r.runsWith, "and no name that it does not know")
	info, err := os.Stat(r.path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode())

	require.NoError(t, r.mirror("htc-1", "htc-2"))
	require.Equal(t, 1, r.reconfigured, "nothing has changed")
	require.NoError(t, r.mirror())
	require.Empty(t, r.runsWith)
	entries, err := os.ReadDir(filepath.Dir(r.path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// What azslurmd or an administrator wrote stays, word for word, but for the nodes that
// are kept alive now: those go again with their KeepAlive.
func TestKeepAliveKeepsEntriesOfOthers(t *testing.T) {
	r := newKeepAliveRig(t)
	require.NoError(t, os.WriteFile(r.path, []byte("# Managed by azslurmd\nSuspendExcNodes          = htc-1,hpc-1"), 0o600))
	require.NoError(t, r.mirror("htc-1"))
	r.says(keepAliveFirst + "# KeepAlive: htc-1\nSuspendExcNodes=htc-1,hpc-1\n")
	require.NoError(t, r.mirror())
	r.says(keepAliveFirst + "# KeepAlive: \nSuspendExcNodes=hpc-1\n")
	info, err := os.Stat(r.path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode(), "as it was")

	require.NoError(t, os.WriteFile(r.path, []byte("# Managed by azslurmd\nSuspendExcNodes=htc-[1-3]:2,hpc-1\n"), 0o600))
	require.NoError(t, r.mirror("htc-1", "htc-2"))
	r.says(keepAliveFirst + "# KeepAlive: htc-[1-2]\nSuspendExcNodes=htc-[1-2],htc-[1-3]:2,hpc-1\n")
	require.NoError(t, r.mirror("htc-2"))
	r.says(keepAliveFirst + "# KeepAlive: htc-2\nSuspendExcNodes=htc-2,htc-[1-3]:2,hpc-1\n")
	require.NoError(t, os.WriteFile(r.path, []byte("SuspendExcNodes=htc-[1-3]:2,htc-1\n"), 0o600))
	require.NoError(t, r.mirror("htc-1"))
	r.says(keepAliveFirst + "# KeepAlive: htc-1\nSuspendExcNodes=htc-1,htc-[1-3]:2,htc-1\n")

	r.k = slurm.NewKeepAlive(r.path, r.suspender)
	require.NoError(t, os.WriteFile(r.path, []byte(keepAliveFirst+"# KeepAlive: htc-2\nSuspendExcNodes=hpc-1\n"), 0o600))
	require.NoError(t, r.mirror(), "somebody edited it")
	require.Equal(t, "hpc-1", r.runsWith)
}

func TestKeepAliveWritesBehindALink(t *testing.T) {
	r := newKeepAliveRig(t)
	link := filepath.Join(t.TempDir(), "keep_alive.conf")
	require.NoError(t, os.WriteFile(r.path, nil, 0o644))
	require.NoError(t, os.Symlink(r.path, link))
	r.k = slurm.NewKeepAlive(link, r.suspender)
	require.NoError(t, r.mirror("htc-1"))
	r.says(keepAliveFirst + "# KeepAlive: htc-1\nSuspendExcNodes=htc-1\n")
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.Equal(t, os.ModeSymlink, info.Mode().Type())
}

func TestKeepAliveOverwritesNothingElse(t *testing.T) {
	r := newKeepAliveRig(t)
	for _, text := range []string{"SlurmctldHost=a\n", "SuspendExcNodes=a\nSuspendTime=300\n", "SuspendExcNodes=a\nSuspendExcNodes=b\n", "x\n"} {
		require.NoError(t, os.WriteFile(r.path, []byte(text), 0o644))
		require.ErrorContains(t, r.mirror("htc-1"), r.path+": the file is no list of SuspendExcNodes")
		r.says(text)
	}
	require.NoError(t, os.Remove(r.path))
	require.NoError(t, os.Mkdir(r.path, 0o755))
	require.ErrorContains(t, r.mirror("htc-1"), "no list of SuspendExcNodes")
	require.Error(t, slurm.NewKeepAlive("/dev/null/x", r.suspender).Mirror(t.Context(), autoscale.Supply{}, nil))
}

// The daemon may be killed after the file was written, and Slurm may be away.
func TestKeepAliveIsReadByALaterTick(t *testing.T) {
	r := newKeepAliveRig(t)
	r.err = autoscale.ErrUnavailable
	require.ErrorIs(t, r.mirror("htc-1"), autoscale.ErrUnavailable)
	r.says(keepAliveFirst + "# KeepAlive: htc-1\nSuspendExcNodes=htc-1\n")
	r.k = slurm.NewKeepAlive(r.path, r.suspender)
	require.ErrorIs(t, r.mirror("htc-1"), autoscale.ErrUnavailable)
	r.err = nil
	require.NoError(t, r.mirror("htc-1"))
	require.Equal(t, "htc-1", r.runsWith)
	require.Equal(t, 1, r.reconfigured)
}

func TestKeepAliveThatSlurmDoesNotFollow(t *testing.T) {
	r := newKeepAliveRig(t)
	r.deaf = true
	for range 3 {
		require.ErrorContains(t, r.mirror("htc-1"), "is the file included")
	}
	require.Equal(t, 1, r.reconfigured, "it is asked once")
	r.deaf = false
	require.NoError(t, r.mirror("htc-2"))
}

// Whatever is in the file: it is refused and left, or written once and then stays, and
// without KeepAlive the entries of others are what is left.
func FuzzKeepAlive(f *testing.F) {
	f.Add("# Managed by azslurmd\nSuspendExcNodes          = htc-1,hpc-1")
	f.Add(keepAliveFirst + "# KeepAlive: htc-[1-2]\nSuspendExcNodes=htc-[1-2],htc-[1-3]:2\n")
	f.Add("SuspendExcNodes=htc-[1")
	f.Fuzz(func(t *testing.T, text string) {
		r := newKeepAliveRig(t)
		read := func() string {
			now, err := os.ReadFile(r.path)
			require.NoError(t, err)
			return string(now)
		}
		require.NoError(t, os.WriteFile(r.path, []byte(text), 0o644))
		if r.mirror("htc-1") != nil && read() == text {
			return
		}
		with := read()
		_ = r.mirror("htc-1")
		require.Equal(t, with, read())
		_ = r.mirror()
		without := read()
		_ = r.mirror("htc-1")
		require.Equal(t, with, read())
		_ = r.mirror()
		require.Equal(t, without, read())
	})
}
