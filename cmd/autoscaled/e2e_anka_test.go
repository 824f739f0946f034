package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka/ankatest"
)

// ankaSite is a site whose cloud is a simulated Anka controller.
type ankaSite struct {
	*site
	macs *ankatest.Server
}

const ankaSiteConfig = `state_dir: state
listen: 127.0.0.1:0
interval: 1s
log: {format: json}
{top}
clusters:
  - name: mac-ci
    anka: {url: "{url}", timeout: 5s, settle: {settle}, pulling_percent: 0{auth}}
    queue: {{queue}}
    policy:
      idle_time: {idle}
      absent_for: {absent}
      pools: {pools}
`

// newAnkaSite makes a site of twenty Macs, so fast that VMs boot within a tick. wrap may
// stand between the program and the simulator.
func newAnkaSite(t *testing.T, wrap func(http.Handler) http.Handler) *ankaSite {
	t.Helper()
	return newAnkaSiteOf(t, ankatest.DefaultConfig(), wrap)
}

func newAnkaSiteOf(t *testing.T, controller ankatest.Config, wrap func(http.Handler) http.Handler) *ankaSite {
	t.Helper()
	server, err := ankatest.New(controller, ankatest.NewClock(time.Now(), 100), 1)
	require.NoError(t, err)
	handler := server.Handler()
	if wrap != nil {
		handler = wrap(handler)
	}
	served := httptest.NewServer(handler)
	t.Cleanup(served.Close)
	s := &site{t: t, dir: t.TempDir(), url: served.URL, text: ankaSiteConfig}
	s.keys = map[string]string{
		"url": served.URL, "settle": "6s", "absent": "10m", "idle": "1s", "auth": "", "top": "", "queue": "file: {path: queue.yaml}",
		"pools": "[{name: ios, template: macos-15-xcode-16, tag: v2, group: apple-silicon, vcpu: 4, memory: 8GiB}, {name: intel, template: macos-13-intel, tag: base, vcpu: 4, memory: 8GiB}]",
	}
	s.file = s.path("config.yaml")
	s.write("queue.yaml", "jobs: []\nrunning: []\n")
	s.configure()
	return &ankaSite{s, server}
}

// alive counts the instances that are there and were not asked to go, by tag.
func (s *ankaSite) alive() map[string]int {
	count := map[string]int{}
	for _, i := range s.macs.Books().Instances {
		if i.Listed && i.Asked.IsZero() && i.Over.IsZero() {
			count[i.Tag]++
		}
	}
	return count
}

func (s *ankaSite) want(what string, tags map[string]int) {
	s.t.Helper()
	eventually(s.t, what, func() bool { return fmt.Sprint(s.alive()) == fmt.Sprint(tags) })
}

const twoPools = `jobs:
  - {id: a, tasks: 3, exclusive: task, selector: {label: template, in: [macos-15-xcode-16]}}
  - {id: b, tasks: 2, exclusive: task, selector: {label: pool, in: [intel]}}
running: []
`

// Jobs in the file become VMs of the right templates, and these go when nobody wants
// them. VMs of others stay.
func TestRunOnAnkaGrowsAndShrinks(t *testing.T) {
	s := newAnkaSite(t, nil)
	foreign, err := http.Post(s.url+"/api/v1/vm", "application/json", strings.NewReader(fmt.Sprintf(`{"vmid": %q, "tag": "v1", "count": 2}`, s.template("macos-15-xcode-16"))))
	require.NoError(t, err)
	foreign.Body.Close()
	p := s.start()
	p.ready()
	s.write("queue.yaml", twoPools)
	s.want("VMs", map[string]int{"v1": 2, "v2": 3, "base": 2})
	p.shows(`autoscaled_jobs_served{cluster="mac-ci",reason="on_ready"}`, "2")
	r := s.command("plan")
	require.Zero(t, r.code, r.err)
	require.Equal(t, result{0, "every node and every operation is accounted for\n", ""}, s.command("orphans"))

	s.write("queue.yaml", "jobs: []\nrunning: []\n")
	s.want("only others' VMs", map[string]int{"v1": 2})
	_, page := p.get("/metrics")
	require.Contains(t, page, `autoscaled_api_requests_total{api="anka",code="200",method="POST",route="/api/v1/vm"}`)
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.Empty(t, s.macs.Books().Violations)
}

func (s *ankaSite) template(name string) string {
	s.t.Helper()
	id, err := s.macs.TemplateID(name)
	require.NoError(s.t, err)
	return id
}

// Killed when a start has arrived and before its answer: the next daemon finds the VMs
// and starts no others.
func TestRunOnAnkaAfterAKillInTheMiddleOfAStart(t *testing.T) {
	var mu sync.Mutex
	var victim *os.Process
	s := newAnkaSite(t, func(simulator http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			daemon := victim
			if r.Method == http.MethodPost && victim != nil {
				victim = nil
			} else {
				daemon = nil
			}
			mu.Unlock()
			if daemon == nil {
				simulator.ServeHTTP(w, r)
				return
			}
			simulator.ServeHTTP(httptest.NewRecorder(), r)
			_ = daemon.Kill()
			<-r.Context().Done()
		})
	})
	p := s.start()
	p.ready()
	mu.Lock()
	victim = p.cmd.Process
	mu.Unlock()
	s.write("queue.yaml", "jobs: [{id: a, tasks: 4, exclusive: task, selector: {label: pool, in: [ios]}}]\nrunning: []\n")
	<-p.ended
	require.Len(t, s.macs.Books().Starts, 1)

	p = s.start()
	p.shows(`autoscaled_jobs_served{cluster="mac-ci",reason="on_ready"}`, "1")
	require.Len(t, s.macs.Books().Starts, 1, "what was started is found")
	s.write("queue.yaml", "jobs: []\nrunning: []\n")
	s.want("no VMs", map[string]int{})
	p.shows(`autoscaled_operations_open{cluster="mac-ci",kind="remove",phase="accepted"}`, "0")
	require.Zero(t, p.stop(syscall.SIGTERM))
}

// A controller that is down at the start is waited for.
func TestRunOnAnkaWaitsForTheController(t *testing.T) {
	var mu sync.Mutex
	down := true
	s := newAnkaSite(t, func(simulator http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			refuse := down
			mu.Unlock()
			if refuse {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			simulator.ServeHTTP(w, r)
		})
	})
	s.write("queue.yaml", twoPools)
	p := s.start()
	eventually(t, "degraded", func() bool {
		_, body := p.get("/readyz")
		return strings.HasPrefix(body, "cloud: ") && strings.Contains(body, "503")
	})
	mu.Lock()
	down = false
	mu.Unlock()
	s.want("VMs", map[string]int{"v2": 3, "base": 2})
}

// Another tag in the file is followed without a restart, and so is a pool that is new; a
// name that nobody knows closes its pool only.
func TestRunOnAnkaFollowsThePolicy(t *testing.T) {
	s := newAnkaSite(t, nil)
	p := s.start()
	p.ready()
	s.configure("pools", "[{name: ios, template: macos-15-xcode-16, tag: v1, group: apple-silicon, vcpu: 4, memory: 8GiB}, {name: mac14, template: macos-14-xcode-15, tag: v1, vcpu: 4, memory: 8GiB}, {name: typo, template: macos-15, tag: v1, vcpu: 4, memory: 8GiB}]")
	p.logged("configuration reloaded")
	s.write("queue.yaml", `jobs:
  - {id: a, selector: {label: pool, in: [ios]}}
  - {id: b, selector: {label: pool, in: [mac14]}}
  - {id: c, selector: {label: pool, in: [typo]}}
running: []
`)
	s.want("VMs", map[string]int{"v1": 2})
	r := s.command("plan")
	require.Contains(t, r.out, `no template is called "macos-15"`)

	s.configure("url", "http://127.0.0.1:1")
	line := p.logged("changed configuration refused")
	require.Contains(t, line["error"], "clusters[0].anka.url")
}

func TestCheckConnectsToAnka(t *testing.T) {
	const pool = "vcpu: 4, memory: 8GiB"
	for name, c := range map[string]struct {
		keys []string
		code int
		want []string
	}{
		"all well": {nil, 0, []string{
			`ok    cloud    http://127.0.0.1:[0-9]+: Anka controller 1.50.0-5d3f1e7a, licence "enterprise plus", registry Running; 0 instances\n`,
			`ok    pool     ios: template macos-15-xcode-16, tag v2: 10 of 10 Macs of group apple-silicon can run it, 6 of them hold the tag; room for 20 VMs\n`,
			`ok    pool     intel: template macos-13-intel, tag base: 10 of 20 Macs can run it, 10 of them hold the tag; room for 30 VMs\n`,
		}},
		"template": {[]string{"pools", "[{name: x, template: macos-15-xcode-61, tag: v1, " + pool + "}]"}, exitBlind, []string{
			`FAIL  pool     x: no template is called "macos-15-xcode-61"; did you mean "macos-15-xcode-16"\?; the registry has macos-13-intel, macos-14-xcode-15, macos-15-xcode-16\n`}},
		"tag": {[]string{"pools", "[{name: x, template: macos-15-xcode-16, tag: v3, " + pool + "}]"}, exitBlind, []string{
			`FAIL  pool     x: template macos-15-xcode-16 has no tag v3; did you mean "v1"\?; it has v1, v2\n`}},
		"group": {[]string{"pools", "[{name: x, template: macos-15-xcode-16, tag: v1, group: inte1, " + pool + "}]"}, exitBlind, []string{
			`FAIL  pool     x: no group is called "inte1"; did you mean "intel"\?; there are apple-silicon, intel, intel-usb\n`}},
		"wrong Macs": {[]string{"pools", "[{name: x, template: macos-15-xcode-16, tag: v1, group: intel, " + pool + "}]"}, exitBlind, []string{
			`FAIL  pool     x: none of 8 Macs can run it: 8 of another architecture\n`}},
		"no controller": {[]string{"url", "http://127.0.0.1:1"}, exitBlind, []string{`FAIL  cloud    http://127.0.0.1:1: .*connection refused`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newAnkaSite(t, nil)
			s.configure(c.keys...)
			r := s.command("check", "--connect")
			require.Equal(t, c.code, r.code, r.out+r.err)
			for _, want := range c.want {
				require.Regexp(t, `(?m)^`+want, r.out)
			}
		})
	}
}

// Who is refused is told what was refused, and no secret.
func TestCheckShowsAnkaWhoWeAre(t *testing.T) {
	controller := ankatest.DefaultConfig()
	controller.Auth.RootToken = "hush"
	s := newAnkaSiteOf(t, controller, nil)
	r := s.command("check", "--connect")
	require.Regexp(t, `FAIL  cloud    .* refuses callers without a token, key or certificate: `, r.out)
	s.write("token", "wrong-hush\n")
	s.configure("auth", ", token_file: token")
	r = s.command("check", "--connect")
	require.Regexp(t, `FAIL  cloud    .* refuses the root token: `, r.out)
	require.NotContains(t, r.out+r.err, "hush")
	s.write("token", "hush\n")
	r = s.command("check", "--connect")
	require.Zero(t, r.code, r.out)
	s.configure("auth", ", key_id: me, key_file: token")
	r = s.command("check", "--connect")
	require.Equal(t, exitBlind, r.code)
	require.Regexp(t, `FAIL  cloud    .*read the API key: no PEM in it`, r.out)
}
