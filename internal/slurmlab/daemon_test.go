package slurmlab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// daemon is the program, serving a lab.
type daemon struct {
	t    *testing.T
	cmd  *exec.Cmd
	file string // its configuration

	mu    sync.Mutex
	lines []map[string]any // its log
	rest  []byte
	ended chan struct{}
}

// powerQueue maps the nodes of powerLines.
const powerQueue = `
        mode: power_saving
        nodes:
          - {names: "htc-[1-120]", nodearray: htc}
          - {names: "hpc-[1-40]", nodearray: hpc, placement_group: pg0}`

const daemonConfig = `state_dir: {state}
listen: 127.0.0.1:0
interval: 1s
log: {format: json, level: info}
{top}
clusters:
  - name: lab
    cyclecloud: {url: "{url}", cluster: lab, user: admin, password_file: password, timeout: 5s}
    queue:
      slurm:
        conf: {conf}
        commands: {commands}{queue}
    policy:
      max: 500
      {idle}
      {policy}
      pools: [{pools}]
`

// configure writes a configuration of the program into the lab's folder and makes its hooks
// Slurm's programs. Pairs replace what stands in braces.
func (l *lab) configure(pairs ...string) (file string) {
	l.t.Helper()
	keys := map[string]string{
		"state": "autoscaled", "top": "", "url": l.url, "conf": l.Conf(), "commands": l.Bin(), "queue": powerQueue, "policy": "", "idle": "",
		"pools": "{name: htc, nodearray: htc}, {name: hpc, nodearray: hpc}",
	}
	for i := 0; i < len(pairs); i += 2 {
		require.Contains(l.t, keys, pairs[i])
		keys[pairs[i]] = pairs[i+1]
	}
	if keys["idle"] == "" && !strings.Contains(keys["queue"], "mode: power_saving") {
		keys["idle"] = "idle_time: 5s" // with power saving it is Slurm's
	}
	text := daemonConfig
	for key, value := range keys {
		text = strings.ReplaceAll(text, "{"+key+"}", value)
	}
	file = l.path("autoscaled.yaml")
	require.NoError(l.t, os.WriteFile(file, []byte(text), 0o600))
	require.NoError(l.t, os.WriteFile(l.path("password"), []byte("demo-password\n"), 0o600))
	return file
}

// hooks makes the program's hooks those of Slurm. The program is in the lab's folder, for the
// controller of another root sees no other.
func (l *lab) hooks(file string) {
	l.t.Helper()
	program := l.path("bin/autoscaled")
	if err := os.Link(os.Getenv(programPath), program); !errors.Is(err, fs.ErrExist) {
		require.NoError(l.t, err)
	}
	for _, name := range []string{"resume", "suspend", "resume-fail"} {
		body := fmt.Sprintf("echo %[1]s \"$1\" >>%[2]s\nexec %[3]s slurm %[1]s \"$1\" -c %[4]s 2>>%[2]s", name, l.Log("hooks"), program, file)
		require.NoError(l.t, l.Program(name, body))
	}
}

// serve configures the program, makes its hooks Slurm's, and starts it.
func (l *lab) serve(pairs ...string) *daemon {
	l.t.Helper()
	file := l.configure(pairs...)
	l.hooks(file)
	return l.start(file)
}

// start starts the program and waits until it says so.
func (l *lab) start(file string) *daemon {
	l.t.Helper()
	d := &daemon{t: l.t, file: file, cmd: exec.Command(os.Getenv(programPath), "run", "-c", file), ended: make(chan struct{})}
	d.cmd.Dir, d.cmd.Stderr = filepath.Dir(file), d
	require.NoError(l.t, d.cmd.Start())
	go func() {
		defer close(d.ended)
		_ = d.cmd.Wait() // its log tells
	}()
	l.t.Cleanup(func() {
		d.kill()
		if l.t.Failed() {
			l.t.Log("the daemon's log:\n" + d.log())
		}
	})
	l.eventually("the daemon starts", func() bool {
		select {
		case <-d.ended:
			require.FailNow(l.t, "the daemon ended", "%s", d.log())
		default:
		}
		return d.find("started") != nil
	})
	return d
}

// kill ends the daemon by SIGKILL.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
}

// stop ends the daemon as an init system does.
func (d *daemon) stop() {
	d.t.Helper()
	require.NoError(d.t, d.cmd.Process.Signal(syscall.SIGTERM))
	<-d.ended
}

// Write takes the log, line by line.
func (d *daemon) Write(text []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rest = append(d.rest, text...)
	for {
		line, rest, found := bytes.Cut(d.rest, []byte("\n"))
		if !found {
			return len(text), nil
		}
		entry := map[string]any{}
		if json.Unmarshal(line, &entry) != nil {
			entry["msg"] = string(line)
		}
		d.lines, d.rest = append(d.lines, entry), rest
	}
}

// find looks for a log line whose message begins so.
func (d *daemon) find(message string) map[string]any {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, line := range d.lines {
		if strings.HasPrefix(fmt.Sprint(line["msg"]), message) {
			return line
		}
	}
	return nil
}

// log is the end of what the daemon logged.
func (d *daemon) log() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var text strings.Builder
	for _, line := range d.lines[max(0, len(d.lines)-100):] {
		entry, _ := json.Marshal(line)
		text.Write(append(entry, '\n'))
	}
	text.Write(d.rest)
	return text.String()
}

// command runs the program to its end and returns what it printed.
func (l *lab) command(args ...string) (string, error) {
	l.t.Helper()
	cmd := exec.CommandContext(l.t.Context(), os.Getenv(programPath), args...)
	cmd.Dir = l.Dir
	text, err := cmd.CombinedOutput()
	return string(text), err
}
