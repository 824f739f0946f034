package project

import (
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// metric is one row of the table in docs/metrics.md.
type metric struct {
	kind   string
	labels []string
}

// documented reads the table.
func documented(t *testing.T) map[string]metric {
	t.Helper()
	metrics := map[string]metric{}
	for _, row := range tableUnder(t, "docs/metrics.md", "Table") {
		require.Len(t, row, 4, "name | type | labels | meaning")
		name := strings.Trim(row[0], "`")
		require.NotContains(t, metrics, name, "two rows")
		require.Greater(t, len(row[3]), 10, "%s has no meaning", name)
		m := metric{kind: row[1]}
		for _, label := range quoted.FindAllStringSubmatch(row[2], -1) {
			m.labels = append(m.labels, label[1])
		}
		metrics[name] = m
	}
	return metrics
}

// TestQueriesNameMetrics: every expression of the dashboard and of the alerts
// asks for metrics that exist, and for labels that they have.
func TestQueriesNameMetrics(t *testing.T) {
	table := documented(t)
	asked := map[string]bool{}
	for where, expression := range expressions(t) {
		q := scan(expression)
		require.NotEmpty(t, q.selectors, "%s: %s", where, expression)
		grouped := map[string]bool{}
		for _, s := range q.selectors {
			name, m, ok := resolve(table, s.metric)
			require.True(t, ok, "%s asks for %s, which is not there", where, s.metric)
			asked[name] = true
			for _, label := range append(m.labels, everywhere...) {
				grouped[label] = true
			}
			for _, label := range s.labels {
				require.Contains(t, append(m.labels, everywhere...), label, "%s: label of %s", where, s.metric)
			}
		}
		for _, label := range q.grouped {
			require.True(t, grouped[label], "%s groups by %s, which none of its metrics has: %s", where, label, expression)
		}
	}
	require.Greater(t, len(asked), 10, "dashboard and alerts together use hardly any metric")
}

// everywhere are the labels that Prometheus adds, and a histogram's own.
var everywhere = []string{"job", "instance", "le"}

// resolve finds a metric by a name as queries use it: a histogram is asked for
// by its series.
func resolve(table map[string]metric, name string) (string, metric, bool) {
	if name == "up" { // Prometheus' own: did the scrape succeed
		return name, metric{kind: "gauge"}, true
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && table[base].kind == "histogram" {
			return base, table[base], true
		}
	}
	m, ok := table[name]
	return name, m, ok && m.kind != "histogram"
}

// expressions lists every PromQL expression of the examples, by where it stands:
// whatever is under a key that holds one, in JSON and YAML alike.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, name := range []string{"examples/grafana/autoscaled.json", "examples/prometheus/autoscaled.rules.yml"} {
		var document any
		require.NoError(t, yaml.Unmarshal([]byte(read(t, name)), &document), name)
		before := len(found)
		collect(name, document, found)
		require.Greater(t, len(found), before+4, "hardly any expression in %s", name)
	}
	return found
}

func collect(at string, node any, found map[string]string) {
	switch n := node.(type) {
	case []any:
		for i, child := range n {
			collect(path.Join(at, nameOf(child, i)), child, found)
		}
	case map[string]any:
		for key, child := range n {
			text, isText := child.(string)
			switch {
			case isText && key == "expr":
				found[path.Join(at, key)] = text
			case isText && (key == "query" || key == "definition") && strings.Contains(text, "autoscaled_"):
				found[path.Join(at, key)] = labelValues(text)
			default:
				collect(path.Join(at, key), child, found)
			}
		}
	}
}

// labelValues turns Grafana's label_values(metric, label) into an expression
// that asks for the same.
func labelValues(text string) string {
	inner, ok := strings.CutPrefix(text, "label_values(")
	if !ok {
		return text
	}
	metric, label, _ := strings.Cut(strings.TrimSuffix(inner, ")"), ",")
	return "group by (" + strings.TrimSpace(label) + ") (" + metric + ")"
}

// nameOf tells list entries apart in messages.
func nameOf(node any, i int) string {
	if n, ok := node.(map[string]any); ok {
		for _, key := range []string{"alert", "record", "title", "refId", "name"} {
			if text, ok := n[key].(string); ok && text != "" {
				return text
			}
		}
	}
	return strconv.Itoa(i)
}

// TestAlertsAreTested: every alert has a case in the file of promtool tests, so
// that an expression that can never fire is noticed.
func TestAlertsAreTested(t *testing.T) {
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Labels      map[string]string `yaml:"labels"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "examples/prometheus/autoscaled.rules.yml")), &rules))
	var tests struct {
		Files []string `yaml:"rule_files"`
		Tests []struct {
			Cases []struct {
				Alert string           `yaml:"alertname"`
				Fires []map[string]any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "examples/prometheus/autoscaled.rules.test.yml")), &tests))
	require.Equal(t, []string{"autoscaled.rules.yml"}, tests.Files)
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, c := range test.Cases {
			fires[c.Alert] = fires[c.Alert] || len(c.Fires) > 0
			rests[c.Alert] = rests[c.Alert] || len(c.Fires) == 0
		}
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			require.True(t, fires[rule.Alert], "no test makes %s fire", rule.Alert)
			require.True(t, rests[rule.Alert], "no test sees %s rest", rule.Alert)
			require.Contains(t, []string{"critical", "warning", "info"}, rule.Labels["severity"], rule.Alert)
			require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			require.NotEmpty(t, rule.Annotations["description"], rule.Alert)
		}
	}
}
