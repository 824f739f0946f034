package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"autoscaled/autoscale/web"
	"autoscaled/config"
	"autoscaled/queue/github"
	"autoscaled/queue/records"
)

// The names of what queues keep in the journal.
const (
	githubNote     = "github"
	githubRESTNote = "github_rest"
	gitlabNote     = "gitlab"
	pbsNote        = "pbs"
)

// noteName is that of the cluster's queue.
func (p *parts) noteName() string {
	switch q := p.cluster.Queue; {
	case q.GitLab != nil:
		return gitlabNote
	case q.PBS != nil:
		return pbsNote
	case q.GitHubREST != nil:
		return githubRESTNote
	}
	return githubNote
}

// addGitHub makes a queue of scale sets. Nothing is sent yet. A dry run opens no
// session: it would take jobs from whoever serves them now.
func (p *parts) addGitHub(q *config.GitHubQueue, metrics *web.Metrics, dryRun bool) error {
	options := github.Options{URL: q.URL, TLS: tlsOf(q.TLS), Timeout: q.Timeout.Std(), Observer: observer(metrics, "github")}
	signIn(&options, q.Token(), q.App)
	client, err := github.New(options)
	if err != nil {
		return err
	}
	sets := make([]github.SetOptions, len(q.ScaleSets))
	for i, s := range q.ScaleSets {
		sets[i] = github.SetOptions{Name: s.Name, Group: q.RunnerGroup, Labels: s.Labels, Select: s.Select.Selector(), WorkFolder: q.WorkFolder}
	}
	source, err := github.NewSource(github.SourceOptions{
		Client: client, Owner: "autoscaled " + p.cluster.Name, Sets: sets, Store: &p.note, Now: p.now,
		Wake: p.signals.wakeUp, Report: p.signals.tell, DryRun: dryRun,
	})
	if err != nil {
		return err
	}
	p.queue, p.registrar, p.background = source, source, source.Run
	p.script, p.ciURL = githubScript, q.URL
	return nil
}

// signIn says who asks GitHub: the App where there is one, or else the token.
func signIn(o *github.Options, token config.SecretSource, app *config.GitHubApp) {
	if app == nil {
		o.Token = secret(token)
		return
	}
	key := app.Key()
	o.App = &github.App{ID: app.ID, Installation: int64(app.Installation), Key: func() ([]byte, error) {
		text, err := key.Read()
		return []byte(text.Reveal()), err
	}}
}

// note is what a queue keeps in a journal that is opened after the queue was made.
type note struct {
	mu    sync.Mutex
	store records.Store
}

func (n *note) bind(store records.Store) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.store = store
}

func (n *note) bound() (records.Store, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.store == nil {
		return nil, errors.New("there is no journal")
	}
	return n.store, nil
}

// Load is the journal's.
func (n *note) Load(ctx context.Context) ([]byte, error) {
	store, err := n.bound()
	if err != nil {
		return nil, err
	}
	return store.Load(ctx)
}

// Save is the journal's.
func (n *note) Save(ctx context.Context, text []byte) error {
	store, err := n.bound()
	if err != nil {
		return err
	}
	return store.Save(ctx, text)
}

// readNote is a note as it was when somebody else's journal was read.
type readNote []byte

// Load returns it.
func (n readNote) Load(context.Context) ([]byte, error) { return n, nil }

// Save refuses.
func (readNote) Save(context.Context, []byte) error { return errReadOnly }

// signals are what a queue says between ticks, to a loop and a log that are made after
// the queue.
type signals struct {
	mu   sync.Mutex
	wake func()
	log  *zap.Logger
}

func (s *signals) connect(wake func(), log *zap.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake, s.log = wake, log
}

func (s *signals) wakeUp() {
	s.mu.Lock()
	wake := s.wake
	s.mu.Unlock()
	if wake != nil {
		wake()
	}
}

func (s *signals) tell(err error) {
	s.mu.Lock()
	log := s.log
	s.mu.Unlock()
	if log != nil {
		log.Warn("the queue has trouble in the background", zap.Error(err))
	}
}

// note logs what happened in the queue.
func (s *signals) note(what string, fields ...zap.Field) {
	s.mu.Lock()
	log := s.log
	s.mu.Unlock()
	if log != nil {
		log.Info(what, fields...)
	}
}

// listen lets the queue work in the background while something is done with it, as a
// daemon does all the time.
func (p *parts) listen(ctx context.Context, do func(context.Context) error) error {
	if p.background == nil {
		return do(ctx)
	}
	listening, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.background(listening) }()
	err := do(ctx)
	stop()
	if ran := <-ended; ran != nil && ctx.Err() == nil {
		return errors.Join(err, fmt.Errorf("listen to the queue: %w", ran))
	}
	return err
}
