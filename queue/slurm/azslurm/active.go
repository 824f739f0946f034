package azslurm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Sign is something of azslurm that works beside us, or will.
type Sign struct {
	// What it is, and End what the operator does about it.
	What, End string
	// Later: it does not work now, and will after the machine's next start.
	Later bool
}

func (s Sign) String() string { return s.What + " (" + s.End + ")" }

// Places in which cron keeps its entries: of users on Debian, on Red Hat and on SUSE, and
// of the machine.
var cronPlaces = []string{"var/spool/cron/crontabs", "var/spool/cron", "var/spool/cron/tabs", "etc/crontab", "etc/cron.d"}

// bootLink is where systemd finds that azslurmd starts with the machine.
const bootLink = "etc/systemd/system/multi-user.target.wants/azslurmd.service"

// Active tells what of azslurm is at work on the machine whose files are under root: the
// daemon azslurmd, a command of azslurm that changes nodes, and cron entries of
// return_to_idle. What could not be read is told beside; it is then not known.
func Active(root string) (signs []Sign, unread []error) {
	found, err := processes(root)
	if err != nil {
		unread = append(unread, err)
	}
	signs = append(signs, found...)
	for _, place := range cronPlaces {
		found, errs := cronEntries(filepath.Join(root, place))
		signs, unread = append(signs, found...), append(unread, errs...)
	}
	if _, err := os.Lstat(filepath.Join(root, bootLink)); err == nil && !slices.ContainsFunc(signs, func(s Sign) bool { return s.End == endDaemon }) {
		signs = append(signs, Sign{What: "azslurmd starts again with the machine", End: endDaemon, Later: true})
	}
	return signs, unread
}

const (
	endDaemon = "systemctl disable --now azslurmd"
	endCron   = "take the line out: crontab -e"
)

// changing are azslurm's commands that create or end nodes, or return them to service.
var changing = []string{"resume", "suspend", "resume_fail", "return_to_idle", "wait_for_resume", "scale", "remove_nodes"}

// processes looks for azslurmd and azslurm, which are scripts that Python runs.
func processes(root string) ([]Sign, error) {
	folder := filepath.Join(root, "proc")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("look for azslurmd: %w", err)
	}
	var signs []Sign
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") != "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, e.Name(), "cmdline"))
		if err != nil {
			continue // it has ended
		}
		args := strings.Split(string(bytes.TrimRight(text, "\x00")), "\x00")
		if len(args) > 1 && strings.HasPrefix(path.Base(args[0]), "python") {
			args = args[1:]
		}
		switch program := path.Base(args[0]); {
		case program == "azslurmd":
			signs = append(signs, Sign{What: "azslurmd is running, process " + e.Name(), End: endDaemon})
		case program == "azslurm" && len(args) > 1 && slices.Contains(changing, args[1]):
			signs = append(signs, Sign{What: fmt.Sprintf("azslurm %s is under way, process %s", args[1], e.Name()), End: "it ends by itself"})
		}
	}
	return signs, nil
}

// cronEntries looks for return_to_idle in a file, or in the files of a folder.
func cronEntries(place string) (signs []Sign, unread []error) {
	info, err := os.Stat(place)
	if err == nil && info.IsDir() {
		entries, err := os.ReadDir(place)
		if err != nil {
			return nil, unreadable(err)
		}
		for _, e := range entries {
			if e.Type().IsRegular() {
				found, errs := cronFile(filepath.Join(place, e.Name()))
				signs, unread = append(signs, found...), append(unread, errs...)
			}
		}
		return signs, unread
	}
	if err != nil {
		return nil, unreadable(err)
	}
	return cronFile(place)
}

func cronFile(path string) ([]Sign, []error) {
	text, err := readFile(path, maxConf)
	if err != nil {
		return nil, unreadable(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") && strings.Contains(line, "return_to_idle") {
			return []Sign{{What: "cron runs return_to_idle, " + path, End: endCron}}, nil
		}
	}
	return nil, nil
}

// unreadable is what to say of a place of cron's: nothing where it is not there.
func unreadable(err error) []error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return []error{fmt.Errorf("look for cron entries of return_to_idle: %w", err)}
}

// Theirs tells whether one of Slurm's programs is azslurm's: by its name or its folder,
// or, where the file can be read under root, by what it calls.
func Theirs(root, program string) bool {
	switch path.Base(program) {
	case "resume_program.sh", "suspend_program.sh", "resume_fail_program.sh":
		return true
	}
	if strings.HasPrefix(program, "/opt/azurehpc/slurm/") || strings.HasPrefix(program, "/opt/cycle/slurm/") {
		return true
	}
	text, err := readFile(filepath.Join(root, program), 1<<16)
	return err == nil && bytes.HasPrefix(text, []byte("#!")) && bytes.Contains(text, []byte("azslurm "))
}
