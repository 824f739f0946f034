package fleet_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale/loop"
	"autoscaled/internal/fleet"
	"autoscaled/internal/rest"
	"autoscaled/queue/gitlab"
	"autoscaled/queue/gitlab/gitlabtest"
	"autoscaled/queue/labels"
)

const (
	accessToken = "glpat-secretofthistest"
	// ourProject has the jobs of all sets.
	ourProject = "acme/widgets"
)

var (
	_ loop.Drainer = gitlabSource{}
	_ loop.Keeper  = gitlabSource{}
)

// gitlabSetup says what GitLab the rig has.
type gitlabSetup struct {
	all   bool // the instance's jobs are read instead of the project's
	calls int  // the budget of calls in a minute; 0: the default
	old   bool // it tells no more than before GitLab 18.4
}

// standardGitLab is the standard fleet for the jobs of a GitLab project.
func standardGitLab() setup {
	s := standard()
	s.gitlab = &gitlabSetup{}
	return s
}

// gitlabServer counts the daemon's calls.
type gitlabServer struct {
	*gitlabtest.Server
	mu      sync.Mutex
	minutes map[int]int // from the first call on
	began   time.Time
}

// counted is a transport whose calls are counted.
type counted struct {
	*gitlabServer
	http.RoundTripper
}

func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.minutes[int(time.Since(c.began)/time.Minute)]++
	c.mu.Unlock()
	return c.RoundTripper.RoundTrip(r)
}

// mostCalls is the most calls of a minute.
func (g *gitlabServer) mostCalls() (most, minute int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for m, n := range g.minutes {
		if n > most {
			most, minute = n, m
		}
	}
	return most, minute
}

// playGitLab puts a GitLab in place of GitHub. Each set's jobs have its name as a tag,
// and one that says what kind of Mac they want.
func (r *rig) playGitLab(s *setup) {
	r.Helper()
	r.gitlab = &gitlabServer{minutes: map[int]int{}, began: time.Now(), Server: gitlabtest.New(gitlabtest.Config{
		Token: accessToken, Rights: gitlabtest.All(), Now: time.Now, PerMinute: 600, Old: s.gitlab.old,
	})}
	r.gitlab.AddProject(ourProject)
	s.options.GitHub, s.options.GitLab = nil, r.gitlab.Server
	s.options.Sets = map[string]fleet.GitLabJobs{
		arm:   {Project: ourProject, Tags: []string{arm, "mac"}},
		intel: {Project: ourProject, Tags: []string{"mac", intel}},
	}
}

// gitlabSource is a source that has nothing to listen to.
type gitlabSource struct{ *gitlab.Source }

func (gitlabSource) Run(context.Context) error { return nil }

func (r *rig) gitlabSource(l *life, wake func()) ciSource {
	r.Helper()
	client, err := gitlab.New(gitlab.Options{
		URL: "http://gitlab.test", Token: rest.Static(accessToken), Now: time.Now, CallsPerMinute: r.setup.gitlab.calls,
		Transport: mortal{l, counted{r.gitlab, r.through(r.world.GitLabTransport())}},
	})
	require.NoError(r, err)
	rules, err := labels.New([]labels.Rule{{Name: "macs", Labels: []string{"(macos-.*)"}, Optional: []string{"mac"}, Select: map[string]string{"template": "$1"}}})
	require.NoError(r, err)
	o := gitlab.SourceOptions{
		Client: client, Rules: rules, Store: mortalNotes{r.notes, l}, Now: time.Now, Wake: wake,
		Runner: gitlab.RunnerOptions{
			Scope: gitlab.Scope{Type: gitlab.GroupRunner, ID: r.gitlab.Group("acme")}, Tags: []string{"${template}", "mac"},
		},
		Projects: []string{ourProject},
	}
	if r.setup.gitlab.all {
		o.Projects, o.All = nil, true
	}
	s, err := gitlab.NewSource(o)
	require.NoError(r, err)
	return gitlabSource{s}
}

// TestGitLabFiftyJobs: fifty jobs over two sets of tags on ten arm64 Macs and ten Intel
// ones get the right VMs, no more than they are, and nothing is left of them.
func TestGitLabFiftyJobs(t *testing.T) {
	for name, how := range map[string]gitlabSetup{"project": {}, "instance": {all: true}, "before 18.4": {old: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := standardGitLab()
			s.gitlab = &how
			play(t, s, fiftyJobs)
		})
	}
}

func fiftyJobs(r *rig) {
	r.queue(30, arm, 10*time.Minute, 0)
	r.queue(20, intel, 15*time.Minute, 0)
	r.until("all jobs are done", 2*time.Hour, func(b fleet.Books) bool { return b.Succeeded() == 50 })
	r.until("nothing is left", 5*time.Minute, over)
	r.clean()
	b := r.world.Books()
	require.Equal(r, map[string]int{r.template(arm): 30, r.template(intel): 20}, b.Template)
	require.Equal(r, 50, b.Starts)
	for _, n := range b.Anka.Nodes {
		require.LessOrEqual(r, n.MostVMs, 2, n.Name)
	}
	for _, j := range b.Jobs {
		require.Contains(r, j.Node, map[string]string{arm: "arm-", intel: "intel-"}[j.Set])
	}
	most, at := r.gitlab.mostCalls()
	require.LessOrEqual(r, most, 100, "a third of the budget, though forty VMs are there at once")
	r.Logf("p95 of queue times %s, most calls in a minute %d, the %dth, by kind: %v", b.QueueTime(95), most, at, r.gitlab.Calls())
}
