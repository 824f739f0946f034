package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// exporter tells what it is told to. Where it has nothing to tell it is broken.
type exporter struct {
	mu   sync.Mutex
	text string
}

func (e *exporter) tell(lines ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text = strings.Join(lines, "\n") + "\n"
}

func (e *exporter) breakDown() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text = ""
}

func (e *exporter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.text == "" {
		w.WriteHeader(http.StatusInternalServerError)
	}
	fmt.Fprint(w, e.text)
}

// prometheusLog finds the address that a server listens on in its log.
type prometheusLog struct {
	mu      sync.Mutex
	text    bytes.Buffer
	address string
}

func (l *prometheusLog) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(text)
	for line := range bytes.Lines(l.text.Bytes()) {
		var entry struct{ Msg, Address string }
		if json.Unmarshal(line, &entry) == nil && entry.Msg == "Listening on" {
			l.address = entry.Address
		}
	}
	return len(text), nil
}

func (l *prometheusLog) at() (address, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address, l.text.String()
}

// prometheus starts a real server that scrapes the exporter every second, and returns
// its address.
func (s *site) prometheus(e *exporter) string {
	s.t.Helper()
	path, err := exec.LookPath("prometheus")
	require.NoError(s.t, err, "install Debian's package prometheus")
	target := httptest.NewServer(e)
	s.t.Cleanup(target.Close)
	s.write("prometheus.yml", "scrape_configs: [{job_name: batch, scrape_interval: 1s, static_configs: [{targets: ['"+target.Listener.Addr().String()+"']}]}]\n")
	cmd := exec.Command(path, "--config.file="+s.path("prometheus.yml"), "--storage.tsdb.path="+s.path("tsdb"), "--web.listen-address=127.0.0.1:0", "--log.format=json")
	log := &prometheusLog{}
	cmd.Stderr = log
	require.NoError(s.t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed below
	}()
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	var address, text string
	eventually(s.t, "Prometheus listens", func() bool {
		address, text = log.at()
		select {
		case <-ended:
			require.FailNow(s.t, "Prometheus ended", "%s", text)
		default:
		}
		return address != ""
	})
	return "http://" + address
}

// The example for Prometheus, with a real one: tasks become nodes, a queue whose
// exporter fails or tells old things is unknown, and hosts that run something stay.
func TestExampleForPrometheus(t *testing.T) {
	s := newSite(t, nil)
	e := &exporter{}
	e.tell("other_metric 1")
	server := s.prometheus(e)
	s.write("token", "none\n")
	s.example("queue-prometheus.yaml", "https://prometheus.example.com", server, "/run/secrets/prometheus-token", "token")
	p := s.start()
	p.shows(`autoscaled_demand_known{cluster="demo"}`, "1")
	p.shows(`autoscaled_demand_jobs{cluster="demo"}`, "0")

	const waiting = `batch_tasks_waiting{partition="execute",cores="4",memory="1GiB"} `
	e.tell(waiting+"2", `batch_host_cores_used{host="elsewhere"} 0`)
	eventually(t, "nodes", func() bool { return s.nodes() == 2 })
	p.shows(`autoscaled_jobs_served{cluster="demo",reason="on_ready"}`, "1")
	r := s.command("check", "--connect")
	require.Zero(t, r.code, r.out+r.err)
	require.Contains(t, r.out, "ok    queue    queries of "+server+": 1 pending job, 0 hosts in use", "elsewhere runs nothing")

	e.breakDown()
	p.shows(`autoscaled_demand_known{cluster="demo"}`, "0")
	eventually(t, "why it is unknown", func() bool {
		_, page := p.get("/readyz")
		return strings.Contains(page, "empty_is_zero")
	})
	require.Equal(t, 2, s.nodes())

	busy := s.aNode()
	e.tell(waiting+"0", `batch_host_cores_used{host="`+busy+`"} 4`)
	eventually(t, "the idle one goes", func() bool { return s.nodes() == 1 })
	require.Equal(t, busy, s.aNode())

	e.tell(waiting+"0", `batch_host_cores_used{host="`+busy+`"} 0`, // written three minutes ago
		fmt.Sprintf(`batch_tasks_waiting{partition="execute",cores="2",memory="1GiB"} 0 %d`, time.Now().Add(-3*time.Minute).UnixMilli()))
	p.shows(`autoscaled_demand_known{cluster="demo"}`, "0")
	r = s.command("check", "--connect")
	require.Equal(t, exitBlind, r.code)
	require.Regexp(t, `ask Prometheus what waits: the newest sample of batch_tasks_waiting\{cores="2".*\} is 3m\d+s old \(max_age 2m0s\)`, r.out)
	require.Equal(t, 1, s.nodes())
	require.Zero(t, p.stop(syscall.SIGTERM))
}

// aNode is the host name of a node that is there.
func (s *site) aNode() string {
	for _, node := range s.server.Nodes("demo") {
		if !node.Head && node.Gone.IsZero() {
			return node.Hostname
		}
	}
	return ""
}
