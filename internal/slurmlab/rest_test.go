package slurmlab

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/slurm"
)

// The daemon reads slurmrestd with tokens that it gets for itself, and both ways of reading tell
// the same of nodes and partitions. TestReadEveryVersion compares jobs.
func TestReadFromREST(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{slurm: func(o *Options) { o.REST = true }})
	l.serve("queue", powerQueue+fmt.Sprintf("\n        rest: {url: %q, user: root, renew: true}", "http://"+l.RESTAddress()))
	array := l.submit("echo", "-N1", "-n4", "--array=1-6")
	gang := l.submit("srun hostname", "-p", "hpc", "-N3", "--exclusive", "--ntasks-per-node=1")
	l.finished(6, array)
	l.finished(1, gang)
	l.sameReading()
	l.settled(9)
	l.served()
}

// sameReading compares what the commands and slurmrestd tell.
func (l *lab) sameReading() {
	l.t.Helper()
	commands, err := slurm.NewCommands(slurm.CommandsOptions{Folder: l.Bin(), Conf: l.Conf(), Timeout: time.Minute})
	require.NoError(l.t, err)
	rest, err := slurm.NewREST(slurm.RESTOptions{URL: "http://" + l.RESTAddress(), User: "root", Renew: true, Timeout: time.Minute}, commands)
	require.NoError(l.t, err)
	l.eventually("both tell the same", func() bool {
		var names [2][]string
		for i, c := range [...]slurm.Cluster{commands, rest} {
			nodes, err := c.Nodes(l.t.Context())
			require.NoError(l.t, err)
			require.Len(l.t, nodes, 160)
			partitions, err := c.Partitions(l.t.Context())
			require.NoError(l.t, err)
			require.Len(l.t, partitions, 2)
			for _, n := range nodes {
				names[i] = append(names[i], fmt.Sprint(n.Name, n.State, n.CPUs, n.Memory, n.Features, n.Partitions))
			}
			slices.SortFunc(partitions, func(a, b slurm.Partition) int { return cmp.Compare(a.Name, b.Name) })
			names[i] = append(names[i], fmt.Sprint(partitions))
		}
		return slices.Equal(names[0], names[1]) // but while one changes between the two readings
	})
}
