package queue

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// replace puts a new file in the old one's place, as writers should.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text)
	require.NoError(t, os.Rename(path+".new", path))
}

// settledFile reads files as if they had been written an hour ago.
func settledFile(t *testing.T, o FileOptions) *File {
	t.Helper()
	f, err := NewFile(o)
	require.NoError(t, err)
	f.now = func() time.Time { return time.Now().Add(time.Hour) }
	return f
}

func jobsOf(t *testing.T, source interface {
	Demand(context.Context) (autoscale.Demand, error)
}) int {
	t.Helper()
	d, err := source.Demand(t.Context())
	require.NoError(t, err)
	return d.Jobs()
}

func TestFileIsReadAgainWhenItChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.yaml")
	write(t, path, "jobs: [{id: 1}]\nrunning: []")
	f := settledFile(t, FileOptions{Path: path})
	first, err := f.Demand(t.Context())
	require.NoError(t, err)
	again, err := f.Demand(t.Context())
	require.NoError(t, err)
	require.Equal(t, reflect.ValueOf(first.Use).Pointer(), reflect.ValueOf(again.Use).Pointer(), "it was parsed again")

	replace(t, path, "jobs: [{id: 1}, {id: 2}]")
	require.Equal(t, 2, jobsOf(t, f))

	info, err := os.Stat(path)
	require.NoError(t, err)
	write(t, path, "jobs: []                ")
	require.Equal(t, info.Size(), int64(len("jobs: []                ")))
	require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	require.Equal(t, 0, jobsOf(t, f), "size and time are as before, but it was written")
}

func TestFreshFileIsNotTrusted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.yaml")
	f, err := NewFile(FileOptions{Path: path})
	require.NoError(t, err)
	for n := range 5 { // faster than a file system's clock may step
		write(t, path, fmt.Sprintf("jobs: [{id: 1, tasks: %d}]", n+1))
		d, err := f.Demand(t.Context())
		require.NoError(t, err)
		require.Equal(t, n+1, d.Classes[0].Tasks)
		require.Equal(t, fileState{}, f.seen)
	}
}

func TestFileKeepsNoStaleAnswer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.yaml")
	f := settledFile(t, FileOptions{Path: path, MaxBytes: 100})
	for _, bad := range []struct {
		change func()
		kind   error
		says   string
	}{
		{func() { require.NoError(t, os.Remove(path)) }, autoscale.ErrNotFound, "no such file"},
		{func() { write(t, path, "") }, autoscale.ErrMalformed, "is empty"},
		{func() { write(t, path, "{\"jobs\": [{\"id\"") }, autoscale.ErrMalformed, "is not"},
		{func() { write(t, path, "jobs: [] #"+string(make([]byte, 100))) }, autoscale.ErrMalformed, "longer than 100 bytes"},
		{func() { require.NoError(t, os.Remove(path)); require.NoError(t, os.Mkdir(path, 0o700)) }, autoscale.ErrUnavailable, "not a regular file"},
		{func() { require.NoError(t, os.Remove(path)); require.NoError(t, syscall.Mkfifo(path, 0o600)) }, autoscale.ErrUnavailable, "not a regular file"},
	} {
		require.NoError(t, os.RemoveAll(path))
		replace(t, path, "jobs: [{id: 1}]")
		require.Equal(t, 1, jobsOf(t, f))
		bad.change()
		for range 2 {
			d, err := f.Demand(t.Context())
			require.ErrorIs(t, err, bad.kind)
			require.ErrorContains(t, err, bad.says)
			require.ErrorContains(t, err, path)
			require.Equal(t, autoscale.Demand{}, d)
		}
	}
}

func TestFileTooOldIsUnknownDemand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.yaml")
	write(t, path, "jobs: []")
	f := settledFile(t, FileOptions{Path: path, MaxAge: 2 * time.Hour})
	require.Equal(t, 0, jobsOf(t, f))
	f.now = func() time.Time { return time.Now().Add(3 * time.Hour) }
	_, err := f.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorContains(t, err, "was last written 3h0m0s ago (limit 2h0m0s)")
}

func TestFileErrors(t *testing.T) {
	_, err := NewFile(FileOptions{})
	require.ErrorContains(t, err, "path is missing")
	_, err = NewFile(FileOptions{Path: "x", MaxAge: -1})
	require.ErrorContains(t, err, "negative")
	require.Equal(t, autoscale.ErrUnauthorized, fileKind(&fs.PathError{Err: fs.ErrPermission}))

	f, err := NewFile(FileOptions{Path: "queue.yaml"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.Demand(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
}

// watched runs Watch until the test ends and tells of wake-ups.
func watched(t *testing.T, path string) <-chan struct{} {
	t.Helper()
	f, err := NewFile(FileOptions{Path: path})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ready, woken, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- f.watch(ctx, func() { close(ready) }, func() {
			select {
			case woken <- struct{}{}:
			case <-ctx.Done():
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	<-ready
	return woken
}

func TestWatchSeesEveryWayToChangeAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue.yaml")
	woken := watched(t, path)
	write(t, path, "jobs: []") // may be seen twice: empty, then full
	<-woken
	replaced := make(chan struct{})
	go func() {
		defer close(replaced)
		replace(t, path, "jobs: [{id: 1}]")
	}()
	<-woken
	for drained := false; !drained; { // until the last state was seen
		select {
		case <-woken:
		case <-replaced:
			drained = true
		}
	}
	require.NoError(t, os.Remove(path))
	<-woken
}

// TestWatchFollowsTurnedLinks: Kubernetes changes mounted files by turning a
// link beside them.
func TestWatchFollowsTurnedLinks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "queue.yaml")
	for _, version := range []string{"v1", "v2"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		write(t, filepath.Join(dir, version, "queue.yaml"), "jobs: []")
	}
	require.NoError(t, os.Symlink("v1", filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink("..data/queue.yaml", path))
	woken := watched(t, path)
	require.NoError(t, os.Symlink("v2", filepath.Join(dir, "..new")))
	require.NoError(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
	<-woken
}

func TestWatchNeedsADirectory(t *testing.T) {
	f, err := NewFile(FileOptions{Path: filepath.Join(t.TempDir(), "none", "queue.yaml")})
	require.NoError(t, err)
	require.ErrorContains(t, f.Watch(t.Context(), func() {}), "queue.yaml")

	dir := filepath.Join(t.TempDir(), "gone")
	require.NoError(t, os.Mkdir(dir, 0o700))
	f, err = NewFile(FileOptions{Path: filepath.Join(dir, "queue.yaml")})
	require.NoError(t, err)
	require.ErrorContains(t, f.watch(t.Context(), func() { os.Remove(dir) }, func() {}), "directory was removed")
}
