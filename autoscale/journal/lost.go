package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// held is nil while the file that is open is the one in the state directory. Where it was
// removed or replaced it is ErrLost: its lock keeps nobody out any more.
func (j *Journal) held() error {
	if j.readOnly {
		return nil
	}
	is, err := j.file.Stat()
	if err != nil {
		return fmt.Errorf("look at the journal of %s: %w", j.dir, err)
	}
	named, err := os.Stat(filepath.Join(j.dir, fileName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("state directory %s: %w: %s was removed, and another autoscaled could begin there", j.dir, ErrLost, fileName)
	case err != nil:
		return fmt.Errorf("look for the journal of %s: %w", j.dir, err)
	case !os.SameFile(is, named):
		return fmt.Errorf("state directory %s: %w: another %s is in its place%s", j.dir, ErrLost, fileName, holder(j.dir))
	}
	return nil
}
