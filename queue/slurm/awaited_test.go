package slurm_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

// timed is a fixed cluster with a ResumeTimeout.
type timed struct {
	*fixed
	keepAlive
	err error
}

type keepAlive struct{ list string }

func (c timed) Settings(context.Context) (slurm.Settings, error) {
	return slurm.Settings{ResumeTimeout: 30 * time.Minute, SuspendExcNodes: c.list}, c.err
}

func TestAwaitedNodes(t *testing.T) {
	f, now := &fixed{}, hookTime
	f.set("htc-1", waking)
	f.set("htc-2", waking)
	f.set("htc-3", down)
	spool := &spooled{}
	source := powerSource(t, timed{fixed: f}, func(o *slurm.PowerSavingOptions) {
		o.Hooks, o.Now = spool, func() time.Time { return now }
	})
	demandOf(t, source)
	list, err := source.Awaited(t.Context())
	require.NoError(t, err)
	require.Equal(t, []slurm.Awaited{
		{Node: "htc-1", Since: hookTime, Until: hookTime.Add(30 * time.Minute)},
		{Node: "htc-2", Since: hookTime, Until: hookTime.Add(30 * time.Minute)},
	}, list, "first seen now")

	now = now.Add(10 * time.Minute)
	f.set("htc-1", "IDLE+CLOUD")
	f.set("htc-3", waking)
	f.jobs = []slurm.Job{{ID: 7, ArrayID: 5, ArrayTask: 2, State: "RUNNING+CONFIGURING", Nodes: "htc-[2-3]"}, {ID: 8, State: "RUNNING", Nodes: "htc-1"}}
	spool.hooks = []slurm.Hook{
		{Kind: slurm.HookResume, Nodes: "htc-[1-3]", At: hookTime.Add(-time.Minute)},
		{Kind: slurm.HookResume, Nodes: "htc-3", At: hookTime.Add(9 * time.Minute), Jobs: []slurm.HookJob{{ID: 7, Nodes: "htc-[2-3]"}}},
		{Kind: slurm.HookSuspend, Nodes: "htc-3", At: hookTime.Add(time.Hour)},
	}
	demandOf(t, source)
	list, err = source.Awaited(t.Context())
	require.NoError(t, err)
	require.Equal(t, []slurm.Awaited{
		{Node: "htc-2", Since: hookTime.Add(-time.Minute), Until: hookTime.Add(29 * time.Minute), Jobs: []string{"5_2"}},
		{Node: "htc-3", Since: hookTime.Add(9 * time.Minute), Until: hookTime.Add(39 * time.Minute), Jobs: []string{"5_2"}},
	}, list)

	source = powerSource(t, timed{fixed: f, err: autoscale.ErrUnavailable}, nil)
	_, err = source.Awaited(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
}

// KeepAlive is mirrored with each tick, of nodes that Slurm has; never in a dry run, nor
// before Slurm was read.
func TestKeepMirrorsKeepAlive(t *testing.T) {
	f := &fixed{}
	f.set("htc-1", "IDLE+CLOUD")
	supply := autoscale.Supply{Nodes: []autoscale.Node{{ID: "1", Name: "htc-1", KeepAlive: true, Phase: autoscale.PhaseReady}}}
	for _, dry := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "keep_alive.conf")
		cluster := timed{fixed: f, keepAlive: keepAlive{"htc-1"}}
		source := powerSource(t, cluster, func(o *slurm.PowerSavingOptions) {
			o.KeepAlive, o.DryRun = slurm.NewKeepAlive(path, cluster), dry
		})
		require.NoError(t, source.Keep(t.Context(), supply, nil))
		require.NoFileExists(t, path)
		demandOf(t, source)
		require.NoError(t, source.Keep(t.Context(), supply, nil))
		if dry {
			require.NoFileExists(t, path)
		} else {
			require.FileExists(t, path)
		}
	}
}
