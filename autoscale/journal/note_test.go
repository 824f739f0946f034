package journal

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

func TestNotesLastAndAreApart(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	data, err := j.Note("github").Load(t.Context())
	require.NoError(t, err)
	require.Nil(t, data, "none was written")
	require.NoError(t, j.Note("github").Save(t.Context(), []byte(`{"runners": [1]}`)))
	require.NoError(t, j.Note("github").Save(t.Context(), []byte(`{"runners": [1, 2]}`)))
	require.NoError(t, j.Note("gitlab").Save(t.Context(), []byte(`[]`)))
	require.Error(t, j.Note("gitlab").Save(t.Context(), []byte(`no JSON`)))
	require.NoError(t, j.Close())

	opts := testOptions()
	opts.Cluster = "other"
	other, err := Open(dir, opts)
	require.NoError(t, err)
	data, err = other.Note("github").Load(t.Context())
	require.NoError(t, err)
	require.Nil(t, data, "another cluster's")
	require.NoError(t, other.Close())

	j = open(t, dir)
	defer j.Close()
	data, err = j.Note("github").Load(t.Context())
	require.NoError(t, err)
	require.JSONEq(t, `{"runners": [1, 2]}`, string(data))
	data, err = j.Note("gitlab").Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, "[]", string(data))

	text := export(t, j)
	require.Contains(t, text, `{"kind":"note","cluster":"demo","name":"github","record":{"v":1,"note":{"runners":[1,2]}}}`)
	c, err := ReadExport(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, 2, c.Notes)
	audit, err := j.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, audit.Notes)
	require.Empty(t, audit.Findings)
}

// A note that is not as it was written is damage, as any record is: the daemon does not
// start on it, and check tells where it is.
func TestDamagedNotesAreFound(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	require.NoError(t, j.Note("github").Save(t.Context(), []byte(`{"runners": [1]}`)))
	require.NoError(t, j.db.Update(func(tx *bolt.Tx) error {
		key := j.key("github")
		stored := strings.Replace(string(tx.Bucket(notesBucket).Get(key)), "1]", "2]", 1)
		return tx.Bucket(notesBucket).Put(key, []byte(stored))
	}))
	_, err := j.Note("github").Load(t.Context())
	require.ErrorIs(t, err, ErrCorrupt)
	audit, err := j.Check(t.Context())
	require.NoError(t, err)
	require.Len(t, audit.Findings, 1)
	require.Equal(t, "notes demo/github", audit.Findings[0].Where)
	require.NoError(t, j.Close())
	_, err = Open(dir, testOptions())
	require.ErrorIs(t, err, ErrCorrupt)
}
