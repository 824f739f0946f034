package project

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// TestDaemonMetrics runs the real program against a simulated CycleCloud, and
// holds what it serves against promtool's rules and against docs/metrics.md.
func TestDaemonMetrics(t *testing.T) {
	text := scrape(t, runDaemon(t))

	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = bytes.NewReader(text)
	said, err := check.CombinedOutput()
	require.NoError(t, err, "promtool (Debian's package prometheus; make test installs it): %s", said)
	require.Empty(t, ownComplaints(string(said)), "promtool check metrics")

	table, served := documented(t), typesServed(string(text))
	for name, kind := range served {
		if strings.HasPrefix(name, "autoscaled_") {
			require.Equal(t, kind, table[name].kind, "type of %s", name)
		}
	}
	// What a daemon that works must show from its first ticks on.
	for _, name := range []string{
		"autoscaled_api_requests_total", "autoscaled_build_info", "autoscaled_demand_known", "autoscaled_jobs_served",
		"autoscaled_last_good_tick_timestamp_seconds", "autoscaled_limit_max", "autoscaled_nodes", "autoscaled_nodes_created_total",
		"autoscaled_decisions_total", "autoscaled_config_last_reload_successful", "autoscaled_tick_duration_seconds",
	} {
		require.Contains(t, served, name)
	}
}

// runDaemon builds the program and runs it until the test ends, against a
// CycleCloud of its own and with one job in its queue. It returns the daemon's
// address once two ticks are behind it, so that the first is in its metrics.
func runDaemon(t *testing.T) (url string) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "autoscaled")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./cmd/autoscaled")
	build.Dir = root
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)

	daemon := exec.Command(program, "run", "-c", daemonConfig(t, dir))
	log, err := daemon.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, daemon.Start())
	t.Cleanup(func() {
		_ = daemon.Process.Signal(os.Interrupt) // it may have ended already; Wait tells how
		_, _ = io.Copy(io.Discard, log)         // Wait wants the log read to its end
		require.NoError(t, daemon.Wait(), "the daemon ends well when it is interrupted")
	})
	return followLog(t, log)
}

// daemonConfig writes a configuration, its password and its queue.
func daemonConfig(t *testing.T, dir string) string {
	t.Helper()
	config := cyclecloudtest.DefaultConfig()
	server, err := cyclecloudtest.New(config, cyclecloudtest.NewClock(time.Now(), 1), 1)
	require.NoError(t, err)
	cloud, err := server.Start("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })

	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("password", config.Password)
	write("queue.yaml", "jobs: [{id: 1, cores: 2}]\nrunning: []\n")
	return write("autoscaled.yaml", fmt.Sprintf(`
state_dir: state
listen: 127.0.0.1:0
interval: 1s
log: {level: debug, format: json}
clusters:
  - name: %s
    cyclecloud: {url: %q, user: %q, password_file: password}
    queue: {file: {path: queue.yaml}}
    policy: {pools: [{name: execute, nodearray: execute}]}
`, config.Clusters[0].Name, cloud, config.User))
}

// followLog reads log lines until two good ticks are told, and returns the
// address that the first line told.
func followLog(t *testing.T, log io.Reader) (url string) {
	t.Helper()
	lines, ticks := bufio.NewScanner(log), 0
	for ticks < 2 && lines.Scan() {
		var line struct{ Msg, Listen, Result string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line), "%s", lines.Text())
		switch {
		case line.Msg == "started":
			url = "http://" + line.Listen
		case line.Msg == "tick":
			require.Equal(t, "good", line.Result, "%s", lines.Text())
			ticks++
		}
	}
	require.Equal(t, 2, ticks, "the daemon ended early: %v", lines.Err())
	require.NotEmpty(t, url)
	return url
}

func scrape(t *testing.T, url string) []byte {
	t.Helper()
	response, err := http.Get(url + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return text
}

// typesServed reads the types out of an exposition.
func typesServed(text string) map[string]string {
	types := map[string]string{}
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 4 && words[0] == "#" && words[1] == "TYPE" {
			types[words[2]] = words[3]
		}
	}
	return types
}

// ownComplaints are promtool's lines about metrics of ours.
func ownComplaints(said string) []string {
	var list []string
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "autoscaled_") {
			list = append(list, line)
		}
	}
	return list
}

// TestDashboardExpressions has promtool parse every expression of the dashboard,
// as recording rules and with the dashboard's variables filled in.
func TestDashboardExpressions(t *testing.T) {
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	count := 0
	for where, expression := range expressions(t) {
		if !strings.Contains(where, "grafana") {
			continue
		}
		expression = strings.ReplaceAll(expression, "$cluster", ".*")
		require.NotContains(t, expression, "$", "%s: a variable that this test doesn't know", where)
		fmt.Fprintf(&rules, "      - {record: 'dashboard:expression:%d', expr: %q}\n", count, expression)
		count++
	}
	require.Greater(t, count, 15)
	file := filepath.Join(t.TempDir(), "dashboard.rules.yml")
	require.NoError(t, os.WriteFile(file, []byte(rules.String()), 0o600))
	said, err := exec.Command("promtool", "check", "rules", file).CombinedOutput()
	require.NoError(t, err, "%s", said)
}
