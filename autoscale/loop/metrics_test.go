package loop

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// gather returns the registry's families by name.
func (r *rig) gather() map[string]*dto.MetricFamily {
	r.t.Helper()
	list, err := r.metrics.Gather()
	require.NoError(r.t, err)
	families := make(map[string]*dto.MetricFamily, len(list))
	for _, f := range list {
		families[f.GetName()] = f
	}
	return families
}

// series are a metric's values by the values of its labels but the cluster, in
// order of the labels' names and joined by commas. Of a histogram it is the count.
func (r *rig) series(name string) map[string]float64 {
	r.t.Helper()
	values := make(map[string]float64)
	for _, m := range r.gather()[name].GetMetric() {
		key := ""
		for _, l := range m.GetLabel() {
			switch {
			case l.GetName() == "cluster":
				require.Equal(r.t, "demo", l.GetValue())
			case key == "":
				key = l.GetValue()
			default:
				key += "," + l.GetValue()
			}
		}
		values[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return values
}

// counter is the sum of a metric over all of its labels.
func (r *rig) counter(name string) (sum float64) {
	for _, v := range r.series(name) {
		sum += v
	}
	return sum
}

func TestMetricsFollowTheWorld(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 3)
	r.queue.pending[2].Held = "JobHeldUser"
	r.tick()
	require.Equal(t, map[string]float64{"": 3}, r.series("autoscaled_demand_jobs"))
	require.Equal(t, map[string]float64{"": 3}, r.series("autoscaled_demand_tasks"))
	require.Equal(t, map[string]float64{"": 12}, r.series("autoscaled_demand_cores"))
	require.Equal(t, map[string]float64{"on_new": 2}, r.series("autoscaled_jobs_served"))
	require.Equal(t, map[string]float64{"held": 1}, r.series("autoscaled_jobs_waiting"))
	require.Equal(t, map[string]float64{"grow,demand": 2}, r.series("autoscaled_decisions_total"))
	require.Equal(t, map[string]float64{"execute/F4,demand": 2}, r.series("autoscaled_nodes_created_total"))
	require.Equal(t, 1.0, r.series("autoscaled_operations_open")["create,accepted"])
	require.Equal(t, 1.0, r.series("autoscaled_operation_transitions_total")["create,sent"])
	require.Equal(t, float64(r.at.Add(-step).Unix()), r.counter("autoscaled_last_good_tick_timestamp_seconds"))

	r.ticks(10)
	require.Equal(t, 2.0, r.series("autoscaled_nodes")["ready,execute/F4"])
	require.Equal(t, 0.0, r.series("autoscaled_nodes")["starting,execute/F4"])
	require.Equal(t, 2.0, r.series("autoscaled_limit_used")["cluster/nodes,nodes"])
	require.Equal(t, 1000.0, r.series("autoscaled_limit_max")["cluster/nodes,nodes"])
	require.Equal(t, map[string]float64{"execute/F4": 2}, r.series("autoscaled_node_boot_duration_seconds"))
	require.Equal(t, 0.0, r.series("autoscaled_operations_open")["create,accepted"])
	require.Equal(t, map[string]float64{"on_new": 0, "on_ready": 2, "on_starting": 0}, r.series("autoscaled_jobs_served"))

	r.queue.clear()
	r.ticks(20)
	require.Equal(t, map[string]float64{"execute/F4,idle": 2}, r.series("autoscaled_nodes_removed_total"))
	require.Equal(t, map[string]float64{"held": 0}, r.series("autoscaled_jobs_waiting"), "a series stays when its reason is over")
	require.Empty(t, r.series("autoscaled_nodes_evicted_total"))
	require.Equal(t, 31.0, r.series("autoscaled_ticks_total")["good"])
	require.Equal(t, 31.0, r.counter("autoscaled_tick_duration_seconds"))
}

func TestOldestWaitIsToldByPool(t *testing.T) {
	r := newRig(t)
	r.cloud.max = 1
	r.queue.submit(r.at, 3)
	r.tick()
	require.Equal(t, map[string]float64{"execute/F4": 0}, r.series("autoscaled_oldest_wait_seconds"))
	r.ticks(4)
	require.Equal(t, map[string]float64{"execute/F4": 120}, r.series("autoscaled_oldest_wait_seconds"))
	r.queue.clear()
	r.tick()
	require.Equal(t, map[string]float64{"execute/F4": 0}, r.series("autoscaled_oldest_wait_seconds"))
}

// A CI runner is of use once the queue has heard of it, which is later than its VM is up.
func TestJoiningIsMeasured(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 1)
	r.queue.missing = true
	r.until(func() bool { return r.series("autoscaled_nodes")["ready,execute/F4"] == 1 })
	require.Equal(t, map[string]float64{"execute/F4,Booted": 1, "execute/F4,Booting": 0}, r.series("autoscaled_node_states"))
	r.ticks(3)
	require.Empty(t, r.series("autoscaled_node_join_duration_seconds"))
	r.queue.missing = false
	r.queue.schedule(r.at, r.cloud.list(), step)
	r.ticks(3)
	require.Equal(t, map[string]float64{"execute/F4": 1}, r.series("autoscaled_node_join_duration_seconds"))
}

func TestDemandBeyondAnIntIsCounted(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 10)
	for i := range r.queue.pending {
		r.queue.pending[i].Tasks, r.queue.pending[i].PerTask.Cores = 1e9, 1e9
	}
	r.tick()
	require.Equal(t, map[string]float64{"": 1e10}, r.series("autoscaled_demand_tasks"))
	require.Equal(t, map[string]float64{"": 1e19}, r.series("autoscaled_demand_cores"))
}

func TestLostAnswersAreCountedOnce(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 3)
	r.fail(1, "create", lostAfter)
	r.ticks(10)
	require.Equal(t, 3.0, r.counter("autoscaled_nodes_created_total"))
	r.queue.clear()
	r.fail(1, "remove", lostAfter)
	r.ticks(20)
	require.Equal(t, 3.0, r.counter("autoscaled_nodes_removed_total"))
	require.Zero(t, r.counter("autoscaled_nodes_evicted_total"))
}

func TestNodeRemovedBetweenTwoLooksIsNoEviction(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 1)
	r.ticks(10)
	r.queue.clear()
	r.until(func() bool { return r.cloud.count("remove") > 0 })
	r.cloud.vanish("node-001")
	r.tick()
	require.Zero(t, r.counter("autoscaled_nodes_evicted_total"))
	require.Equal(t, autoscale.OpConverged, r.all()[1].Phase)
}

func TestUnknownKeepsTheLastGauges(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 2)
	good := r.tick()
	r.tick()
	r.queue.err, r.cloud.observe = errors.New("away"), errors.New("away")
	r.ticks(3)
	require.Zero(t, r.counter("autoscaled_demand_known"))
	require.Zero(t, r.counter("autoscaled_supply_known"))
	require.Equal(t, 2.0, r.counter("autoscaled_demand_jobs"))
	require.Equal(t, 2.0, r.series("autoscaled_nodes")["starting,execute/F4"])
	require.Equal(t, map[string]float64{"supply_unknown": 1}, r.series("autoscaled_holds"))
	require.Equal(t, 3.0, r.series("autoscaled_ticks_total")["blind"])
	require.Equal(t, float64(good.At.Add(step).Unix()), r.counter("autoscaled_last_good_tick_timestamp_seconds"))
	r.queue.err, r.cloud.observe = nil, nil
	r.tick()
	require.Equal(t, 1.0, r.counter("autoscaled_demand_known"))
	require.Equal(t, map[string]float64{"supply_unknown": 0}, r.series("autoscaled_holds"))
}

// everything has happened to the rig that metrics tell of.
func eventful(t *testing.T) *rig {
	var q *drainQueue
	r := newRig(t, deallocating, func(o *Options) {
		o.Policy.Pools[0].PricePerHour, o.Policy.Pools[0].ReportFailed = 1.5, "Resource.Hpc"
		o.Policy.Pools[0].DrainTimeout = time.Minute
		q = withMarks(o)
	})
	r.queue.submit(r.at, 3)
	r.queue.pending[0].Held = "JobHeldUser"
	r.ticks(10)
	r.cloud.vanish("node-001")
	r.queue.clear()
	r.queue.err = errors.New("away")
	r.tick()
	r.queue.err = nil
	r.ticks(20)
	r.queue.submit(r.at, 1)
	r.tick()
	r.cloud.add(autoscale.Grow{Request: "not on record", Pool: poolID, Count: 1})
	r.tick()
	r.cloud.breakDown("node-002")
	r.tick()
	q.deaf = true
	r.queue.clear()
	r.ticks(20)
	return r
}

func TestMetricsAreDocumentedAndConventional(t *testing.T) {
	r := eventful(t)
	families := r.gather()
	var text bytes.Buffer
	for _, f := range families {
		_, err := expfmt.MetricFamilyToText(&text, f)
		require.NoError(t, err)
	}
	problems, err := promlint.New(&text).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)

	for _, info := range MetricInfos() {
		f, there := families[info.Name]
		require.True(t, there, "%s has no series", info.Name)
		delete(families, info.Name)
		require.Equal(t, info.Help, f.GetHelp())
		kinds := map[string]dto.MetricType{"counter": dto.MetricType_COUNTER, "gauge": dto.MetricType_GAUGE, "histogram": dto.MetricType_HISTOGRAM}
		require.Equal(t, kinds[info.Type], f.GetType(), info.Name)
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		require.ElementsMatch(t, info.Labels, labels, info.Name)
	}
	require.Empty(t, families, "metrics that no one documents")
}

func TestMetricsOfTwoClustersStandTogether(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	for _, name := range []string{"a", "b"} {
		l, err := New(Options{Cluster: name, Cloud: newFakeCloud(time.Now), Queue: newFakeQueue(), Journal: newRig(t).journal, Metrics: m})
		require.NoError(t, err)
		_, err = l.Tick(t.Context(), start)
		require.NoError(t, err)
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "autoscaled_demand_known" })
	require.Len(t, families[i].GetMetric(), 2)
}

func TestOperationKindsAndPhasesAreAnnounced(t *testing.T) {
	r := newRig(t)
	require.Len(t, r.series("autoscaled_operation_transitions_total"), 3*len(phases))
	require.Len(t, r.series("autoscaled_ticks_total"), 4)
	for _, p := range phases[:4] {
		require.False(t, p.Final())
	}
	for _, p := range phases[4:] {
		require.True(t, p.Final())
	}
	require.Equal(t, autoscale.OpIntended, phases[0])
}

// Money is shown in whole currency, and only once something is known of it.
func TestMoneyGauges(t *testing.T) {
	require.Empty(t, spendGauges(autoscale.Spend{}))
	gauges := append(spendGauges(autoscale.Spend{Month: "2026-03", Amount: 12.5, PerHour: 1_500_000, At: time.Unix(1, 0)}),
		limitGauges(Report{Plan: autoscale.Plan{At: time.Unix(1, 0), Limits: []autoscale.Limit{{ID: autoscale.BudgetPerHour, Unit: autoscale.UnitMoney, Max: 10_000_000, Used: 9_250_000}}}})...)
	labels := []string{"budget/hour", "money"}
	require.Equal(t, []gauge{{infoSpendMonth, nil, 12.5}, {infoSpendHour, nil, 1.5}, {infoLimitMax, labels, 10}, {infoLimitUsed, labels, 9.25}}, gauges)
}
