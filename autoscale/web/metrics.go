package web

import (
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// MetricInfo documents a metric.
type MetricInfo struct {
	Name string
	// Type is counter, gauge or histogram.
	Type   string
	Labels []string
	Help   string
}

var (
	infoCalls        = MetricInfo{"autoscaled_api_requests_total", "counter", []string{"api", "method", "route", "code"}, "Calls of the cloud's and the queue's API, retries included, by HTTP status; code is error where no answer came."}
	infoCallSeconds  = MetricInfo{"autoscaled_api_request_duration_seconds", "histogram", []string{"api", "method", "route"}, "Time until an API call was answered and the answer read."}
	infoReloadGood   = MetricInfo{"autoscaled_config_last_reload_successful", "gauge", nil, "Whether the last attempt to load the configuration succeeded."}
	infoReloadedLast = MetricInfo{"autoscaled_config_last_reload_success_timestamp_seconds", "gauge", nil, "When the configuration was last loaded."}
	infoPushes       = MetricInfo{"autoscaled_queue_pushes_total", "counter", []string{"result"}, "Demand documents that were pushed (queue.push), by how that went."}
	infoPushedLast   = MetricInfo{"autoscaled_queue_last_push_timestamp_seconds", "gauge", nil, "When the last pushed document that was taken had come; 0 before the first."}
	infoBuild        = MetricInfo{"autoscaled_build_info", "gauge", []string{"version", "goversion"}, "Which program this is; always 1."}
)

// MetricInfos lists the metrics of this package in the order of the
// documentation. Those of the Go runtime and the process are not among them.
func MetricInfos() []MetricInfo {
	return []MetricInfo{infoQueueJobs, infoDeliveries, infoDistributions, infoCalls, infoCallSeconds, infoAllowed, infoRemaining, infoReset, infoShort, infoReloadGood, infoReloadedLast, infoPushes, infoPushedLast, infoBuild}
}

// Metrics are those of the process as a whole: its API calls, its
// configuration, its build.
type Metrics struct {
	calls        *prometheus.CounterVec
	callSeconds  *prometheus.HistogramVec
	reloadGood   prometheus.Gauge
	reloadedLast prometheus.Gauge
	deliveries   *prometheus.CounterVec
	outside      *outside
	pushes       *prometheus.CounterVec
	pushedLast   prometheus.Gauge
}

// NewMetrics registers them, and the Go runtime's and the process's own. It
// panics if they are registered there already.
func NewMetrics(r prometheus.Registerer, version string) *Metrics {
	gauge := func(i MetricInfo) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: i.Name, Help: i.Help})
	}
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: infoCalls.Name, Help: infoCalls.Help}, infoCalls.Labels),
		callSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: infoCallSeconds.Name, Help: infoCallSeconds.Help,
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
		}, infoCallSeconds.Labels),
		reloadGood:   gauge(infoReloadGood),
		reloadedLast: gauge(infoReloadedLast),
		pushes:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: infoPushes.Name, Help: infoPushes.Help}, infoPushes.Labels),
		pushedLast:   gauge(infoPushedLast),
		deliveries:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: infoDeliveries.Name, Help: infoDeliveries.Help}, infoDeliveries.Labels),
		outside:      newOutside(),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: infoBuild.Name, Help: infoBuild.Help}, infoBuild.Labels)
	build.WithLabelValues(version, runtime.Version()).Set(1)
	r.MustRegister(m.calls, m.callSeconds, m.reloadGood, m.reloadedLast, m.deliveries, m.outside, m.pushes, m.pushedLast, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Call counts one attempt of a call of an API, such as "cyclecloud". The route
// is the path's template. code is the HTTP status; 0: no answer came.
func (m *Metrics) Call(api, method, route string, code int, took time.Duration) {
	status := "error"
	if code > 0 {
		status = strconv.Itoa(code)
	}
	m.calls.WithLabelValues(api, method, route, status).Inc()
	m.callSeconds.WithLabelValues(api, method, route).Observe(took.Seconds())
}

// ConfigLoaded notes that the configuration was loaded.
func (m *Metrics) ConfigLoaded(at time.Time) {
	m.reloadGood.Set(1)
	m.reloadedLast.Set(float64(at.UnixNano()) / 1e9)
}

// ConfigRefused notes that a changed configuration could not be taken.
func (m *Metrics) ConfigRefused() { m.reloadGood.Set(0) }

// Pushed counts one pushed document by how that went. taken is when it came; zero: it
// was refused.
func (m *Metrics) Pushed(result string, taken time.Time) {
	m.pushes.WithLabelValues(result).Inc()
	if !taken.IsZero() {
		m.pushedLast.Set(float64(taken.UnixNano()) / 1e9)
	}
}
