package github

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"autoscaled/autoscale"
	"autoscaled/queue/records"
)

// SetOptions is a runner scale set that the source serves.
type SetOptions struct {
	// Name of the set, unique among those of the source; Group is its runner group,
	// "" being the default one.
	Name, Group string
	// Labels that a job's runs-on may name. None: the set's name alone.
	Labels []string
	// Select says which pools' nodes may run its jobs.
	Select autoscale.Selector
	// WorkFolder of its runners, in which they check out; "": their own default.
	WorkFolder string
	// PerTask is what a node must have for one job. Zero: a core.
	PerTask autoscale.Resources
}

// Timings are how long the source waits for what. Zero ones are the defaults, all
// of them our own choice.
type Timings struct {
	// Stale is how old the last statistics of a set may be. Older ones are unknown
	// demand. It must exceed the time of a poll, 50 s.
	Stale time.Duration
	// Relist is how often runners are listed while something about them is open, and
	// Quiet while nothing is.
	Relist, Quiet time.Duration
	// Retry is the first wait after a failure; it doubles up to RetryMax. Conflict is
	// the wait for another session of the set to end.
	Retry, RetryMax, Conflict time.Duration
	// Settle is how long a registration may take to arrive whose answer was lost.
	Settle time.Duration
	// Linger is how long the record of a runner that is no more is kept after its host
	// was last wanted: a lost start of its VM may bring the host yet.
	Linger time.Duration
}

func (t *Timings) defaults() {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&t.Stale, 2 * time.Minute}, {&t.Relist, time.Minute}, {&t.Quiet, 5 * time.Minute},
		{&t.Retry, time.Second}, {&t.RetryMax, 20 * time.Second}, {&t.Conflict, 30 * time.Second},
		{&t.Settle, 5 * time.Minute}, {&t.Linger, 15 * time.Minute},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
}

// SourceOptions say whose jobs are served. Client, Owner, Sets, Store and Now are
// required.
type SourceOptions struct {
	Client *Client
	// Owner names this daemon as the owner of its sessions.
	Owner string
	Sets  []SetOptions
	Store records.Store
	Now   func() time.Time
	// After is the timer of what happens in the background, in the time of Now. nil:
	// time.After. What calls wait for before they are repeated is real time.
	After func(time.Duration) <-chan time.Time
	// Wake is called when something changed that a decision may depend on; nil: nobody
	// is told. It must not block.
	Wake func()
	// Report is told of trouble in the background that no call answers with: parts of
	// messages that can't be read, jobs not acquired, runners not listed. nil: nobody.
	Report func(error)
	// DryRun only reads: statistics of sets that exist, and runners. No session is
	// opened, and nothing is written, to GitHub or to the store.
	DryRun  bool
	Timings Timings
}

// Source turns runner scale sets into what the loop asks of a queue: demand, what
// runs where, and runners that are registered and drained one by one. See the
// package's documentation for what it concludes from what. It is safe for
// concurrent use.
type Source struct {
	options SourceOptions
	sets    []*scaleSet
	kick    chan struct{} // something about runners is open: list them
	// removing is held while runners are removed.
	removing chan struct{}

	mu      sync.Mutex // guards the fields below and those of the sets
	running bool
	book    records.Book[record]
	// strangers are runners of our sets without a record, as of the last listing, by
	// name in lower case: the store was lost.
	strangers map[string]Runner
	serial    int64 // counts changes of records
	listed    time.Time
}

// NewSource checks the options, with errors that are ErrConfig. Nothing is sent.
func NewSource(o SourceOptions) (*Source, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("queue of GitHub: %w", err)
	}
	o.Timings.defaults()
	if o.Timings.Stale <= time.Minute {
		return nil, fmt.Errorf("queue of GitHub: %w: statistics come once a minute and can't be stale after %s", ErrConfig, o.Timings.Stale)
	}
	if o.After == nil {
		o.After = time.After
	}
	s := &Source{options: o, book: newBook(o), kick: make(chan struct{}, 1), removing: make(chan struct{}, 1)}
	for _, set := range o.Sets {
		if set.PerTask.IsZero() {
			set.PerTask = autoscale.Resources{Cores: 1}
		}
		s.sets = append(s.sets, newScaleSet(s, set))
	}
	return s, nil
}

func (o *SourceOptions) check() error {
	switch {
	case o.Client == nil || o.Store == nil || o.Now == nil:
		return fmt.Errorf("%w: a client, a store and a clock are needed", ErrConfig)
	case o.Owner == "":
		return fmt.Errorf("%w: a session needs the name of its owner", ErrConfig)
	case len(o.Sets) == 0:
		return fmt.Errorf("%w: no scale sets", ErrConfig)
	}
	names := map[string]bool{}
	for _, set := range o.Sets {
		name := strings.ToLower(set.Name)
		if name == "" || names[name] {
			return fmt.Errorf("%w: each scale set needs a name of its own, and %q is not", ErrConfig, set.Name)
		}
		names[name] = true
	}
	t := o.Timings
	for _, d := range []time.Duration{t.Stale, t.Relist, t.Quiet, t.Retry, t.RetryMax, t.Conflict, t.Settle, t.Linger} {
		if d < 0 {
			return fmt.Errorf("%w: a time is negative", ErrConfig)
		}
	}
	return nil
}

// Run listens to all sets until the context ends, and leaves nothing running: its
// sessions are closed, so that another daemon can open them. It is called once.
func (s *Source) Run(ctx context.Context) error {
	s.mu.Lock()
	again := s.running
	s.running = true
	s.mu.Unlock()
	if again {
		return fmt.Errorf("queue of GitHub: %w: it runs already", ErrConfig)
	}
	var all sync.WaitGroup
	for _, x := range s.sets {
		all.Go(func() { x.listen(ctx) })
	}
	all.Go(func() { s.watch(ctx) })
	all.Wait()
	return nil
}

func (s *Source) wake() {
	if s.options.Wake != nil {
		s.options.Wake()
	}
}

// pause waits, in the time of Now, unless the context ends before.
func (s *Source) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-s.options.After(d):
	case <-ctx.Done(): // who was woken by the end of the context sees it
	}
}

func (s *Source) report(err error) {
	if err != nil && s.options.Report != nil {
		s.options.Report(err)
	}
}

// commit changes records, durably where change says that the change matters after a
// restart. If they can't be saved, they stay as they were.
func (s *Source) commit(ctx context.Context, change func(next map[string]record) (durable bool)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.book.Commit(ctx, func(next map[string]record) bool {
		s.serial++
		durable := change(next)
		for host, r := range next {
			if r.Ended && !s.book.Records[host].Ended {
				r.endedIn = s.serial
				next[host] = r
			}
		}
		return durable
	})
	if err != nil {
		return err
	}
	for _, x := range s.sets {
		x.hurryOutdated()
	}
	return nil
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
	r, known := s.book.Records[host]
	return r, known
}

// setOf finds the set that has this id now; the caller holds the lock.
func (s *Source) setOf(id int) *scaleSet {
	for _, x := range s.sets {
		if id != 0 && x.id == id {
			return x
		}
	}
	return nil
}

// errDryRun answers what would change something.
var errDryRun = errors.New("a dry run changes nothing")
