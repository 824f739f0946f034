package main

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// example makes a site's configuration of one of the examples for CycleCloud, with
// other addresses and folders.
func (s *site) example(name string, others ...string) {
	s.t.Helper()
	text, err := os.ReadFile("../../examples/" + name)
	require.NoError(s.t, err)
	replace := append([]string{
		"https://cyclecloud.example.com", s.url, "user: autoscaler", "user: admin",
		"password_env: CYCLECLOUD_PASSWORD", "password_file: password",
		"\nclusters:", "\nlisten: 127.0.0.1:0\ninterval: 1s\nlog: {format: json}\nstate_dir: state\nclusters:",
		"{name: compute, nodearray: execute}", "{name: compute, nodearray: execute, machine_types: [Standard_F4s_v2], idle_time: 1s}",
	}, others...)
	for i := 0; i < len(replace); i += 2 {
		require.Contains(s.t, string(text), replace[i])
	}
	s.write("config.yaml", strings.NewReplacer(replace...).Replace(string(text)))
}

const pushToken = "hushpushofthistest"

// pusher is a queue of somebody's own.
type pusher struct {
	t       *testing.T
	address string
	client  *http.Client
}

func newPusher(t *testing.T, p *process) *pusher {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	t.Cleanup(client.CloseIdleConnections)
	return &pusher{t, "https://" + p.logged("started")["inbox"].(string) + "/api/v1/demand", client}
}

// send returns status and words.
func (p *pusher) send(method, token, lease, document string) (int, string) {
	p.t.Helper()
	request, err := http.NewRequest(method, p.address, strings.NewReader(document))
	require.NoError(p.t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	if lease != "" {
		request.Header.Set("Autoscaled-Lease", lease)
	}
	answer, err := p.client.Do(request)
	require.NoError(p.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(p.t, err)
	return answer.StatusCode, string(text)
}

func (p *pusher) push(lease, document string) {
	p.t.Helper()
	code, says := p.send(http.MethodPost, pushToken, lease, document)
	require.Equal(p.t, http.StatusNoContent, code, says)
}

// The example for pushes: over TLS and with a token jobs become nodes. What is not
// renewed, and what a restart has forgotten, is unknown: nothing goes.
func TestExampleForPush(t *testing.T) {
	s := newSite(t, nil)
	s.certificate("cert.pem", "key.pem")
	s.write("push-tls.yaml", "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n")
	s.write("push-token", pushToken+"\n")
	s.example("queue-push.yaml", "/etc/autoscaled/", "", "listen: :9798", "listen: 127.0.0.1:0")
	r := s.command("check", "--connect")
	require.Zero(t, r.code, r.out+r.err)
	require.Contains(t, r.out, "ok    queue    pushes to 127.0.0.1:0/api/v1/demand: comes to the running daemon")

	p := s.start()
	p.shows(`autoscaled_demand_known{cluster="demo"}`, "0")
	to := newPusher(t, p)
	code, says := to.send(http.MethodPost, "guess", "", "jobs: []\nrunning: []")
	require.Equal(t, http.StatusUnauthorized, code, says)
	code, says = to.send(http.MethodPost, pushToken, "", "jobs: [{id: 1, cores: -1}]")
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, says, "line 1: jobs[0].cores (job 1): must not be negative: -1")

	to.push("", "jobs: [{id: 1, tasks: 2, exclusive: task}]\nrunning: []")
	p.shows(`autoscaled_demand_known{cluster="demo"}`, "1")
	eventually(t, "nodes", func() bool { return s.nodes() == 2 })
	p.shows(`autoscaled_jobs_served{cluster="demo",reason="on_ready"}`, "1")
	p.shows(`autoscaled_queue_pushes_total{result="taken"}`, "1")
	p.shows(`autoscaled_queue_pushes_total{result="unauthorized"}`, "1")
	code, says = to.send(http.MethodGet, pushToken, "", "")
	require.Equal(t, http.StatusOK, code)
	var shown map[string]any
	require.NoError(t, json.Unmarshal([]byte(says), &shown))
	require.Equal(t, true, shown["holds"])

	to.push("1s", "jobs: []\nrunning: [{host: other, job: 1}]")
	p.shows(`autoscaled_demand_known{cluster="demo"}`, "0")
	require.Zero(t, p.stop(syscall.SIGTERM))
	kept := s.nodes()

	p = s.start()
	p.shows(`autoscaled_demand_known{cluster="demo"}`, "0")
	p.shows(`autoscaled_supply_known{cluster="demo"}`, "1")
	require.Equal(t, kept, s.nodes(), "nothing goes on unknown demand")
	to = newPusher(t, p)
	to.push("", "jobs: []\nrunning: []")
	eventually(t, "no nodes", func() bool { return s.nodes() == 0 })
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.NotContains(t, p.log(), pushToken)
}

// An address that is taken is told at the start, and only the daemon knows demand.
func TestPushNeedsItsAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	s := newSite(t, nil)
	s.configure("queue", "push: {listen: '"+taken.Addr().String()+"'}")
	r := s.command("run")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "listen for what the queue is told (queue.push.listen): listen tcp "+taken.Addr().String())
	r = s.command("plan")
	require.Equal(t, exitBlind, r.code, r.out+r.err)
	require.Contains(t, r.out+r.err, "demand is pushed to the running daemon, and only that knows it")

	s.write("web.yaml", "tls_server_config: {cert_file: none.pem}\n")
	s.configure("queue", "push: {web_config_file: web.yaml}")
	r = s.command("check")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "clusters[0].queue.push.web_config_file "+s.path("web.yaml"))
}
