package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// cleanRun is a run in which all went well: request r1 made two nodes, of which
// one stays and one is gone, r2 made one that is still booting, and r3 is in doubt.
func cleanRun() (cyclecloudtest.Books, demoRecords) {
	books := cyclecloudtest.Books{
		Nodes: []cyclecloudtest.NodeRecord{
			{ID: "head", Name: "scheduler", Head: true, Status: "Ready"},
			{ID: "a", Name: "execute-1", RequestID: "r1", Status: "Ready"},
			{ID: "b", Name: "execute-2", RequestID: "r1", Status: "Terminated", Gone: demoEpoch},
			{ID: "c", Name: "execute-3", RequestID: "r2", Status: "Preparing"},
		},
		Creates: []cyclecloudtest.CreateRecord{{RequestID: "r1"}, {RequestID: "r2"}},
	}
	create := func(id autoscale.RequestID, phase autoscale.OperationPhase, count, added int) autoscale.Operation {
		return autoscale.Operation{Request: id, Kind: autoscale.OperationCreate, Phase: phase, Count: count, Added: added}
	}
	records := demoRecords{
		Operations: []autoscale.Operation{
			create("r1", autoscale.OpConverged, 2, 2), create("r2", autoscale.OpAccepted, 1, 1), create("r3", autoscale.OpSent, 4, 0),
			{Request: "x1", Kind: autoscale.OperationRemove, Phase: autoscale.OpConverged},
		},
		Memory: autoscale.Memory{Nodes: map[autoscale.NodeID]autoscale.NodeMemory{"a": {Ours: true}}},
	}
	return books, records
}

func broken(checks []demoCheck) map[string][]string {
	found := map[string][]string{}
	for _, c := range checks {
		if len(c.Faults) > 0 {
			found[c.Name] = c.Faults
		}
	}
	return found
}

func TestAuditOfACleanRunFindsNothing(t *testing.T) {
	books, records := cleanRun()
	checks := audit(books, records, 0)
	require.Len(t, checks, 5)
	require.Empty(t, broken(checks))
	require.True(t, demoSummary{Checks: checks}.OK())
}

func TestAuditFindsEachFault(t *testing.T) {
	violation := func(kind cyclecloudtest.ViolationKind) func(*cyclecloudtest.Books, *demoRecords) {
		return func(b *cyclecloudtest.Books, _ *demoRecords) {
			b.Violations = []cyclecloudtest.Violation{{At: demoEpoch.Add(time.Hour), Kind: kind, Text: "what happened"}}
		}
	}
	for name, c := range map[string]struct {
		plant func(*cyclecloudtest.Books, *demoRecords)
		check string
		fault string
	}{
		"limit":      {violation(cyclecloudtest.ViolationLimit), "no limit was exceeded", "Mon 6 May 01:00: what happened"},
		"busy":       {violation(cyclecloudtest.ViolationBusy), "no busy node was removed", "Mon 6 May 01:00: what happened"},
		"keep alive": {violation(cyclecloudtest.ViolationKeepAlive), "no protected node was touched", "Mon 6 May 01:00: what happened"},
		"head node":  {violation(cyclecloudtest.ViolationHead), "no protected node was touched", "Mon 6 May 01:00: what happened"},
		"carried out twice": {func(b *cyclecloudtest.Books, _ *demoRecords) {
			b.Creates = append(b.Creates, cyclecloudtest.CreateRecord{RequestID: "r2"})
		}, "no request made nodes twice", "request r2 was carried out 2 times"},
		"more than asked": {func(b *cyclecloudtest.Books, r *demoRecords) {
			b.Nodes[2].RequestID = "r2"
			r.Operations[0].Added = 1
		}, "no request made nodes twice", "request r2 for 1 nodes made 2"},
		"wrong in the journal": {func(_ *cyclecloudtest.Books, r *demoRecords) { r.Operations[0].Added = 1 },
			"no request made nodes twice", "request r1 made 2 nodes; the journal says 1"},
		"refused and yet made": {func(_ *cyclecloudtest.Books, r *demoRecords) {
			r.Operations[1].Phase, r.Operations[1].Added = autoscale.OpRejected, 0
			r.Memory.Nodes["c"] = autoscale.NodeMemory{Ours: true}
		}, "no request made nodes twice", "request r2 made 1 nodes; the journal says it is rejected"},
		"nobody asked": {func(b *cyclecloudtest.Books, _ *demoRecords) {
			b.Nodes[1].RequestID = "someone"
			b.Nodes[2].RequestID = "r1"
		},
			"no node was leaked", "node execute-1 (Ready): no create of the journal made it"},
		"forgotten": {func(_ *cyclecloudtest.Books, r *demoRecords) { delete(r.Memory.Nodes, "a") },
			"no node was leaked", "node execute-1 (Ready): its request r1 has ended and the daemon has forgotten it"},
		"not ours": {func(_ *cyclecloudtest.Books, r *demoRecords) { r.Memory.Nodes["a"] = autoscale.NodeMemory{} },
			"no node was leaked", "node execute-1 (Ready): its request r1 has ended and the daemon has forgotten it"},
	} {
		t.Run(name, func(t *testing.T) {
			books, records := cleanRun()
			c.plant(&books, &records)
			checks := audit(books, records, 0)
			require.Equal(t, []string{c.fault}, broken(checks)[c.check], "%v", broken(checks))
			require.False(t, demoSummary{Checks: checks}.OK())
		})
	}
	books, records := cleanRun()
	require.Equal(t, map[string][]string{"no busy node was removed": {"3 running jobs lost a node to a removal"}}, broken(audit(books, records, 3)))
}

func TestNodesOnTheirWayOutNeedNoRemembering(t *testing.T) {
	books, records := cleanRun()
	books.Nodes[1].Status = "Terminating"
	delete(records.Memory.Nodes, "a")
	require.Empty(t, broken(audit(books, records, 0)))
}
