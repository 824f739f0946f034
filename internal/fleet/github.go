package fleet

import (
	"errors"
	"regexp"

	"autoscaled/queue/github/githubtest"
)

// service is the CI service, as its jobs and runners deal with it.
type service interface {
	// queue lets a job wait and returns its id.
	queue(j *job) (id string)
	// connect lets a runner sign in with the credential that its script holds, and names
	// it.
	connect(r *runner, script []byte) error
	// take asks for a job of a connected runner; false: there is none now. tell sends the
	// news of the job's start, which may be late.
	take(r *runner) (id string, tell func(), ok bool)
	finish(j *job, result string) error
	// cancel ends a job, at once or once its runner has cleaned up.
	cancel(j *job)
	// disconnect tells of a runner whose VM is gone.
	disconnect(r *runner)
	// open tells whether the runner of a VM could be given a job.
	open(v *vm) bool
}

// github is GitHub's runner scale sets.
type github struct {
	world  *World
	server *githubtest.Server
}

func (g github) queue(j *job) string { return g.server.Queue(j.Set, 1)[0] }

// word is what may be a JIT config in a script: base64 of some length.
var word = regexp.MustCompile(`[A-Za-z0-9+/]{16,}={0,2}`)

func (g github) connect(r *runner, script []byte) error {
	err := errors.New("the script holds no JIT config")
	for _, config := range word.FindAllString(string(script), -1) {
		if r.name, err = g.server.Connect(config); err == nil {
			break
		}
	}
	return err
}

func (g github) take(r *runner) (id string, tell func(), ok bool) {
	id, tell, err := g.server.StartUnheard(r.name)
	return id, tell, err == nil
}

func (g github) finish(j *job, result string) error { return g.server.Finish(j.runner.name, result) }

func (g github) cancel(j *job) {
	g.world.end(j, canceled)
	g.world.check("cancel "+j.id, g.server.Cancel(j.Set, j.id))
}

func (g github) disconnect(r *runner) { g.server.Disconnect(r.name) }

func (g github) open(v *vm) bool { return g.server.MayWork(v.name) }
