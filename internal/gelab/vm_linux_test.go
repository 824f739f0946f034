package gelab

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// vm is a host: the first process of namespaces of its own, and all that it started.
type vm struct {
	cmd  *exec.Cmd
	over chan struct{}
}

// startVM boots a VM under a host name, with an address that the others reach it by.
func (l *lab) startVM(name, address string) (*vm, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer write.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(l.env, vmName+"="+name)
	cmd.Stdin = read
	log, err := os.OpenFile(l.path("vm-"+name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	read.Close()
	v := &vm{cmd: cmd, over: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(v.over) }()
	l.booted++
	ours, theirs := fmt.Sprintf("h%d", l.booted), fmt.Sprintf("v%d", l.booted)
	err = l.runAll(fmt.Sprintf("ip link add %s type veth peer name %s netns %d\nip link set %s master br0 up", ours, theirs, cmd.Process.Pid, ours))
	if err == nil {
		_, err = fmt.Fprintf(write, "%s %s\n", theirs, address)
	}
	if err != nil {
		v.stop()
		return nil, err
	}
	return v, nil
}

// stop ends a VM as a cloud does: without a word to anybody.
func (v *vm) stop() {
	_ = v.cmd.Process.Kill()
	<-v.over
}

// runVM is what a VM does: it takes its name and its address and starts the execution
// daemon, again and again until the qmaster lets it in.
func runVM(name string) {
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	var device, address string
	if err == nil {
		_, err = fmt.Sscan(line, &device, &address)
	}
	if err == nil {
		err = syscall.Sethostname([]byte(name))
	}
	if err == nil {
		l := &lab{env: os.Environ()}
		err = l.runAll("mount -t proc proc /proc\nip link set lo up\nip addr add " + address + "/16 dev " + device + "\nip link set " + device + " up")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for {
		cmd := exec.Command("sge_execd")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		fmt.Println("execd ended:", cmd.Run())
		time.Sleep(200 * time.Millisecond)
	}
}
