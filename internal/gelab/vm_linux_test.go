package gelab

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// vm is a host: the first process of namespaces of its own, and all that it started.
type vm struct {
	lab  *lab
	cmd  *exec.Cmd
	over chan struct{}
	// port is the device of the bridge that it is plugged into.
	port string
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
	l.booted++
	v := &vm{lab: l, cmd: cmd, over: make(chan struct{}), port: fmt.Sprintf("h%d", l.booted)}
	go func() { _ = cmd.Wait(); close(v.over) }()
	theirs := fmt.Sprintf("v%d", l.booted)
	err = l.runAll(fmt.Sprintf("ip link add %s type veth peer name %s address %s netns %d\nip link set %s master br0 up",
		v.port, theirs, hardwareAddress(address), cmd.Process.Pid, v.port))
	if err == nil {
		_, err = fmt.Fprintf(write, "%s %s\n", theirs, address)
	}
	if err != nil {
		v.stop()
		return nil, err
	}
	return v, nil
}

// hardwareAddress is that of whichever VM has an address, so that a later one with the same
// is reached by those that knew the first.
func hardwareAddress(address string) string {
	of := net.ParseIP(address).To4()
	return net.HardwareAddr(append([]byte{2, 0}, of...)).String()
}

// stop ends a VM as a cloud does: without a word to anybody. It is off the network when
// stop returns; the kernel clears namespaces away at its leisure.
func (v *vm) stop() {
	_ = v.cmd.Process.Kill()
	<-v.over
	_, _ = v.lab.run("ip", "link", "del", v.port) // if it was plugged in
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
