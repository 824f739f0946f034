package githubrest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"autoscaled/autoscale"
	"autoscaled/queue/records"
)

// Source turns jobs and runners of GitHub's REST API into what the loop asks of a
// queue: demand, what runs where, and runners that are registered and drained one by
// one. See the package's documentation for what it concludes from what. It is safe for
// concurrent use.
type Source struct {
	options      Options
	client       *client
	repositories []*repository
	kick         chan struct{} // list the runners soon
	removing     chan struct{} // held while runners are removed
	first        sync.Once
	told         chan struct{} // closed once all was read, or why it was not is known

	mu      sync.Mutex // guards the fields below and those of the repositories
	running bool
	book    records.Book[record]
	serial  int64 // counts changes of records
	// strangers are the runners that have no record, as of the last listing, by name in
	// lower case: other people's, or ours if the store was lost.
	strangers map[string]runner
	listed    time.Time // when the last whole listing began; zero: none did
	listing   error     // why the last one failed; nil: it didn't
	// asked are the sets of labels that jobs asked for, by key, latest last.
	asked []asked
}

// New checks the options, with errors that are ErrConfig. Nothing is sent.
func New(o Options) (*Source, error) {
	s, err := newSource(o)
	if err != nil {
		return nil, fmt.Errorf("queue of GitHub: %w", err)
	}
	return s, nil
}

func newSource(o Options) (*Source, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := o.defaults(); err != nil {
		return nil, err
	}
	c, err := newClient(o.GitHub, newBudget(o.CallsPerHour, o.Timings.Throttled))
	if err != nil {
		return nil, err
	}
	if err := o.within(c.login.Owner()); err != nil {
		return nil, err
	}
	s := &Source{
		options: o, client: c, book: newBook(o), kick: make(chan struct{}, 1), removing: make(chan struct{}, 1), told: make(chan struct{}),
		strangers: map[string]runner{},
	}
	for _, name := range o.Repositories {
		s.repositories = append(s.repositories, &repository{name: name, source: s, kick: make(chan struct{}, 1)})
	}
	return s, nil
}

// Run reads all repositories and the runners until the context ends, and leaves nothing
// running. It is called once.
func (s *Source) Run(ctx context.Context) error {
	s.mu.Lock()
	again := s.running
	s.running = true
	s.mu.Unlock()
	if again {
		return fmt.Errorf("queue of GitHub: %w: it runs already", ErrConfig)
	}
	var all sync.WaitGroup
	for _, r := range s.repositories {
		all.Go(func() { r.follow(ctx) })
	}
	all.Go(func() { s.watch(ctx) })
	all.Wait()
	return nil
}

// Look has a repository read soon, in its turn: something happened there. false: it is
// none of those listed.
func (s *Source) Look(name string) (listed bool) {
	for _, r := range s.repositories {
		if strings.EqualFold(r.name, name) {
			poke(r.kick)
			poke(s.kick)
			return true
		}
	}
	return false
}

// poke asks for something that is perhaps asked for already.
func poke(kick chan struct{}) {
	select {
	case kick <- struct{}{}:
	default:
	}
}

func (s *Source) wake() {
	if s.options.Wake != nil {
		s.options.Wake()
	}
}

func (s *Source) report(err error) {
	if err != nil && s.options.Report != nil {
		s.options.Report(err)
	}
}

// heard tells who waits for the first reading whether there is one now.
func (s *Source) heard() {
	s.mu.Lock()
	whole := !s.listed.IsZero() || s.listing != nil
	for _, r := range s.repositories {
		whole = whole && (!r.shot.began.IsZero() || r.problem != nil)
	}
	s.mu.Unlock()
	if whole {
		s.first.Do(func() { close(s.told) })
	}
}

// commit changes records, durably where what must survive a restart has changed. If
// they can't be saved, they stay as they were.
func (s *Source) commit(ctx context.Context, change func(next map[string]record)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Commit(ctx, func(next map[string]record) (durable bool) {
		s.serial++
		change(next)
		return differ(s.book.Records, next)
	})
}

// differ tells whether records differ in what must survive a restart.
func differ(a, b map[string]record) bool {
	return !maps.EqualFunc(a, b, func(x, y record) bool { return x.lasting() == y.lasting() })
}

// hosts lists, in order, the hosts of the records that are meant.
func (s *Source) hosts(meant func(r *record) bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Hosts(meant)
}

func (s *Source) record(host string) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, known := s.book.Records[strings.ToLower(host)]
	return r, known
}

// moment is the serial number of the last change of records, and the time.
func (s *Source) moment() (serial int64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.serial, s.now()
}

// now is the clock of what is remembered; pauses and the budget go by the system's.
func (s *Source) now() time.Time { return s.options.Now() }

// notSent is the error of an attempt before anything was sent that matters.
func notSent(attempt string, err error) autoscale.Failure {
	f := translateAct(attempt, err)
	f.Uncertain = false
	return f
}

var (
	errStillBusy     = fmt.Errorf("%w: the end of its job is awaited", ErrRunnerBusy)
	errProvesNothing = fmt.Errorf("runner %w: that proves nothing, for runners were seen to take jobs after that", ErrNotFound)
	errGone          = errors.New("it is deleted, or has had its one job")
)
