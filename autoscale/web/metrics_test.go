package web

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := NewMetrics(registry, "v1")
	m.Call("cyclecloud", "GET", "/clusters/{cluster}/status", 200, time.Second)
	m.Call("cyclecloud", "GET", "/clusters/{cluster}/status", 0, time.Second)
	m.ConfigLoaded(time.Unix(1700000000, 5e8))
	m.Pushed("taken", time.Unix(1700000001, 0))
	m.Pushed("mistaken", time.Time{})
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP autoscaled_api_requests_total Calls of the cloud's and the queue's API, retries included, by HTTP status; code is error where no answer came.
# TYPE autoscaled_api_requests_total counter
autoscaled_api_requests_total{api="cyclecloud",code="200",method="GET",route="/clusters/{cluster}/status"} 1
autoscaled_api_requests_total{api="cyclecloud",code="error",method="GET",route="/clusters/{cluster}/status"} 1
# HELP autoscaled_config_last_reload_success_timestamp_seconds When the configuration was last loaded.
# TYPE autoscaled_config_last_reload_success_timestamp_seconds gauge
autoscaled_config_last_reload_success_timestamp_seconds 1.7000000005e+09
# HELP autoscaled_config_last_reload_successful Whether the last attempt to load the configuration succeeded.
# TYPE autoscaled_config_last_reload_successful gauge
autoscaled_config_last_reload_successful 1
# HELP autoscaled_queue_last_push_timestamp_seconds When the last pushed document that was taken had come; 0 before the first.
# TYPE autoscaled_queue_last_push_timestamp_seconds gauge
autoscaled_queue_last_push_timestamp_seconds 1.700000001e+09
# HELP autoscaled_queue_pushes_total Demand documents that were pushed (queue.push), by how that went.
# TYPE autoscaled_queue_pushes_total counter
autoscaled_queue_pushes_total{result="mistaken"} 1
autoscaled_queue_pushes_total{result="taken"} 1
`), "autoscaled_queue_pushes_total", "autoscaled_queue_last_push_timestamp_seconds", "autoscaled_api_requests_total", "autoscaled_config_last_reload_successful", "autoscaled_config_last_reload_success_timestamp_seconds"))

	m.Delivery("heard")
	m.Watch("demo", Outside{
		Distributions: func() map[Distribution]int { return map[Distribution]int{{"macos", "v2", "done"}: 3} },
		QueueJobs:     func() map[string]int { return map[string]int{"queued": 2} },
		Allowances: func() map[string]Allowance {
			return map[string]Allowance{"github": {true, 5000, 4000, time.Unix(1700000000, 0), true}, "silent": {}}
		},
	})
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP autoscaled_api_budget_short Whether the calls that we may make do not suffice to know the demand.
# TYPE autoscaled_api_budget_short gauge
autoscaled_api_budget_short{api="github"} 1
autoscaled_api_budget_short{api="silent"} 0
# HELP autoscaled_api_calls_limit Calls that the API allows in its period.
# TYPE autoscaled_api_calls_limit gauge
autoscaled_api_calls_limit{api="github"} 5000
# HELP autoscaled_api_calls_remaining Calls that are left of the limit.
# TYPE autoscaled_api_calls_remaining gauge
autoscaled_api_calls_remaining{api="github"} 4000
# HELP autoscaled_api_calls_reset_timestamp_seconds When calls are counted anew.
# TYPE autoscaled_api_calls_reset_timestamp_seconds gauge
autoscaled_api_calls_reset_timestamp_seconds{api="github"} 1.7e+09
# HELP autoscaled_distributions Hosts to which a tag was to be brought before it is needed, by how far that is.
# TYPE autoscaled_distributions gauge
autoscaled_distributions{cluster="demo",state="done",tag="v2",template="macos"} 3
# HELP autoscaled_queue_jobs Jobs that the queue last saw, by what they are to us.
# TYPE autoscaled_queue_jobs gauge
autoscaled_queue_jobs{cluster="demo",state="queued"} 2
# HELP autoscaled_webhook_deliveries_total Deliveries to the webhook, by what became of them.
# TYPE autoscaled_webhook_deliveries_total counter
autoscaled_webhook_deliveries_total{result="heard"} 1
`), infoShort.Name, infoAllowed.Name, infoRemaining.Name, infoReset.Name, infoDistributions.Name, infoQueueJobs.Name, infoDeliveries.Name))

	m.ConfigRefused()
	families, err := registry.Gather()
	require.NoError(t, err)
	types := map[string]string{}
	for _, f := range families {
		types[f.GetName()] = strings.ToLower(f.GetType().String())
		if f.GetName() == "autoscaled_config_last_reload_successful" {
			require.Zero(t, f.GetMetric()[0].GetGauge().GetValue())
		}
	}
	for _, info := range MetricInfos() {
		require.Equal(t, info.Type, types[info.Name], info.Name)
	}
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	require.Empty(t, problems)
}
