package journal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// inChild is set in a process of its own: a limit on the size of files is one of the
// whole process.
const inChild = "JOURNAL_TEST_CHILD"

// TestFullDisk fills a real journal until no write succeeds, in a process whose files
// may not grow: to bbolt that is a full disk, in making the file larger and in
// writing pages. The process must live, keep what it wrote, and go on once there is room.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(inChild); dir != "" {
		fillAndRecover(t, dir)
		return
	}
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	child.Env = append(os.Environ(), inChild+"="+dir)
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestFullDisk")

	j := open(t, dir)
	defer j.Close()
	audit, err := j.Check(t.Context())
	require.NoError(t, err)
	require.Greater(t, audit.Open, 10)
}

// allowFiles limits the size of this process's files to so many bytes.
func allowFiles(t *testing.T, most uint64) {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	limit.Cur = min(most, limit.Max)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
}

func fillAndRecover(t *testing.T, dir string) {
	opts := testOptions()
	opts.Volatile = false
	j, err := Open(dir, opts)
	require.NoError(t, err)
	ctx := t.Context()
	require.NoError(t, j.Save(ctx, memoryOf("n1")))

	allowFiles(t, 256<<10)
	written := 0
	for err == nil {
		require.Less(t, written, 10_000)
		op := create(fmt.Sprint("request-", written), autoscale.OpSent)
		op.Message = strings.Repeat("x", 2000)
		if err = j.Put(ctx, op); err == nil {
			written++
		}
	}
	require.ErrorIs(t, err, ErrFull)
	require.ErrorContains(t, err, "the disk of the state directory is full")

	allowFiles(t, 0) // not even pages that are there can be written
	for range 20 {
		require.ErrorIs(t, j.Put(ctx, create("late", autoscale.OpSent)), ErrFull)
		require.ErrorIs(t, j.Save(ctx, memoryOf("n1")), ErrFull, "what is on record is written again, to see")
	}
	ops, err := j.Operations(ctx)
	require.NoError(t, err)
	require.Len(t, ops, written, "what was written is there, and no more")
	require.NoError(t, j.Close())

	j, err = Open(dir, opts)
	require.NoError(t, err, "a full disk is no reason not to start")
	require.ErrorIs(t, j.Put(ctx, create("late", autoscale.OpSent)), ErrFull)

	allowFiles(t, 1<<40)
	require.NoError(t, j.Save(ctx, memoryOf("n1")))
	require.NoError(t, j.Put(ctx, create("late", autoscale.OpSent)))
	require.NoError(t, j.Close())
	fullWhileCompacting(t)
}

// fullWhileCompacting opens a journal that should be compacted, and can't be.
func fullWhileCompacting(t *testing.T) {
	dir, opts := emptied(t)
	pruned, err := Open(dir, Options{Cluster: "demo", At: start})
	require.NoError(t, err)
	_, err = pruned.Prune(t.Context(), opts.At)
	require.NoError(t, err)
	require.NoError(t, pruned.Close())
	allowFiles(t, 8<<10)
	defer allowFiles(t, 1<<40)
	j, err := Open(dir, opts)
	require.NoError(t, err)
	require.ErrorIs(t, j.Opened().Skipped, ErrFull)
	require.NoFileExists(t, filepath.Join(dir, compactName))
	allowFiles(t, 1<<40)
	requireLeft(t, j)
	require.NoError(t, j.Close())
}

func TestFull(t *testing.T) {
	for _, code := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		require.ErrorIs(t, asFull(&os.PathError{Op: "write", Path: "journal.db", Err: code}), ErrFull)
		require.ErrorIs(t, asFull(fmt.Errorf("file resize error: %s", code)), ErrFull)
	}
	require.NoError(t, asFull(nil))
	other := errors.New("input/output error")
	require.Equal(t, other, asFull(other))
}
