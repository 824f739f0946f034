package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStateDir(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	for text, want := range map[string]string{
		"state_dir: state\nclusters: 7\nlsiten: x\n": filepath.Join(dir, "state"),
		"{state_dir: /srv/a}":                        "/srv/a",
		"interval: 5s\n":                             "/var/lib/autoscaled",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		have, err := StateDir(path)
		require.NoError(t, err)
		require.Equal(t, want, have)
	}
	for _, text := range []string{"", "state_dir: [", "state_dir: {a: b}"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := StateDir(path)
		require.ErrorContains(t, err, "read state_dir of "+path, text)
	}
	_, err := StateDir(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	t.Setenv("AUTOSCALED_STATE_DIR", "other")
	have, err := StateDir(filepath.Join(dir, "none"))
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "other"), have)
}
