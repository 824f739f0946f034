package slurmlab

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// CLOUD nodes that an administrator creates while Slurm runs, as CycleCloud documents it for
// dynamic partitions, are powered up and down as those of slurm.conf are.
func TestCloudNodesThatAreCreated(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{
		slurm: func(o *Options) {
			o.Lines = powerLines + "MaxNodeCount=300\nNodeSet=dynset Feature=dyn\nPartitionName=dyn Nodes=dynset DefMemPerCPU=1000 MaxTime=24:00:00 State=UP"
		},
		dynamic: func(n cyclecloudtest.NodeRecord) []string {
			if strings.HasPrefix(n.Name, "dyn-") {
				return []string{"-Z"}
			}
			return nil
		},
	})
	l.serve("queue", powerQueue+`
          - {names: "dyn-[1-8]", nodearray: htc}`)
	l.run("scontrol", "create", "nodename=dyn-[1-4]", "cpus=4", "realmemory=7000", "feature=dyn", "state=CLOUD")
	var jobs []job
	for range 3 {
		jobs = append(jobs, l.submit("hostname", "-p", "dyn", "-n4"))
	}
	jobs = append(jobs, l.submit("hostname", "-p", "htc", "-n4"))
	l.finished(1, jobs...)
	for _, j := range jobs[:3] {
		require.Regexp(t, `^dyn-[1-4]@ip-[0-9A-F]{8}$`, j.started(t)["0"][0])
	}
	l.settled(4)
	l.served()
}
