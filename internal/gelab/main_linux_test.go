package gelab

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var real = flag.Bool("gridengine", false, "run the tests on a real Grid Engine; needs root and Debian's packages of it")

// The test binary runs three times: as the one that go test starts, in which the daemon is
// built; in namespaces of its own, where the tests run; and there as the first process of
// each VM.
const (
	labFolder = "GELAB_FOLDER"
	vmName    = "GELAB_VM"
)

func TestMain(m *testing.M) {
	flag.Parse()
	switch {
	case os.Getenv(vmName) != "":
		runVM(os.Getenv(vmName))
	case os.Getenv(labFolder) != "":
		os.Exit(runInside(m))
	case *real:
		code, err := runOutside()
		if err != nil {
			fmt.Fprintln(os.Stderr, "gelab:", err)
			code = 1
		}
		os.Exit(code)
	}
	// Without the flag there is nothing to run.
}

// programs are all that the lab starts, and the Debian packages that they are in.
var programs = map[string]string{
	"sge_qmaster": "gridengine-master", "sge_execd": "gridengine-exec", "qconf": "gridengine-client", "ip": "iproute2", "mount": "mount", "cp": "coreutils",
}

// missing tells what the lab can't do without.
func missing() error {
	if os.Geteuid() != 0 {
		return errors.New("the tests on a real Grid Engine make namespaces and start daemons for other users: run them as root")
	}
	var lacking []string
	for program, pkg := range programs {
		if _, err := exec.LookPath(program); err != nil {
			lacking = append(lacking, pkg)
		}
	}
	if len(lacking) > 0 {
		return fmt.Errorf("missing Debian packages: %s", strings.Join(lacking, " "))
	}
	return nil
}

// runOutside builds the daemon and runs the tests in namespaces of their own.
func runOutside() (code int, err error) {
	if err := missing(); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "gelab-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return 1, err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "autoscaled"), "autoscaled/cmd/autoscaled")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the daemon: %w: %s", err, out)
	}
	self := exec.Command("/proc/self/exe", os.Args[1:]...)
	self.Env = append(os.Environ(), labFolder+"="+dir)
	self.Stdin, self.Stdout, self.Stderr = os.Stdin, os.Stdout, os.Stderr
	self.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC, Pdeathsig: syscall.SIGKILL,
	}
	var exit *exec.ExitError
	if err := self.Run(); errors.As(err, &exit) {
		return exit.ExitCode(), nil
	} else if err != nil {
		return 1, fmt.Errorf("make namespaces: %w", err)
	}
	return 0, nil
}

// theLab is the one that all tests share, one after the other.
var theLab *lab

func runInside(m *testing.M) int {
	l, err := startLab(os.Getenv(labFolder))
	if err != nil {
		fmt.Fprintln(os.Stderr, "gelab: make the network:", err)
		return 1
	}
	theLab = l
	return m.Run()
}
