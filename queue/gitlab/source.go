package gitlab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"autoscaled/autoscale"
	"autoscaled/queue/labels"
	"autoscaled/queue/records"
)

// RunnerOptions say what runners the source makes.
type RunnerOptions struct {
	Scope Scope
	// Tags of each runner. ${label} stands for that label of its pool, such as
	// ${template}. A job waits for a runner that has all of its tags, to the letter.
	Tags []string
	// PoolTags stand in for Tags in the pools that are named.
	PoolTags map[autoscale.PoolID][]string
}

// Timings are how long the source waits for what. Zero ones are the defaults, all of
// them our own choice.
type Timings struct {
	// Settle is how long a request for a job that GitLab let in may take to be answered:
	// so long after its pause a runner may still be given one.
	Settle time.Duration
	// Lost is how long a registration may take to arrive whose answer was lost.
	Lost time.Duration
	// Linger is how long a deleted runner is remembered after its host was last wanted: a
	// lost start of its VM may bring the host yet.
	Linger time.Duration
	// Search is the least time between two searches for the runners of hosts that no
	// record knows.
	Search time.Duration
}

func (t *Timings) defaults() {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&t.Settle, 10 * time.Second}, {&t.Lost, 5 * time.Minute}, {&t.Linger, 15 * time.Minute}, {&t.Search, 5 * time.Minute},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
}

// SourceOptions say whose jobs are served. Client, Rules, Store, Now, Runner, and one of
// Projects and All are required.
type SourceOptions struct {
	Client *Client
	// Projects are those whose jobs are read, by full path or id. All reads the jobs of
	// the instance instead, which takes an administrator's token.
	Projects []string
	All      bool
	// Rules map a job's tags to pools.
	Rules  *labels.Rules
	Runner RunnerOptions
	// PerTask is what a node must have for one job. Zero: a core.
	PerTask autoscale.Resources
	// MaxJobs is how many jobs a runner takes before its program ends, by its start-up
	// script: what gitlab-runner run-single calls --max-builds. 0: one.
	MaxJobs int
	Store   records.Store
	Now     func() time.Time
	// Wake is called when something changed that a decision may depend on; nil: nobody
	// is told. It must not block.
	Wake func()
	// DryRun only reads: nothing is written, to GitLab or to the store.
	DryRun  bool
	Timings Timings
}

// Source turns a GitLab into what the loop asks of a queue: demand, what runs where, and
// runners that are registered and drained one by one. See the package's documentation
// for what it concludes from what. It is safe for concurrent use.
type Source struct {
	SourceOptions

	mu     sync.Mutex // guards what follows
	book   records.Book[record]
	pools  []autoscale.Pool // of the last tick
	probed map[string]time.Time
	search time.Time // when unknown hosts' runners were searched for last
	pages  int       // of the list of runners, when it was read last
	seen   Seen
}

// Seen is what the last demand was made of, for metrics and explanations.
type Seen struct {
	At time.Time
	// Pending are the jobs that wait for runners of ours, and Untaken those among them
	// that none of ours would take, since it lacks a tag.
	Pending, Untaken int
	// Running are the jobs that run on runners of ours.
	Running int
	// Foreign are pending jobs whose tags meet no rule, and Tags some of their tags.
	Foreign int
	Tags    []string
	// Calls is how many calls were sent in the last minute, of Options.CallsPerMinute.
	Calls int
}

// NewSource checks the options, with errors that are ErrConfig. Nothing is sent.
func NewSource(o SourceOptions) (*Source, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("queue of GitLab: %w", err)
	}
	o.Timings.defaults()
	if o.PerTask.IsZero() {
		o.PerTask = autoscale.Resources{Cores: 1}
	}
	o.MaxJobs = max(o.MaxJobs, 1)
	return &Source{SourceOptions: o, book: newBook(o), probed: map[string]time.Time{}}, nil
}

func (o *SourceOptions) check() error {
	if o.Client == nil || o.Rules == nil || o.Store == nil || o.Now == nil {
		return fmt.Errorf("%w: a client, rules, a store and a clock are needed", ErrConfig)
	}
	if (len(o.Projects) > 0) == o.All {
		return fmt.Errorf("%w: either projects are listed or all are meant", ErrConfig)
	}
	if err := o.Runner.Scope.check(); err != nil {
		return err
	}
	for _, d := range []time.Duration{o.Timings.Settle, o.Timings.Lost, o.Timings.Linger, o.Timings.Search} {
		if d < 0 {
			return fmt.Errorf("%w: a time is negative", ErrConfig)
		}
	}
	if o.MaxJobs < 0 || slices.Contains(o.Projects, "") {
		return fmt.Errorf("%w: a number of jobs is negative, or a project has no name", ErrConfig)
	}
	return o.Runner.check()
}

// Seen tells what the last demand was made of.
func (s *Source) Seen() Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	seen.Calls = s.Client.limiter.used()
	return seen
}

func (s *Source) wake() {
	if s.Wake != nil {
		s.Wake()
	}
}

// commit changes records, durably where change says that the change matters after a
// restart. If they can't be saved, they stay as they were.
func (s *Source) commit(ctx context.Context, change func(next map[string]record) (durable bool)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Commit(ctx, change)
}

// update changes one record durably; one that is gone stays so.
func (s *Source) update(ctx context.Context, host string, change func(*record)) error {
	return s.commit(ctx, func(next map[string]record) bool {
		r, known := next[host]
		if !known {
			return false
		}
		change(&r)
		next[host] = r
		return true
	})
}

// note changes what this process alone knows of a runner.
func (s *Source) note(host string, change func(*record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, known := s.book.Records[host]; known {
		change(&r)
		s.book.Records[host] = r
	}
}

// where lists the records that are meant, by host.
func (s *Source) where(ctx context.Context, meant func(r *record) bool) (list []record, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.book.Load(ctx); err != nil {
		return nil, err
	}
	for _, host := range s.book.Hosts(meant) {
		list = append(list, s.book.Records[host])
	}
	return list, nil
}

func every(*record) bool { return true }

// record finds the record of a host.
func (s *Source) record(ctx context.Context, host string) (r record, known bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.book.Load(ctx); err != nil {
		return r, false, err
	}
	r, known = s.book.Records[strings.ToLower(host)]
	return r, known, nil
}

// errDryRun answers what would change something.
var errDryRun = fmt.Errorf("a dry run changes nothing: %w", autoscale.ErrRejected)
