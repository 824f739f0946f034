package cyclecloud_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/cyclecloud"
	"autoscaled/cyclecloud/cyclecloudtest"
)

var _ loop.HealthReporter = (*cyclecloud.Provider)(nil)

func TestReportHealth(t *testing.T) {
	w := newWorld(t, cyclecloudtest.DefaultConfig())
	w.observe(t)
	_, err := w.provider.Create(t.Context(), grow("r1", "execute/Standard_F4s_v2", 1))
	require.NoError(t, err)
	w.clock.Advance(time.Hour)
	report := autoscale.HealthReport{
		Node: w.observe(t).Nodes[1], Category: "Resource.Hpc",
		Reason: autoscale.Reason{Code: autoscale.ReasonFailed, Detail: strings.Repeat("é", 1000)},
	}
	for range 2 {
		require.NoError(t, w.provider.ReportHealth(t.Context(), report), "one that was made before is success")
	}
	text, err := w.client.HealthReport(t.Context(), "demo", report.Node.Name, cyclecloud.HealthReport{Category: "Resource.Hpc"})
	require.NoError(t, err)
	require.Contains(t, string(text), "the cloud says it failed: é")

	report.Category = ""
	require.ErrorIs(t, w.provider.ReportHealth(t.Context(), report), autoscale.ErrRejected)
	report.Category, report.Node.Name = "Resource.Hpc", "nobody"
	require.ErrorIs(t, w.provider.ReportHealth(t.Context(), report), autoscale.ErrRejected)
}
