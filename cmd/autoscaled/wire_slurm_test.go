package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/config"
	"autoscaled/queue/slurm"
)

func TestSlurmMapping(t *testing.T) {
	m := slurmMapping(&config.SlurmQueue{
		Nodes: []config.SlurmNodes{
			{Names: "htc-[1-4]", Nodearray: "htc"},
			{Names: "hpc-[1-4]", Feature: "ib", Nodearray: "hpc", MachineType: "Standard_HC44rs", Group: "pg0"},
			{Feature: "gpu", Nodearray: "gpu"},
		},
		Partitions: []config.SlurmPartition{{Name: "all", Nodearrays: []string{"htc", "hpc"}}},
	})
	labels := func(array, machine string) map[string]string {
		return map[string]string{autoscale.LabelNodearray: array, autoscale.LabelMachineType: machine}
	}
	for _, c := range []struct {
		node      slurm.Node
		known     bool
		group     string
		is, isNot map[string]string
	}{
		{node: slurm.Node{Name: "htc-1", Features: "cloud,Standard_D4s_v5"}, known: true, is: labels("htc", "standard_d4s_V5"), isNot: labels("htc", "Standard_D8s_v5")},
		{node: slurm.Node{Name: "htc-2", Features: "cloud"}, known: true, is: labels("htc", "any"), isNot: labels("hpc", "any")},
		{node: slurm.Node{Name: "htc-5"}},
		{node: slurm.Node{Name: "hpc-1"}},
		{node: slurm.Node{Name: "hpc-1", Features: "ib,Standard_D4s_v5"}, known: true, group: "pg0", is: labels("hpc", "Standard_HC44rs"), isNot: labels("hpc", "Standard_D4s_v5")},
		{node: slurm.Node{Name: "x", Features: "gpu"}, known: true, is: labels("gpu", "any"), isNot: labels("htc", "any")},
	} {
		where, group, known := m.Node(&c.node)
		require.Equal(t, c.known, known, c.node.Name)
		require.Equal(t, c.group, group, c.node.Name)
		if !known {
			continue
		}
		_, ok := where.Match(c.is)
		require.True(t, ok, "%s is %v", c.node.Name, c.is)
		_, ok = where.Match(c.isNot)
		require.False(t, ok, "%s is not %v", c.node.Name, c.isNot)
	}
	where, known := m.Partition("all")
	require.True(t, known)
	_, ok := where.Match(labels("hpc", ""))
	require.True(t, ok)
	where, known = m.Partition("gpu")
	require.True(t, known, "a partition that is not listed has the nodearray of its name")
	_, ok = where.Match(labels("gpu", ""))
	require.True(t, ok)
	_, ok = m.Feature("Standard_D4s_v5").Match(labels("htc", "Standard_D4s_v5"))
	require.True(t, ok)
}
