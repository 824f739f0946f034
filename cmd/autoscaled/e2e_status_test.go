package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/queue/slurm"
)

// statusOf runs `status -o json`.
func (s *site) statusOf() (d statusDocument) {
	s.t.Helper()
	r := s.command("status", "-o", "json")
	require.Zero(s.t, r.code, r.err)
	require.NoError(s.t, json.Unmarshal([]byte(r.out), &d))
	return d
}

// whyOf runs `why -o json`.
func (s *site) whyOf(job string) (d whyDocument) {
	s.t.Helper()
	r := s.command("why", job, "-o", "json")
	require.Zero(s.t, r.code, r.err)
	require.NoError(s.t, json.Unmarshal([]byte(r.out), &d))
	return d
}

const waitingQueue = `jobs:
  - {id: "7_1", priority: 3, tasks: 2, exclusive: task, submitted: 2026-11-22T05:00:00Z}
  - {id: "7_2", priority: 2, cores: 1000, submitted: 2026-11-22T04:00:00Z}
  - {id: "71", held: JobHeldUser}
  - {id: "72", held: JobHeldUser}
  - {id: "6", held: "Licenses: waits for licences"}
running: [{host: elsewhere, jobs: ["9"]}]
`

func TestStatusAndWhyOfADaemon(t *testing.T) {
	s := newSiteAt(t, 1, nil) // nodes boot longer than the test takes
	s.write("queue.yaml", waitingQueue)
	p := s.start()
	p.ready()
	eventually(t, "nodes are asked for", func() bool { return s.nodes() == 2 })
	var d statusDocument
	eventually(t, "the daemon sees them", func() bool {
		d = s.statusOf()
		return len(d.Pools) > 0 && len(d.Operations) == 1 && d.Operations[0].Seen == 2
	})
	require.Equal(t, "demo", d.Cluster)
	require.Contains(t, d.Queue, "queue.yaml")
	require.Empty(t, d.Problems)
	require.WithinDuration(t, time.Now(), d.Tick, deadline)
	require.GreaterOrEqual(t, d.Operations[0].Age, 0.0)
	require.Equal(t, 1, d.Jobs.Served)
	require.Equal(t, 4, d.Jobs.Waiting)
	reasons := each(d.Jobs.Reasons, func(w statusWaiting) autoscale.ReasonCode { return w.Code })
	require.Equal(t, []autoscale.ReasonCode{autoscale.ReasonHeld, autoscale.ReasonTooLarge, autoscale.ReasonHeld}, reasons, "the most first, and each word of the queue for itself")
	require.Equal(t, []autoscale.JobID{"71", "72"}, d.Jobs.Reasons[0].Jobs)
	require.Equal(t, time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC), d.Jobs.Reasons[1].Oldest.UTC())

	r := s.command("status")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "Cluster demo: last tick ")
	require.Regexp(t, `(?m)^  execute/Standard_F4s_v2 +· +2 `, r.out)
	require.Regexp(t, `(?m)^  create +accepted +2 of 2 nodes +execute/Standard_F4s_v2 +for \d`, r.out)
	require.Regexp(t, `(?m)^  2 +wait: JobHeldUser: 71, 72$`, r.out)

	w := s.whyOf("7")
	require.Len(t, w.Jobs, 2, "the tasks of an array, and no job whose number begins alike")
	require.EqualValues(t, "7_1", w.Jobs[0].ID)
	require.Len(t, w.Nodes, 2)
	require.Equal(t, autoscale.PhaseStarting, w.Nodes[0].Phase)
	require.Equal(t, autoscale.ReasonTooLarge, w.Jobs[1].Reason.Code)
	r = s.command("why", "7_2")
	require.Zero(t, r.code)
	require.Contains(t, r.out, "7_2 waits: no machine type it may use has 1000 cores")
	require.Contains(t, r.out, "It was submitted ")
	r = s.command("why", "9")
	require.Zero(t, r.code)
	require.Equal(t, "9 runs on elsewhere.\n", r.out)
	r = s.command("why", "8")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "the queue told of no job 8 at ")

	r = s.command("pause", "small", "--reason", "new image")
	require.Zero(t, r.code, r.err)
	s.write("queue.yaml", "jobs: [")
	eventually(t, "the queue is broken", func() bool { return len(s.statusOf().Problems) > 0 })
	r = s.command("status")
	require.Contains(t, r.out, "PROBLEM  queue: ")
	require.Contains(t, r.out, "PAUSED   pool small is paused")
	require.Contains(t, r.out, "HOLD     ")
	r = s.command("why", "7_1")
	require.Equal(t, exitBlind, r.code)
	require.Contains(t, r.err, "nothing is known of job 7_1: queue: ")
}

func TestStatusAndWhyWithoutADaemon(t *testing.T) {
	s := newSite(t, nil)
	s.write("queue.yaml", waitingQueue)
	r := s.command("status")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "no daemon is running; autoscaled plan tells what one would do")
	r = s.command("why", "7_1")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "7_1 gets 2 new nodes of execute/Standard_F4s_v2.")
	for _, command := range []string{"status", "why"} {
		require.Equal(t, exitUsage, s.command(command, "-o", "yaml", "x").code)
	}
}

func TestStatusCountsDown(t *testing.T) {
	at := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	d := statusDocument{At: at, DryRun: true, Awaited: []statusAwaited{
		{Node: "htc-1", Since: at.Add(-31 * time.Minute), Left: -60, Jobs: []string{"7", "8"}},
		{Node: "htc-2", Since: at.Add(-2 * time.Minute), Left: 1680.4, Phase: autoscale.PhaseStarting},
		{Node: "htc-3", Since: at.Add(-time.Minute), Left: 1740, Request: "r"},
	}}
	var out bytes.Buffer
	require.NoError(t, writeStatus(&out, d))
	_, table, found := strings.Cut(out.String(), "Nodes that Slurm waits for\n")
	require.True(t, found)
	require.Equal(t, `  NODE   WAITED  LEFT   VM             JOBS
  htc-1  31m0s   over   not asked for  7, 8
  htc-2  2m0s    28m0s  starting
  htc-3  1m0s    29m0s  asked for
`, table)
	require.Contains(t, out.String(), "no tick yet")
	require.Contains(t, out.String(), "DRY RUN")
}

// A daemon that was restarted sees a node wake for the first time, and knows from its
// journal since when; of one that still goes it knows nothing.
func TestStatusKnowsWhatWasAskedBeforeARestart(t *testing.T) {
	at := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	seen := func(name string) slurm.Awaited {
		return slurm.Awaited{Node: name, Since: at.Add(-time.Minute), Until: at.Add(29 * time.Minute)}
	}
	var r loop.Report
	r.Observation.Supply.Nodes = []autoscale.Node{{ID: "1", Name: "htc-1", Phase: autoscale.PhaseStarting}, {ID: "2", Name: "htc-2", Phase: autoscale.PhaseStopping}}
	r.Memory.Nodes = map[autoscale.NodeID]autoscale.NodeMemory{"1": {Asked: at.Add(-10 * time.Minute)}, "2": {Asked: at.Add(-time.Hour)}}
	r.Operations = []autoscale.Operation{{Request: "r", Names: []string{"HTC-3"}, Intended: at.Add(-5 * time.Minute)}, {Request: "later", Names: []string{"htc-4"}, Intended: at}}
	require.Equal(t, []statusAwaited{
		{Node: "htc-1", Since: at.Add(-10 * time.Minute), Left: 1200, Phase: autoscale.PhaseStarting},
		{Node: "htc-2", Since: at.Add(-time.Minute), Left: 1740, Phase: autoscale.PhaseStopping},
		{Node: "htc-3", Since: at.Add(-5 * time.Minute), Left: 1500, Request: "r"},
		{Node: "htc-4", Since: at.Add(-time.Minute), Left: 1740, Request: "later"},
	}, newSummary(r).awaited([]slurm.Awaited{seen("htc-1"), seen("htc-2"), seen("htc-3"), seen("htc-4")}, at))
}
