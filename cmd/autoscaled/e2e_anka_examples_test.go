package main

import (
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/gitlab/gitlabtest"
)

// example makes a site's configuration of one of the examples, with other addresses
// and folders.
func (s *ankaSite) example(name string, addresses ...string) {
	s.t.Helper()
	text, err := os.ReadFile("../../examples/" + name)
	require.NoError(s.t, err)
	s.write("anka-token", "none\n")
	replace := append([]string{
		"https://anka.example.com:8090", s.url, "/etc/autoscaled/", s.dir + "/",
		"state_dir: /var/lib/autoscaled", "listen: 127.0.0.1:0\ninterval: 1s\nlog: {format: json}\nstate_dir: " + s.path("state"),
	}, addresses...)
	for i := 0; i < len(replace); i += 2 {
		require.Contains(s.t, string(text), replace[i])
	}
	s.write("config.yaml", strings.NewReplacer(replace...).Replace(string(text)))
}

// The example for GitHub is right, and keeps its warm pool.
func TestExampleForGitHub(t *testing.T) {
	s := newCISite(t)
	s.ci.AddSet("macos-13-intel")
	s.write("github-token", ciToken+"\n")
	s.example("anka-github.yaml", "https://github.com", s.ciURL)
	r := s.command("check", "--connect")
	require.Zero(t, r.code, r.out+r.err)
	p := s.start()
	s.queued(1, 2*time.Minute)
	eventually(t, "the job has succeeded", func() bool { return s.succeeded() == 1 })
	s.want("the warm pool", map[string]int{"v2": 2})
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.Empty(t, s.world.Books().Violations)
}

// The example for GitLab is right, and starts what a job's tags ask for.
func TestExampleForGitLab(t *testing.T) {
	s := newAnkaSite(t, nil)
	gl := gitlabtest.New(gitlabtest.Config{Token: glToken, Rights: gitlabtest.All(), Now: time.Now})
	project := gl.AddProject("acme/app")
	served := httptest.NewServer(gl.Handler())
	defer served.Close()
	s.write("gitlab-token", glToken+"\n")
	s.example("anka-gitlab.yaml", "https://gitlab.example.com", served.URL, "id: 42", "id: "+strconv.FormatInt(project, 10))
	r := s.command("check", "--connect")
	require.Zero(t, r.code, r.out+r.err)
	gl.Queue("acme/app", "macos-15", "xcode-16")
	gl.Queue("acme/app", "macos-13-intel")
	p := s.start()
	s.want("VMs", map[string]int{"v2": 1, "base": 1})
	require.Zero(t, p.stop(syscall.SIGTERM))
}

// The example for GitHub without scale sets is right, and keeps its warm pool.
func TestExampleForPolledGitHub(t *testing.T) {
	s := newRESTSite(t, "acme/library")
	s.write("github-token", ciToken+"\n")
	s.write("webhook-secret", hookSecret+"\n")
	s.example("anka-github-rest.yaml", "https://github.com", s.ciURL, "0.0.0.0:9798", "127.0.0.1:0")
	r := s.command("check", "--connect")
	require.Zero(t, r.code, r.out+r.err)
	jobs := s.ci.Queue("acme/library", []string{"self-hosted", "macos-15", "xcode-16"})
	p := s.start()
	eventually(t, "the job runs", func() bool { return s.work(jobs) == 1 })
	s.want("its VM and the warm pool", map[string]int{"v2": 2})
	require.Zero(t, p.stop(syscall.SIGTERM))
}
