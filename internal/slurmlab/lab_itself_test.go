package slurmlab

import (
	"testing"
)

// The lab itself, with what serves CycleCloud clusters today in the daemon's place.
func TestStandIn(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{})
	l.standIn(0)
	single := l.submit("sleep 1", "-n1")
	gang := l.submit("srun hostname | sort", "-p", "hpc", "-N3", "--exclusive")
	l.finished(1, single, gang)
	l.settled(4)
}
