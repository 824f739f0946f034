package slurm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

// some are partitions as the sample cluster has them, with what a test changes.
func some(t *testing.T, change func(name string, p *slurm.Partition)) []slurm.Partition {
	list, err := slurm.ReadPartitionLines(strings.NewReader(sample(t, "22.05-partitions.lines")))
	require.NoError(t, err)
	for i := range list {
		change(list[i].Name, &list[i])
	}
	return list
}

// one is a pending job that asks for two nodes for an hour.
func one(change func(j *slurm.Job)) slurm.Job {
	j := slurm.Job{ID: 1, State: "PENDING", Reason: "Resources", Partition: "htc", Priority: 10, NodeCount: 2, CPUs: 2, TimeLimit: time.Hour, Shared: "none"}
	change(&j)
	return j
}

func partitioned(j slurm.Job, partitions []slurm.Partition, grows bool) autoscale.Class {
	m := mapping()
	m.Grows = grows
	return slurm.Snapshot{Jobs: []slurm.Job{j}, Partitions: partitions}.Demand(m).Classes[0]
}

func TestPartitionsThatRefuse(t *testing.T) {
	for name, test := range map[string]struct {
		job       func(*slurm.Job)
		partition func(name string, p *slurm.Partition)
		grows     bool
		held      string
	}{
		"up":                {},
		"down":              {partition: func(_ string, p *slurm.Partition) { p.State = "DOWN" }, held: "PartitionDown: partition htc is down"},
		"inactive":          {partition: func(_ string, p *slurm.Partition) { p.State = "INACTIVE" }, held: "PartitionInactive: partition htc is inactive"},
		"draining":          {partition: func(_ string, p *slurm.Partition) { p.State = "DRAIN" }},
		"too long":          {job: func(j *slurm.Job) { j.TimeLimit = 25 * time.Hour }, held: "PartitionTimeLimit: asks for 25h, and partition htc allows 24h"},
		"too wide":          {partition: func(_ string, p *slurm.Partition) { p.MaxNodes = 1 }, held: "PartitionNodeLimit: asks for 2 nodes, and partition htc allows 1"},
		"as wide as may be": {partition: func(_ string, p *slurm.Partition) { p.MaxNodes = 2 }},
		"too narrow":        {partition: func(_ string, p *slurm.Partition) { p.MinNodes = 3 }, held: "PartitionNodeLimit: asks for 2 nodes, and partition htc is for 3 at least"},
		"Slurm's word":      {job: func(j *slurm.Job) { j.Reason = "PartitionNodeLimit" }, held: "PartitionNodeLimit: asks for more nodes than its partition allows or has"},
		"nodes to come":     {job: func(j *slurm.Job) { j.Reason = "PartitionNodeLimit" }, grows: true},
		"nodes to come, too many": {
			job: func(j *slurm.Job) { j.Reason = "PartitionNodeLimit" }, grows: true,
			partition: func(_ string, p *slurm.Partition) { p.MaxNodes = 1 }, held: "PartitionNodeLimit: asks for 2 nodes, and partition htc allows 1",
		},
		"up since":       {job: func(j *slurm.Job) { j.Reason = "PartitionDown" }},
		"allowed since":  {job: func(j *slurm.Job) { j.Reason = "PartitionTimeLimit" }},
		"not known here": {job: func(j *slurm.Job) { j.Partition, j.Reason = "new", "PartitionDown" }, held: "PartitionDown: its partition is down"},
		"held all the same": {
			job: func(j *slurm.Job) { j.Hold = true }, partition: func(_ string, p *slurm.Partition) { p.State = "DOWN" },
			held: "JobHeldUser: its user holds it (scontrol release lets it go)",
		},
		"another will do": {
			job: func(j *slurm.Job) { j.Partition, j.Reason = "htc,hpc", "PartitionDown" },
			partition: func(name string, p *slurm.Partition) {
				if name == "htc" {
					p.State = "DOWN"
				}
			},
		},
	} {
		j := one(func(j *slurm.Job) {
			if test.job != nil {
				test.job(j)
			}
		})
		partitions := some(t, func(name string, p *slurm.Partition) {
			if test.partition != nil {
				test.partition(name, p)
			}
		})
		require.Equal(t, test.held, partitioned(j, partitions, test.grows).Held, name)
	}
}

func TestPartitionsLeftForAJob(t *testing.T) {
	j := one(func(j *slurm.Job) { j.Partition = "htc,hpc" })
	down := some(t, func(name string, p *slurm.Partition) {
		if name == "htc" {
			p.State = "DOWN"
		}
	})
	require.Equal(t, autoscale.HasLabel("nodearray", "hpc"), partitioned(j, down, false).Selector)
	up := some(t, func(string, *slurm.Partition) {})
	require.Len(t, partitioned(j, up, false).Selector.Prefer, 2)
}

func TestPartitionWhoseJobsShareNoNodes(t *testing.T) {
	up := some(t, func(string, *slurm.Partition) {})
	for partition, want := range map[string]autoscale.Exclusive{"hpc": autoscale.ExclusiveTask, "htc": autoscale.Shared, "htc,hpc": autoscale.Shared} {
		j := one(func(j *slurm.Job) { j.Partition, j.Shared = partition, "" })
		require.Equal(t, want, partitioned(j, up, false).Exclusive, partition)
	}
}

// The order of two jobs is by tier, then by priority, whatever these are.
func TestTierGoesBeforePriority(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tier, priority := rapid.Int64Range(0, 65533), rapid.Int64Range(1, 1<<32-3)
		htc, hpc := tier.Draw(rt, "tier of htc"), tier.Draw(rt, "tier of hpc")
		partitions := []slurm.Partition{{Name: "htc", State: "UP", Tier: htc}, {Name: "hpc", State: "UP", Tier: hpc}}
		a := one(func(j *slurm.Job) { j.Priority = priority.Draw(rt, "a") })
		b := one(func(j *slurm.Job) { j.ID, j.Partition, j.Priority = 2, "hpc", priority.Draw(rt, "b") })
		m := mapping()
		d := slurm.Snapshot{Jobs: []slurm.Job{a, b}, Partitions: partitions}.Demand(m)
		first := d.Classes[0].Members[0].ID
		aFirst := htc > hpc || htc == hpc && a.Priority >= b.Priority
		if (first == "1") != aFirst {
			rt.Fatalf("%s is first: tiers %d, %d, priorities %d, %d", first, htc, hpc, a.Priority, b.Priority)
		}
		if htc == hpc {
			require.Equal(t, max(a.Priority, b.Priority), d.Classes[0].Members[0].Priority, "Slurm's own number")
		}
	})
}

func TestNodeCommentsAreRead(t *testing.T) {
	for text, want := range map[string][2]string{
		"NodeName=a State=IDLE":                              {"", ""},
		"NodeName=a State=IDLE Comment=autoscaled: node x-1": {"", "autoscaled: node x-1"},
		"NodeName=a State=IDLE Reason=bad disk [root@2026-11-22T18:52:57] Comment=autoscaled: node x Extra=y": {"bad disk", "autoscaled: node x"},
	} {
		list, err := slurm.ReadNodeLines(strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, want, [2]string{list[0].Reason, list[0].Comment}, text)
	}
	list, err := slurm.ReadNodes(strings.NewReader(`{"nodes":[{"name":"a","state":"idle","comment":"autoscaled: node x"}]}`))
	require.NoError(t, err)
	require.Equal(t, "autoscaled: node x", list[0].Comment)
}

func TestNodesThatWereRegistered(t *testing.T) {
	nodes := []slurm.Node{
		{Name: "Htc-1", State: "FUTURE+DYNAMIC_NORM", Comment: "autoscaled: node id-1"},
		{Name: "htc-2", State: "IDLE+DRAIN+DYNAMIC_NORM", Comment: "autoscaled: node id-2"},
		{Name: "htc-3", State: "IDLE+DRAIN+DYNAMIC_NORM", Comment: "autoscaled: node id-3", Reason: "bad disk"},
		{Name: "htc-4", State: "IDLE+DRAIN+DYNAMIC_NORM"},
		{Name: "htc-5", State: "FUTURE+DRAIN", Comment: "autoscaled: node id-5", Reason: "autoscaled: idle"},
		{Name: "pool-htc", State: "FUTURE+DYNAMIC_NORM", Comment: "autoscaled: pool htc/F4"},
	}
	require.Equal(t, map[string]autoscale.HostUse{
		"htc-1": {Node: "id-1", Missing: true}, "htc-2": {Node: "id-2", Drain: autoscale.DrainOurs}, "htc-3": {Node: "id-3", Drain: autoscale.DrainForeign},
		"htc-4": {Drain: autoscale.DrainForeign}, "htc-5": {Node: "id-5", Drain: autoscale.DrainOurs, Missing: true},
	}, slurm.Demand(nil, nodes, mapping()).Use)
}
