package loop

import (
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// brokenRig has n ready nodes, of which the first has failed, and its policy reports
// failed nodes.
func brokenRig(t *testing.T, n int, change ...func(*Options)) *rig {
	r := newRig(t, append(change, func(o *Options) { o.Policy.Pools[0].ReportFailed = "Resource.Hpc" })...)
	r.queue.submit(r.at, n)
	r.until(func() bool { return r.inPhase(autoscale.PhaseReady) == n })
	r.queue.clear()
	r.cloud.breakDown("node-001")
	return r
}

func TestFailedNodeIsReportedOnceAndGoes(t *testing.T) {
	r := brokenRig(t, 1)
	report := r.tick()
	require.Empty(t, report.Problems)
	require.Len(t, r.cloud.reports, 1)
	require.Equal(t, "Resource.Hpc", r.cloud.reports[0].Category)
	require.Equal(t, "the cloud says it failed: the disk is gone", r.cloud.reports[0].Reason.String())
	require.Zero(t, r.cloud.count("remove"))
	require.Equal(t, map[string]float64{"execute/F4": 1}, r.series("autoscaled_nodes_reported_total"))
	require.Equal(t, 1.0, r.series("autoscaled_decisions_total")["report,failed"])

	r.restart()
	r.tick()
	require.Equal(t, 1, r.cloud.count("report"), "a restart does not report it again")
	require.Equal(t, 1, r.cloud.count("remove"))
	r.until(func() bool { return len(r.cloud.list()) == 0 })
}

// A report that can't be made is a problem of three ticks, and does not keep the node
// for ever. It says nothing of the other calls.
func TestReportThatIsRefused(t *testing.T) {
	for name, tries := range map[string]int{"once": 1, "always": 100} {
		t.Run(name, func(t *testing.T) {
			r := brokenRig(t, 1)
			r.fail(tries, "report", forbidden)
			want := min(tries, 3)
			for range want {
				report := r.tick()
				require.Equal(t, StepReport, report.Problems[0].Step)
				require.Equal(t, "Execute-1", report.Problems[0].Subject)
				require.True(t, report.Good())
			}
			require.Equal(t, float64(want), r.series("autoscaled_errors_total")["auth"])
			r.until(func() bool { return len(r.cloud.list()) == 0 })
			require.Equal(t, min(tries+1, 3), r.cloud.count("report"))
			require.Zero(t, r.counter("autoscaled_breaker_open"))
		})
	}
}

func TestKeptFailedNodeIsReportedOnce(t *testing.T) {
	r := brokenRig(t, 2, func(o *Options) { o.Policy.Pools[0].KeepFailed = 1 })
	r.ticks(40)
	require.Equal(t, 1, r.cloud.count("report"))
	require.Equal(t, []autoscale.NodeID{"node-001"}, idsOf(r.cloud.list()))
}

func TestDryRunReportsNothing(t *testing.T) {
	r := brokenRig(t, 1)
	r.options.DryRun = true
	r.restart()
	for range 5 {
		require.Len(t, r.tick().Plan.Report, 1)
	}
	require.Zero(t, r.cloud.count("report"))
}

// A cloud that takes no reports loses its failed nodes at once.
func TestCloudThatTakesNoReports(t *testing.T) {
	r := brokenRig(t, 1)
	r.options.Cloud = struct{ Cloud }{r.cloud}
	r.restart()
	require.Empty(t, r.tick().Plan.Report)
	require.Zero(t, r.cloud.count("report"))
	require.Equal(t, 1, r.cloud.count("remove"))
}
