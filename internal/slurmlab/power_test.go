package slurmlab

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each test is one scenario of power saving, on a Slurm of its own.

func TestSingleJobs(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{})
	l.serve()
	var jobs []job
	for i := range 20 {
		jobs = append(jobs, l.submit("echo job "+fmt.Sprint(i), "-N1", "-n4"))
	}
	l.finished(1, jobs...)
	for _, j := range jobs {
		for _, lines := range j.started(t) {
			require.Regexp(t, `^htc-\d+@ip-[0-9A-F]{8}$`, lines[0], "on the VM of its node")
		}
	}
	l.settled(20)
}

func TestGang(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{})
	l.serve()
	gang := l.submit("srun hostname", "-p", "hpc", "-N8", "--exclusive", "--ntasks-per-node=1")
	l.finished(1, gang)
	require.Len(t, strings.Fields(gang.output(t, 0)), 8)
	creates := l.cloud.Books().Creates
	require.Len(t, creates, 1, "whole, in one request")
	require.Len(t, creates[0].Sets, 1)
	require.Equal(t, "pg0", creates[0].Sets[0].PlacementGroup)
	l.settled(8)
}
