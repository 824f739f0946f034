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
`), "autoscaled_api_requests_total", "autoscaled_config_last_reload_successful", "autoscaled_config_last_reload_success_timestamp_seconds"))

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
