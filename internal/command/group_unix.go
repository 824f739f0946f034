//go:build unix

package command

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the command the leader of a new process group, and the end of
// its context the end of that group.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// killGroup ends what the command left running. The group's number can't have
// been given to another group while it has members; with none left, it would
// have to be taken by a new process in the moment since the command was waited
// for.
func killGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // ESRCH: nothing was left
}
