package slurm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/slurm"
)

// TestJobsAreReadByThemselves: what a job asks for does not depend on the jobs before it.
func TestJobsAreReadByThemselves(t *testing.T) {
	for _, name := range []string{"22.05-pending-jobs.json", "24.11-jobs.json"} {
		var jobs []slurm.Job
		for _, j := range jobsOf(t, name) {
			if j.Is("PENDING") && j.HetID == 0 && j.ArrayID == 0 {
				for range 2 { // by turns, and one after the other
					jobs = append(jobs, j)
				}
			}
		}
		jobs = append(jobs, jobs...)
		for i := range jobs {
			jobs[i].ID = int64(i + 1)
		}
		together := jobsIn(slurm.Demand(jobs, nil, mapping()))
		require.Len(t, together, len(jobs))
		for _, j := range jobs {
			for id, want := range jobsIn(slurm.Demand([]slurm.Job{j}, nil, mapping())) {
				require.Equal(t, want, together[id])
			}
		}
	}
}
