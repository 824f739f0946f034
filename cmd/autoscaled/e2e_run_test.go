package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// The main job: jobs in the file become nodes, a coupled one in one placement
// group, and an empty queue lets them go.
func TestRunGrowsAndShrinks(t *testing.T) {
	s := newSite(t, nil)
	p := s.start()
	p.ready()
	require.Zero(t, s.nodes())

	s.write("queue.yaml", `jobs:
  - {id: single, tasks: 2, exclusive: task}
  - {id: gang, tasks: 4, exclusive: task, coupled: true}
running: []
`)
	eventually(t, "nodes", func() bool { return s.nodes() >= 6 })
	p.shows(`autoscaled_jobs_served{cluster="demo",reason="on_ready"}`, "2")
	groups := map[string]int{}
	for _, n := range s.server.Nodes("demo") {
		if n.PlacementGroup != "" {
			groups[n.PlacementGroup]++
		}
	}
	require.Len(t, groups, 1, "one placement group")

	s.write("queue.yaml", "")
	p.shows(`autoscaled_demand_known{cluster="demo"}`, "0")
	before := s.nodes()
	require.GreaterOrEqual(t, before, 6, "an empty file is no empty queue")

	s.write("queue.yaml", "jobs: []\nrunning: []\n")
	eventually(t, "no nodes", func() bool { return s.nodes() == 0 })
	p.shows(`autoscaled_operations_open{cluster="demo",kind="remove",phase="accepted"}`, "0")
	require.Empty(t, s.server.Books().Violations)
	_, page := p.get("/metrics")
	require.Contains(t, page, `autoscaled_api_requests_total{api="cyclecloud",code="202",method="POST",route="/clusters/{cluster}/nodes/create"}`)
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.NotNil(t, p.find("stopped"), p.log())
	require.NoFileExists(t, s.path("state/control.sock"))
}

// Busy nodes stay however long nothing waits.
func TestRunKeepsBusyNodes(t *testing.T) {
	s := newSite(t, nil)
	p := s.start()
	s.write("queue.yaml", "jobs: [{id: a, tasks: 3, exclusive: task}]\nrunning: []\n")
	p.shows(`autoscaled_nodes{cluster="demo",phase="ready",pool="execute/Standard_F4s_v2"}`, "3")
	host := s.server.Nodes("demo")[1].Hostname
	require.NotEmpty(t, host)
	s.write("queue.yaml", "jobs: []\nrunning: [{host: "+host+", jobs: [a]}]\n")
	eventually(t, "two of three go", func() bool { return s.nodes() == 1 })
	require.Zero(t, p.stop(syscall.SIGINT))
	require.Equal(t, 1, s.nodes())
}

// A change of the file is a tick of its own: the interval is far away.
func TestRunSeesAChangeOfTheQueueAtOnce(t *testing.T) {
	s := newSite(t, nil)
	s.configure("interval", "1h")
	p := s.start()
	p.ready()
	s.write("queue.yaml", "jobs: [{id: a}]\nrunning: []\n")
	eventually(t, "a node", func() bool { return s.nodes() == 1 })
}

func TestRunInDryRunChangesNothing(t *testing.T) {
	s := newSite(t, nil)
	s.write("queue.yaml", "jobs: [{id: a}]\nrunning: []\n")
	p := s.start("--dry-run")
	p.shows(`autoscaled_jobs_served{cluster="demo",reason="on_new"}`, "1")
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.Zero(t, s.nodes())
	require.Empty(t, s.server.Books().Creates)
}

// A wrong password is told in one sentence, nothing is done, and the right one
// is taken from the file without a restart.
func TestRunWithABadPassword(t *testing.T) {
	s := newSite(t, nil)
	s.write("password", "hunter2-wrong")
	s.write("queue.yaml", "jobs: [{id: a}]\nrunning: []\n")
	p := s.start()
	var body string
	eventually(t, "degraded", func() bool {
		var code int
		code, body = p.get("/readyz")
		return code == http.StatusServiceUnavailable && strings.HasPrefix(body, "cloud: ")
	})
	require.Contains(t, body, "not authorized")
	require.NotContains(t, p.log()+body, "hunter2")
	code, _ := p.get("/livez")
	require.Equal(t, http.StatusOK, code)
	require.Zero(t, s.nodes())

	s.write("password", "demo-password")
	eventually(t, "a node", func() bool { return s.nodes() == 1 })
	p.ready()
}

func TestRunWithoutItsCluster(t *testing.T) {
	s := newSite(t, nil)
	s.configure("cluster", "dmo")
	p := s.start()
	eventually(t, "degraded", func() bool {
		_, body := p.get("/readyz")
		return strings.HasPrefix(body, "cloud: ") && strings.Contains(body, "cluster dmo") && strings.Contains(body, "not found")
	})
}

func TestRunWithAStoppedCluster(t *testing.T) {
	cloud := cyclecloudtest.DefaultConfig()
	cloud.Clusters[0].State = "Terminated"
	s := newSiteOf(t, cloud, 1, nil)
	s.write("queue.yaml", "jobs: [{id: a}]\nrunning: []\n")
	p := s.start()
	eventually(t, "degraded", func() bool {
		_, body := p.get("/readyz")
		return body == "cloud: cluster demo is Terminated, not Started\n"
	})
	p.shows(`autoscaled_holds{cluster="demo",reason="cluster_stopped"}`, "1")
	require.Empty(t, s.server.Books().Creates)
}

func TestRunRefusesWhatItCannotStartWith(t *testing.T) {
	s := newSite(t, nil)
	s.write("occupied", "a file")
	s.configure("state", "occupied/state")
	r := s.command("run")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, s.path("occupied"))
	require.Contains(t, r.err, "not a directory")

	s.configure("state", "state", "password", "none")
	r = s.command("run")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "config.yaml:8: clusters[0].cyclecloud.password_file: ")

	s.configure("password", "password", "top", "web_config_file: web.yaml")
	s.write("web.yaml", "basic_auth: {}\n")
	r = s.command("run")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "web_config_file "+s.path("web.yaml"))
}

func TestRunRefusesASecondDaemon(t *testing.T) {
	s := newSite(t, nil)
	p := s.start()
	p.ready()
	r := s.command("run")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "another daemon is running")
	require.Contains(t, r.err, s.path("state"))
	require.Contains(t, r.err, strconv.Itoa(p.cmd.Process.Pid))

	r = s.command("plan", "-o", "json")
	require.Zero(t, r.code, "the first one's socket is still there: %s", r.err)
	require.Zero(t, p.stop(syscall.SIGTERM))
}

// stalled is a server that takes requests and never answers.
func stalled(t *testing.T) (url string, reached <-chan struct{}) {
	asked, over := make(chan struct{}), make(chan struct{})
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(asked) })
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(over); server.Close() })
	return server.URL, asked
}

func TestRunEndsWithinATickThatHangs(t *testing.T) {
	s := newSite(t, nil)
	url, reached := stalled(t)
	s.configure("url", url)
	p := s.start()
	<-reached
	require.Zero(t, p.stop(syscall.SIGTERM))
}

// Killed while a create is under way, before its answer: the next daemon finds
// the nodes and makes no others.
func TestRunAfterAKillInTheMiddleOfACreate(t *testing.T) {
	var mu sync.Mutex
	var victim *os.Process
	s := newSite(t, func(simulator http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/nodes/create") {
				simulator.ServeHTTP(w, r)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if victim == nil {
				simulator.ServeHTTP(w, r)
				return
			}
			simulator.ServeHTTP(httptest.NewRecorder(), r)
			_ = victim.Kill()
			victim = nil
			panic(http.ErrAbortHandler)
		})
	})
	p := s.start()
	p.ready()
	mu.Lock()
	victim = p.cmd.Process
	mu.Unlock()
	s.write("queue.yaml", "jobs: [{id: gang, tasks: 4, exclusive: task, coupled: true}]\nrunning: []\n")
	<-p.ended
	require.Equal(t, 4, s.nodes(), "the request had arrived")

	p = s.start()
	p.shows(`autoscaled_jobs_served{cluster="demo",reason="on_ready"}`, "1")
	require.Equal(t, 4, s.nodes())
	require.Len(t, s.server.Books().Creates, 1)
}

func TestRunFollowsItsConfig(t *testing.T) {
	const good, reloads = "autoscaled_config_last_reload_successful", "configuration reloaded"
	s := newSite(t, nil)
	s.configure("max", "1")
	s.write("queue.yaml", "jobs: [{id: a, tasks: 3, exclusive: task}]\nrunning: []\n")
	p := s.start()
	eventually(t, "one node", func() bool { return s.nodes() == 1 })
	p.shows(good, "1")

	s.configure("max", "many")
	refused := p.logged("changed configuration refused")
	require.Contains(t, refused["problems"].([]any)[0], `clusters[0].policy.max: must be a whole number, not "many"`)
	p.shows(good, "0")
	code, body := p.get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, body, "config: the changed configuration is refused, the old one stays in force: ")
	require.Equal(t, 1, s.nodes(), "the old one is in force")

	require.Nil(t, p.find("tick"), "not told at level info")
	s.configure("max", "3", "interval", "2s", "level", "debug")
	require.Equal(t, []any{"interval", "log.level", "clusters[0].policy.max"}, p.logged(reloads)["changed"])
	require.Equal(t, []any{"interval"}, p.logged("some changes of the configuration need a restart")["keys"])
	eventually(t, "three nodes", func() bool { return s.nodes() == 3 })
	p.logged("tick")
	p.shows(good, "1")
	p.ready()
}

func TestRunRefusesAPolicyForAnotherCluster(t *testing.T) {
	s := newSite(t, nil)
	s.configure("max", "1")
	s.write("queue.yaml", "jobs: [{id: a, tasks: 3, exclusive: task}]\nrunning: []\n")
	p := s.start()
	eventually(t, "one node", func() bool { return s.nodes() == 1 })
	s.configure("max", "3", "cluster", "other")
	refused := p.logged("changed configuration refused")
	require.Contains(t, fmt.Sprint(refused), "restart the daemon to change clusters[0].cyclecloud.cluster")
	s.configure("max", "2", "cluster", "demo")
	eventually(t, "two nodes", func() bool { return s.nodes() == 2 })
	require.Equal(t, 2, s.nodes(), "never three")
}

func TestRunReloadsOnSIGHUP(t *testing.T) {
	s := newSite(t, nil)
	p := s.start()
	p.ready()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	require.Empty(t, p.logged("configuration reloaded")["changed"])
	require.NoError(t, os.Remove(s.path("config.yaml")))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	require.Contains(t, p.logged("changed configuration refused")["problems"].([]any)[0], "no such file")
	require.Zero(t, p.stop(syscall.SIGTERM))
}

// A price file is part of the configuration: followed when it changes, and refused
// with it, also one that was refused before it was ever read.
func TestRunFollowsItsPrices(t *testing.T) {
	const head = "machine_type,region,spot,price_per_hour\n"
	s := newSite(t, nil)
	s.write("queue.yaml", "jobs: [{id: a, tasks: 3, exclusive: task}]\nrunning: []\n")
	p := s.start()
	eventually(t, "three nodes", func() bool { return s.nodes() == 3 })

	require.NoError(t, os.Mkdir(s.path("prices"), 0o755))
	s.write("prices/new.csv", "nonsense\n")
	s.configure("max", "20\n      prices_file: prices/new.csv")
	require.Contains(t, p.logged("changed configuration refused")["problems"].([]any)[0], "new.csv:1: the first line must be")
	s.write("prices/new.csv", head+"Standard_F4s_v2,,false,2\n")
	require.Equal(t, []any{"clusters[0].policy.prices_file"}, p.logged("configuration reloaded")["changed"])
	p.shows(`autoscaled_spend_per_hour{cluster="demo"}`, "6")
	s.write("prices/new.csv", head+"Standard_F4s_v2,,false,0.5\n")
	p.shows(`autoscaled_spend_per_hour{cluster="demo"}`, "1.5")
}

// Kubernetes mounts a file as a link into a folder that is itself a link, and
// turns that one; others link to a folder elsewhere.
func TestRunFollowsAConfigBehindLinks(t *testing.T) {
	s := newSite(t, nil)
	s.configure("state", s.path("state"), "password", s.path("password"), "queue", "file: {path: "+s.path("queue.yaml")+"}")
	text, err := os.ReadFile(s.path("config.yaml"))
	require.NoError(t, err)
	for _, dir := range []string{"v1", "v2", "mount"} {
		require.NoError(t, os.Mkdir(s.path(dir), 0o755))
	}
	s.write("v1/config.yaml", string(text))
	s.write("v2/config.yaml", strings.Replace(string(text), "max: 20", "max: 21", 1))
	require.NoError(t, os.Symlink("../v1", s.path("mount/..data")))
	require.NoError(t, os.Symlink("..data/config.yaml", s.path("mount/config.yaml")))
	s.file = s.path("mount/config.yaml")

	p := s.start()
	p.ready()
	require.NoError(t, os.Symlink("../v2", s.path("mount/..new")))
	require.NoError(t, os.Rename(s.path("mount/..new"), s.path("mount/..data")))
	require.Equal(t, []any{"clusters[0].policy.max"}, p.logged("configuration reloaded")["changed"])
}

func TestRunFollowsAConfigThatIsALink(t *testing.T) {
	s := newSite(t, nil)
	s.configure("state", s.path("state"), "password", s.path("password"), "queue", "file: {path: "+s.path("queue.yaml")+"}")
	require.NoError(t, os.Mkdir(s.path("etc"), 0o755))
	require.NoError(t, os.Symlink("../config.yaml", s.path("etc/link.yaml")))
	s.file = s.path("etc/link.yaml")
	p := s.start()
	p.ready()
	s.configure("max", "21")
	require.Equal(t, []any{"clusters[0].policy.max"}, p.logged("configuration reloaded")["changed"])
}
