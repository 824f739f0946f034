package slurmlab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// A slurmd that crashes leaves a VM that the cloud goes on to call Ready: Slurm alone knows. Its
// job runs again elsewhere, and the VM goes.

func TestSlurmdThatCrashes(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{slurm: func(o *Options) { o.Lost = 10 * time.Second }})
	l.serve()
	j := l.crashed()
	l.finishedAgain(j)
	l.quiet()
	require.Len(t, l.created(), 2)
}

func TestDynamicSlurmdThatCrashes(t *testing.T) {
	if !dynamic() {
		return
	}
	t.Parallel()
	l, _ := newDynamicLab(t, nil)
	j := l.crashed()
	l.finishedAgain(j)
	// Jobs are read before nodes: one that starts in between may cost a node more.
	require.LessOrEqual(t, len(l.created()), 4)
	l.emptied(len(l.created()))
}

// crashed lets a job lose its slurmd.
func (l *lab) crashed() job {
	l.t.Helper()
	j := l.submit(l.hold("end"), "-n4")
	l.running(j, 1)
	require.NoError(l.t, l.fleet.Crash("htc-1"))
	l.soon(j)
	l.release("end")
	return j
}

// finishedAgain waits until a job that was requeued once is done on another VM, and the
// first, which nothing but the daemon ends, is on its way out.
func (l *lab) finishedAgain(j job) {
	l.t.Helper()
	l.eventually("it ran again", func() bool { return len(j.done(l.t)) == 1 })
	lines := j.started(l.t)["0"]
	require.Len(l.t, lines, 2)
	_, first, _ := strings.Cut(lines[0], "@")
	_, second, _ := strings.Cut(lines[1], "@")
	require.NotEqual(l.t, first, second, "on another VM")
	l.eventually("the VM whose slurmd crashed goes", func() bool { return !l.ready(first) })
}

// ready tells whether the cloud calls the VM of a host name Ready.
func (l *lab) ready(host string) bool {
	return slices.ContainsFunc(l.created(), func(n cyclecloudtest.NodeRecord) bool { return n.Hostname == host && n.Usable() })
}
