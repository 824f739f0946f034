package slurmlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// Fleet are the VMs behind a simulator's nodes: each that is Ready runs a slurmd under the node's
// name until the node goes. All methods are safe for concurrent use.
type Fleet struct {
	slurm   *Slurm
	cloud   *cyclecloudtest.Server
	cluster string
	dynamic func(cyclecloudtest.NodeRecord) []string

	mu    sync.Mutex
	vms   map[string]*Process // by the simulator's id
	dead  map[string]bool     // by id: crashed, or never to boot
	inert map[string]bool     // by name: its VM boots, and no slurmd starts
	boots map[string]int      // by name: how many slurmds ran
}

// NewFleet makes VMs of a cluster's nodes as soon as it is told to [Fleet.Follow]. dynamic gives
// the arguments of slurmd for a node that slurm.conf does not know, such as "-Z --conf
// Feature=dyn"; nil: it knows them all.
func NewFleet(s *Slurm, cloud *cyclecloudtest.Server, cluster string, dynamic func(cyclecloudtest.NodeRecord) []string) *Fleet {
	return &Fleet{
		slurm: s, cloud: cloud, cluster: cluster, dynamic: dynamic,
		vms: map[string]*Process{}, dead: map[string]bool{}, inert: map[string]bool{}, boots: map[string]int{},
	}
}

// followed is how often the simulator is looked at.
const followed = 50 * time.Millisecond

// Follow starts and ends VMs until the context ends, and then ends all.
func (f *Fleet) Follow(ctx context.Context) error {
	tick := time.NewTicker(followed)
	defer tick.Stop()
	for {
		if err := f.follow(); err != nil {
			f.end(f.all())
			return err
		}
		select {
		case <-ctx.Done():
			f.end(f.all())
			return nil
		case <-tick.C:
		}
	}
}

// follow makes the VMs what the simulator says they are.
func (f *Fleet) follow() error {
	f.mu.Lock()
	left := f.vms
	f.vms = map[string]*Process{}
	for _, n := range f.cloud.Nodes(f.cluster) {
		if p := left[n.ID]; p != nil && n.PrivateIP != "" && n.TargetState == "Started" {
			f.vms[n.ID] = p
			delete(left, n.ID)
			continue
		}
		if n.Head || !n.Usable() || f.dead[n.ID] || f.inert[n.Name] || left[n.ID] != nil {
			continue
		}
		p, err := f.boot(n)
		if err != nil {
			f.mu.Unlock()
			return fmt.Errorf("boot %s: %w", n.Name, err)
		}
		f.vms[n.ID] = p
		f.boots[n.Name]++
	}
	err := f.markBusy()
	f.mu.Unlock()
	f.end(left)
	return err
}

// markBusy tells the simulator which nodes work, so that its books show when one that does is
// asked to leave. Slurm's prolog and epilog leave a file for each.
func (f *Fleet) markBusy() error {
	files, err := os.ReadDir(f.slurm.path("busy"))
	if err != nil {
		return fmt.Errorf("list busy nodes: %w", err)
	}
	now := map[string]bool{}
	for _, file := range files {
		name, _, _ := strings.Cut(file.Name(), "@")
		now[name] = true
	}
	for _, n := range f.cloud.Nodes(f.cluster) {
		if n.Busy != now[n.Name] {
			_ = f.cloud.MarkBusy(n.ID, now[n.Name]) // its record may be gone by now
		}
	}
	return nil
}

// vacate forgets what ran on a VM that is gone: no epilog does.
func (f *Fleet) vacate(name string) error {
	files, err := filepath.Glob(f.slurm.path("busy/" + name + "@*"))
	for _, file := range files {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

func (f *Fleet) all() map[string]*Process {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.vms
	f.vms = map[string]*Process{}
	return all
}

// end ends VMs with all that runs on them. A VM that goes is not asked.
func (f *Fleet) end(vms map[string]*Process) {
	for _, p := range vms {
		p.Kill()
	}
}

// boot starts a slurmd in its own namespaces. It is process 1 there: with it go the job steps,
// which otherwise outlive it. It binds to what its host name resolves to, so the VM has a host
// name and a hosts file of its own.
func (f *Fleet) boot(n cyclecloudtest.NodeRecord) (*Process, error) {
	s := f.slurm
	hosts := s.path("etc/hosts-" + n.ID)
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost\n"+n.PrivateIP+" "+n.Hostname+"\n"), 0o644); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(s.path("spool"), n.Name), 0o755); err != nil {
		return nil, err
	}
	conf, err := f.confOf(n)
	if err != nil {
		return nil, err
	}
	const prepare = `hostname "$0" && mount --bind "$1" "$2/etc/hosts" && mount -t proc proc "$2/proc" && shift 2 && exec "$@"`
	args := []string{"--uts", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", prepare, n.Hostname, hosts, s.Root}
	args = append(args, s.command("slurmd")...)
	// -b: just booted. Else the controller compares the shared host's boot time with its request.
	args = append(args, "-D", "-b", "-f", conf, "-N", n.Name)
	if f.dynamic != nil {
		args = append(args, f.dynamic(n)...)
	}
	return launch(s.Log("slurmd-"+n.Name+".out"), append(s.env(), "SLURM_CONF="+conf), "unshare", args...)
}

// confOf is the slurm.conf of a VM. The controller takes the address from which a slurmd registers
// for the node's, so the VM reaches the controller by an address of its own, to which the way is
// from the VM's.
func (f *Fleet) confOf(n cyclecloudtest.NodeRecord) (string, error) {
	s := f.slurm
	way := "100.64." + strings.SplitN(n.PrivateIP, ".", 3)[2]
	if text, err := exec.Command("ip", "route", "replace", "local", way, "dev", "lo", "src", n.PrivateIP, "table", "local").CombinedOutput(); err != nil {
		return "", fmt.Errorf("route to the controller: %w: %s", err, text)
	}
	file := s.path("etc/slurm-" + n.ID + ".conf")
	return file, os.WriteFile(file, []byte(strings.Replace(s.conf(), "localhost(127.0.0.1)", "localhost("+way+")", 1)), 0o644)
}

// Crash ends a node's VM while the simulator goes on to call it Ready.
func (f *Fleet) Crash(name string) error {
	for _, n := range f.cloud.Nodes(f.cluster) {
		if n.Name != name {
			continue
		}
		f.mu.Lock()
		p := f.vms[n.ID]
		f.dead[n.ID] = true
		delete(f.vms, n.ID)
		f.mu.Unlock()
		if p != nil {
			p.Kill()
			return f.vacate(name)
		}
	}
	return fmt.Errorf("crash %s: it runs no slurmd", name)
}

// Inert lets VMs of these names boot without a slurmd, or with one again.
func (f *Fleet) Inert(inert bool, names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range names {
		f.inert[name] = inert
	}
}

// Running counts the VMs with a slurmd.
func (f *Fleet) Running() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.vms)
}

// Boots is how many slurmds ran under a name.
func (f *Fleet) Boots(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.boots[name]
}

// dials tells whether somebody listens.
func dials(address string) bool {
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}
