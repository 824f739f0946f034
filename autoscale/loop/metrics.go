package loop

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"autoscaled/autoscale"
)

// Metrics are the loop's, labelled with the cluster so that several loops can
// share them. Gauges show the last tick's view whole: a scrape never sees half
// of it. While queue or cloud can't be read they keep their last values, and
// autoscaled_demand_known or autoscaled_supply_known says so.
type Metrics struct {
	ticks       *prometheus.CounterVec
	tickSeconds *prometheus.HistogramVec
	transitions *prometheus.CounterVec
	created     *prometheus.CounterVec
	started     *prometheus.CounterVec
	removed     *prometheus.CounterVec
	evicted     *prometheus.CounterVec
	reported    *prometheus.CounterVec
	undrained   *prometheus.CounterVec
	adopted     *prometheus.CounterVec
	errors      *prometheus.CounterVec
	decisions   *prometheus.CounterVec
	bootSeconds *prometheus.HistogramVec
	joinSeconds *prometheus.HistogramVec

	mu    sync.Mutex
	views map[string]*view // by cluster
}

// bootBuckets are for how long nodes take until they are of use, in seconds.
var bootBuckets = []float64{30, 60, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 3600}

// NewMetrics registers the loop's metrics. It panics if they are registered
// there already.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(d MetricInfo) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, d.Labels)
	}
	histogram := func(d MetricInfo, buckets ...float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: d.Name, Help: d.Help, Buckets: buckets}, d.Labels)
	}
	m := &Metrics{
		ticks:       counter(infoTicks),
		tickSeconds: histogram(infoTickSeconds, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
		transitions: counter(infoTransitions),
		created:     counter(infoCreated),
		started:     counter(infoStarted),
		removed:     counter(infoRemoved),
		evicted:     counter(infoEvicted),
		reported:    counter(infoReported),
		undrained:   counter(infoUndrained),
		adopted:     counter(infoAdopted),
		errors:      counter(infoErrors),
		decisions:   counter(infoDecisions),
		bootSeconds: histogram(infoBootSeconds, bootBuckets...),
		joinSeconds: histogram(infoJoinSeconds, bootBuckets...),
		views:       make(map[string]*view),
	}
	r.MustRegister(m.ticks, m.tickSeconds, m.transitions, m.created, m.started, m.removed, m.evicted, m.adopted, m.reported, m.undrained, m.errors, m.decisions, m.bootSeconds, m.joinSeconds, m)
	return m
}

// announce makes the series of a cluster exist before anything has happened.
func (m *Metrics) announce(cluster string) {
	for _, result := range []string{resultGood, resultBlind, resultFailed, resultInterrupted} {
		m.ticks.WithLabelValues(cluster, result)
	}
	for _, kind := range kinds {
		for _, phase := range phases {
			m.transitions.WithLabelValues(cluster, string(kind), string(phase))
		}
	}
	for _, class := range autoscale.ErrorClasses() {
		m.errors.WithLabelValues(cluster, string(class))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.views[cluster] = &view{}
}

// observeTick takes the tick's view for the gauges, and counts it.
func (m *Metrics) observeTick(cluster string, r Report, p autoscale.Policy) {
	m.ticks.WithLabelValues(cluster, r.Result()).Inc()
	m.tickSeconds.WithLabelValues(cluster).Observe(r.Duration.Seconds())
	if r.interrupted != nil {
		return
	}
	for _, p := range r.Problems {
		if p.Step == StepCloud {
			m.failed(cluster, autoscale.ClassOf(p.Err))
		}
	}
	if r.Acted {
		m.countDecisions(cluster, r.Plan)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.views[cluster] = m.views[cluster].next(r, p)
}

// countDecisions counts nodes by what the plan does with them.
func (m *Metrics) countDecisions(cluster string, p autoscale.Plan) {
	count := func(action string, reason autoscale.Reason, n int) {
		m.decisions.WithLabelValues(cluster, action, string(reason.Code)).Add(float64(n))
	}
	for _, g := range p.Grow {
		count("grow", g.Reason, g.Count)
	}
	for _, s := range p.Start {
		count("start", s.Reason, len(s.Nodes))
	}
	for _, d := range p.Drain {
		count("drain", d.Reason, 1)
	}
	for _, d := range p.Undrain {
		count("undrain", d.Reason, 1)
	}
	for _, r := range p.Report {
		count("report", r.Reason, 1)
	}
	for _, r := range p.Remove {
		count("remove", r.Reason, len(r.Nodes))
	}
	for _, r := range p.Retry {
		count("retry", r.Reason, max(r.Operation.Count, len(r.Operation.Nodes)))
	}
}

// countChange counts an operation's change of phase and the nodes that came or
// went by it. A lost answer is counted when its outcome is known.
func (m *Metrics) countChange(cluster string, c change) {
	before, after := c.before, c.after
	if before.Phase != after.Phase {
		m.transitions.WithLabelValues(cluster, string(after.Kind), string(after.Phase)).Inc()
	}
	if before.Class != after.Class {
		m.failed(cluster, after.Class)
	}
	pool, reason := string(after.Pool), string(after.Reason.Code)
	switch after.Kind {
	case autoscale.OperationCreate:
		if n := after.Added - before.Added; n > 0 {
			m.created.WithLabelValues(cluster, pool, reason).Add(float64(n))
		}
	case autoscale.OperationStart:
		if !effective(before.Phase) && effective(after.Phase) {
			m.started.WithLabelValues(cluster, pool, reason).Add(float64(len(after.Nodes)))
		}
	case autoscale.OperationRemove:
		if !effective(before.Phase) && effective(after.Phase) {
			m.removed.WithLabelValues(cluster, pool, reason).Add(float64(len(after.Nodes)))
		}
	}
}

// effective tells whether the cloud is known to have taken the operation.
func effective(p autoscale.OperationPhase) bool {
	return p == autoscale.OpAccepted || p == autoscale.OpConverged || p == autoscale.OpShort
}

// failed counts a failure of a known class.
func (m *Metrics) failed(cluster string, class autoscale.ErrorClass) {
	if class != "" {
		m.errors.WithLabelValues(cluster, string(class)).Inc()
	}
}

// measure compares what is remembered before and after an observation: nodes of
// ours that have come up, those that did not, and those that went without us.
func (t *tick) measure(before autoscale.Memory) {
	o := t.report.Observation
	if o.SupplyProblem != "" {
		return
	}
	for i := range o.Supply.Nodes {
		n := &o.Supply.Nodes[i]
		was, is := before.Nodes[n.ID], t.report.Memory.Nodes[n.ID]
		if !is.Ours {
			continue
		}
		if was.Ready.IsZero() && is.Ready.After(is.Asked) {
			t.Metrics.boot(t.Cluster, n.Pool, is.Ready.Sub(is.Asked))
		}
		if was.Joined.IsZero() && is.Joined.After(is.Asked) {
			t.Metrics.joinSeconds.WithLabelValues(t.Cluster, string(n.Pool)).Observe(is.Joined.Sub(is.Asked).Seconds())
		}
		if is.FailedSince(was) {
			t.Metrics.failed(t.Cluster, n.Trouble())
		}
		if is.Drain.Failed > was.Drain.Failed {
			t.log.undrained(n, is.Drain, t.report.Plan)
			t.Metrics.undrained.WithLabelValues(t.Cluster, string(n.Pool)).Inc()
		}
		if is.Vain.Stuck() && !was.Vain.Stuck() {
			t.log.stuck(n, is.Vain)
		}
	}
	t.account(before)
	known := t.log.known(before)
	t.log.breaker(known.Breaker, t.report.Memory.Breaker)
	t.log.pauses(known.Paused, t.report.Memory.Paused)
	t.log.surge(before.Surge, t.report.Memory.Surge)
	for _, id := range autoscale.Evicted(before, o, t.operations) {
		pool := before.Nodes[id].Pool
		t.log.evicted(id, pool)
		t.Metrics.evicted.WithLabelValues(t.Cluster, string(pool)).Inc()
	}
}

func (m *Metrics) boot(cluster string, pool autoscale.PoolID, took time.Duration) {
	m.bootSeconds.WithLabelValues(cluster, string(pool)).Observe(took.Seconds())
}
