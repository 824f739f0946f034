package slurmlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// inside is set in the environment of what runs within the namespaces.
const inside = "SLURMLAB_INSIDE"

// Subnet is the simulator's: each of its addresses is one of the enclosed loopback device.
const Subnet = "10.0.0.1/8"

// Inside tells whether this process runs within the namespaces.
func Inside() bool { return os.Getenv(inside) != "" }

// Enter runs a program in namespaces of its own: network, processes, mounts and host name. All
// that it starts ends with it, at the latest by the kernel. When ctx ends, or this process, the
// program's standard input does, and it is to end by itself. The result is its exit code.
func Enter(ctx context.Context, program string, args, env []string) (int, error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("a private Slurm needs root: it makes namespaces")
	}
	input, hold, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("make namespaces: %w", err)
	}
	defer input.Close()
	defer context.AfterFunc(ctx, func() { _ = hold.Close() })()
	defer hold.Close()
	// No name is asked of a server, which nobody would answer: Slurm waits long for that.
	const prepare = `hostname localhost && ip link set lo up && ip addr add ` + Subnet + ` dev lo &&
		mount -t tmpfs tmpfs /mnt && printf 'passwd: files\ngroup: files\nhosts: files\n' >/mnt/nsswitch.conf &&
		mount --bind /mnt/nsswitch.conf /etc/nsswitch.conf || exit 125; "$@"`
	cmd := exec.Command("unshare", append([]string{
		"--net", "--pid", "--mount", "--uts", "--fork", "--kill-child", "--mount-proc", "sh", "-c", prepare, "sh", program,
	}, args...)...)
	cmd.Env = append(append(os.Environ(), inside+"=1"), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = input, os.Stdout, os.Stderr
	// Ctrl-C on the terminal is for this process: it would end unshare, and all else at once.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("make namespaces: %w", err)
	}
	if cmd.ProcessState.ExitCode() == 125 {
		return 0, errors.New("make namespaces: not allowed here, or package iproute2 is missing")
	}
	return cmd.ProcessState.ExitCode(), nil
}

// Missing names the Debian packages of those programs that a private Slurm needs, with a
// slurmrestd or without, and that are not there.
func Missing(rest bool) []string {
	var missing []string
	for _, need := range []struct{ program, of string }{
		{"slurmctld", "slurmctld"}, {"slurmd", "slurmd"}, {"sbatch", "slurm-client"}, {"slurmrestd", "slurmrestd"},
		{"munged", "munge"}, {"ip", "iproute2"}, {"unshare", "util-linux"},
	} {
		if need.program == "slurmrestd" && !rest {
			continue
		}
		if _, err := look(need.program); err != nil {
			missing = append(missing, need.of)
		}
	}
	return missing
}

// look finds a program, those that only root has on the PATH included.
func look(program string) (string, error) {
	for _, dir := range append(strings.Split(os.Getenv("PATH"), ":"), "/usr/sbin", "/sbin") {
		if dir == "" {
			continue
		}
		file := dir + "/" + program
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", program)
}
