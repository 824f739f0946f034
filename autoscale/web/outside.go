package web

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Outside is what clouds and queues tell of themselves whenever metrics are asked for,
// from memory. A nil function tells nothing.
type Outside struct {
	// Distributions counts the hosts to which an image was to be brought.
	Distributions func() map[Distribution]int
	// QueueJobs counts the jobs that the queue last saw, by state.
	QueueJobs func() map[string]int
	// Allowances are of the APIs whose calls are limited, by the API's name.
	Allowances func() map[string]Allowance
}

// Distribution is how far an image is that was brought to hosts beforehand.
type Distribution struct{ Template, Tag, State string }

// Allowance is how many calls of an API may be made.
type Allowance struct {
	// Known tells whether the server, or our own count, has told Limit and Remaining.
	Known            bool
	Limit, Remaining int
	// Reset is when it is counted anew; zero: all the time.
	Reset time.Time
	// Short: our own budget does not suffice to know the demand.
	Short bool
}

var (
	infoDistributions = MetricInfo{"autoscaled_distributions", "gauge", []string{"cluster", "template", "tag", "state"}, "Hosts to which a tag was to be brought before it is needed, by how far that is."}
	infoQueueJobs     = MetricInfo{"autoscaled_queue_jobs", "gauge", []string{"cluster", "state"}, "Jobs that the queue last saw, by what they are to us."}
	infoAllowed       = MetricInfo{"autoscaled_api_calls_limit", "gauge", []string{"api"}, "Calls that the API allows in its period."}
	infoRemaining     = MetricInfo{"autoscaled_api_calls_remaining", "gauge", []string{"api"}, "Calls that are left of the limit."}
	infoReset         = MetricInfo{"autoscaled_api_calls_reset_timestamp_seconds", "gauge", []string{"api"}, "When calls are counted anew."}
	infoShort         = MetricInfo{"autoscaled_api_budget_short", "gauge", []string{"api"}, "Whether the calls that we may make do not suffice to know the demand."}
	infoDeliveries    = MetricInfo{"autoscaled_webhook_deliveries_total", "counter", []string{"result"}, "Deliveries to the webhook, by what became of them."}
)

// outside collects what an Outside tells.
type outside struct {
	mu      sync.Mutex
	cluster string
	told    Outside

	distributions, jobs, allowed, remaining, reset, short *prometheus.Desc
}

func newOutside() *outside {
	desc := func(i MetricInfo) *prometheus.Desc { return prometheus.NewDesc(i.Name, i.Help, i.Labels, nil) }
	return &outside{
		distributions: desc(infoDistributions), jobs: desc(infoQueueJobs), allowed: desc(infoAllowed),
		remaining: desc(infoRemaining), reset: desc(infoReset), short: desc(infoShort),
	}
}

// Watch has the metrics of a cluster's cloud and queue asked of them from now on.
func (m *Metrics) Watch(cluster string, o Outside) {
	m.outside.mu.Lock()
	defer m.outside.mu.Unlock()
	m.outside.cluster, m.outside.told = cluster, o
}

// Delivery counts what became of a delivery to the webhook.
func (m *Metrics) Delivery(result string) { m.deliveries.WithLabelValues(result).Inc() }

// Expect shows a result of deliveries as zero before the first.
func (m *Metrics) Expect(result string) { m.deliveries.WithLabelValues(result) }

// Describe is prometheus.Collector's.
func (o *outside) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{o.distributions, o.jobs, o.allowed, o.remaining, o.reset, o.short} {
		all <- d
	}
}

// Collect is prometheus.Collector's.
func (o *outside) Collect(all chan<- prometheus.Metric) {
	o.mu.Lock()
	cluster, told := o.cluster, o.told
	o.mu.Unlock()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	if told.Distributions != nil {
		for d, n := range told.Distributions() {
			gauge(o.distributions, float64(n), cluster, d.Template, d.Tag, d.State)
		}
	}
	if told.QueueJobs != nil {
		for state, n := range told.QueueJobs() {
			gauge(o.jobs, float64(n), cluster, state)
		}
	}
	if told.Allowances != nil {
		for api, a := range told.Allowances() {
			o.allowance(gauge, api, a)
		}
	}
}

func (o *outside) allowance(gauge func(*prometheus.Desc, float64, ...string), api string, a Allowance) {
	short := 0.0
	if a.Short {
		short = 1
	}
	gauge(o.short, short, api)
	if !a.Known {
		return
	}
	gauge(o.allowed, float64(a.Limit), api)
	gauge(o.remaining, float64(a.Remaining), api)
	if !a.Reset.IsZero() {
		gauge(o.reset, float64(a.Reset.UnixNano())/1e9, api)
	}
}
