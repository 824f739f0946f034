package journal

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// A daemon that was killed while it made the journal leaves a file of another name.
func TestAJournalIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, newName+"x")
	require.NoError(t, os.WriteFile(left, []byte("half"), 0o600))
	opts := testOptions()
	opts.ReadOnly = true
	_, err := Open(dir, opts)
	require.ErrorIs(t, err, ErrNone)
	j := open(t, dir)
	require.NoFileExists(t, left)
	written(t, j, "a", autoscale.OpSent)
	require.NoError(t, j.Close())
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, fileName)}, files)
}

// Of several that start at once in an empty directory one after the other gets the
// journal, and nobody makes it anew.
func TestAJournalIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	opts := testOptions()
	opts.LockTimeout = time.Minute
	var group sync.WaitGroup
	for _, id := range []string{"a", "b", "c", "d"} {
		group.Go(func() {
			j, err := Open(dir, opts)
			if err == nil {
				err = j.Put(t.Context(), create(id, autoscale.OpSent))
			}
			if err == nil {
				err = j.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	j := open(t, dir)
	defer j.Close()
	all, err := j.All(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 4)
}
