package journal

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"autoscaled/autoscale"
)

// Who waited for the lock of a file that was replaced meanwhile opens the new one.
func TestOpenFollowsAReplacedFile(t *testing.T) {
	dir, opts := emptied(t)
	old, err := bolt.Open(filepath.Join(dir, fileName), 0o640, nil)
	require.NoError(t, err)
	require.NoError(t, os.Rename(filepath.Join(dir, fileName), filepath.Join(dir, "moved")))
	other := open(t, dir)
	written(t, other, "newer", autoscale.OpSent)
	require.NoError(t, other.Close())
	require.NoError(t, os.Rename(filepath.Join(dir, fileName), filepath.Join(dir, "newer")))
	require.NoError(t, os.Rename(filepath.Join(dir, "moved"), filepath.Join(dir, fileName)))

	opts.LockTimeout = 20 * time.Second
	opened := make(chan *Journal)
	go func() {
		j, err := Open(dir, opts)
		if err != nil {
			j = nil
		}
		opened <- j
	}()
	for openFiles(t, filepath.Join(dir, fileName)) < 2 { // until it waits for the lock
		runtime.Gosched()
	}
	require.NoError(t, os.Rename(filepath.Join(dir, "newer"), filepath.Join(dir, fileName)))
	require.NoError(t, old.Close())
	j := <-opened
	require.NotNil(t, j)
	defer j.Close()
	ops, err := j.Operations(t.Context())
	require.NoError(t, err)
	require.Len(t, ops, 1)
	require.Equal(t, autoscale.RequestID("newer"), ops[0].Request)
}

// openFiles counts this process's open files of a name.
func openFiles(t *testing.T, path string) (n int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, fd := range list {
		if name, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && name == path {
			n++
		}
	}
	return n
}
