package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"autoscaled/autoscale"
)

// grown makes a journal of several levels of pages with free ones between, and returns
// its bytes and where the head of its last transaction lies.
func grown(t *testing.T) (data []byte, head int) {
	t.Helper()
	dir := t.TempDir()
	j := open(t, dir)
	for i := range 60 {
		written(t, j, fmt.Sprintf("request-%d", i), autoscale.OpConverged)
	}
	written(t, j, "open", autoscale.OpAccepted)
	require.NoError(t, j.Save(t.Context(), memoryOf("n1", "n2")))
	tx := 0
	require.NoError(t, j.db.View(func(t *bolt.Tx) error { tx = t.ID(); return nil }))
	require.NoError(t, j.Close())
	data, err := os.ReadFile(filepath.Join(dir, fileName))
	require.NoError(t, err)
	return data, tx % 2 * os.Getpagesize()
}

// contents are all records in words; the journal must be open.
func contents(t *testing.T, j *Journal) string {
	t.Helper()
	all, err := j.All(t.Context())
	require.NoError(t, err)
	m, err := j.Memory(t.Context())
	require.NoError(t, err)
	return fmt.Sprint(all, m)
}

func placed(t *testing.T, data []byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), data, 0o600))
	return dir
}

// One byte is damaged, anywhere, or a block is blank: the journal is refused, or has all
// its records and goes on to keep them. Only where the head of the last transaction is
// damaged is that taken for one that was never ended.
func TestDamageAnywhereIsToldOrHarmless(t *testing.T) {
	data, head := grown(t)
	whole := open(t, placed(t, data))
	want := contents(t, whole)
	require.NoError(t, whole.Close())
	page, refused := os.Getpagesize(), 0
	try := func(what string, damaged []byte) {
		dir := placed(t, damaged)
		j, err := Open(dir, testOptions())
		if err != nil {
			require.ErrorIs(t, err, ErrCorrupt, what)
			refused++
			return
		}
		require.Equal(t, want, contents(t, j), what)
		for i := range 3 {
			written(t, j, fmt.Sprintf("new-%d", i), autoscale.OpAccepted)
		}
		more := contents(t, j)
		require.NoError(t, j.Close(), what)
		j = open(t, dir)
		require.Equal(t, more, contents(t, j), what)
		require.NoError(t, j.Close())
	}
	for at := 0; at < len(data); at += 1021 { // every page, at ever other places
		if at/page == head/page {
			continue
		}
		damaged := append([]byte(nil), data...)
		damaged[at] ^= 0x14
		try(fmt.Sprintf("byte %d of page %d", at%page, at/page), damaged)
	}
	for start := 2 * page; start < len(data); start += page {
		for at := start; at < start+64; at += 13 { // what pages say of themselves
			damaged := append([]byte(nil), data...)
			damaged[at] ^= 0x01
			try(fmt.Sprintf("byte %d of page %d", at%page, at/page), damaged)
		}
		damaged := append([]byte(nil), data...)
		clear(damaged[start : start+512])
		try(fmt.Sprintf("page %d is blank", start/page), damaged)
	}
	require.Greater(t, refused, 60)
}

// What bbolt would begin anew is damage: a journal is never empty.
func TestAnEmptiedJournalIsDamage(t *testing.T) {
	dir := placed(t, nil)
	requireDamaged(t, dir)
	_, err := Open(dir, testOptions())
	require.ErrorContains(t, err, "journal.db is empty")
}

func TestDamageIsToldInWords(t *testing.T) {
	data, _ := grown(t)
	page := os.Getpagesize()
	for says, change := range map[string]func([]byte) []byte{
		"is cut off at":                     func(d []byte) []byte { return d[:5*page] },
		"neither of its two heads is whole": func(d []byte) []byte { clear(d[:2*page]); return d },
		"a record is not as it was written": func(d []byte) []byte { return replaced(t, d, `"count":4`, `"count":5`) },
		"journal.db: page":                  func(d []byte) []byte { clear(d[3*page:]); return d },
	} {
		_, err := Open(placed(t, change(append([]byte(nil), data...))), testOptions())
		require.ErrorIs(t, err, ErrCorrupt, says)
		require.ErrorContains(t, err, says)
	}
}

// bbolt keeps its locks when it meets damage in a write. The daemon is told again and
// again, and can be ended.
func TestDamageWhileItIsOpenHangsNothing(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	written(t, j, "a", autoscale.OpSent)
	file, err := os.OpenFile(filepath.Join(dir, fileName), os.O_RDWR, 0)
	require.NoError(t, err)
	info, err := file.Stat()
	require.NoError(t, err)
	page := int64(os.Getpagesize())
	_, err = file.WriteAt(make([]byte, info.Size()-2*page), 2*page)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	for range 3 {
		require.ErrorIs(t, j.Put(t.Context(), create("b", autoscale.OpSent)), ErrCorrupt)
	}
	_, err = j.Operations(t.Context())
	require.ErrorIs(t, err, ErrCorrupt)
	require.NoError(t, j.Close())
	requireDamaged(t, dir)
	_, err = SetAside(dir, start)
	require.NoError(t, err, "it let go of the file")
}

// replaced changes bytes in every place where they stand, to as many others.
func replaced(t *testing.T, data []byte, from, to string) []byte {
	t.Helper()
	require.Contains(t, string(data), from)
	return bytes.ReplaceAll(data, []byte(from), []byte(to))
}
