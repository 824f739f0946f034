package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"autoscaled/autoscale"
)

// emptied makes a state directory whose journal is large and mostly free: of many
// operations all but a few are past their retention.
func emptied(t *testing.T) (dir string, opts Options) {
	t.Helper()
	dir = t.TempDir()
	j := open(t, dir)
	var sent, ended []autoscale.Operation
	for i := range 3000 {
		op := create(fmt.Sprintf("request-%04d", i), autoscale.OpSent)
		op.Message = strings.Repeat("words of the cloud ", 20)
		sent = append(sent, op)
		op.Phase, op.Ended = autoscale.OpRejected, start
		ended = append(ended, op)
	}
	require.NoError(t, j.Put(t.Context(), sent...))
	require.NoError(t, j.Put(t.Context(), ended...))
	written(t, j, "open", autoscale.OpAccepted)
	require.NoError(t, j.Save(t.Context(), memoryOf("n1", "n2")))
	require.Zero(t, j.Opened())
	require.NoError(t, j.Close())
	opts = testOptions()
	opts.At = start.Add(DefaultRetention + time.Hour)
	return dir, opts
}

// requireLeft checks that the records of emptied that are kept are there, and that
// the journal works.
func requireLeft(t *testing.T, j *Journal) {
	t.Helper()
	all, err := j.All(t.Context())
	require.NoError(t, err)
	require.Equal(t, []autoscale.Operation{create("open", autoscale.OpAccepted)}, all)
	m, err := j.Memory(t.Context())
	require.NoError(t, err)
	require.Equal(t, memoryOf("n1", "n2"), m)
	written(t, j, "next", autoscale.OpSent)
	all, err = j.All(t.Context())
	require.NoError(t, err)
	require.Equal(t, autoscale.RequestID("next"), all[1].Request, "the order goes on where it was")
}

func TestOpeningCompactsWhatIsMostlyFree(t *testing.T) {
	dir, opts := emptied(t)
	file := filepath.Join(dir, fileName)
	before, err := os.Stat(file)
	require.NoError(t, err)
	j, err := Open(dir, opts)
	require.NoError(t, err)
	after, err := os.Stat(file)
	require.NoError(t, err)
	require.Less(t, after.Size(), before.Size()/8)
	require.Equal(t, before.Mode(), after.Mode())
	did := j.Opened()
	require.Equal(t, 3000, did.Pruned)
	require.Greater(t, did.From, int64(compactFrom))
	require.Less(t, did.To, did.From/8)
	require.NoError(t, did.Skipped)
	require.NoFileExists(t, filepath.Join(dir, compactName))

	second := testOptions()
	_, err = Open(dir, second)
	require.ErrorIs(t, err, ErrHeld, "the new file is held as the old one was")
	requireLeft(t, j)
	require.NoError(t, j.Close())
	j, err = Open(dir, opts)
	require.NoError(t, err)
	defer j.Close()
	require.Zero(t, j.Opened(), "and it is not done again")
	all, err := j.All(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
}

func TestCompactionWaitsForTheDisk(t *testing.T) {
	dir, opts := emptied(t)
	opts.Volatile = false
	j, err := Open(dir, opts)
	require.NoError(t, err)
	defer j.Close()
	require.NotZero(t, j.Opened().From)
	require.False(t, j.db.NoSync)
	requireLeft(t, j)
}

func TestSmallAndFullFilesAreNotCompacted(t *testing.T) {
	dir, _ := filled(t)
	opts := testOptions()
	opts.At = start.Add(10 * DefaultRetention)
	j, err := Open(dir, opts)
	require.NoError(t, err)
	require.NotZero(t, j.Opened().Pruned)
	require.Zero(t, j.Opened().From, "not worth it")
	require.NoError(t, j.Close())

	dir, opts = emptied(t)
	opts.At = start // nothing is outdated
	j, err = Open(dir, opts)
	require.NoError(t, err)
	defer j.Close()
	require.Zero(t, j.Opened().From)
}

// A daemon that is killed while it compacts leaves the journal as it was and a copy
// beside it: none yet, a part of one, a whole one, or, after the last step, the copy
// in the journal's place and nothing beside.
func TestKilledWhileCompacting(t *testing.T) {
	leftovers := map[string]func(t *testing.T, dir string){
		"before the copy": func(*testing.T, string) {},
		"an empty copy": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, compactName), nil, 0o640))
		},
		"a part of the copy": func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, fileName))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, compactName), data[:len(data)/3], 0o640))
		},
		"the whole copy": func(t *testing.T, dir string) { copyOf(t, dir, filepath.Join(dir, compactName)) },
		"the copy moved": func(t *testing.T, dir string) {
			copyOf(t, dir, filepath.Join(dir, compactName))
			require.NoError(t, os.Rename(filepath.Join(dir, compactName), filepath.Join(dir, fileName)))
		},
	}
	for name, leave := range leftovers {
		t.Run(name, func(t *testing.T) {
			dir, opts := emptied(t)
			leave(t, dir)
			readOnly := testOptions()
			readOnly.ReadOnly = true
			j, err := Open(dir, readOnly)
			require.NoError(t, err, "a reader does not mind")
			require.NoError(t, j.Close())
			j, err = Open(dir, opts)
			require.NoError(t, err)
			defer j.Close()
			require.NoFileExists(t, filepath.Join(dir, compactName))
			requireLeft(t, j)
		})
	}
}

// copyOf compacts by hand.
func copyOf(t *testing.T, dir, to string) {
	t.Helper()
	old, err := bolt.Open(filepath.Join(dir, fileName), 0o640, nil)
	require.NoError(t, err)
	fresh, err := bolt.Open(to, 0o640, nil)
	require.NoError(t, err)
	require.NoError(t, copyAll(fresh, old))
	require.NoError(t, fresh.Close())
	require.NoError(t, old.Close())
}

// Where the copy can't be made the journal is used as it is.
func TestCompactionThatFails(t *testing.T) {
	dir, opts := emptied(t)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, compactName, "occupied"), 0o750))
	j, err := Open(dir, opts)
	require.NoError(t, err)
	defer j.Close()
	require.ErrorContains(t, j.Opened().Skipped, "an interrupted one left")
	requireLeft(t, j)
}
