package project

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScan(t *testing.T) {
	for _, test := range []struct {
		expression string
		metrics    []string
		grouped    []string
		labels     []string
	}{
		{`autoscaled_nodes`, []string{"autoscaled_nodes"}, nil, nil},
		{`sum by (pool, phase) (autoscaled_nodes{cluster=~"$cluster", phase!="ready"})`,
			[]string{"autoscaled_nodes"}, []string{"pool", "phase"}, []string{"cluster", "phase"}},
		{`time() - autoscaled_a_seconds > 3 * autoscaled_b_seconds`, []string{"autoscaled_a_seconds", "autoscaled_b_seconds"}, nil, nil},
		{`label_replace(up{job="autoscaled_x{y=1}"}, "a", "autoscaled_z", "b", "")`, []string{"up"}, nil, []string{"job"}},
		{`histogram_quantile(0.9, sum by (le) (rate(autoscaled_tick_seconds_bucket[5m])))`,
			[]string{"autoscaled_tick_seconds_bucket"}, []string{"le"}, nil},
		{`a{x="1"} * on (cluster) group_left (version) autoscaled_build_info`, []string{"a", "autoscaled_build_info"}, []string{"cluster", "version"}, []string{"x"}},
	} {
		q := scan(test.expression)
		require.Equal(t, test.metrics, q.metrics(), test.expression)
		require.Equal(t, test.grouped, q.grouped, test.expression)
		var labels []string
		for _, s := range q.selectors {
			labels = append(labels, s.labels...)
		}
		require.Equal(t, test.labels, labels, test.expression)
	}
}
