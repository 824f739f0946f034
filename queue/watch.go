package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// Watch calls wake after every change of the file until ctx ends, which is no
// error. It watches the file's directory, so that a rename over the file, its
// removal and its return are seen, and so is a symbolic link that is turned.
// Calls come from Watch's own goroutine, the caller's, one at a time.
//
// An error says why changes are not seen any more; Demand still works.
func (f *File) Watch(ctx context.Context, wake func()) error {
	return f.watch(ctx, func() {}, wake)
}

// watch calls ready once nothing can be missed any more.
func (f *File) watch(ctx context.Context, ready, wake func()) error {
	path := f.options.Path
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch queue file %s: %w", path, err)
	}
	defer watcher.Close()
	dir := filepath.Dir(path)
	last := lookAt(path)
	if err := watcher.Add(dir); err != nil {
		return fmt.Errorf("watch queue file %s: %w", path, err)
	}
	ready()
	for {
		if now := lookAt(path); now != last {
			last = now
			wake()
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-watcher.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) { // some events were lost: look
				return fmt.Errorf("watch queue file %s: %w", path, err)
			}
		case event := <-watcher.Events:
			if event.Has(fsnotify.Remove) && event.Name == dir {
				return fmt.Errorf("watch queue file %s: its directory was removed", path)
			}
		}
	}
}

// lookAt is the file's state; the zero value if it can't be seen.
func lookAt(path string) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	return stateOf(info)
}
