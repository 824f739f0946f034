package azslurm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Programs are those that Slurm calls to power nodes up and down. Empty: none.
type Programs struct{ Resume, Suspend, ResumeFail string }

// The lines around what is ours in a file of Slurm's configuration. Nothing outside them
// is ever changed, so that the file is what it was, byte by byte, once they are gone.
const (
	blockBegin = "# BEGIN autoscaled: taken out by autoscaled slurm handback"
	blockOpen  = ", with the line end before this line"
	blockEnd   = "# END autoscaled"
)

// ErrBlock means that the lines around our part of a file are not as we wrote them.
var ErrBlock = errors.New("the lines BEGIN autoscaled and END autoscaled do not enclose one part")

// SiteFile is the file of a configuration that is meant for the site's own settings and
// is read after the defaults: site_specific.conf. Empty: it has none.
func (c *Conf) SiteFile() string {
	for _, path := range c.Files {
		if filepath.Base(path) == "site_specific.conf" {
			return path
		}
	}
	return ""
}

// Programs are the configuration's.
func (c *Conf) Programs() Programs {
	return Programs{Resume: c.Settings["resumeprogram"], Suspend: c.Settings["suspendprogram"], ResumeFail: c.Settings["resumefailprogram"]}
}

// TakeOver makes Slurm's programs ours, by a part at the end of a file of its
// configuration that Slurm reads after all others that set them: of a key that is given
// twice it takes the last. before are those that it has now, which the part tells people.
// Once more with the same programs it changes nothing.
func TakeOver(path string, ours, before Programs) error {
	text, file, err := readSite(path)
	if err != nil {
		return fmt.Errorf("take over Slurm's programs: %w", err)
	}
	without, _, err := withoutBlock(text)
	if err == nil {
		err = file.replace(append(without, block(without, ours, before)...))
	}
	if err != nil {
		return fmt.Errorf("take over Slurm's programs in %s: %w", path, err)
	}
	return nil
}

// HandBack takes our part out of a file, and tells whether there was one.
func HandBack(path string) (there bool, err error) {
	text, file, err := readSite(path)
	if err != nil {
		return false, fmt.Errorf("hand back Slurm's programs: %w", err)
	}
	without, there, err := withoutBlock(text)
	if err == nil && there {
		err = file.replace(without)
	}
	if err != nil {
		return there, fmt.Errorf("hand back Slurm's programs in %s: %w", path, err)
	}
	return there, nil
}

// TakenOver tells whether our part is in a file.
func TakenOver(path string) (bool, error) {
	text, _, err := readSite(path)
	if err != nil {
		return false, err
	}
	_, there, err := withoutBlock(text)
	return there, err
}

func block(before []byte, ours, theirs Programs) string {
	var b strings.Builder
	begin := blockBegin
	if len(before) > 0 && !bytes.HasSuffix(before, []byte("\n")) {
		b.WriteByte('\n')
		begin += blockOpen
	}
	fmt.Fprintln(&b, begin)
	for _, p := range []struct{ key, ours, theirs string }{
		{"ResumeProgram", ours.Resume, theirs.Resume}, {"SuspendProgram", ours.Suspend, theirs.Suspend}, {"ResumeFailProgram", ours.ResumeFail, theirs.ResumeFail},
	} {
		fmt.Fprintf(&b, "# before: %s=%s\n%s=%s\n", p.key, p.theirs, p.key, p.ours)
	}
	fmt.Fprintln(&b, blockEnd)
	return b.String()
}

// withoutBlock is a text without our part. Lines that followed it stay lines of their own.
func withoutBlock(text []byte) (without []byte, there bool, err error) {
	begin, end := lineAt(text, blockBegin), lineAt(text, blockEnd)
	switch {
	case begin < 0 && end < 0:
		return bytes.Clone(text), false, nil
	case begin < 0 || end < begin:
		return nil, false, ErrBlock
	}
	first, rest, _ := bytes.Cut(text[begin:], []byte("\n"))
	after := text[end:]
	if i := bytes.IndexByte(after, '\n'); i >= 0 {
		after = after[i+1:]
	} else {
		after = nil
	}
	if lineAt(rest, blockBegin) >= 0 || lineAt(after, blockEnd) >= 0 {
		return nil, false, ErrBlock
	}
	before := text[:begin]
	if bytes.HasSuffix(bytes.TrimSuffix(first, []byte("\r")), []byte(blockOpen)) && len(after) == 0 {
		before = bytes.TrimSuffix(before, []byte("\n"))
	}
	return append(bytes.Clone(before), after...), true, nil
}

// lineAt is where the first line begins that begins so; negative: there is none.
func lineAt(text []byte, begin string) int {
	if bytes.HasPrefix(text, []byte(begin)) {
		return 0
	}
	if i := bytes.Index(text, []byte("\n"+begin)); i >= 0 {
		return i + 1
	}
	return -1
}

// siteFile is a file of the configuration, where its symbolic links lead to.
type siteFile struct {
	path string
	info fs.FileInfo
}

func readSite(path string) ([]byte, *siteFile, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := os.Stat(target)
	if err != nil {
		return nil, nil, err
	}
	text, err := readFile(target, maxConf)
	return text, &siteFile{target, info}, err
}

// replace writes the file anew, whole or not at all, with its mode and owner. Slurm may
// read it at any moment.
func (f *siteFile) replace(text []byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".autoscaled-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			temporary.Close()
			os.Remove(temporary.Name())
		}
	}()
	if _, err = temporary.Write(text); err != nil {
		return err
	}
	if err = temporary.Chmod(f.info.Mode().Perm()); err != nil {
		return err
	}
	if owner, ok := f.info.Sys().(*syscall.Stat_t); ok {
		if err = temporary.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	if err = temporary.Sync(); err != nil {
		return err
	}
	if err = temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), f.path)
}
