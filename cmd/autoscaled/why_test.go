package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
)

// A task of an array is meant by what users call it, by Slurm's own number, and by the array;
// of the number that the last task shares with its array all tasks are meant.
func TestJobsAreMeantByTheirNames(t *testing.T) {
	d := autoscale.Demand{
		Names: map[autoscale.JobID]string{"13": "7_1", "7": "7_2", "70": "70_1"},
		Use:   map[string]autoscale.HostUse{"htc-1": {Jobs: []autoscale.JobID{"13", "7"}}, "htc-2": {Jobs: []autoscale.JobID{"70", "8"}}},
	}
	for asked, want := range map[string][]autoscale.JobID{
		"7_1": {"7_1"}, "13": {"7_1"}, "7": {"7_1", "7_2"}, "7_2": {"7_2"}, "8": {"8"}, "70": {"70_1"}, "1": {}, "7_3": {},
	} {
		require.ElementsMatch(t, want, each(runningJobs(d, asked), func(j whyJob) autoscale.JobID { return j.ID }), asked)
	}
	require.True(t, isMeant(d, "5", "5/2"), "a part of a job on several pools")
	require.True(t, isMeant(d, "7_1", "13/2"))
	d.Names["9"] = "9_[1,4-9%2]"
	require.True(t, isMeant(d, "9", "9"))
	require.True(t, isMeant(d, "9_4", "9"), "a task that is still to start")
	require.False(t, isMeant(d, "9_2", "9"))
	require.False(t, isMeant(d, "5", "51"))
	require.EqualValues(t, "7_1/2", d.Called("13/2"))
}

// Of what a scheduler's own commands call a job as much counts as the queue tells.
func TestJobsAreMeantByTheirSchedulersWords(t *testing.T) {
	var r loop.Report
	r.Observation.Demand = autoscale.Demand{Vouched: true, Use: map[string]autoscale.HostUse{"exec-1": {Jobs: []autoscale.JobID{"12[3]", "7", "a.b"}}}}
	for asked, want := range map[string]autoscale.JobID{"12[3].pbs1": "12[3]", "12[].pbs1": "12[3]", "12": "12[3]", "7.pbs1.example.com": "7", "7.2": "7", "a.b": "a.b", "8.pbs1": "", "a": "a.b", ".7": "", "[": ""} {
		d := newWhyDocument("demo", r, asked)
		require.Equal(t, asked, d.Job)
		if want == "" {
			require.Empty(t, d.Jobs, asked)
			continue
		}
		require.Len(t, d.Jobs, 1, asked)
		require.Equal(t, want, d.Jobs[0].ID, asked)
	}
}
