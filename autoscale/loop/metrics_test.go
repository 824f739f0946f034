package loop

import (
	"github.com/stretchr/testify/require"
)

// counter is the sum of a counter over all of its labels.
func (r *rig) counter(name string) (sum float64) {
	r.t.Helper()
	families, err := r.metrics.Gather()
	require.NoError(r.t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}
