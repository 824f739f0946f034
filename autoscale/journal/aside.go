package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// damagedName is what a journal is called that was set aside, before the time.
const damagedName = fileName + ".damaged-"

// SetAside moves the journal of dir out of the way, for Open to begin an empty one,
// and tells where to. Everything on record is lost to the daemon, so it is for a
// journal that Open answered with ErrCorrupt, and only when an operator asks for it.
// It returns ErrHeld while a daemon holds the directory, and ErrNone where there is
// no journal.
func SetAside(dir string, at time.Time) (moved string, err error) {
	path := filepath.Join(dir, fileName)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("state directory %s: %w: %w", dir, ErrNone, err)
	}
	if err != nil {
		return "", fmt.Errorf("set journal aside: %w", err)
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil || !isAt(file, path) {
		return "", fmt.Errorf("state directory %s: %w by another autoscaled%s", dir, ErrHeld, holder(dir))
	}
	moved, err = freeName(path[:len(path)-len(fileName)] + damagedName + at.UTC().Format("20060102T150405Z"))
	if err == nil {
		err = os.Rename(path, moved)
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err != nil {
		return "", fmt.Errorf("set journal aside: %w", err)
	}
	return moved, nil
}

// freeName is the name, or the name with a number that no file has yet.
func freeName(name string) (string, error) {
	for n := 1; ; n++ {
		candidate := name
		if n > 1 {
			candidate = fmt.Sprintf("%s-%d", name, n)
		}
		_, err := os.Lstat(candidate)
		if errors.Is(err, fs.ErrNotExist) {
			return candidate, nil
		}
		if err != nil {
			return "", err
		}
	}
}
