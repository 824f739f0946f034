package slurmlab

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// selfQueue is of a cluster whose VMs add themselves.
var selfQueue = strings.Replace(dynamicQueue, "announce: 4", "register: false, announce: 4", 1)

// selfConf is what a VM says of itself. Those of htc have their host name for a name in Slurm, those of
// hpc their node's.
func selfConf(n cyclecloudtest.NodeRecord) []string {
	if n.Bucket.Nodearray == "hpc" {
		return []string{"-Z", "--conf", "CPUs=44 RealMemory=340000 Feature=hpc,Standard_HC44rs"}
	}
	return []string{"-N", n.Hostname, "-Z", "--conf", "CPUs=4 RealMemory=7000 Feature=htc,Standard_F4s_v2"}
}

// VMs add themselves to Slurm with what they say of themselves; the daemon drains and deletes them.
func TestDynamicSelfRegistered(t *testing.T) {
	if !dynamic() {
		return
	}
	t.Parallel()
	l := newLab(t, dynamicPlan(selfConf))
	l.serveDynamic(selfQueue)
	var jobs []job
	for range 3 {
		jobs = append(jobs, l.submit(l.hold("end"), "-N1", "-n4"))
	}
	for _, j := range jobs {
		l.running(j, 1)
	}
	require.Contains(t, l.run("scontrol", "show", "nodes"), "RealMemory=7000 ", "as the VM says")
	// The controller knows the nodes from its own files alone.
	require.NoError(t, l.StopController())
	require.NoError(t, l.StartController(t.Context()))
	gang := l.submit("srun hostname", "-p", "hpc", "-N2", "--exclusive", "--ntasks-per-node=1", "-C", "Standard_HC44rs")
	l.release("end")
	l.finished(1, append(jobs, gang)...)
	l.emptied(len(l.created()))
}

// The daemon reads what it can from slurmrestd, and changes nodes by scontrol: of 24.11's versions of
// slurmrestd none can create one.
func TestDynamicFromREST(t *testing.T) {
	if !dynamic() {
		return
	}
	t.Parallel()
	p := dynamicPlan(joins)
	usual := p.slurm
	p.slurm = func(o *Options) { usual(o); o.REST = true }
	l := newLab(t, p)
	l.serveDynamic(dynamicQueue + fmt.Sprintf("\n        rest: {url: %q, user: root, renew: true}", "http://"+l.RESTAddress()))
	jobs := []job{l.submit("hostname", "-N1", "-n4"), l.submit("hostname", "-p", "any", "-n4", "-C", "hpc", "--mem=9G")}
	l.finished(1, jobs...)
	l.emptied(2)
}

// A VM on which no slurmd starts is known to nobody but the cloud: it is given up after join_timeout.
func TestDynamicNeverRegistered(t *testing.T) {
	if !dynamic() {
		return
	}
	t.Parallel()
	l := newLab(t, dynamicPlan(selfConf))
	l.fleet.Inert(true, "htc-1")
	l.serveDynamic(selfQueue, "pools", "{name: htc, nodearray: htc, join_timeout: 5s}, {name: hpc, nodearray: hpc}")
	j := l.submit("hostname", "-N1", "-n4")
	l.finished(1, j)
	l.emptied(2)
}

// Another policy is followed without a restart: jobs that its larger nodes fit get such nodes, though
// one of before is idle.
func TestDynamicPolicyChanges(t *testing.T) {
	if !dynamic() {
		return
	}
	t.Parallel()
	l := newLab(t, dynamicPlan(joins))
	d := l.serveDynamic(dynamicQueue, "idle", "idle_time: 10m", "policy", "resources: [{memory_reserve: 2GiB}]")
	small := l.submit("hostname", "-n4", "--mem=6G")
	l.finished(1, small)
	text, err := os.ReadFile(d.file)
	require.NoError(t, err)
	changed := strings.NewReplacer("2GiB", "1GiB").Replace(string(text))
	require.NoError(t, os.WriteFile(d.file, []byte(changed), 0o600))
	l.eventually("Slurm knows of larger nodes", func() bool {
		text, _ := l.Run(t.Context(), "scontrol", "--future", "show", "node", "pool-htc-standard_f4s_v2-1")
		return strings.Contains(text, "RealMemory=7168 ")
	})
	large := l.submit("hostname", "-n4", "--mem=7G")
	l.finished(1, large)
	require.NoError(t, os.WriteFile(d.file, []byte(strings.Replace(changed, "10m", "5s", 1)), 0o600))
	l.emptied(2)
	require.NotEqual(t, small.output(t, 0), large.output(t, 0))
}

// Of nodes beyond MaxNodeCount Slurm knows nothing, though 22.05 says that it added them: their VMs
// are given up, and what is wrong is told.
func TestDynamicTooManyNodes(t *testing.T) {
	if !dynamic() {
		return
	}
	t.Parallel()
	p := dynamicPlan(joins)
	usual := p.slurm
	p.slurm = func(o *Options) { usual(o); o.Lines = strings.Replace(dynamicLines, "=520", "=9", 1) }
	l := newLab(t, p)
	d := l.serveDynamic(dynamicQueue, "pools", "{name: htc, nodearray: htc, join_timeout: 5s}, {name: hpc, nodearray: hpc}")
	jobs := []job{l.submit("sleep 1", "-n4"), l.submit("sleep 1", "-n4"), l.submit("sleep 1", "-n4")}
	l.finished(1, jobs...)
	l.emptied(len(l.created()))
	said, err := l.command("slurm", "check", "-c", d.file)
	require.Error(t, err)
	require.Contains(t, said, "FAIL  MaxNodeCount  is 9, ")
	require.Regexp(t, "beyond slurm.conf's MaxNodeCount|node table is full", d.log(), "22.05, and 24.11")
}
