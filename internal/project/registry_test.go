package project

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/web"
)

// described is a metric as its registry describes it.
var described = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: "((?:[^"\\]|\\.)*)", (?:unit: "[^"]*", )?constLabels: \{[^}]*\}, variableLabels: \{([^}]*)\}\}$`)

// registered lists our metrics as a daemon's registry has them, with their
// labels: a vector is there although nothing has happened yet.
func registered(t *testing.T) map[string][]string {
	t.Helper()
	registry := prometheus.NewRegistry()
	loop.NewMetrics(registry)
	web.NewMetrics(registry, "v")
	descs := make(chan *prometheus.Desc)
	go func() {
		registry.Describe(descs)
		close(descs)
	}()
	metrics := map[string][]string{}
	for desc := range descs {
		found := described.FindStringSubmatch(desc.String())
		require.NotNil(t, found, "%s", desc)
		if !strings.HasPrefix(found[1], "autoscaled_") {
			continue
		}
		require.NotEmpty(t, found[2], "%s has no help", found[1])
		metrics[found[1]] = strings.FieldsFunc(found[3], func(r rune) bool { return r == ',' })
	}
	return metrics
}

// TestMetricsPage holds the table of docs/metrics.md against the registry of a
// daemon, in both directions, and its types against what the packages declare.
func TestMetricsPage(t *testing.T) {
	table, metrics := documented(t), registered(t)
	for name := range table {
		require.Contains(t, metrics, name, "docs/metrics.md has a row for a metric that isn't there")
	}
	for name, labels := range metrics {
		row, ok := table[name]
		require.True(t, ok, "docs/metrics.md has no row for %s", name)
		require.ElementsMatch(t, labels, row.labels, "labels of %s", name)
	}
	types := map[string]string{}
	for _, info := range loop.MetricInfos() {
		types[info.Name] = info.Type
	}
	for _, info := range web.MetricInfos() {
		types[info.Name] = info.Type
	}
	for name, row := range table {
		require.Equal(t, types[name], row.kind, "type of %s", name)
		require.Equal(t, strings.HasSuffix(name, "_total"), row.kind == "counter", "counters end in _total: %s", name)
	}
}

// TestReasonLabelsExist: a reason in an expression is one of the domain's.
func TestReasonLabelsExist(t *testing.T) {
	var codes []string
	for _, r := range autoscale.Reasons() {
		codes = append(codes, string(r.Code))
	}
	inBraces := regexp.MustCompile(`reason\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	for where, expression := range expressions(t) {
		for _, match := range inBraces.FindAllStringSubmatch(expression, -1) {
			for code := range strings.SplitSeq(match[2], "|") {
				require.True(t, slices.Contains(codes, code), "%s: no reason is called %q", where, code)
			}
		}
	}
}
