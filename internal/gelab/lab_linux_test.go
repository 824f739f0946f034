package gelab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lab is a Grid Engine: its qmaster runs, and no host is there yet.
type lab struct {
	dir string
	env []string
	// port is the qmaster's, and the next one the execution daemons'.
	port   int
	master *exec.Cmd
	// booted counts the VMs that ever were, for names of their network devices.
	booted int
}

// Addresses of the lab: the simulator gives nodes addresses from 10.0.0.4 on.
const (
	masterAddress = "10.0.255.1"
	masterMAC     = "02:00:0a:00:ff:01"
	firstPort     = 26444
	cell          = "lab"
	mostVMs       = 200
)

func hostName(n int) (name, address string) {
	return fmt.Sprintf("ip-0A0000%02X", n), fmt.Sprintf("10.0.0.%d", n)
}

func (l *lab) path(parts ...string) string {
	return filepath.Join(append([]string{l.dir}, parts...)...)
}

// startLab makes the network.
func startLab(dir string) (*lab, error) {
	l := &lab{dir: dir, port: firstPort}
	return l, l.network()
}

// fresh makes Grid Engine's folders and starts the qmaster, in place of the last one: each
// test has one of its own, for a qmaster does not let a host in that it has just lost, and
// every simulated cloud calls its first hosts the same.
func (l *lab) fresh() error {
	if l.master != nil {
		_ = l.master.Process.Kill()
		_ = l.master.Wait()
	}
	for _, dir := range []string{"root", "spool", "out"} {
		if err := os.RemoveAll(l.path(dir)); err != nil {
			return err
		}
	}
	l.port += 2
	l.env = append(os.Environ(), "SGE_ROOT="+l.path("root"), "SGE_CELL="+cell, "SGE_ND=1", "LC_ALL=C",
		fmt.Sprintf("SGE_QMASTER_PORT=%d", l.port), fmt.Sprintf("SGE_EXECD_PORT=%d", l.port+1))
	for _, step := range []func() error{l.folders, l.spool, l.qmaster, l.settings} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// run runs a program to its end and returns what it printed.
func (l *lab) run(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = l.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// runAll runs lines of words.
func (l *lab) runAll(lines string) error {
	for line := range strings.Lines(lines) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if _, err := l.run(words[0], words[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// network makes a bridge that VMs are plugged into. Grid Engine knows a host by its name,
// which must not be one of the loopback interface. The bridge has a hardware address of its
// own: else it has that of one of its ports and changes it when that VM goes, and the
// others send to the old one, unheard, for up to a minute.
func (l *lab) network() error {
	var hosts bytes.Buffer
	fmt.Fprintf(&hosts, "127.0.0.1 localhost\n%s gemaster\n", masterAddress)
	for n := 4; n < 4+mostVMs; n++ {
		name, address := hostName(n)
		fmt.Fprintf(&hosts, "%s %s\n", address, name)
	}
	if err := os.WriteFile(l.path("hosts"), hosts.Bytes(), 0o644); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte("gemaster")); err != nil {
		return err
	}
	return l.runAll(`mount --make-rprivate /
		mount -t proc proc /proc
		mount --bind ` + l.path("hosts") + ` /etc/hosts
		ip link set lo up
		ip link add br0 address ` + masterMAC + ` type bridge
		ip addr add ` + masterAddress + `/16 dev br0
		ip link set br0 up`)
}

// folders are Grid Engine's root, its cell, and the spool, as its user's.
func (l *lab) folders() error {
	for _, dir := range []string{"root/" + cell + "/common", "spool/qmaster/job_scripts", "spool/execd", "spool/db", "out"} {
		if err := os.MkdirAll(l.path(dir), 0o755); err != nil {
			return err
		}
	}
	for _, link := range []string{"bin", "lib", "util", "utilbin"} {
		if err := os.Symlink("/var/lib/gridengine/"+link, l.path("root", link)); err != nil {
			return err
		}
	}
	bootstrap := strings.Join([]string{
		"admin_user sgeadmin", "default_domain none", "ignore_fqdn true", "spooling_method berkeleydb", "spooling_lib libspoolb",
		"spooling_params " + l.path("spool", "db"), "binary_path /usr/sbin", "qmaster_spool_dir " + l.path("spool", "qmaster"),
		"security_mode none", "listener_threads 2", "worker_threads 2", "scheduler_threads 1", "",
	}, "\n")
	common := l.path("root", cell, "common")
	if err := os.WriteFile(filepath.Join(common, "bootstrap"), []byte(bootstrap), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(common, "act_qmaster"), []byte("gemaster\n"), 0o644); err != nil {
		return err
	}
	if err := os.Chmod(l.path("out"), 0o777); err != nil {
		return err
	}
	_, err := l.run("chown", "-R", "sgeadmin", l.path("spool"), l.path("root"))
	return err
}

// spool fills the spool with Grid Engine's defaults, as its user.
func (l *lab) spool() error {
	_, err := l.run("su", "-s", "/bin/sh", "-m", "sgeadmin", "-c", strings.Join([]string{
		"/usr/share/gridengine/scripts/init_cluster", l.path("root"), cell, l.path("spool", "db"), "sgeadmin",
	}, " "))
	return err
}

func (l *lab) qmaster() error {
	log, err := os.Create(l.path("qmaster.out"))
	if err != nil {
		return err
	}
	defer log.Close()
	l.master = exec.Command("sge_qmaster")
	l.master.Env, l.master.Stdout, l.master.Stderr = l.env, log, log
	if err := l.master.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, err = l.run("qconf", "-sh"); err == nil {
			return nil
		}
	}
	return err
}

// edit gives qconf an object that is changed in its text.
func (l *lab) edit(show, option string, change func(text string) string) error {
	text, err := l.run("qconf", strings.Fields(show)...)
	if err != nil {
		return err
	}
	return l.give(option, change(text))
}

// give gives qconf a text in a file, whose name is that of the object where it is one of
// configurations.
func (l *lab) give(option, text string) error {
	path := l.path("global")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	_, err := l.run("qconf", option, path)
	return err
}

// set replaces the values of attributes.
func set(text string, pairs ...string) string {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(pairs); i += 2 {
		found := false
		for j := range lines {
			if words := strings.Fields(lines[j]); len(words) > 0 && words[0] == pairs[i] {
				lines[j], found = pairs[i]+" "+pairs[i+1], true
			}
		}
		if !found {
			lines = append(lines, pairs[i]+" "+pairs[i+1])
		}
	}
	return strings.Join(lines, "\n")
}

const peText = `pe_name NAME
slots 999
user_lists NONE
xuser_lists NONE
start_proc_args NONE
stop_proc_args NONE
allocation_rule RULE
control_slaves TRUE
job_is_first_task FALSE
urgency_slots min
accounting_summary TRUE
qsort_args NONE
`

// settings make a quick scheduler, parallel environments, a resource and a queue. How long a
// silent host is waited for stays as Grid Engine has it: five minutes. The queue
// has the qmaster's own host with no slots, for qsub calls it a failure to submit a job to
// a queue without any host. That host is none of the daemon's.
func (l *lab) settings() error {
	if err := l.edit("-sconf", "-Mconf", func(text string) string {
		return set(text, "min_uid", "100", "min_gid", "100", "execd_spool_dir", l.path("spool", "execd"), "load_report_time", "00:00:01")
	}); err != nil {
		return err
	}
	if err := l.edit("-ssconf", "-Msconf", func(text string) string {
		return set(text, "schedule_interval", "0:0:1", "flush_submit_sec", "1", "flush_finish_sec", "1", "schedd_job_info", "true")
	}); err != nil {
		return err
	}
	if err := l.edit("-sc", "-Mc", func(text string) string {
		return text + "\nram ram MEMORY <= YES YES 0 0\nfpga fpga INT <= YES YES 0 0\n"
	}); err != nil {
		return err
	}
	if err := l.runAll("qconf -as gemaster"); err != nil {
		return err
	}
	if err := l.give("-Ae", set("", "hostname", "gemaster", "load_scaling", "NONE", "complex_values", "NONE", "user_lists", "NONE", "xuser_lists", "NONE",
		"projects", "NONE", "xprojects", "NONE", "usage_scaling", "NONE", "report_variables", "NONE")+"\n"); err != nil {
		return err
	}
	if err := l.give("-Ahgrp", "group_name @allhosts\nhostlist NONE\n"); err != nil {
		return err
	}
	for name, rule := range map[string]string{"rr": "$round_robin", "two": "2", "smp": "$pe_slots"} {
		if err := l.give("-Ap", strings.NewReplacer("NAME", name, "RULE", rule).Replace(peText)); err != nil {
			return err
		}
	}
	return l.edit("-sq", "-Aq", func(text string) string {
		return set(text, "qname", "all.q", "hostlist", "@allhosts gemaster", "pe_list", "rr two smp", "slots", "1,[gemaster=0]", "shell", "/bin/sh", "load_thresholds", "NONE", "rerun", "TRUE")
	})
}
