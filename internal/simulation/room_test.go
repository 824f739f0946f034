package simulation

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/sim"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// crowdedOut tells whether a job waits for which there is no room beside what runs,
// whoever else may go: the first in order, for which room is kept from those after it. A
// queue that starts those on nodes that are free for the moment lets it wait for them.
func (h *house) crowdedOut() bool {
	defer h.look()()
	demand, err := h.world.jobs.Demand(context.Background())
	if err != nil || len(demand.Classes) == 0 {
		return false
	}
	first := &demand.Classes[0].Shape // classes are in the order of their first jobs
	return roomBeside(&h.policy, first, h.working(first)) < first.Tasks
}

// working counts by nodearray the nodes that work, and in pools of no use to a job those
// that the policy keeps while another of their placement group works.
func (h *house) working(job *autoscale.Shape) map[string]int {
	working, groups := map[string]int{}, map[string]bool{}
	nodes := h.ours()
	busy := func(n cyclecloudtest.NodeRecord) bool {
		host, joined := h.joined[n.ID]
		return joined && h.world.jobs.Busy(host)
	}
	for _, n := range nodes {
		_, usable := job.Selector.Match(map[string]string{autoscale.LabelNodearray: n.Bucket.Nodearray})
		if busy(n) && n.PlacementGroup != "" && !usable && h.pool(n.Bucket.Nodearray).RemoveGroupsWhole {
			groups[n.PlacementGroup] = true
		}
	}
	for _, n := range nodes {
		if busy(n) || groups[n.PlacementGroup] {
			working[n.Bucket.Nodearray]++
		}
	}
	return working
}

// hadRoom is since when jobs would have waited had the first in order always had room:
// it moves on with each look at which that one is crowded out.
func (h *house) hadRoom() func() time.Time {
	from := time.Now()
	return func() time.Time {
		if h.crowdedOut() {
			from = from.Add(lookEvery)
		}
		return from
	}
}

// roomBeside is how many nodes the policy's limits leave for a job beside those that
// work, by nodearray, and those that pools of no use to it keep whatever comes; where no
// limit is near, as many as the largest job needs.
func roomBeside(p *autoscale.Policy, job *autoscale.Shape, working map[string]int) (room int) {
	held := 0
	for i := range p.Pools {
		pool := &p.Pools[i]
		works := working[pool.Name]
		if _, usable := job.Selector.Match(map[string]string{autoscale.LabelNodearray: pool.Name}); !usable {
			held += max(works, pool.Min)
			continue
		}
		held += works
		here := largest
		if pool.Max > 0 {
			here = pool.Max - works
		}
		if job.Grouping == autoscale.Coupled {
			room = max(room, here)
		} else {
			room += here
		}
	}
	for _, most := range []int{p.Max, int(p.Budget.PerHour)} {
		if most > 0 {
			room = min(room, most-held)
		}
	}
	return room
}

// TestRoomBeside: what works, and what other pools keep, is in the way of a job; nodes
// that do nothing are not.
func TestRoomBeside(t *testing.T) {
	execute := autoscale.HasLabel(autoscale.LabelNodearray, "execute")
	narrow := []autoscale.PoolPolicy{{Name: "execute", Max: 8, Min: 1}, {Name: "mpi", Max: 8, Min: 1}}
	wide := []autoscale.PoolPolicy{{Name: "execute"}, {Name: "mpi", Min: 1, Buffer: 1}}
	for name, c := range map[string]struct {
		policy  autoscale.Policy
		job     autoscale.Shape
		working map[string]int
		room    int
	}{
		"the pool's max":              {autoscale.Policy{Pools: narrow}, autoscale.Shape{Selector: execute}, map[string]int{"execute": 5, "mpi": 5}, 3},
		"that of either pool":         {autoscale.Policy{Pools: narrow}, autoscale.Shape{}, map[string]int{"execute": 5, "mpi": 6}, 3 + 2},
		"in one pool alone":           {autoscale.Policy{Pools: narrow}, autoscale.Shape{Grouping: autoscale.Coupled}, map[string]int{"execute": 5, "mpi": 6}, 3},
		"the policy's max":            {autoscale.Policy{Max: 10, Pools: wide}, autoscale.Shape{Selector: execute}, map[string]int{"execute": 6, "mpi": 2}, 2},
		"what another pool keeps":     {autoscale.Policy{Max: 10, Pools: wide}, autoscale.Shape{Selector: execute}, map[string]int{"execute": 6}, 3},
		"what a pool of its own does": {autoscale.Policy{Max: 10, Pools: wide}, autoscale.Shape{}, map[string]int{"execute": 7}, 3},
		"the budget an hour":          {autoscale.Policy{Budget: autoscale.Budget{PerHour: 10}, Pools: wide}, autoscale.Shape{}, map[string]int{"execute": 9}, 1},
		"no limit is near":            {autoscale.Policy{Pools: wide}, autoscale.Shape{Selector: execute}, map[string]int{"execute": 9}, largest},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.room, roomBeside(&c.policy, &c.job, c.working))
		})
	}
}

// TestCrowdedOut: a gang that the queue let later jobs pass waits for them where they
// leave it no room, and for nobody where nodes do nothing.
func TestCrowdedOut(t *testing.T) {
	for name, c := range map[string]struct {
		passed  int
		crowded bool
	}{
		"later jobs leave no room": {5, true},
		"they leave just enough":   {4, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := crowd(t, c.passed)
				require.Equal(t, c.crowded, h.crowdedOut())
			})
		})
	}
}

// crowd is a house of a narrow pool whose last nodes have just come up for jobs after a
// gang that waits.
func crowd(t *testing.T, passed int) *house {
	cfg := cyclecloudtest.DefaultConfig()
	cfg.Clusters[0].Name = cluster
	w, err := newWorld(scenario{cloud: cfg, policy: autoscale.Policy{Pools: []autoscale.PoolPolicy{{Name: "execute", Max: 8}}}})
	require.NoError(t, err)
	task := autoscale.Shape{
		Tasks: 1, PerTask: autoscale.Resources{Cores: 4}, Exclusive: autoscale.ExclusiveTask,
		Selector: autoscale.HasLabel(autoscale.LabelNodearray, "execute"),
	}
	gang := task
	gang.Tasks, gang.Gang = largest, autoscale.GangAll
	require.NoError(t, w.jobs.Submit(sim.Job{Job: autoscale.Job{ID: "gang", Shape: gang, Submitted: begin}, Run: time.Hour}))
	for i := range passed {
		job := autoscale.Job{ID: autoscale.JobID(fmt.Sprint("later-", i)), Shape: task, Submitted: begin.Add(time.Second)}
		require.NoError(t, w.jobs.Submit(sim.Job{Job: job, Run: lastRun}))
		_, err := w.cloud.AddNodes(cyclecloudtest.BucketKey{Nodearray: "execute", MachineType: "Standard_F4s_v2"}, 1)
		require.NoError(t, err)
		sleep(t.Context(), time.Hour/4)
		w.mu.Lock()
		w.follow()
		w.mu.Unlock()
	}
	require.Equal(t, passed, w.jobs.Totals().Running)
	return &house{world: w}
}

// TestLastEnded: what settles has its time from the last end of a job on.
func TestLastEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := crowd(t, largest)
		require.Zero(t, h.lastEnded())
		sleep(t.Context(), 2*lastRun)
		require.NotZero(t, h.lastEnded())
		require.True(t, h.lastEnded().Before(time.Now()))
	})
}
