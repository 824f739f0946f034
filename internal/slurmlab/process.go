package slurmlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// grace is how long a process has to end by itself.
const grace = 5 * time.Second

// Process is a program that was started and has to be ended.
type Process struct {
	cmd   *exec.Cmd
	log   *os.File
	ended chan struct{}
}

// launch starts a program whose output goes to the end of a file.
func launch(log string, env []string, program string, args ...string) (*Process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	p := &Process{cmd: exec.Command(program, args...), log: file, ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, file, file
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := p.cmd.Start(); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended stands in its log
		_ = file.Close()
		close(p.ended)
	}()
	return p, nil
}

// Ended is closed when the process is over.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Kill ends it without a word, as a power cut does.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Stop asks it to end, and ends it after a few seconds. A process that had to be killed is an
// error.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(grace):
		p.Kill()
		return errors.New(p.cmd.Path + " did not end by itself")
	}
}
