//go:build unix

package gridengine

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the program the leader of a new process group, and the end of its
// context the end of that group.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
