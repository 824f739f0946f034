package loop

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"autoscaled/autoscale"
)

func logged(t *testing.T) (*rig, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.InfoLevel)
	return newRig(t, func(o *Options) { o.Logger = zap.New(core) }), logs
}

func TestOneLineAnAction(t *testing.T) {
	r, logs := logged(t)
	r.queue.submit(r.at, 2)
	r.tick()
	lines := logs.TakeAll()
	require.Len(t, lines, 1)
	require.Equal(t, "nodes are being created", lines[0].Message)
	fields := lines[0].ContextMap()
	for key, want := range map[string]any{
		"cluster": "demo", "request": "request-1", "kind": "create", "phase": "accepted", "pool": "execute/F4",
		"reason": "demand", "because": "for 2 waiting jobs", "count": int64(2), "added": int64(2),
	} {
		require.Equal(t, want, fields[key], key)
	}
	r.ticks(10)
	require.Equal(t, 1, logs.FilterMessage("operation has ended").Len())
	r.queue.clear()
	logs.TakeAll()
	r.ticks(12)
	line := logs.TakeAll()[0]
	require.Equal(t, "nodes are being removed", line.Message)
	require.Equal(t, "idle", line.ContextMap()["reason"])
}

func TestEvictionIsLogged(t *testing.T) {
	r, logs := logged(t)
	r.queue.submit(r.at, 1)
	r.ticks(2)
	r.cloud.vanish("node-001")
	r.tick()
	require.Equal(t, 1, logs.FilterMessage("node is gone, and not by us").Len())
}

// A pool whose nodearray is misspelt would else be ready and do nothing.
func TestAPoolThatMatchesNothingIsToldOnce(t *testing.T) {
	r, logs := logged(t)
	right := *r.loop.policy.Load()
	wrong := right
	wrong.Pools = append(slices.Clone(right.Pools), autoscale.PoolPolicy{
		Name: "typo", Match: autoscale.HasLabel(autoscale.LabelNodearray, "exeucte"),
	})
	told := func() (names []any) {
		r.ticks(3)
		for _, line := range logs.FilterMessage("nothing in the cloud belongs to a pool of the policy").All() {
			names = append(names, line.ContextMap()["pool"])
		}
		logs.TakeAll()
		return names
	}
	require.Empty(t, told())
	r.cloud.observe = errors.New("away")
	r.loop.SetPolicy(wrong)
	require.Empty(t, told(), "while the cloud is unknown")
	r.cloud.observe = nil
	require.Equal(t, []any{"typo"}, told())
	require.Empty(t, told())
	r.loop.SetPolicy(right)
	require.Empty(t, told())
	r.loop.SetPolicy(wrong)
	require.Equal(t, []any{"typo"}, told(), "told again when it comes back")
}

func TestProblemsAreToldOnChangeAndEverMoreRarely(t *testing.T) {
	r, logs := logged(t)
	var told []time.Duration
	tick := func() {
		r.tick()
		for _, line := range logs.TakeAll() {
			if line.Message == "step failed" {
				require.Equal(t, "queue", line.ContextMap()["step"])
				told = append(told, r.at.Add(-step).Sub(start))
			}
		}
	}
	for i := range 20 {
		r.queue.err = fmt.Errorf("read tcp 10.0.0.1:%d: connection reset", 40000+i)
		tick()
	}
	require.Equal(t, []time.Duration{0, time.Minute, 3 * time.Minute, 7 * time.Minute}, told, "ports do not make it another problem")
	r.queue.err = errors.New("not authorised")
	tick()
	tick()
	require.Len(t, told, 5, "another problem is told at once, and once")
	r.queue.err = nil
	r.tick()
	require.Equal(t, 1, logs.FilterMessage("step works again").Len())
	r.queue.err = errors.New("not authorised")
	tick()
	require.Len(t, told, 6)
}

func TestRefusalsAreToldRarely(t *testing.T) {
	r, logs := logged(t)
	r.queue.submit(r.at, 1)
	r.fail(1000, "create", unavailable)
	r.ticks(20)
	require.Equal(t, 20, r.cloud.count("create"))
	require.Equal(t, 4, logs.FilterMessage("step failed").Len())
	require.Equal(t, 4, logs.Len())
}

func TestRemindersGrowToAnHour(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	r := newReporter(zap.New(core))
	for at := start; at.Before(start.Add(24 * time.Hour)); at = at.Add(step) {
		r.tick(Report{At: at, Problems: []Problem{{Step: StepCloud, Err: errors.New("away")}}})
	}
	// 0, 1, 3, 7, 15, 31, 63 minutes, and then every hour.
	require.Equal(t, 7+22, logs.Len())
}

func TestDrainIsLogged(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	newReporter(zap.New(core)).marked(StepUndrain, autoscale.Drained{Node: autoscale.Node{ID: "n1"}, Reason: autoscale.Reason{Code: autoscale.ReasonWantedAgain}})
	require.Equal(t, "node is being undrained", logs.All()[0].Message)
	require.Equal(t, "wanted_again", logs.All()[0].ContextMap()["reason"])
}

// Whoever looks into the log of a daemon that was restarted learns what holds it still.
func TestWhatLastsIsToldAtStart(t *testing.T) {
	r, logs := logged(t)
	r.queue.submit(r.at, 1)
	r.fail(1000, "create", forbidden)
	r.ticks(2)
	_, err := r.loop.Pause(t.Context(), "all", 0, "")
	require.NoError(t, err)
	r.ticks(2)
	paused := logs.FilterMessage("pool is paused").All()
	require.Len(t, paused, 1)
	require.NotContains(t, paused[0].ContextMap(), "until", "it does not end by itself")
	require.NotContains(t, paused[0].ContextMap(), "why")
	require.Equal(t, 1, logs.FilterMessage("errors that waiting does not end have stopped this cloud").Len())
	logs.TakeAll()
	r.restart()
	r.ticks(2)
	require.Equal(t, 1, logs.FilterMessage("pool is paused").Len())
	require.Equal(t, 1, logs.FilterMessage("errors that waiting does not end have stopped this cloud").Len())
}

// Nodes with our mark that come while we run, and that we did not ask for, are another
// daemon's. After the state directory was lost they may be our own.
func TestAnotherDaemonIsTold(t *testing.T) {
	r, logs := logged(t)
	_, err := r.cloud.Create(t.Context(), autoscale.Grow{Request: "before", Pool: poolID, Count: 1})
	require.NoError(t, err)
	r.ticks(2)
	require.Equal(t, 1, logs.FilterMessage("nodes that no record told of are taken for ours").Len())
	theirs := func() int {
		return logs.FilterMessage("nodes with our mark came up without our asking; does another daemon work on this cluster?").Len()
	}
	require.Zero(t, theirs())
	_, err = r.cloud.Create(t.Context(), autoscale.Grow{Request: "theirs", Pool: poolID, Count: 1})
	require.NoError(t, err)
	r.ticks(3)
	require.Equal(t, 1, theirs(), "once")
}
