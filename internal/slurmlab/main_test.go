package slurmlab

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var (
	withSlurm = flag.Bool("slurm", false, "run the tests that need this system's Slurm")
	slurmRoot = flag.String("slurm-root", "", "run the tests of dynamic nodes, and with -slurm all, with the Slurm of this folder, made by debootstrap")
)

// programPath is in the environment of the tests within the namespaces: the program.
const programPath = "SLURMLAB_PROGRAM"

// TestMain lets the tests run within namespaces when a flag asks for a Slurm. Without one those
// that need it run nothing.
func TestMain(m *testing.M) {
	flag.Parse()
	if Inside() {
		go func() { // the tests end with the process outside
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(1)
		}()
	}
	if !*withSlurm && *slurmRoot == "" || Inside() {
		os.Exit(m.Run())
	}
	code, err := enclosed()
	if err != nil {
		fmt.Fprintln(os.Stderr, "slurmlab:", err)
		code = 1
	}
	os.Exit(code)
}

func enclosed() (int, error) {
	if missing := Missing(true); len(missing) > 0 {
		return 0, fmt.Errorf("missing Debian packages: %s", strings.Join(missing, " "))
	}
	dir, err := os.MkdirTemp("", "slurmlab")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "autoscaled")
	build := exec.Command("go", "build", "-o", program, "autoscaled/cmd/autoscaled")
	if text, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the program: %w: %s", err, text)
	}
	return Enter(context.Background(), os.Args[0], os.Args[1:], []string{programPath + "=" + program})
}
