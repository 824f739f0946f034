package githubrest

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"autoscaled/autoscale"
	"autoscaled/queue/github"
	"autoscaled/queue/labels"
	"autoscaled/queue/records"
)

// DefaultCallsPerHour leaves more than half of what GitHub gives a personal access
// token, 5,000 an hour, to everybody else who uses it.
const DefaultCallsPerHour = 2000

// DefaultGroup is the id that the default runner group of an owner has, as clients of
// GitHub assume; GitHub demands an id.
const DefaultGroup = 1

// Standing are the labels of runners that are made while no job has told which ones
// it needs, such as those of a warm pool.
type Standing struct {
	// Select says whose nodes get these labels: those of the pools that it matches.
	Select autoscale.Selector
	Labels []string
}

// Timings are how long the source waits for what. Zero ones are the defaults, all of
// them our own choice.
type Timings struct {
	// Interval is how often a repository is read where the budget allows it, and Gap
	// the least time from one reading to the next, however often it is woken.
	Interval, Gap time.Duration
	// Stale is how old the reading of a repository or of the runners may be. Older ones
	// are unknown demand. It must exceed Interval and Relist.
	Stale time.Duration
	// Relist is how often runners are listed while something about them is open, and
	// Quiet while nothing is.
	Relist, Quiet time.Duration
	// Retry is the first wait after a failure; it doubles up to RetryMax. Throttled is
	// the first wait after GitHub said that calls are too many, and not until when; it
	// doubles up to an hour.
	Retry, RetryMax, Throttled time.Duration
	// Settle is how long a registration may take to arrive whose answer was lost.
	Settle time.Duration
	// Linger is how long the record of a runner that is no more is kept after its host
	// was last wanted: a lost start of its VM may bring the host yet.
	Linger time.Duration
}

func (t *Timings) all() []*time.Duration {
	return []*time.Duration{
		&t.Interval, &t.Gap, &t.Stale, &t.Relist, &t.Quiet, &t.Retry, &t.RetryMax, &t.Throttled, &t.Settle, &t.Linger,
	}
}

func (t *Timings) defaults() {
	standard := Timings{
		Interval: 30 * time.Second, Gap: 5 * time.Second, Stale: 5 * time.Minute,
		Relist: 30 * time.Second, Quiet: 2 * time.Minute,
		Retry: time.Second, RetryMax: 30 * time.Second, Throttled: time.Minute,
		Settle: 5 * time.Minute, Linger: 15 * time.Minute,
	}
	own := t.all()
	for i, d := range standard.all() {
		if *own[i] == 0 {
			*own[i] = *d
		}
	}
}

// Options say whose jobs are served. GitHub, Repositories, Rules, Store and Now are
// required.
type Options struct {
	// GitHub says where runners are registered and who asks: the URL of an organisation,
	// a repository or an enterprise, and a token or an App. Retries, RetryWait and
	// PollTimeout mean nothing here.
	GitHub github.Options
	// Repositories are read, each as owner/name. Runners of an organisation serve those
	// of that organisation only.
	Repositories []string
	// CallsPerHour bounds the calls of this source. 0: DefaultCallsPerHour.
	CallsPerHour int
	// Rules map the labels of jobs to pools.
	Rules *labels.Rules
	// Standing are the labels of runners made before a job waits for them; the first
	// that matches counts.
	Standing []Standing
	// Group is the id of the runner group. 0: DefaultGroup.
	Group int64
	// WorkFolder of the runners, in which they check out; "": their own default.
	WorkFolder string
	// PerTask is what a node must have for one job. Zero: a core.
	PerTask autoscale.Resources
	Store   records.Store
	Now     func() time.Time
	// Wake is called when something changed that a decision may depend on; nil: nobody
	// is told. It must not block.
	Wake func()
	// Report is told of trouble in the background that no call answers with. nil: nobody.
	Report func(error)
	// DryRun only reads: nothing is written, to GitHub or to the store.
	DryRun  bool
	Timings Timings
}

func (o *Options) check() error {
	switch {
	case o.Store == nil || o.Now == nil || o.Rules == nil:
		return fmt.Errorf("%w: rules, a store and a clock are needed", ErrConfig)
	case len(o.Repositories) == 0:
		return fmt.Errorf("%w: no repositories", ErrConfig)
	case o.CallsPerHour < 0 || o.Group < 0:
		return fmt.Errorf("%w: calls per hour or the runner group is negative", ErrConfig)
	}
	for _, d := range o.Timings.all() {
		if *d < 0 {
			return fmt.Errorf("%w: a time is negative", ErrConfig)
		}
	}
	seen := map[string]bool{}
	for _, name := range o.Repositories {
		if err := checkRepository(name); err != nil {
			return err
		}
		if key := strings.ToLower(name); seen[key] {
			return fmt.Errorf("%w: repository %s is listed twice", ErrConfig, name)
		} else {
			seen[key] = true
		}
	}
	return nil
}

// checkRepository refuses names that are not owner/name, or could lead a call astray.
func checkRepository(name string) error {
	owner, repo, ok := strings.Cut(name, "/")
	for _, part := range []string{owner, repo} {
		if !ok || part == "" || part == "." || part == ".." || url.PathEscape(part) != part {
			return fmt.Errorf("%w: repository %q is not of the form owner/name", ErrConfig, name)
		}
	}
	return nil
}

// within refuses repositories whose jobs runners of this owner never get.
func (o *Options) within(owner string) error {
	for _, name := range o.Repositories {
		org, _, _ := strings.Cut(name, "/")
		if strings.HasPrefix(owner, "/enterprises/") || strings.EqualFold(owner, "/orgs/"+org) || strings.EqualFold(owner, "/repos/"+name) {
			continue
		}
		return fmt.Errorf("%w: runners of %s get no jobs of repository %s", ErrConfig, owner, name)
	}
	return nil
}

func (o *Options) defaults() error {
	if o.CallsPerHour == 0 {
		o.CallsPerHour = DefaultCallsPerHour
	}
	if o.Group == 0 {
		o.Group = DefaultGroup
	}
	if o.PerTask.IsZero() {
		o.PerTask = autoscale.Resources{Cores: 1}
	}
	o.Timings.defaults()
	if t := o.Timings; t.Stale <= t.Interval || t.Stale <= t.Relist {
		return fmt.Errorf("%w: what is read every %s can't be stale after %s", ErrConfig, max(t.Interval, t.Relist), t.Stale)
	}
	return nil
}
