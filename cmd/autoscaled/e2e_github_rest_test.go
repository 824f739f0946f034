package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/githubrest/githubresttest"
)

const (
	hookSecret = "hushhookofthistest"
	ciPolled   = `github_rest: {url: '{ci}/acme', token_file: token, repositories: [acme/app], rules: [{name: mac, labels: ['macos-(\d+)'], select: {template: 'macos-$1-xcode-16'}}], webhook: {listen: '{hook}', secret_file: hook}}`
)

// restSite is a site of Macs whose VMs run the jobs of a GitHub without scale sets.
type restSite struct {
	*ankaSite
	ci    *githubresttest.Server
	ciURL string
	count int // deliveries
}

func newRESTSite(t *testing.T, repositories ...string) *restSite {
	t.Helper()
	s := &restSite{ankaSite: newAnkaSite(t, nil)}
	s.ci = githubresttest.New(githubresttest.Config{Token: ciToken}, time.Now, append([]string{"acme/app"}, repositories...)...)
	served := httptest.NewServer(s.ci.Handler())
	t.Cleanup(served.Close)
	s.ciURL = served.URL
	s.write("token", ciToken+"\n")
	s.write("hook", hookSecret+"\n")
	s.polled("{ci}", served.URL, "{hook}", "127.0.0.1:0")
	return s
}

func (s *restSite) polled(replace ...string) {
	s.configure("queue", strings.NewReplacer(append(replace, "{ci}", s.ciURL, "{hook}", "127.0.0.1:0")...).Replace(ciPolled))
}

// deliver sends an event of a job to the daemon, signed with a secret, and returns the
// answer's status.
func (s *restSite) deliver(p *process, secret, action string, job int64) int {
	s.t.Helper()
	s.count++
	event := s.ci.Delivery(secret, fmt.Sprint("delivery-", s.count), action, job)
	body, err := io.ReadAll(event.Body)
	require.NoError(s.t, err)
	request, err := http.NewRequest(http.MethodPost, "http://"+p.logged("started")["inbox"].(string)+"/webhook", bytes.NewReader(body))
	require.NoError(s.t, err)
	request.Header = event.Header
	answer, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	require.NoError(s.t, answer.Body.Close())
	return answer.StatusCode
}

// work lets the runners in VMs that are up take jobs; it returns how many jobs run.
func (s *restSite) work(jobs []int64) (running int) {
	for _, i := range s.macs.Books().Instances {
		if i.HasVM {
			s.ci.Connect(i.Name)
			s.ci.Start(i.Name)
		}
	}
	for _, id := range jobs {
		if s.ci.Job(id).Status == "in_progress" {
			running++
		}
	}
	return running
}

// Queued jobs get VMs, at once where a delivery tells of them, and all are ended after
// use. A forged delivery is refused. No secret is written anywhere.
func TestRunServesPolledJobs(t *testing.T) {
	s := newRESTSite(t)
	p := s.start()
	p.ready()
	jobs := s.ci.Queue("acme/app", []string{"self-hosted", "macos-15"}, []string{"macos-15"}, []string{"linux"})
	require.Equal(t, http.StatusUnauthorized, s.deliver(p, "wrong", "queued", jobs[0]))
	require.Equal(t, http.StatusAccepted, s.deliver(p, hookSecret, "queued", jobs[0]))
	eventually(t, "both jobs run", func() bool { return s.work(jobs) == 2 })
	require.Equal(t, map[string]int{"v2": 2}, s.alive())
	for _, id := range jobs[:2] {
		s.ci.Finish(id)
	}
	require.Equal(t, http.StatusAccepted, s.deliver(p, hookSecret, "completed", jobs[0]))
	s.want("no VMs", map[string]int{})
	p.shows(`autoscaled_webhook_deliveries_total{result="heard"}`, "2")
	p.shows(`autoscaled_webhook_deliveries_total{result="forged"}`, "1")
	p.shows(`autoscaled_queue_jobs{cluster="mac-ci",state="unmatched"}`, "1")
	p.shows(`autoscaled_api_calls_limit{api="github"}`, "5000")
	p.shows(`autoscaled_api_budget_short{api="github"}`, "0")
	eventually(t, "no runners", func() bool { return len(s.ci.Runners()) == 0 })
	require.Len(t, s.macs.Books().Starts, 2, "nothing beyond demand")
	require.Zero(t, p.stop(syscall.SIGTERM))

	written := p.log()
	kept, err := filepath.Glob(s.path("state/*"))
	require.NoError(t, err)
	for _, path := range kept {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		written += string(text)
	}
	require.NotContains(t, written, ciToken)
	require.NotContains(t, written, hookSecret)
}

// A dry run hears deliveries, and only reads.
func TestDryRunServesNoPolledJobs(t *testing.T) {
	s := newRESTSite(t)
	jobs := s.ci.Queue("acme/app", []string{"macos-15"})
	p := s.start("--dry-run")
	p.shows(`autoscaled_demand_jobs{cluster="mac-ci"}`, "1")
	require.Equal(t, http.StatusAccepted, s.deliver(p, hookSecret, "queued", jobs[0]))
	require.Empty(t, s.ci.Runners())
	require.Empty(t, s.macs.Books().Starts)
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.Zero(t, s.ci.Calls()["register"]+s.ci.Calls()["delete"])
}

// An address that is taken is told at the start.
func TestRunNeedsTheWebhooksAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	s := newRESTSite(t)
	s.polled("{hook}", taken.Addr().String())
	r := s.command("run")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "listen for what the queue is told (queue.github_rest.webhook.listen): listen tcp "+taken.Addr().String())
}

func TestCheckConnectsToPolledGitHub(t *testing.T) {
	for name, c := range map[string]struct {
		replace []string
		code    int
		want    []string
	}{
		"all well": {nil, 0, []string{
			`ok    queue    1 repository of http://\S+/acme: 1 pending job, 0 hosts in use`,
			`ok    jobs     acme/app: 1 queued, 0 held, 1 that no rule maps`,
			`ok    calls    2000 an hour suffice for 1 repository as they are now; GitHub has 49\d\d of 5000 left`,
		}},
		"budget": {[]string{"token_file", "calls_per_hour: 10, token_file"}, exitBlind, []string{`FAIL  calls    the call budget does not suffice: .* of which calls_per_hour allows 10`}},
		"unseen": {[]string{"acme/app", "acme/app, acme/secret"}, exitBlind, []string{
			`FAIL  queue    .*acme/secret could not be read`, `ok    jobs     acme/app: `, `FAIL  jobs     acme/secret: .*Not Found`}},
		"no pool": {[]string{"-xcode-16", "-xcode-17"}, exitBlind, []string{`FAIL  rule     rule mac: no pool has what it selects, so its jobs get no VMs`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRESTSite(t)
			s.ci.Queue("acme/app", []string{"macos-15"}, []string{"linux"})
			s.polled(c.replace...)
			r := s.command("check", "--connect")
			require.Equal(t, c.code, r.code, r.out+r.err)
			for _, want := range c.want {
				require.Regexp(t, `(?m)^`+want, r.out)
			}
			require.NotContains(t, r.out+r.err, ciToken)
			r = s.command("check")
			require.Zero(t, r.code)
			require.Equal(t, name == "no pool", strings.Contains(r.out, "warn  rule     rule mac: "), r.out)
			require.Equal(t, name == "budget", strings.Contains(r.out, "warn  calls    the call budget does not suffice"), r.out)
		})
	}
}
