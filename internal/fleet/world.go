package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"autoscaled/anka/ankatest"
	"autoscaled/queue/github/githubtest"
	"autoscaled/queue/gitlab/gitlabtest"
)

const (
	// DefaultRegistration is how long a runner takes to come up on a Mac once its VM has.
	DefaultRegistration = 90 * time.Second
	// DefaultLostAfter is how long the CI service takes to give up a job whose runner is gone.
	DefaultLostAfter = 10 * time.Minute
)

// Options says which servers are joined. Anka, Now, and one of GitHub and GitLab are
// required; Now is the clock of both.
type Options struct {
	Anka   *ankatest.Server
	GitHub *githubtest.Server
	GitLab *gitlabtest.Server
	// Sets are the jobs of each set in GitLab.
	Sets map[string]GitLabJobs
	Now  func() time.Time
	// After is the timer of Run, in the time of Now. nil: time.After.
	After func(time.Duration) <-chan time.Time
	// Registration is how long it takes from the begin of a start-up script until its
	// runner is connected. 0: DefaultRegistration.
	Registration time.Duration
	// Waits tells of a start-up script whether it waits for its runner, and so lasts as
	// long. nil: none does.
	Waits func(script []byte) bool
	// NewsLate is how late the message comes that a job has started.
	NewsLate time.Duration
	// LostAfter is how long after the end of its VM a job is given up. 0: DefaultLostAfter.
	LostAfter time.Duration
}

// World joins a controller and a CI service. All methods are safe for concurrent use.
type World struct {
	options Options
	ci      service
	changed chan struct{} // holds one token: Next may have changed

	mu         sync.Mutex
	agenda     agenda
	jobs       []*job
	byID       map[string]*job // by the CI service's id
	vms        map[string]*vm  // by the instance's id
	runners    []*runner       // in the order in which their scripts began
	violations []Violation

	// inbox holds the scripts that have begun since the last step. Its lock is its own,
	// for the controller's hook is called while the controller is locked.
	inboxLock sync.Mutex
	inbox     []ankatest.StartupScript
}

// New joins the servers. The controller's hook for start-up scripts is the world's from
// then on.
func New(o Options) (*World, error) {
	if o.Anka == nil || (o.GitHub == nil) == (o.GitLab == nil) || o.Now == nil {
		return nil, errors.New("a fleet needs a controller, one CI service and a clock")
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Registration == 0 {
		o.Registration = DefaultRegistration
	}
	if o.LostAfter == 0 {
		o.LostAfter = DefaultLostAfter
	}
	w := &World{options: o, changed: make(chan struct{}, 1), byID: map[string]*job{}, vms: map[string]*vm{}}
	w.ci = github{w, o.GitHub}
	if o.GitLab != nil {
		w.ci = &gitlab{world: w, server: o.GitLab, sets: o.Sets}
	}
	o.Anka.OnStartupScript(w.scriptBegan)
	return w, nil
}

// forEver is longer than anything lasts here.
const forEver = 365 * 24 * time.Hour

// scriptBegan notes a script. It launches a runner and ends well, or waits for that.
func (w *World) scriptBegan(s ankatest.StartupScript) ankatest.ScriptOutcome {
	w.inboxLock.Lock()
	defer w.inboxLock.Unlock()
	w.inbox = append(w.inbox, s)
	if w.options.Waits != nil && w.options.Waits(s.Text) {
		return ankatest.ScriptOutcome{Duration: forEver}
	}
	return ankatest.ScriptOutcome{}
}

func (w *World) takeScripts() []ankatest.StartupScript {
	w.inboxLock.Lock()
	defer w.inboxLock.Unlock()
	scripts := w.inbox
	w.inbox = nil
	return scripts
}

// Step lets everything happen that is due. What is overdue happens now, so a clock that
// is moved by hand should never be moved past Next.
func (w *World) Step() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.look()
	w.happen()
	w.putToWork()
	w.happen() // the news of a start, where it is not late
}

// happen lets what was planned happen, as far as it is due.
func (w *World) happen() {
	for do := w.agenda.due(w.now()); do != nil; do = w.agenda.due(w.now()) {
		do()
	}
}

// Next is when the world will next change by itself; false: it will not.
func (w *World) Next() (at time.Time, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, ok = w.agenda.next()
	if other, has := w.options.Anka.NextEvent(); has && (!ok || other.Before(at)) {
		return other, true
	}
	return at, ok
}

// Run steps whenever something is due, until ctx ends.
func (w *World) Run(ctx context.Context) {
	for ctx.Err() == nil {
		w.Step()
		var due <-chan time.Time
		if at, ok := w.Next(); ok {
			due = w.options.After(at.Sub(w.now()))
		}
		select {
		case <-ctx.Done():
		case <-due:
		case <-w.changed:
		}
	}
}

// wake tells Run that there may be something sooner than it waits for.
func (w *World) wake() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *World) now() time.Time { return w.options.Now() }
