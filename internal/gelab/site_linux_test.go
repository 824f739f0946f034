package gelab

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// deadline bounds what a test waits for. It is generous: reaching it is a failure.
const deadline = 5 * time.Minute

// cloudSpeed makes a VM boot in a second and go in a third of one.
const cloudSpeed = 300

// site is a CycleCloud cluster with nodes of four cores, whose VMs are hosts of the lab's
// Grid Engine, and a daemon.
type site struct {
	*lab
	t       *testing.T
	home    string // the daemon's folder
	server  *cyclecloudtest.Server
	daemon  *exec.Cmd
	log     *os.File
	done    chan struct{}
	watcher sync.WaitGroup
	jobs    []string // their ids
}

const siteConfig = `state_dir: %[1]s/state
listen: 127.0.0.1:0
interval: 1s
log: {format: json, level: debug}
clusters:
  - name: demo
    cyclecloud: {url: "%[2]s", user: admin, password_file: %[1]s/password, timeout: 20s}
    queue:
      gridengine:
        folder: /usr/bin
        root: %[3]s
        cell: %[4]s
        qmaster_port: %[5]d
        execd_port: %[6]d
        queues: [all.q]
        host_groups: ["@allhosts"]
        rules:
          - {name: parallel, pe: "*", pools: [small]}
          - {name: serial, pools: [small]}
        resources:
          - {name: ram, is: memory}
    policy:
      idle_time: 2s
      pools: [{name: small, nodearray: execute, machine_types: [Standard_F4s_v2], max: %[7]d}]
`

// newSite starts a cloud and a daemon that makes up to max nodes.
func newSite(t *testing.T, most int) *site {
	t.Helper()
	require.NoError(t, theLab.fresh())
	cloud := cyclecloudtest.DefaultConfig()
	cloud.Timing.BootSigma = 0
	server, err := cyclecloudtest.New(cloud, cyclecloudtest.NewClock(time.Now(), cloudSpeed), 1)
	require.NoError(t, err)
	served := httptest.NewServer(server.Handler())
	t.Cleanup(served.Close)
	s := &site{lab: theLab, t: t, home: t.TempDir(), server: server, done: make(chan struct{})}
	text := fmt.Sprintf(siteConfig, s.home, served.URL, s.path("root"), cell, theLab.port, theLab.port+1, most)
	require.NoError(t, os.WriteFile(filepath.Join(s.home, "config.yaml"), []byte(text), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(s.home, "password"), []byte("demo-password\n"), 0o600))
	s.log, err = os.OpenFile(filepath.Join(s.home, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	s.watcher.Add(1)
	go s.machines()
	t.Cleanup(func() {
		s.kill()
		close(s.done)
		s.watcher.Wait()
		s.log.Close()
		if t.Failed() {
			s.tell()
		}
	})
	s.start()
	return s
}

// machines starts the VM of each node that is Ready, and ends it when the node goes.
func (s *site) machines() {
	defer s.watcher.Done()
	running := make(map[string]*vm)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for over := false; !over; {
		select {
		case <-poll.C:
		case <-s.done:
			over = true
		}
		wanted := make(map[string]cyclecloudtest.NodeRecord)
		for _, n := range s.server.Nodes("demo") {
			if !over && !n.Head && n.Gone.IsZero() && n.Usable() && n.TargetState == "Started" {
				wanted[n.Hostname] = n
			}
		}
		for host, v := range running {
			if _, stays := wanted[host]; !stays {
				v.stop()
				delete(running, host)
			}
		}
		for host, n := range wanted {
			if running[host] != nil {
				continue
			}
			v, err := s.startVM(host, n.PrivateIP)
			if err != nil {
				fmt.Fprintln(os.Stderr, "gelab: start VM", host, err)
				continue
			}
			running[host] = v
		}
	}
}

// start starts the daemon.
func (s *site) start() {
	s.t.Helper()
	s.daemon = s.program("run")
	s.daemon.Stdout, s.daemon.Stderr = s.log, s.log
	require.NoError(s.t, s.daemon.Start())
}

// configure restarts the daemon with another word in its configuration.
func (s *site) configure(was, is string) {
	s.t.Helper()
	path := filepath.Join(s.home, "config.yaml")
	text, err := os.ReadFile(path)
	require.NoError(s.t, err)
	require.Contains(s.t, string(text), was)
	s.kill()
	require.NoError(s.t, os.WriteFile(path, []byte(strings.Replace(string(text), was, is, 1)), 0o600))
	s.start()
}

// kill ends the daemon without a word.
func (s *site) kill() {
	if s.daemon != nil {
		_ = s.daemon.Process.Kill()
		_ = s.daemon.Wait()
		s.daemon = nil
	}
}

func (s *site) program(args ...string) *exec.Cmd {
	return exec.Command(s.path("autoscaled"), append(args, "-c", filepath.Join(s.home, "config.yaml"))...)
}

// tell shows what is known when a test fails.
func (s *site) tell() {
	for _, command := range [][]string{{"qstat", "-u", "*", "-f"}, {"qhost", "-q"}, {"qconf", "-shgrp", "@autoscaled"}} {
		out, _ := s.run(command[0], command[1:]...)
		s.t.Logf("%s:\n%s", strings.Join(command, " "), out)
	}
	logs := []string{filepath.Join(s.home, "log"), s.path("spool", "qmaster", "messages")}
	for _, pattern := range []string{"spool/execd/*/messages", "vm-*.log"} {
		found, _ := filepath.Glob(s.path(pattern))
		logs = append(logs, found...)
	}
	for _, log := range logs {
		out, _ := s.run("tail", "-n", "30", log)
		s.t.Logf("%s:\n%s", log, out)
	}
}

func (s *site) eventually(what string, ok func() bool) {
	s.t.Helper()
	poll := time.NewTicker(250 * time.Millisecond) // each look is a program that takes its share of the machine
	defer poll.Stop()
	end := time.After(deadline)
	for !ok() {
		select {
		case <-end:
			require.FailNow(s.t, "never happened: "+what)
		case <-poll.C:
		}
	}
}

// submit submits a script as an ordinary user, whose output goes to the lab's folder.
func (s *site) submit(script string, args ...string) (id string) {
	s.t.Helper()
	path := s.path("out") + "/$JOB_ID"
	if slices.Contains(args, "-t") {
		path += ".$TASK_ID"
	}
	cmd := exec.Command("qsub", append([]string{"-terse", "-r", "y", "-j", "y", "-S", "/bin/sh", "-wd", s.path("out"), "-o", path}, args...)...)
	cmd.Env, cmd.Stdin = s.env, strings.NewReader(script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(s.t, err, errs.String())
	id, _, _ = strings.Cut(strings.TrimSpace(string(out)), ".")
	s.jobs = append(s.jobs, id)
	return id
}

// output is what a job printed, or a task of an array under the job's id and its own.
func (s *site) output(id string) string {
	s.t.Helper()
	text, err := os.ReadFile(s.path("out", id))
	require.NoError(s.t, err)
	return string(text)
}

func (s *site) ask(name string, args ...string) string {
	s.t.Helper()
	out, err := s.run(name, args...)
	require.NoError(s.t, err)
	return out
}

// listed counts the lines of qstat for jobs in a state: r, p, or both.
func (s *site) listed(states string) int {
	lines := strings.Count(s.ask("qstat", "-u", "*", "-s", states, "-g", "d"), "\n")
	return max(0, lines-2)
}

// allDone waits until Grid Engine has no job.
func (s *site) allDone() {
	s.t.Helper()
	s.eventually("all jobs are done", func() bool { return s.listed("pr") == 0 })
}

// ticks counts what the daemon has done by its log.
func (s *site) ticks() int {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.home, "log"))
	require.NoError(s.t, err)
	return bytes.Count(text, []byte(`"msg":"tick"`))
}

// nodes are those that are there.
func (s *site) nodes() (list []cyclecloudtest.NodeRecord) {
	for _, n := range s.server.Nodes("demo") {
		if !n.Head && n.Gone.IsZero() {
			list = append(list, n)
		}
	}
	return list
}

// ever counts the nodes that ever were.
func (s *site) ever() int {
	n := 0
	for _, node := range s.server.Books().Nodes {
		if !node.Head {
			n++
		}
	}
	return n
}

// hosts are Grid Engine's execution hosts, but for the one that is always there.
func (s *site) hosts() []string {
	s.t.Helper()
	all := strings.Fields(s.ask("qconf", "-sel"))
	others := slices.DeleteFunc(slices.Clone(all), func(host string) bool { return host == "gemaster" })
	require.Len(s.t, others, len(all)-1, "the daemon never touches a host that it did not add")
	return others
}

// scaledToZero waits until nothing is left: no node, no host, nothing in any group; and no
// job was ended by what the daemon did.
func (s *site) scaledToZero() {
	s.t.Helper()
	s.eventually("all nodes go", func() bool { return len(s.nodes()) == 0 })
	s.eventually("all hosts go", func() bool { return len(s.hosts()) == 0 })
	for _, group := range []string{"@allhosts", "@autoscaled"} {
		s.eventually(group+" is empty", func() bool {
			return strings.TrimSpace(s.ask("qconf", "-shgrp_resolved", group)) == ""
		})
	}
	require.NotContains(s.t, s.ask("qconf", "-sq", "all.q"), "[ip-")
	require.NotContains(s.t, s.ask("qconf", "-sh"), "ip-")
	require.Empty(s.t, s.server.Books().Violations)
	for _, id := range s.jobs {
		var account string
		s.eventually("job "+id+" is accounted for", func() bool {
			text, err := s.run("qacct", "-j", id)
			account = text
			return err == nil
		})
		for line := range strings.Lines(account) {
			if words := strings.Fields(line); len(words) > 1 && (words[0] == "failed" || words[0] == "exit_status") {
				require.Equal(s.t, "0", words[1], "job %s:\n%s", id, account)
			}
		}
	}
}
