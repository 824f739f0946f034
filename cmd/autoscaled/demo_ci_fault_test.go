package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
	"autoscaled/internal/fleet"
	"autoscaled/queue/github/githubtest"
)

// Calls fail and are lost, VMs don't come up, and the daemon is killed.
func TestCIDemoWithFaultsLeaksNothing(t *testing.T) {
	day := shortDay()
	d := startCIDemo(t, demoOptions{speed: asFast, seed: 3, faults: true}, day)
	d.life.fate.at = day.Start.Add(50 * time.Minute)
	require.NoError(t, d.run(t.Context(), watcher{toTheEnd, nil}))
	s, err := d.summarize()
	require.NoError(t, err)
	require.Empty(t, broken(s.Checks))
	require.Positive(t, s.Kills)
	require.Positive(t, s.BadTicks)
	require.Positive(t, s.Broken)
	require.Greater(t, len(s.Faults), 4)
	require.Greater(t, s.Succeeded, s.Offered/2)
}

// soundBooks are those of a fleet on which all is well: a VM with its job and one that
// waits for one.
func soundBooks() (fleet.Books, demoRecords) {
	at := func(m int) time.Time { return demoEpoch.Add(time.Duration(m) * time.Minute) }
	vms := []ankatest.InstanceRecord{
		{ID: "1", Name: "A", ExternalID: "autoscaled/r1/1", Listed: true, Created: at(0), Started: at(1)},
		{ID: "2", Name: "b", ExternalID: "autoscaled/r2/1", Listed: true, Created: at(0), Started: at(1)},
	}
	b := fleet.Books{
		At: at(5), VMs: vms, Records: []githubtest.Runner{{Name: "a"}, {Name: "b"}},
		Jobs: []fleet.JobRecord{{ID: "j1", Started: at(2), Runner: "A"}, {ID: "j2"}, {}},
		Anka: ankatest.Books{Instances: vms, Nodes: []ankatest.NodeRecord{{Name: "mini", MostVMs: 2}}},
	}
	return b, demoRecords{
		Operations: []autoscale.Operation{
			{Request: "r1", Kind: autoscale.OperationCreate, Phase: autoscale.OpConverged},
			{Request: "r2", Kind: autoscale.OperationCreate, Phase: autoscale.OpAccepted},
		},
		Memory: autoscale.Memory{Nodes: map[autoscale.NodeID]autoscale.NodeMemory{"1": {Ours: true}}},
	}
}

// Each thing that must not be is found, by the check that is there for it.
func TestCIAuditFindsWhatIsWrong(t *testing.T) {
	b, records := soundBooks()
	require.Empty(t, broken(ciAudit(b, records)))
	saw := func(kind fleet.ViolationKind) func(*fleet.Books, *demoRecords) {
		return func(b *fleet.Books, _ *demoRecords) {
			b.Violations = append(b.Violations, fleet.Violation{At: demoEpoch, Kind: kind, Text: "x"})
		}
	}
	for check, spoil := range map[string][]func(*fleet.Books, *demoRecords){
		"no VM was ended under a job":                        {saw(fleet.ViolationBusy)},
		"no VM was ended whose runner could still get a job": {saw(fleet.ViolationRecord), saw(fleet.ViolationName)},
		"the simulated world kept to its own rules":          {saw(fleet.ViolationWorld)},
		"no Mac had more VMs than it may": {saw(fleet.ViolationLimit), func(b *fleet.Books, _ *demoRecords) {
			b.Anka.Nodes[0].MostVMs = 3
		}},
		"no request made two VMs": {func(b *fleet.Books, _ *demoRecords) {
			b.Anka.Instances = append(b.Anka.Instances, ankatest.InstanceRecord{ID: "3", Name: "c", ExternalID: "autoscaled/r1/2"})
		}},
		"nothing was started beyond demand": {func(b *fleet.Books, _ *demoRecords) { b.Jobs = b.Jobs[1:] }},
		"no VM was leaked": {
			func(_ *fleet.Books, r *demoRecords) { r.Operations = r.Operations[:1] },
			func(_ *fleet.Books, r *demoRecords) { r.Memory.Nodes = nil },
		},
		"no runner's record was left behind": {func(b *fleet.Books, _ *demoRecords) {
			b.Records = append(b.Records, githubtest.Runner{Name: "c"})
		}},
	} {
		for _, wrong := range spoil {
			b, records := soundBooks()
			wrong(&b, &records)
			require.Equal(t, []string{check}, brokenNames(ciAudit(b, records)))
		}
	}
}

func brokenNames(list demoChecks) (names []string) {
	for _, c := range list {
		if len(c.Faults) > 0 {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestCISummaryCountsWhatWasThereAtOneTime(t *testing.T) {
	at := func(m int) time.Time { return demoEpoch.Add(time.Duration(m) * time.Minute) }
	require.Equal(t, 2, mostAtOnce([]ankatest.InstanceRecord{
		{Created: at(0), Over: at(5)}, {Created: at(5), Over: at(9)}, {Created: at(6)}, {Created: at(9)},
	}), "one that goes makes room for the one that comes")
}
