package slurm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/slurm"
)

// A job that Slurm gave no nodes waits for what Slurm says; where its nodes are out by our
// mark, it is told why they are.
func TestUnallocated(t *testing.T) {
	begin := time.Date(2026, 11, 22, 20, 9, 35, 0, time.UTC)
	pending := func(id int64, reason, partition string) slurm.Job {
		return slurm.Job{ID: id, State: "PENDING", Reason: reason, Partition: partition, CPUs: 1, NodeCount: 1, Priority: 1, Eligible: begin}
	}
	jobs := []slurm.Job{
		pending(1, "Resources", "gpu"), pending(2, "BeginTime", "gpu,htc"), pending(3, "BeginTime", "htc"),
		pending(4, "Dependency", "htc"), pending(5, "Priority", "htc"), pending(6, "JobHeldUser", "gpu"), pending(7, "Resources", "other"),
	}
	for id, list := range map[int64]string{8: "gpu-2", 9: "o-1", 10: "htc-[1-2]", 11: "htc-9", 12: "gpu-3"} {
		j := pending(id, "ReqNodeNotAvail", "gpu")
		j.RequiredNodes = list
		jobs = append(jobs, j)
	}
	limited := pending(13, "JobArrayTaskLimit", "gpu")
	jobs = append(jobs, limited)
	jobs[3].Dependency = "afterok:1(unfulfilled),afterany:2(unfulfilled)"
	nodes := []slurm.Node{
		{Name: "gpu-1", State: "DOWN+CLOUD+POWERED_DOWN", Partitions: "gpu,all", Reason: slurm.Mark + "gpu/NC24 has run out"},
		{Name: "gpu-2", State: "DOWN+CLOUD+POWERED_DOWN", Partitions: "gpu", Reason: slurm.Mark + "gpu/NC24 has run out"},
		{Name: "gpu-3", State: "IDLE+CLOUD+POWERED_DOWN", Partitions: "gpu", Reason: slurm.Mark + "of before"},
		{Name: "o-1", State: "DOWN+CLOUD+POWERED_DOWN", Partitions: "other", Reason: "disk"},
		{Name: "htc-1", State: "IDLE+CLOUD", Partitions: "htc"}, {Name: "htc-2", State: "MIXED+CLOUD", Partitions: "htc"},
	}
	m := byArray()
	told := jobsIn(slurm.PowerDemand(jobs, nodes, &m))
	held := map[string]string{}
	for id, job := range told {
		held[string(id)] = job.Held
	}
	require.Equal(t, map[string]string{
		"1":  "Resources: waits for nodes; out of service: gpu-1 and 1 more: gpu/NC24 has run out",
		"2":  "BeginTime: may start from 2026-11-22 20:09:35 UTC on; out of service: gpu-1 and 1 more: gpu/NC24 has run out",
		"3":  "BeginTime: may start from 2026-11-22 20:09:35 UTC on; Slurm powers up no nodes for it as yet",
		"4":  "Dependency: other jobs must end first (1 and 1 more)",
		"5":  "Priority: others of its partition come first; they are served in that order; Slurm powers up no nodes for it as yet",
		"6":  "JobHeldUser: its user holds it (scontrol release lets it go)",
		"7":  "Resources: waits for nodes; Slurm powers up no nodes for it as yet",
		"8":  "ReqNodeNotAvail: must run on gpu-2 (-w), and waits for that; gpu-2 is out of service: gpu/NC24 has run out",
		"9":  "ReqNodeNotAvail: must run on o-1 (-w), and waits for that; o-1 is out of service: disk",
		"10": "ReqNodeNotAvail: must run on htc-[1-2] (-w), and waits for that; htc-2 is in use",
		"11": "ReqNodeNotAvail: must run on htc-9 (-w), and waits for that; Slurm has no node htc-9",
		"12": "ReqNodeNotAvail: must run on gpu-3 (-w), and waits for that",
		"13": "JobArrayTaskLimit: as many tasks of the array run as its % limit allows",
	}, held)
}
