package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// records are what the dead daemon has written down.
func (w *killWorld) records() (r demoRecords) {
	w.t.Helper()
	file, err := journal.Open(filepath.Join(w.dir, "state"), journal.Options{Cluster: demoCluster, ReadOnly: true})
	if errors.Is(err, journal.ErrNone) {
		return r
	}
	require.NoError(w.t, err, w.name)
	defer file.Close()
	r.Operations, err = file.All(context.Background())
	require.NoError(w.t, err, w.name)
	r.Memory, err = file.Memory(context.Background())
	require.NoError(w.t, err, w.name)
	return r
}

// examine holds the books of the simulator against the journal, while no daemon
// lives.
func (w *killWorld) examine(when string) demoRecords {
	w.t.Helper()
	w.handling.Lock()
	defer w.handling.Unlock()
	books, err := w.world.follow()
	require.NoError(w.t, err, w.name)
	records := w.records()
	for _, check := range audit(books, records, w.world.killed) {
		require.Empty(w.t, check.Faults, "%s, %s: %s", w.name, when, check.Name)
	}
	require.Empty(w.t, w.gangFaults(books, records), "%s, %s", w.name, when)
	going := map[autoscale.NodeID]bool{}
	for _, op := range records.Operations {
		if op.Kind == autoscale.OperationRemove {
			for _, id := range op.Nodes {
				going[id] = true
			}
		}
	}
	staying := map[string]int{}
	for _, n := range w.alive() {
		if !going[autoscale.NodeID(n.ID)] {
			staying[n.Bucket.Nodearray]++
		}
	}
	for array, n := range staying {
		require.LessOrEqual(w.t, n, w.most[array], "%s, %s: more nodes of %s than were ever wanted at once", w.name, when, array)
	}
	return records
}

// gangFaults finds gangs whose nodes are not all in one placement group, and such for
// which more nodes were made than they have tasks: in whole or in part twice.
func (w *killWorld) gangFaults(books cyclecloudtest.Books, records demoRecords) (faults []string) {
	groups := map[autoscale.RequestID]string{}
	for _, op := range records.Operations {
		groups[op.Request] = op.Group
	}
	for i := range w.script.jobs {
		gang := &w.script.jobs[i]
		if gang.Grouping != autoscale.Coupled {
			continue
		}
		made, nodes := map[string]int{}, 0
		for _, n := range books.Nodes {
			if n.Bucket.Nodearray == w.script.array(gang.ID) {
				made[n.PlacementGroup]++
				nodes++
				if said := groups[autoscale.RequestID(n.RequestID)]; said != n.PlacementGroup {
					faults = append(faults, fmt.Sprintf("node %s for gang %s is in group %q; the journal says %q", n.ID, gang.ID, n.PlacementGroup, said))
				}
			}
		}
		if len(made) > 1 || made[""] > 0 || nodes > gang.Tasks {
			faults = append(faults, fmt.Sprintf("gang %s of %d tasks: nodes were made for it in the groups %v", gang.ID, gang.Tasks, made))
		}
	}
	return faults
}

// finish lets a daemon live to the end of the script and expects all to be well.
func (w *killWorld) finish() {
	w.t.Helper()
	require.ErrorIs(w.t, w.live("", 0, strike{}), errAlive)
	records := w.examine("in the end")
	require.Equal(w.t, w.script.last, w.wanted, "%s: as many nodes as the last job wants", w.name)
	require.Empty(w.t, w.alive(), "%s: no demand, no nodes", w.name)
	totals := w.world.jobs.Totals()
	require.Equal(w.t, len(w.script.jobs), totals.Finished, "%s: every job was served", w.name)
	require.Zero(w.t, totals.Kills, "%s: no run lost a node", w.name)
	for _, op := range records.Operations {
		require.True(w.t, op.Phase.Final(), "%s: operation %s is still %s", w.name, op.Request, op.Phase)
	}
}
