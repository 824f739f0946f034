package slurmlab

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// Each test is one scenario of dynamic nodes: Slurm has none until a VM comes, and deletes it as
// it goes.

const dynamicLines = `
MaxNodeCount=520
NodeSet=htcset Feature=htc
NodeSet=hpcset Feature=hpc
PartitionName=htc Nodes=htcset Default=YES DefMemPerCPU=1000 MaxTime=24:00:00 State=UP
PartitionName=hpc Nodes=hpcset OverSubscribe=EXCLUSIVE MaxTime=24:00:00 State=UP
PartitionName=any Nodes=htcset,hpcset DefMemPerCPU=1000 MaxTime=24:00:00 State=UP
`

// As many nodes are announced as the largest job asks for: Slurm 24.11 refuses one of more nodes
// than it has heard of.
const dynamicQueue = `
        mode: dynamic
        dynamic: {announce: 4}
        partitions:
          - {name: any, nodearrays: [htc, hpc]}`

// newDynamicLab starts a lab whose Slurm has no nodes, and the program.
func newDynamicLab(t *testing.T, cloud func(*cyclecloudtest.Config)) (*lab, *daemon) {
	t.Helper()
	p := dynamicPlan(joins)
	if usual := p.cloud; cloud != nil {
		p.cloud = func(c *cyclecloudtest.Config) { usual(c); cloud(c) }
	}
	l := newLab(t, p)
	return l, l.serveDynamic(dynamicQueue)
}

// dynamicPlan is of a lab whose Slurm has no nodes. join gives the arguments of its VMs' slurmds.
func dynamicPlan(join func(cyclecloudtest.NodeRecord) []string) plan {
	return plan{
		slurm:   func(o *Options) { o.Power, o.Lines = false, dynamicLines },
		cloud:   func(c *cyclecloudtest.Config) { c.Timing.Boot = 4 * time.Second },
		dynamic: join,
	}
}

// joins is the slurmd of a VM that takes up the node which was created for it.
func joins(cyclecloudtest.NodeRecord) []string { return []string{"-Z"} }

// serveDynamic starts the program, and waits until Slurm was told what nodes there can be: it
// refuses jobs of whose nodes it has not heard.
func (l *lab) serveDynamic(queue string, pairs ...string) *daemon {
	l.t.Helper()
	d := l.start(l.configure(append([]string{"queue", queue, "policy", "resources: [{memory_reserve: 1GiB}]"}, pairs...)...))
	l.eventually("Slurm knows what nodes there can be", func() bool {
		text, _ := l.Run(l.t.Context(), "scontrol", "--future", "show", "nodes")
		return strings.Contains(text, "NodeName=pool-htc-standard_f4s_v2-4 ") && strings.Contains(text, "NodeName=pool-hpc-standard_hc44rs-4 ")
	})
	return d
}

// dynamic tells whether the tests of dynamic nodes are asked for.
func dynamic() bool { return *withSlurm || *slurmRoot != "" }

// emptied waits until cloud and Slurm have no node left, and holds the books against what must
// never be.
func (l *lab) emptied(created int) {
	l.t.Helper()
	l.eventually("all nodes are gone", func() bool { return l.there() == 0 && l.fleet.Running() == 0 })
	l.eventually("Slurm has no nodes", func() bool { return l.total() == 0 })
	l.accounted()
	require.Len(l.t, l.created(), created)
}

func TestDynamicSingleJobs(t *testing.T) {
	if !dynamic() {
		return
	}
	t.Parallel()
	l, d := newDynamicLab(t, nil)
	said, err := l.command("slurm", "check", "-c", d.file)
	require.NoError(t, err, said)
	require.Empty(t, said)
	var jobs []job
	for range 6 {
		jobs = append(jobs, l.submit("hostname", "-N1", "-n4"))
	}
	l.finished(1, jobs...)
	for _, j := range jobs {
		require.Regexp(t, "^ip-[0-9A-F]{8}\n$", j.output(t, 0))
	}
	require.LessOrEqual(t, len(l.created()), 6)
	l.emptied(len(l.created()))
}

func TestDynamicGang(t *testing.T) {
	if !dynamic() {
		return
	}
	t.Parallel()
	l, _ := newDynamicLab(t, nil)
	gang := l.submit("srun hostname", "-p", "hpc", "-N4", "--exclusive", "--ntasks-per-node=1", "--switches=1")
	l.finished(1, gang)
	require.Len(t, strings.Fields(gang.output(t, 0)), 4)
	groups := map[string]int{}
	for _, n := range l.created() {
		groups[n.PlacementGroup]++
	}
	require.Len(t, groups, 1, "one placement group")
	require.NotContains(t, groups, "")
	l.emptied(4)
}

// Jobs that may run in two nodearrays run in the second where the first is sold out.
func TestDynamicSoldOut(t *testing.T) {
	if !dynamic() {
		return
	}
	t.Parallel()
	stock := 2
	l, _ := newDynamicLab(t, func(c *cyclecloudtest.Config) { c.Clusters[0].Nodearrays[0].Buckets[0].Stock = &stock })
	var jobs []job
	for range 6 {
		jobs = append(jobs, l.submit("sleep 20", "-p", "any", "-N1", "-n4"))
	}
	l.finished(1, jobs...)
	arrays := map[string]int{}
	for _, n := range l.created() {
		if !n.ReadyAt.IsZero() {
			arrays[n.Bucket.Nodearray]++
		}
	}
	require.LessOrEqual(t, arrays["htc"], stock)
	require.Positive(t, arrays["hpc"], "the others ran there")
	l.emptied(len(l.created()))
}

// The daemon is killed while nodes come, and jobs arrive while nodes are drained.
func TestDynamicKillAndDrainRace(t *testing.T) {
	if !dynamic() {
		return
	}
	t.Parallel()
	l, d := newDynamicLab(t, nil)
	array := l.submit("hostname", "-n4", "--array=0-7%4")
	l.eventually("nodes were asked for", func() bool { return len(l.created()) > 0 })
	d.kill()
	l.start(d.file)
	l.finished(8, array)
	var late []job
	for range 3 {
		// A drain begins: whatever is sent now runs on a node that stays, or on a new one.
		l.eventually("a node is drained", func() bool {
			for _, state := range l.states() {
				if strings.HasPrefix(state, "drain") || strings.HasPrefix(state, "drng") {
					return true
				}
			}
			return l.total() == 0
		})
		late = append(late, l.submit("sleep 1", "-n4"))
		l.finished(1, late[len(late)-1])
	}
	l.emptied(len(l.created()))
}
