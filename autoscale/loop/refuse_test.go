package loop

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// While something forbids it nothing is sent or written, loudly; then it acts at once,
// and stops again when it is forbidden again.
func TestRefusedTicksAreThoseOfADryRun(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	why := "azslurmd is running"
	r := newRig(t, func(o *Options) {
		o.Logger = zap.New(core)
		o.Refuse = func(ctx context.Context) string {
			_, bounded := ctx.Deadline()
			require.True(t, bounded)
			return why
		}
	})
	r.queue.submit(r.at, 2)
	report := r.ticks(2)
	require.Equal(t, why, report.Refused)
	require.False(t, report.Acted)
	require.True(t, report.Good(), "all could be read")
	require.Equal(t, 2, report.Plan.Grow[0].Count)
	require.Empty(t, r.cloud.calls)
	require.Empty(t, r.all())
	require.Equal(t, 1.0, r.series("autoscaled_refused")[""])
	require.Equal(t, 1, logs.FilterMessage("step failed").FilterField(zap.String("error", why)).Len())
	m, err := r.journal.Memory(t.Context())
	require.NoError(t, err)
	require.Zero(t, m)

	why = ""
	report = r.tick()
	require.Empty(t, report.Refused)
	require.True(t, report.Acted)
	require.Equal(t, 2, r.cloud.serial)
	require.Zero(t, r.series("autoscaled_refused")[""])
	require.Equal(t, 1, logs.FilterMessage("step works again").FilterField(zap.String("step", "act")).Len())

	r.ticks(20)
	r.queue.clear()
	why = "ResumeProgram is theirs"
	report = r.ticks(int(time.Hour / step))
	require.Len(t, report.Plan.Remove[0].Nodes, 2)
	require.Zero(t, r.cloud.count("remove"))
	why = ""
	r.tick()
	require.Equal(t, 1, r.cloud.count("remove"))
}

// A dry run tells what would stand in its way, and has no problem with it.
func TestDryRunTellsWhatWouldBeRefused(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.DryRun = true
		o.Refuse = func(context.Context) string { return "azslurmd is running" }
	})
	report := r.tick()
	require.Equal(t, "azslurmd is running", report.Refused)
	require.Empty(t, report.Problems)
	require.Equal(t, 1.0, r.series("autoscaled_refused")[""])
}
