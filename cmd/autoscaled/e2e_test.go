package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// runAsProgram makes the test binary be the program: the same code, with the
// race detector where the tests have it, in a process of its own.
const runAsProgram = "RUN_AS_THE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
		return
	}
	if world := os.Getenv(victimWorld); world != "" {
		os.Exit(runAsVictim(world))
	}
	os.Exit(m.Run())
}

// deadline bounds what a test waits for. It is generous: reaching it is a failure.
const deadline = 60 * time.Second

// eventually polls until ok, and fails the test at the deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	end := time.After(deadline)
	for !ok() {
		select {
		case <-end:
			require.FailNow(t, "never happened: "+what)
		case <-poll.C:
		}
	}
}

// site is a place to run the program in: a folder with a config, a queue and a
// password, and a simulated CycleCloud.
type site struct {
	t      *testing.T
	dir    string
	file   string // what -c names
	server *cyclecloudtest.Server
	url    string
	text   string            // the config, with keys in braces
	keys   map[string]string // what the config is made of
}

// newSite makes a site whose cloud runs so fast that nodes boot within a tick.
// wrap may stand between the program and the simulator.
func newSite(t *testing.T, wrap func(http.Handler) http.Handler) *site {
	t.Helper()
	return newSiteAt(t, 600, wrap)
}

// newSiteAt makes a site whose cloud runs at another speed. At 1 nodes take
// five minutes to boot, which is longer than any test.
func newSiteAt(t *testing.T, speed float64, wrap func(http.Handler) http.Handler) *site {
	t.Helper()
	cloud := cyclecloudtest.DefaultConfig()
	cloud.Timing.BootSigma = 0
	return newSiteOf(t, cloud, speed, wrap)
}

// newSiteOf makes a site with a cloud of one's own.
func newSiteOf(t *testing.T, cloud cyclecloudtest.Config, speed float64, wrap func(http.Handler) http.Handler) *site {
	t.Helper()
	server, err := cyclecloudtest.New(cloud, cyclecloudtest.NewClock(time.Now(), speed), 1)
	require.NoError(t, err)
	handler := server.Handler()
	if wrap != nil {
		handler = wrap(handler)
	}
	served := httptest.NewServer(handler)
	t.Cleanup(served.Close)
	s := &site{t: t, dir: t.TempDir(), server: server, url: served.URL, text: siteConfig}
	s.keys = map[string]string{
		"interval": "1s", "url": served.URL, "cluster": "demo", "password": "password", "max": "20", "idle": "1s", "tls": "{}",
		"pools": "[{name: small, nodearray: execute, machine_types: [Standard_F4s_v2]}]",
		"queue": "file: {path: queue.yaml}", "state": "state", "top": "", "level": "info", "adopt": "owned",
	}
	s.file = s.path("config.yaml")
	s.write("password", "demo-password\n")
	s.write("queue.yaml", "jobs: []\nrunning: []\n")
	s.configure()
	return s
}

const siteConfig = `state_dir: {state}
listen: 127.0.0.1:0
interval: {interval}
log: {format: json, level: {level}}
{top}
clusters:
  - name: demo
    cyclecloud: {url: "{url}", cluster: {cluster}, user: admin, password_file: {password}, timeout: 5s, tls: {tls}}
    queue: {{queue}}
    policy:
      max: {max}
      idle_time: {idle}
      adopt: {adopt}
      pools: {pools}
`

// configure writes the config with some keys replaced.
func (s *site) configure(pairs ...string) {
	s.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		require.Contains(s.t, s.keys, pairs[i])
		s.keys[pairs[i]] = pairs[i+1]
	}
	text := s.text
	for key, value := range s.keys {
		text = strings.ReplaceAll(text, "{"+key+"}", value)
	}
	s.write("config.yaml", text)
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// write replaces a file as an editor does: whole.
func (s *site) write(name, text string) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(s.path(name+".new"), []byte(text), 0o600))
	require.NoError(s.t, os.Rename(s.path(name+".new"), s.path(name)))
}

// nodes counts the nodes of nodearrays that are there.
func (s *site) nodes() int {
	n := 0
	for _, node := range s.server.Nodes("demo") {
		if !node.Head && node.Gone.IsZero() {
			n++
		}
	}
	return n
}

// result is what a command left.
type result struct {
	code     int
	out, err string
}

// command runs the program to its end.
func (s *site) command(args ...string) result {
	s.t.Helper()
	cmd := s.program(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(s.t, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

func (s *site) program(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), os.Args[0], append(args, "-c", s.file)...)
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	return cmd
}

// process is a daemon that runs.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	url string

	mu    sync.Mutex
	lines []map[string]any // its log
	rest  string           // what it printed that is no log line
	ended chan struct{}
}

// start starts the daemon and waits until it says so.
func (s *site) start(args ...string) *process {
	s.t.Helper()
	p := &process{t: s.t, cmd: s.program(append([]string{"run"}, args...)...), ended: make(chan struct{})}
	p.cmd.Stderr = p
	require.NoError(s.t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // its state tells the exit code
	}()
	s.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	p.url = "http://" + p.logged("started")["listen"].(string)
	return p
}

// Write takes the log, line by line.
func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest += string(text)
	for {
		line, rest, found := strings.Cut(p.rest, "\n")
		if !found {
			return len(text), nil
		}
		entry := map[string]any{}
		if json.Unmarshal([]byte(line), &entry) != nil {
			entry["msg"] = line
		}
		p.lines, p.rest = append(p.lines, entry), rest
	}
}

// find looks for a log line whose message begins so.
func (p *process) find(message string) map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		if strings.HasPrefix(fmt.Sprint(line["msg"]), message) {
			return line
		}
	}
	return nil
}

// logged waits for a log line, which a daemon that ended will not write.
func (p *process) logged(message string) map[string]any {
	p.t.Helper()
	var line map[string]any
	eventually(p.t, "log line "+message, func() bool {
		line = p.find(message)
		select {
		case <-p.ended:
			if line = p.find(message); line == nil {
				require.FailNow(p.t, "the daemon ended", "%v", p.log())
			}
		default:
		}
		return line != nil
	})
	return line
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, _ := json.MarshalIndent(p.lines, "", " ")
	return string(text)
}

// stop sends a signal and returns the exit code.
func (p *process) stop(signal os.Signal) int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(signal))
	select {
	case <-p.ended:
	case <-time.After(deadline):
		require.FailNow(p.t, "it did not end", "%s", p.log())
	}
	return p.cmd.ProcessState.ExitCode()
}

// get reads a page of the daemon.
func (p *process) get(path string) (code int, body string) {
	p.t.Helper()
	answer, err := http.Get(p.url + path)
	require.NoError(p.t, err, p.log())
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(p.t, err)
	return answer.StatusCode, string(text)
}

// shows waits until a metric has a value; the series is written as on the page.
func (p *process) shows(series, value string) {
	p.t.Helper()
	eventually(p.t, series+" "+value, func() bool {
		_, page := p.get("/metrics")
		return strings.Contains(page, "\n"+series+" "+value+"\n")
	})
}

// ready waits until the daemon has had a good tick.
func (p *process) ready() {
	p.t.Helper()
	eventually(p.t, "ready", func() bool {
		code, _ := p.get("/readyz")
		return code == http.StatusOK
	})
}
