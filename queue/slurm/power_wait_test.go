package slurm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// A pending job that no pool could serve is told so only where Slurm has no nodes for it
// itself, whether or not any node is out.
func TestPendingJobsOfSlurmsOwnNodes(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		job   Job
		nodes []Node
		want  map[int64]wait
	}{
		"nodes of Slurm's":   {Job{Partition: "big"}, []Node{{Name: "b1", Partitions: "big", State: "ALLOCATED"}}, map[int64]wait{}},
		"none":               {Job{Partition: "big"}, []Node{{Name: "b1", Partitions: "other", State: "IDLE"}}, map[int64]wait{1: {reason: autoscale.Reason{Code: autoscale.ReasonNoPool}}}},
		"one is out":         {Job{Partition: "big"}, []Node{{Name: "b1", Partitions: "big", State: "DOWN", Reason: Mark + "htc has run out"}}, map[int64]wait{1: {text: "htc has run out"}}},
		"another is free":    {Job{Partition: "big"}, []Node{{Name: "b1", Partitions: "big", State: "DOWN", Reason: Mark + "htc has run out"}, {Name: "b2", Partitions: "big", State: "IDLE"}}, map[int64]wait{}},
		"it must not use it": {Job{Partition: "big", ExcludedNodes: "b2"}, []Node{{Name: "b1", Partitions: "big", State: "DOWN", Reason: Mark + "htc has run out"}, {Name: "b2", Partitions: "big", State: "IDLE"}}, map[int64]wait{1: {text: "htc has run out"}}},
	} {
		c.job.ID, c.job.State, c.job.Reason, c.job.Priority = 1, "PENDING", "Resources", 10
		v := &view{state: &autoscale.State{Observation: autoscale.Observation{At: at}}, jobs: []Job{c.job}, nodes: c.nodes, mapping: &Mapping{
			Node: func(*Node) (autoscale.Selector, string, bool) { return autoscale.Selector{}, "", false },
		}, waits: map[int64]wait{1: {reason: autoscale.Reason{Code: autoscale.ReasonNoPool}}}}
		(&PowerSaving{}).addPending(v)
		require.Equal(t, c.want, v.waits, name)
	}
}

// A comment is told of the tasks that wait, by the name that scontrol takes: without the limit
// of the array, and by the array's number, which stands for all its tasks, only where none runs.
func TestNamesForScontrol(t *testing.T) {
	for name, c := range map[string]struct {
		job    Job
		others int
		want   string
	}{
		"a job":                 {Job{ID: 7}, 0, "7"},
		"a task":                {Job{ID: 9, ArrayID: 7, ArrayTask: 2}, 3, "7_2"},
		"tasks":                 {Job{ID: 7, ArrayID: 7, ArrayTasks: "2-9,11"}, 3, "7_[2-9,11]"},
		"tasks with a limit":    {Job{ID: 7, ArrayID: 7, ArrayTasks: "2-9", ArrayLimit: 2}, 0, "7_[2-9]"},
		"a cut list":            {Job{ID: 7, ArrayID: 7, ArrayTasks: "2,4,6..."}, 0, "7"},
		"a cut list, some work": {Job{ID: 7, ArrayID: 7, ArrayTasks: "2,4,6..."}, 1, ""},
	} {
		v := &view{byID: map[int64]*Job{c.job.ID: &c.job}, others: map[int64]int{7: c.others}}
		require.Equal(t, c.want, v.updatable(c.job.ID), name)
	}
	require.Empty(t, (&view{}).updatable(7), "one that is over")
}
