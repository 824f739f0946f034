package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/config"
	"autoscaled/queue/slurm"
)

// dynamicScontrol keeps nodes as files, each a line as scontrol shows it. A node that is
// created registers at once.
const dynamicScontrol = `#!/bin/sh
dir=$(dirname "$0")/nodes
echo "$*" >>"$(dirname "$0")/calls"
case "$*" in
*"show partition") echo "PartitionName=htc State=UP OverSubscribe=NO MaxTime=1-00:00:00 MaxNodes=UNLIMITED" ;;
*"show node") [ "$(ls "$dir")" ] && cat "$dir"/* || echo "No nodes in the system" ;;
*" create "*)
	for word in "$@"; do case $word in nodename=*) name=${word#*=} ;; nodeaddr=*) addr=${word#*=} ;; nodehostname=*) host=${word#*=} ;; cpus=*) cpus=${word#*=} ;;
		realmemory=*) memory=${word#*=} ;; feature=*) feature=${word#*=} ;; esac; done
	state=IDLE; case $name in pool-*) state=FUTURE ;; esac
	echo "NodeName=$name CPUAlloc=0 CPUTot=$cpus ActiveFeatures=$feature NodeAddr=$addr NodeHostName=$host RealMemory=$memory AllocMem=0 State=$state+DYNAMIC_NORM" >"$dir/$name" ;;
*" update "*)
	for word in "$@"; do case $word in nodename=*) name=${word#*=} ;; comment=*) sed -i "s|\$| Comment=${word#*=}|" "$dir/$name" ;;
		reason=*) sed -i "s| Comment=| Reason=${word#*=} [root@2026-11-22T18:52:57] Comment=|" "$dir/$name" ;; state=*) sed -i "s|+DYNAMIC|+${word#*=}+DYNAMIC|" "$dir/$name" ;; esac; done ;;
*" delete "*) for word in "$@"; do case $word in nodename=*) rm "$dir/${word#*=}" ;; esac; done ;;
esac
`

// slurmPrograms puts a squeue and a scontrol into a folder.
func (s *site) slurmPrograms(folder string) {
	s.t.Helper()
	require.NoError(s.t, os.MkdirAll(s.path(folder+"/nodes"), 0o755))
	for name, text := range map[string]string{"scontrol": dynamicScontrol, "squeue": "#!/bin/sh\ncat \"$(dirname \"$0\")/jobs\"\n"} {
		require.NoError(s.t, os.WriteFile(s.path(folder+"/"+name), []byte(text), 0o755))
	}
	s.write(folder+"/jobs", "")
}

// The example for dynamic nodes: a pending job gets a node, which Slurm is told of before
// it works, and no longer once it is gone.
func TestExampleForDynamicSlurm(t *testing.T) {
	s := newSite(t, nil)
	s.slurmPrograms("bin")
	s.example("slurm-dynamic.yaml", "conf: /etc/slurm/slurm.conf", "commands: "+s.path("bin"))
	p := s.start()
	shown := func(name string) string {
		text, _ := os.ReadFile(s.path("bin/nodes/" + name))
		return string(text)
	}
	eventually(t, "the pool is announced", func() bool { return strings.Contains(shown("pool-execute-standard_f4s_v2-1"), "FUTURE") })

	jobs, err := os.ReadFile(filepath.Join("..", "..", "queue", "slurm", "testdata", "22.05-jobs.delimited"))
	require.NoError(t, err)
	for line := range strings.Lines(string(jobs)) {
		if strings.HasPrefix(line, "8\x1f8\x1f") {
			s.write("bin/jobs", strings.NewReplacer("Priority", "PartitionNodeLimit", "Standard_D4s_v5", "cheap").Replace(line))
		}
	}
	eventually(t, "the node is registered", func() bool { return strings.Contains(shown("execute-1"), "Comment=autoscaled: node ") })
	require.Contains(t, shown("execute-1"), "ActiveFeatures=execute,Standard_F4s_v2,cheap ")
	require.Contains(t, shown("execute-1"), "RealMemory=7168 ")
	calls, err := os.ReadFile(s.path("bin/calls"))
	require.NoError(t, err)
	require.Contains(t, string(calls), "feature=execute,Standard_F4s_v2,cheap weight=10 state=FUTURE")

	s.write("bin/jobs", "")
	eventually(t, "no nodes", func() bool { return s.nodes() == 0 && shown("execute-1") == "" })
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.NotEmpty(t, shown("pool-execute-standard_f4s_v2-1"))
}

// What jobs ask for by features, and what nodes of a pool have of them.
func TestDynamicFeatures(t *testing.T) {
	d := &config.SlurmDynamic{Gres: []string{"fpga"}, Nodes: []config.SlurmDynamicNode{
		{Features: []string{"all", "htc"}},
		{Nodearray: "HTC", MachineTypes: []string{"standard_f4"}, Features: []string{"small"}, Weight: 7},
		{Nodearray: "gpu", Features: []string{"big"}, Weight: 8},
	}}
	policy := autoscale.Policy{Pools: []autoscale.PoolPolicy{{Match: autoscale.Selector{}}}}
	pool := autoscale.Pool{
		Labels: map[string]string{autoscale.LabelNodearray: "htc", autoscale.LabelMachineType: "Standard_F4"},
		Node:   autoscale.Resources{Cores: 4, Memory: 8 * autoscale.GiB, GPUs: 2, Custom: map[string]int64{"fpga": 1, "tokens": 3}},
	}
	inForce := &policyInForce{}
	inForce.set(policy)
	n, ours := dynamicNodes(inForce, d)(&pool)
	require.True(t, ours)
	require.Equal(t, slurm.PoolNodes{
		Features: []string{"htc", "Standard_F4", "all", "small"}, CPUs: 4, Memory: 8 * autoscale.GiB, Gres: "gpu:2,fpga:1", Weight: 7,
	}, n)
	of := dynamicFeature(d.Nodes)
	for feature, want := range map[string]bool{"htc": true, "Standard_F4": true, "all": true, "small": true, "big": false, "other": false} {
		_, ok := of(feature).Match(pool.Labels)
		require.Equal(t, want, ok, feature)
	}
	policy.Pools[0].Match = autoscale.HasLabel(autoscale.LabelNodearray, "hpc")
	inForce.set(policy)
	_, ours = dynamicNodes(inForce, d)(&pool)
	require.False(t, ours, "no policy names it")
}

// Nodes that "scontrol create … State=CLOUD" added under power saving, as CycleCloud
// documents it, are asked for by name, in the nodearray and of the machine type that
// their features tell.
func TestDynamicCloudNodesUnderPowerSaving(t *testing.T) {
	m := slurmMapping(&config.SlurmQueue{Nodes: []config.SlurmNodes{{Feature: "mydyn", Nodearray: "dynamic"}, {Names: "htc-[1-9]", Nodearray: "htc"}}})
	nodes := []slurm.Node{
		{Name: "f4-1", State: "ALLOCATED+CLOUD+DYNAMIC_NORM+NOT_RESPONDING+POWERING_UP", Features: "mydyn,Standard_F4", CPUs: 4, AllocCPUs: 4},
		{Name: "f4-2", State: "IDLE+CLOUD+DYNAMIC_NORM+POWERED_DOWN", Features: "mydyn,Standard_F4", CPUs: 4},
		{Name: "other", State: "IDLE+CLOUD+DYNAMIC_NORM+POWERING_UP", Features: "theirs", CPUs: 4},
	}
	job := slurm.Job{ID: 1, State: "RUNNING+CONFIGURING", Partition: "dynamic", Nodes: "f4-1", NodeCount: 1, CPUs: 4, Shared: "OK"}
	d := slurm.PowerDemand([]slurm.Job{job}, nodes, &m)
	require.Len(t, d.Classes, 1)
	require.Equal(t, []string{"f4-1"}, d.Classes[0].Names)
	_, ok := d.Classes[0].Selector.Match(map[string]string{autoscale.LabelNodearray: "dynamic", autoscale.LabelMachineType: "Standard_F4"})
	require.True(t, ok)
	_, ok = d.Classes[0].Selector.Match(map[string]string{autoscale.LabelNodearray: "dynamic", autoscale.LabelMachineType: "Standard_F2"})
	require.False(t, ok)
	require.Equal(t, autoscale.DrainDone, d.Use["f4-2"].Drain)
}
