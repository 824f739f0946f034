package journal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

func TestSetAside(t *testing.T) {
	dir := t.TempDir()
	_, err := SetAside(dir, start)
	require.ErrorIs(t, err, ErrNone)
	for n, name := range []string{"journal.db.damaged-20260301T120000Z", "journal.db.damaged-20260301T120000Z-2"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), []byte{byte(n)}, 0o600))
		moved, err := SetAside(dir, start)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(dir, name), moved)
		data, err := os.ReadFile(moved)
		require.NoError(t, err)
		require.Equal(t, []byte{byte(n)}, data, "nothing that was there before is overwritten")
		require.NoFileExists(t, filepath.Join(dir, fileName))
	}
	j := open(t, dir)
	defer j.Close()
	written(t, j, "a", autoscale.OpSent)
	_, err = SetAside(dir, start)
	require.ErrorIs(t, err, ErrHeld)
	all, err := j.All(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
}
