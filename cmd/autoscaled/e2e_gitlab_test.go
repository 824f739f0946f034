package main

import (
	"net/http/httptest"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka/ankatest"
	"autoscaled/queue/gitlab/gitlabtest"
)

const glToken = "glpat-secretofthistest"

var tokenInScript = regexp.MustCompile(`CI_SERVER_TOKEN='([^']+)'`)

// Jobs become VMs whose script carries a runner's token, and are gone after use with
// their runners.
func TestRunServesGitLab(t *testing.T) {
	s := newAnkaSite(t, nil)
	gl := gitlabtest.New(gitlabtest.Config{Token: glToken, Rights: gitlabtest.All(), Now: time.Now})
	project := gl.AddProject("acme/app")
	served := httptest.NewServer(gl.Handler())
	defer served.Close()
	tokens := make(chan string, 10)
	s.macs.OnStartupScript(func(script ankatest.StartupScript) ankatest.ScriptOutcome {
		if m := tokenInScript.FindSubmatch(script.Text); m != nil {
			tokens <- string(m[1])
		}
		return ankatest.ScriptOutcome{}
	})
	s.write("token", glToken+"\n")
	s.configure("queue", `gitlab: {url: "`+served.URL+`", token_file: token, projects: [acme/app], runner: {id: `+strconv.FormatInt(project, 10)+`, tags: [macos-15]}, rules: [{name: mac, tags: ["macos-(.*)"], select: {template: "macos-$1-xcode-16"}}]}`)
	r := s.command("check", "--connect")
	require.Zero(t, r.code, r.out)

	var jobs []int64
	for range 3 {
		jobs = append(jobs, gl.Queue("acme/app", "macos-15"))
	}
	gl.Queue("acme/app", "linux")
	p := s.start()
	var running []int64
	eventually(t, "all jobs run", func() bool {
		select {
		case token := <-tokens:
			require.True(t, gl.Contact(token))
			running = append(running, gl.Take(token))
		default:
		}
		return len(running) == 3
	})
	require.ElementsMatch(t, jobs, running)
	require.Equal(t, map[string]int{"v2": 3}, s.alive())
	for _, id := range jobs {
		gl.Finish(id, "success")
	}
	s.want("no VMs", map[string]int{})
	p.shows(`autoscaled_queue_jobs{cluster="mac-ci",state="unmatched"}`, "1")
	p.shows(`autoscaled_api_calls_limit{api="gitlab"}`, "300")
	eventually(t, "no runners", func() bool { return len(gl.Runners()) == 0 })
	require.Len(t, s.macs.Books().Starts, 3, "nothing beyond demand")
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.NotContains(t, p.log(), glToken)
	require.NotContains(t, p.log(), "glrt-")
}
