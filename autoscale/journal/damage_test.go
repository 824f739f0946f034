package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"autoscaled/autoscale"
)

// filled makes a state directory with a few pages of records.
func filled(t *testing.T) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	j := open(t, dir)
	for i := range 40 {
		written(t, j, fmt.Sprintf("request-%d", i), autoscale.OpConverged)
	}
	require.NoError(t, j.Save(t.Context(), memoryOf("n1", "n2")))
	require.NoError(t, j.Close())
	return dir, filepath.Join(dir, fileName)
}

func requireDamaged(t *testing.T, dir string) {
	t.Helper()
	for _, readOnly := range []bool{false, true} {
		opts := testOptions()
		opts.ReadOnly = readOnly
		_, err := Open(dir, opts)
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, dir)
	}
}

func TestDamagedFile(t *testing.T) {
	damage := map[string]func(data []byte) []byte{
		"text":          func([]byte) []byte { return []byte("this is no journal\n") },
		"cut in half":   func(data []byte) []byte { return data[:len(data)/2] },
		"one page left": func(data []byte) []byte { return data[:os.Getpagesize()] },
		"metas zeroed":  func(data []byte) []byte { clear(data[:2*os.Getpagesize()]); return data },
		"pages zeroed":  func(data []byte) []byte { clear(data[2*os.Getpagesize():]); return data },
		"pages of noise": func(data []byte) []byte {
			for i := 2 * os.Getpagesize(); i < len(data); i++ {
				data[i] = byte(i*7 + i>>8)
			}
			return data
		},
	}
	for name, change := range damage {
		t.Run(name, func(t *testing.T) {
			dir, file := filled(t)
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, change(data), 0o600))
			requireDamaged(t, dir)
		})
	}
}

// rewrite puts raw bytes where the journal would put a record.
func rewrite(t *testing.T, file string, bucket, key []byte, data string) {
	t.Helper()
	db, err := bolt.Open(file, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucket).Put(key, []byte(data)) }))
	require.NoError(t, db.Close())
}

func TestDamagedRecords(t *testing.T) {
	for _, bad := range []struct{ bucket, key, data string }{
		{"operations", "demo\x00a", `{"v":1,`},
		{"operations", "demo\x00a", `{"v":1,"request":"a","kind":"create","phase":"odd"}`},
		{"operations", "demo\x00a", `{"v":1,"request":"a","kind":"create","phase":""}`},
		{"finished", "demo\x00a", `{"v":1,"request":"a","kind":"paint","phase":"short"}`},
		{"finished", "other\x00a", `{"request":"a","kind":"create","phase":"short"}`},
		{"finished", "demo\x00a", `{"v":1,"kind":"create","phase":"short"}`},
		{"memory", "demo\x00", `{"v":1,"memory":{"nodes":7}}`},
		{"memory", "demo\x00", ``},
		{"meta", "schema", `{}`},
	} {
		t.Run(bad.bucket+" "+bad.data, func(t *testing.T) {
			dir, file := filled(t)
			rewrite(t, file, []byte(bad.bucket), []byte(bad.key), bad.data)
			requireDamaged(t, dir)
		})
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	for _, newer := range []struct{ bucket, key, data string }{
		{"meta", "schema", `{"v":2}`},
		{"operations", "demo\x00a", `{"v":2,"kind":["create"]}`},
		{"memory", "demo\x00", `{"v":9}`},
	} {
		t.Run(newer.bucket, func(t *testing.T) {
			dir, file := filled(t)
			rewrite(t, file, []byte(newer.bucket), []byte(newer.key), newer.data)
			_, err := Open(dir, testOptions())
			require.ErrorIs(t, err, ErrNewer)
			require.ErrorContains(t, err, dir)
		})
	}
}

func TestMissingBucketIsDamage(t *testing.T) {
	for _, name := range []string{"operations", "finished", "memory"} {
		dir, file := filled(t)
		db, err := bolt.Open(file, 0o600, nil)
		require.NoError(t, err)
		require.NoError(t, db.Update(func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte(name)) }))
		require.NoError(t, db.Close())
		requireDamaged(t, dir)
	}
}

func FuzzDecodeOperation(f *testing.F) {
	data, err := encodeOperation(create("a", autoscale.OpSent), 7, []Passage{{autoscale.OpSent, start}})
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"v":2}`))
	f.Add([]byte(`{"v":1,"request":"a","kind":"create","phase":"sent","sent":"9999-12-31T23:59:59-01:00","nodes":[]}`))
	f.Add([]byte(`{"v":1,"request":"a","kind":"remove","phase":"short","ended":"2026-03-01T12:00:00+01:00","nodes":["n"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeOperation(data)
		if err != nil {
			require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNewer), "%v", err)
			return
		}
		again, err := encodeOperation(r.operation(), r.Seq, r.History)
		require.NoError(t, err)
		second, err := decodeOperation(again)
		require.NoError(t, err)
		// An empty list and none are the same to the domain.
		twice, err := encodeOperation(second.operation(), second.Seq, second.History)
		require.NoError(t, err)
		require.Equal(t, string(again), string(twice))
	})
}

func FuzzDecodeMemory(f *testing.F) {
	data, err := encodeMemory(memoryOf("n1"))
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"v":1,"memory":{"nodes":{"n":{"idle_reads":3}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMemory(data)
		if err != nil {
			require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNewer), "%v", err)
			return
		}
		_, err = json.Marshal(m)
		require.NoError(t, err)
	})
}
