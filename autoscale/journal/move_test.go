package journal

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// All times on record move at once, and nothing else changes.
func TestMove(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	defer j.Close()
	written(t, j, "open", autoscale.OpAccepted)
	written(t, j, "over", autoscale.OpRejected)
	require.NoError(t, j.Save(t.Context(), memoryOf("n1", "n2")))
	other := testOptions()
	before, err := j.All(t.Context())
	require.NoError(t, err)
	was := exported(t, j)[1]
	require.NotEmpty(t, was.History)

	require.NoError(t, j.Move(t.Context(), -3*time.Hour))
	after, err := j.All(t.Context())
	require.NoError(t, err)
	require.Len(t, after, len(before))
	for i := range before {
		require.Equal(t, before[i].Moved(-3*time.Hour), after[i])
	}
	is := exported(t, j)[1]
	require.Equal(t, was.Seq, is.Seq)
	for i, p := range was.History {
		require.Equal(t, p.Phase, is.History[i].Phase)
		require.Equal(t, !p.At.IsZero(), p.At.Add(-3*time.Hour).Equal(is.History[i].At), "what is not known stays so")
	}
	m, err := j.Memory(t.Context())
	require.NoError(t, err)
	require.Equal(t, memoryOf("n1", "n2").Moved(-3*time.Hour), m)

	require.NoError(t, j.Close())
	other.ReadOnly = true
	j, err = Open(dir, other)
	require.NoError(t, err)
	require.ErrorIs(t, j.Move(t.Context(), time.Hour), ErrReadOnly)
}

// exported are all entries with their history.
func exported(t *testing.T, j *Journal) []Entry {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, j.Export(t.Context(), &text))
	c, err := ReadExport(&text)
	require.NoError(t, err)
	return c.Entries
}

// A journal in which nothing was ever written moves as well.
func TestMoveNothing(t *testing.T) {
	j := open(t, t.TempDir())
	defer j.Close()
	require.NoError(t, j.Move(t.Context(), time.Hour))
	m, err := j.Memory(t.Context())
	require.NoError(t, err)
	require.Zero(t, m)
}
