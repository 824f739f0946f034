package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// checkStateDir tells whether a daemon could keep its journal in dir, as far as the
// user who checks can tell. It leaves nothing behind. Where it is not required, a
// directory that is no good is only warned of.
func (c *connection) checkStateDir(dir string, required bool) {
	words := dir + " can be written"
	err := tryFolder(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = tryFolder(nearest(dir)); err == nil {
			words = dir + " is not there yet, and can be made"
		}
	}
	switch {
	case err == nil:
		c.ok("state", "%s", words)
	case required:
		c.fail("state", "%s: %v", dir, err)
	default:
		fmt.Fprintf(c.out, "warn  %-7s  %s: %v\n", "state", dir, err)
	}
}

// nearest is the folder that is there in which dir would be made.
func nearest(dir string) string {
	for {
		parent := filepath.Dir(dir)
		if _, err := os.Stat(parent); err == nil || parent == dir {
			return parent
		}
		dir = parent
	}
}

// tryFolder writes a page into a file of its own, locks it and removes it: what a
// journal needs of its folder.
func tryFolder(dir string) (err error) {
	file, err := os.CreateTemp(dir, ".autoscaled-check-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	if _, err := file.Write(make([]byte, os.Getpagesize())); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("lock a file there: %w", err)
	}
	return nil
}
