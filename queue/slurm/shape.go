package slurm

import (
	"fmt"
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

// perNode is what a job asks of each of its nodes.
type perNode struct {
	nodes, least int64
	need         autoscale.Resources
}

// needOf spreads what a job asks evenly over its nodes: those it asks for, or where it
// only says how many tasks, those that Slurm says it takes at the least. Slurm may
// spread tasks otherwise; the nodes are then the same.
func needOf(j *Job) perNode {
	n := perNode{nodes: max(min(j.NodeCount, maxCount), 1)}
	n.least = n.nodes
	if least, err := strconv.ParseInt(tresAmount(j.TRES, "node"), 10, 64); err == nil && least > 0 && j.TRESPerJob == "" {
		n.least = min(least, n.nodes) // -N 2-4: node_count is 4, and 2 will do
	}
	cores := max(share(max(j.CPUs, 1), n.nodes), j.MinCPUsPerNode)
	counts := make(map[string]int64)
	add := func(list string, of func(int64) int64) {
		for name, amount := range gres(list) {
			counts[name] = min(max(counts[name], of(amount)), maxCount)
		}
	}
	add(j.TRESPerNode, func(a int64) int64 { return a })
	add(j.TRESPerJob, func(a int64) int64 { return share(a, n.nodes) })
	add(j.TRESPerTask, func(a int64) int64 { return share(bounded(a)*bounded(max(j.Tasks, 1)), n.nodes) })
	add(j.TRESPerSocket, func(a int64) int64 { return bounded(a) * bounded(max(j.SocketsPerNode, 1)) })
	gpus := counts["gpu"]
	delete(counts, "gpu")
	if each := gres(j.CPUsPerTRES)["gpu"]; each > 0 {
		cores = max(cores, bounded(gpus)*bounded(each))
	}
	n.need = autoscale.Resources{
		Cores: int(min(cores, maxCount)), GPUs: int(min(gpus, maxCount)), Memory: memoryOf(j, n, cores, gpus),
	}
	if len(counts) > 0 {
		n.need.Custom = counts
	}
	return n
}

func bounded(n int64) int64 { return min(max(n, 0), maxCount) }

// share is an even part of a whole, rounded up.
func share(whole, among int64) int64 {
	if whole <= 0 {
		return 0
	}
	return (whole-1)/among + 1
}

// memoryOf is the memory of one node. Where the job says none (--mem=0, or no default),
// a job that shares no node gets what the node has, and any other what Slurm reckons.
func memoryOf(j *Job, n perNode, cores, gpus int64) autoscale.Bytes {
	var mib int64
	switch each := gres(j.MemoryPerTRES)["gpu"]; {
	case each > 0 && gpus > 0:
		mib = bounded(each) * bounded(gpus)
	case j.MemoryPerCPU > 0:
		mib = bounded(j.MemoryPerCPU) * bounded(cores)
	case j.MemoryPerNode > 0:
		mib = j.MemoryPerNode
	case j.Shared != "none":
		whole, _ := mebibytes(tresAmount(j.TRES, "mem"))
		mib = share(whole, n.least)
	}
	return autoscale.Bytes(min(mib, 1<<42)) * autoscale.MiB
}

// shapeOf is what a pending job asks for: one task a node, of all that it needs there.
func shapeOf(j *Job, m *Mapping) (autoscale.Shape, error) {
	n := needOf(j)
	s := autoscale.Shape{
		Tasks: int(n.nodes), PerTask: n.need, TasksPerNode: 1, ExpectedRuntime: j.TimeLimit, Gang: autoscale.GangAll,
	}
	switch {
	case n.nodes == 1:
		s.TasksPerNode, s.Gang = 0, autoscale.GangDefault
	case n.least < n.nodes:
		s.Gang, s.AtLeast = autoscale.GangAtLeast, int(n.least)
	}
	if exclusive(j.Shared) {
		s.Exclusive, s.TasksPerNode = autoscale.ExclusiveTask, 0
	}
	if j.Switches == 1 && n.nodes > 1 {
		s.Grouping = autoscale.Coupled
	}
	s.Draws = licences(j.Licenses)
	var err error
	s.Selector, err = selectorOf(j, m)
	return s, err
}

// exclusive tells whether a job has its nodes for itself. One that shares them with its
// user's other jobs, or its account's, is taken for such a job too: classes of jobs
// know no users.
func exclusive(shared string) bool {
	for word := range strings.SplitSeq(shared, ",") {
		switch word {
		case "none", "user", "mcs", "topo":
			return true
		}
	}
	return false
}

// licences draw on the limits of these names: "matlab:3,abaqus@server:2". Of several
// that would do ("a|b") the first counts.
func licences(text string) []autoscale.Draw {
	var draws []autoscale.Draw
	for part := range strings.SplitSeq(text, ",") {
		part, _, _ = strings.Cut(part, "|")
		name, number, counted := strings.Cut(part, ":")
		n, err := strconv.ParseInt(number, 10, 64)
		if name, _, _ = strings.Cut(name, "@"); name == "" || counted && (err != nil || n <= 0) {
			continue
		}
		draws = append(draws, autoscale.Draw{Limit: autoscale.LimitID("licence/" + name), Amount: max(n, 1)})
	}
	return draws
}

// selectorOf is for the pools of the job's partitions, the first preferred, that have
// its features.
func selectorOf(j *Job, m *Mapping) (autoscale.Selector, error) {
	var partitions, all []autoscale.Selector
	for name := range strings.SplitSeq(j.Partition, ",") {
		if s, known := m.Partition(name); known {
			partitions = append(partitions, s)
		}
	}
	switch len(partitions) {
	case 0:
		return autoscale.Selector{}, fmt.Errorf("no pool is for partition %s", short(j.Partition))
	case 1:
		all = partitions
	default:
		all = []autoscale.Selector{{Prefer: partitions}}
	}
	if j.Features != "" {
		s, err := featureSelector(j.Features, m.Feature)
		if err != nil {
			return s, fmt.Errorf("its constraint %s can't be read: %w", short(j.Features), err)
		}
		all = append(all, s)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return autoscale.Selector{All: all}, nil
}
