package fleet

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"autoscaled/queue/gitlab/gitlabtest"
)

const (
	// asksEvery is how often an idle runner asks GitLab for a job, the default of
	// gitlab-runner's check_interval.
	asksEvery = 3 * time.Second
	// answersLate is the most that GitLab takes to answer that, once it has let the
	// runner in. Our own choice, below what the queue waits for.
	answersLate = 5 * time.Second
	// cleansUp is how long a job that was cancelled at work is "canceling": its last
	// script runs.
	cleansUp = 15 * time.Second
)

// GitLabJobs are the jobs of a set, as GitLab knows them.
type GitLabJobs struct {
	Project string // full path
	Tags    []string
}

// gitlab is a GitLab with runners that ask it for jobs.
type gitlab struct {
	world  *World
	server *gitlabtest.Server
	sets   map[string]GitLabJobs
	asked  int // how often runners have asked
}

func (g *gitlab) queue(j *job) string {
	set := g.sets[j.Set]
	return strconv.FormatInt(g.server.Queue(set.Project, set.Tags...), 10)
}

// token is what may be a runner's token in a script.
var token = regexp.MustCompile(`glrt-[A-Za-z0-9_.-]+`)

// connect lets a runner say its first word. From then on it asks for a job, until it has
// one or its VM is gone.
func (g *gitlab) connect(r *runner, script []byte) error {
	credential := token.FindString(string(script))
	record, ok := g.server.Holder(credential)
	if !ok || !g.server.Contact(credential) {
		return errors.New("the script holds no token of a runner")
	}
	r.name = record.Description
	g.world.agenda.plan(g.world.now(), func() { g.ask(r, credential) })
	return nil
}

// ask asks for a job. The answer comes late, whatever becomes of the record meanwhile.
func (g *gitlab) ask(r *runner, credential string) {
	if r.state != idle {
		return
	}
	g.asked++
	now := g.world.now()
	answer := g.server.Begin(credential)
	if answer == nil {
		g.world.agenda.plan(now.Add(asksEvery), func() { g.ask(r, credential) })
		return
	}
	late := time.Duration(g.asked*7%10) * answersLate / 10
	g.world.agenda.plan(now.Add(late), func() {
		switch id := answer(); {
		case id != 0:
			g.given(r, strconv.FormatInt(id, 10))
		default:
			g.world.agenda.plan(g.world.now().Add(asksEvery), func() { g.ask(r, credential) })
		}
	})
}

// given gives a runner a job. One whose VM is gone by then can't run it.
func (g *gitlab) given(r *runner, id string) {
	j := g.world.byID[id]
	if r.state == idle {
		g.world.begin(j, r, nil)
		return
	}
	j.started, j.runner, r.job = g.world.now(), r, j
	if r.vm.over {
		g.world.violate(ViolationBusy, "VM %s on %s was ended before its runner was given job %s", r.vm.name, r.vm.node, id)
	}
	g.world.agenda.plan(g.world.now().Add(g.world.options.LostAfter), func() { g.world.giveUp(j) })
}

// take: runners ask in their own time.
func (g *gitlab) take(*runner) (id string, tell func(), ok bool) { return "", nil, false }

func (g *gitlab) finish(j *job, result string) error {
	status := result
	if result == succeeded {
		status = "success"
	}
	return g.set(j, status)
}

// cancel ends a job that waits. One at work is being cancelled, and its runner is busy
// until that is done.
func (g *gitlab) cancel(j *job) {
	if j.runner == nil || j.runner.state != running {
		g.canceled(j)
		return
	}
	g.world.check("cancel "+j.id, g.set(j, "canceling"))
	g.world.agenda.plan(g.world.now().Add(cleansUp), func() {
		if j.ended.IsZero() && j.runner.state == running {
			g.canceled(j)
		}
	})
}

func (g *gitlab) canceled(j *job) {
	g.world.end(j, canceled)
	g.world.check("cancel "+j.id, g.set(j, canceled))
}

func (g *gitlab) set(j *job, status string) error {
	id, err := strconv.ParseInt(j.id, 10, 64)
	if err != nil {
		return fmt.Errorf("job %q: %w", j.id, err)
	}
	g.server.Finish(id, status)
	return nil
}

// disconnect: GitLab hears nothing of it.
func (g *gitlab) disconnect(*runner) {}

// open: who is paused is not, nor who has had a job.
func (g *gitlab) open(v *vm) bool {
	if v.runner != nil && v.runner.job != nil {
		return false
	}
	return slices.ContainsFunc(g.server.Runners(), func(r gitlabtest.Runner) bool {
		return strings.EqualFold(r.Description, v.name) && !r.Paused
	})
}

// GitLabTransport calls GitLab without a socket.
func (w *World) GitLabTransport() http.RoundTripper { return w.options.GitLab.Transport() }
