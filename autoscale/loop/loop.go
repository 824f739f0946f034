package loop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"autoscaled/autoscale"
)

// Defaults of Options.
const (
	DefaultInterval     = 15 * time.Second
	DefaultQueueTimeout = 30 * time.Second
	DefaultCloudTimeout = 60 * time.Second
	DefaultCallTimeout  = 60 * time.Second
)

// Options of New. Cluster, Cloud, Queue and Journal must be given.
type Options struct {
	// Cluster is the name in log lines and metric labels.
	Cluster string
	// Cloud may also be a HealthReporter and a Tender.
	Cloud Cloud
	// Queue may also be a Drainer, a Keeper and a Reporter.
	Queue   Queue
	Journal Journal
	Policy  autoscale.Policy
	// Interval between the starts of two ticks. 0: DefaultInterval.
	Interval time.Duration
	// QueueTimeout and CloudTimeout bound one observation, CallTimeout any
	// other call. All are real time. 0: the default.
	QueueTimeout time.Duration
	CloudTimeout time.Duration
	CallTimeout  time.Duration
	// DryRun decides and remembers, but never acts and writes nothing.
	DryRun bool
	// Refuse is asked at the start of each tick why it must not act, as where another
	// autoscaler drives the same cloud. While it says why, ticks are those of a dry
	// run; the first for which it is empty acts. nil: nothing stands in the way.
	Refuse func(ctx context.Context) (why string)
	// Logger and Metrics may be nil.
	Logger  *zap.Logger
	Metrics *Metrics
	// NewRequestID makes the id of a new operation; it must never repeat.
	// nil: a random UUID.
	NewRequestID func() autoscale.RequestID
	// OnTick is called with the result of every tick, before the next starts;
	// it must not call Tick or Plan.
	OnTick func(Report)
	// Clock tells Now, and is set when the wall clock is. nil: a new one, or, where
	// there is Now, none: then nothing that is remembered ever moves.
	Clock *Clock
	// Now is the loop's time. nil: Clock's.
	Now func() time.Time
	// After is the loop's timer, in the time of Now. nil: time.After.
	After func(time.Duration) <-chan time.Time
}

// Loop is one cluster's daemon. Its methods may be called concurrently.
type Loop struct {
	Options
	policy  atomic.Pointer[autoscale.Policy]
	drainer Drainer        // nil: the queue can't drain
	health  HealthReporter // nil: the cloud takes no reports
	keeper  Keeper         // nil: the queue has no records of hosts
	teller  Reporter       // nil: the queue tells its users nothing
	tender  Tender         // nil: the cloud has no work of its own
	planner autoscale.Planner
	log     *reporter
	wake    chan struct{}
	// turn holds one token; who has it may tick. It guards the fields below.
	turn   chan struct{}
	memory *autoscale.Memory // nil: not read yet
	// failed are creates that were over with their answer, short or refused, and
	// calls whose credentials were refused: no tick but the next, which learns from
	// them, will see them. The memory has their request ids, for a restart.
	failed []autoscale.Operation

	mu       sync.Mutex // guards the fields below
	last     Report
	lastGood time.Time
}

// New returns a loop that has not ticked.
func New(o Options) (*Loop, error) {
	if o.Cluster == "" || o.Cloud == nil || o.Queue == nil || o.Journal == nil {
		return nil, errors.New("a loop needs a cluster name, a cloud, a queue and a journal")
	}
	o.fillDefaults()
	l := &Loop{
		Options: o,
		log:     newReporter(o.Logger.With(zap.String("cluster", o.Cluster))),
		wake:    make(chan struct{}, 1),
		turn:    make(chan struct{}, 1),
	}
	l.drainer, _ = o.Queue.(Drainer)
	l.health, _ = o.Cloud.(HealthReporter)
	l.keeper, _ = o.Queue.(Keeper)
	l.teller, _ = o.Queue.(Reporter)
	l.tender, _ = o.Cloud.(Tender)
	l.turn <- struct{}{}
	l.SetPolicy(o.Policy)
	l.Metrics.announce(o.Cluster)
	return l, nil
}

func (o *Options) fillDefaults() {
	o.Interval = cmp.Or(o.Interval, DefaultInterval)
	o.QueueTimeout = cmp.Or(o.QueueTimeout, DefaultQueueTimeout)
	o.CloudTimeout = cmp.Or(o.CloudTimeout, DefaultCloudTimeout)
	o.CallTimeout = cmp.Or(o.CallTimeout, DefaultCallTimeout)
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	if o.NewRequestID == nil {
		o.NewRequestID = func() autoscale.RequestID { return autoscale.RequestID(uuid.NewString()) }
	}
	if o.Now == nil {
		o.Clock = cmp.Or(o.Clock, NewClock(nil))
		o.Now = o.Clock.Now
	}
	if o.After == nil {
		o.After = time.After
	}
}

// SetPolicy replaces the policy; the next tick follows it.
func (l *Loop) SetPolicy(p autoscale.Policy) { l.policy.Store(&p) }

// Tick observes, converges, decides and acts once, as of at. Its error is that
// of the report. A tick under way is waited for.
func (l *Loop) Tick(ctx context.Context, at time.Time) (Report, error) {
	if err := l.take(ctx); err != nil {
		return Report{}, err
	}
	defer l.release()
	t := l.newTick(at)
	started := time.Now()
	t.mayAct(ctx)
	t.run(ctx)
	t.report.Duration = time.Since(started)
	l.publish(t)
	return t.report, t.report.Err()
}

// Plan is a tick that decides and neither acts nor writes nor remembers.
func (l *Loop) Plan(ctx context.Context, at time.Time) (Report, error) {
	if err := l.take(ctx); err != nil {
		return Report{}, err
	}
	defer l.release()
	t := l.newTick(at)
	started := time.Now()
	t.think(ctx)
	t.report.Duration = time.Since(started)
	return t.report, t.report.Err()
}

func (l *Loop) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-l.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Loop) release() { l.turn <- struct{}{} }

// publish makes a tick's result known: to the metrics and the log and, unless the
// tick was broken off before it had a plan, to Last, Ready and OnTick.
func (l *Loop) publish(t *tick) {
	r := t.report
	l.Metrics.observeTick(l.Cluster, r, t.policy)
	l.log.tick(r)
	if r.interrupted != nil {
		return
	}
	if supply := r.Observation.Supply; r.Observation.SupplyProblem == "" && supply.Stopped == "" {
		l.log.unmatched(t.policy, supply)
	}
	l.mu.Lock()
	l.last = r
	if r.Good() {
		l.lastGood = r.At
	}
	l.mu.Unlock()
	if l.OnTick != nil {
		l.OnTick(r)
	}
}

// Last is the result of the last tick; its At is zero before the first.
func (l *Loop) Last() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// readyFor is how many intervals may pass without a good tick.
const readyFor = 3

// Ready returns nil while the last good tick is not older than three intervals and
// the journal could be used in the last, and otherwise says in words why the daemon
// is not doing its work.
func (l *Loop) Ready() error {
	l.mu.Lock()
	last, good := l.last, l.lastGood
	l.mu.Unlock()
	if last.At.IsZero() {
		return errors.New("no tick has ended yet")
	}
	age := l.Now().Sub(good)
	switch {
	case last.failed(StepJournal): // from the first time on, for then nothing is sent
		return fmt.Errorf("nothing is done: %w", last.failure())
	case good.IsZero():
		return fmt.Errorf("no tick has gone well yet: %w", last.failure())
	case age > readyFor*l.Interval:
		return fmt.Errorf("the last good tick was %s ago: %w", age.Round(time.Second), last.failure())
	}
	return nil
}
