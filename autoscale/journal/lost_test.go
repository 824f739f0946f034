package journal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// A journal whose file is not the state directory's any more is neither read nor written:
// somebody else may hold the directory by now.
func TestLostJournal(t *testing.T) {
	path := func(dir string) string { return filepath.Join(dir, fileName) }
	for name, c := range map[string]struct {
		lose func(t *testing.T, dir string)
		want string
	}{
		"directory removed": {func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(dir)) }, "journal.db was removed"},
		"directory moved":   {func(t *testing.T, dir string) { require.NoError(t, os.Rename(dir, dir+".old")) }, "journal.db was removed"},
		"file removed":      {func(t *testing.T, dir string) { require.NoError(t, os.Remove(path(dir))) }, "journal.db was removed"},
		"file replaced": {func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(path(dir)))
			require.NoError(t, open(t, dir).Close())
			require.NoError(t, writePID(dir))
		}, "another journal.db is in its place"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			j := open(t, dir)
			written(t, j, "before", autoscale.OpSent)
			c.lose(t, dir)
			for call, err := range map[string]error{
				"put":  j.Put(t.Context(), autoscale.Operation{Request: "after", Kind: autoscale.OperationCreate, Phase: autoscale.OpIntended}),
				"save": j.Save(t.Context(), autoscale.Memory{}),
				"read": func() error { _, err := j.Operations(t.Context()); return err }(),
			} {
				require.ErrorIs(t, err, ErrLost, call)
				require.ErrorContains(t, err, "state directory "+dir, call)
				require.ErrorContains(t, err, c.want, call)
			}
			_, before := os.Stat(filepath.Join(dir, pidName))
			require.NoError(t, j.Close())
			_, after := os.Stat(filepath.Join(dir, pidName))
			require.Equal(t, before, after, "what a successor wrote stays")
		})
	}
}

// What was moved away and back is as before: the lock is that of the file.
func TestJournalThatComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	j := open(t, dir)
	require.NoError(t, os.Rename(dir, dir+".old"))
	_, err := j.Operations(t.Context())
	require.ErrorIs(t, err, ErrLost)
	require.NoError(t, os.Rename(dir+".old", dir))
	written(t, j, "after", autoscale.OpSent)
	require.NoError(t, j.Close())
	require.NoFileExists(t, filepath.Join(dir, pidName))
}
