package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/slurm"
)

// settled is a cluster that tells its settings only.
type settled struct {
	slurm.Cluster
	settings slurm.Settings
	err      error
}

func (s *settled) Settings(context.Context) (slurm.Settings, error) { return s.settings, s.err }

func TestRefuse(t *testing.T) {
	dir := t.TempDir()
	root, state := filepath.Join(dir, "root"), filepath.Join(dir, "state")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "proc"), 0o755))
	require.NoError(t, os.MkdirAll(state, 0o755))
	var unread []error
	cluster := &settled{err: errors.New("connection refused")}
	b := &beside{root: root, stateDir: state, cluster: cluster, unread: func(err error) { unread = append(unread, err) }, told: make(map[string]bool)}
	refuse := func() string { return b.refuse(t.Context()) }
	require.Equal(t, "whose Slurm's programs are is not known: connection refused", refuse())

	cluster.err = nil
	cluster.settings.ResumeProgram = "/usr/local/sbin/autoscaled-slurm-resume"
	require.Empty(t, refuse())
	cluster.err = errors.New("connection refused")
	require.Empty(t, refuse(), "what was told last counts")
	cluster.err = nil
	cluster.settings.SuspendProgram = "/opt/azurehpc/slurm/suspend_program.sh"
	require.Contains(t, refuse(), "Slurm's SuspendProgram is azslurm's, /opt/azurehpc/slurm/suspend_program.sh")
	cluster.err = errors.New("connection refused")
	require.Contains(t, refuse(), "SuspendProgram", "what was told last counts")
	cluster.err, cluster.settings.SuspendProgram = nil, "/usr/local/sbin/own"
	require.Empty(t, refuse())

	// What begins with the machine's next start is no reason yet.
	link := filepath.Join(root, "etc/systemd/system/multi-user.target.wants/azslurmd.service")
	require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o755))
	require.NoError(t, os.WriteFile(link, nil, 0o644))
	require.Empty(t, refuse())

	// What can't be read is told once, and does not stop the daemon for ever.
	require.NoError(t, os.Symlink("crontab", filepath.Join(root, "etc/crontab")))
	require.Empty(t, refuse())
	require.Empty(t, refuse())
	require.Len(t, unread, 1)

	require.NoError(t, os.WriteFile(filepath.Join(state, handedBack), nil, 0o644))
	require.Contains(t, refuse(), refusedHandedBack)
	require.NoError(t, os.Remove(filepath.Join(state, handedBack)))
	require.NoError(t, os.Symlink(handedBack, filepath.Join(state, handedBack))) // nobody can look
	require.Contains(t, refuse(), "whether the nodes were handed back is not known")
}
