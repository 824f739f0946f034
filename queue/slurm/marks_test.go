package slurm

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// marked is a cluster with marks.
type marked struct {
	Cluster
	nodes   []Node
	details map[int64]JobDetail
	updates []NodeUpdate
	records []Job
	jobs    map[string]error // what clearing a comment answers
	cleared []string
	refuse  error
}

func (m *marked) Jobs(context.Context) ([]Job, error)                  { return m.records, nil }
func (m *marked) Nodes(context.Context) ([]Node, error)                { return m.nodes, nil }
func (m *marked) Details(context.Context) (map[int64]JobDetail, error) { return m.details, m.refuse }
func (m *marked) UpdateNodes(_ context.Context, u NodeUpdate) error {
	m.updates = append(m.updates, u)
	return nil
}

func (m *marked) UpdateJob(_ context.Context, job, comment string) error {
	if comment == "" {
		m.cleared = append(m.cleared, job)
	}
	return m.jobs[job]
}

// What is ours goes, and what is an administrator's or a user's stays.
func TestClearMarks(t *testing.T) {
	m := &marked{
		nodes: []Node{
			{Name: "htc-1", State: "DOWN+CLOUD+POWERED_DOWN", Reason: Mark + "sold out"}, {Name: "htc-2", State: "IDLE+CLOUD+DRAIN", Reason: Mark + "goes"},
			{Name: "htc-3", State: "DOWN+CLOUD", Reason: "disk"}, {Name: "htc-4", State: "IDLE+CLOUD", Reason: Mark + "was"},
			{Name: "htc-5", State: "DOWN+CLOUD", Reason: "not " + Mark}, {Name: "htc-6", State: "IDLE+CLOUD+DRAIN"},
		},
		details: map[int64]JobDetail{1: {Comment: Mark + "waits"}, 2: {Comment: "mine"}, 3: {Comment: Mark + "waits"}, 4: {}, 5: {Comment: Mark + "of a job that is over"}},
		records: []Job{
			{ID: 1, State: "PENDING"}, {ID: 2, State: "PENDING"}, {ID: 3, ArrayID: 3, ArrayTasks: "7-9", ArrayLimit: 2, State: "PENDING"},
			{ID: 4, ArrayID: 3, ArrayTask: 6, State: "RUNNING"},
		},
		jobs: map[string]error{"1": autoscale.ErrNotFound},
	}
	names, comments, err := ClearMarks(t.Context(), m)
	require.NoError(t, err, "a job that is over needs no comment cleared")
	require.Equal(t, []string{"htc-1", "htc-2"}, names)
	require.Equal(t, 2, comments)
	require.Equal(t, []NodeUpdate{{Names: []string{"htc-1", "htc-2"}, State: "RESUME"}, {Names: []string{"htc-4"}, State: "RESUME"}}, m.updates, "of one that is in service the reason goes")
	require.Equal(t, []string{"1", "3_[7-9]"}, m.cleared, "the array's tasks that run are left alone")

	m.jobs["3_[7-9]"] = autoscale.ErrUnavailable
	names, comments, err = ClearMarks(t.Context(), m)
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.Equal(t, 1, comments)
	require.Len(t, names, 2)
	m.refuse = errors.New("no squeue")
	_, _, err = ClearMarks(t.Context(), m)
	require.ErrorContains(t, err, "no squeue")

	m = &marked{nodes: m.nodes[4:]}
	names, comments, err = ClearMarks(t.Context(), m)
	require.NoError(t, err)
	require.Empty(t, names)
	require.Zero(t, comments)
	require.Empty(t, m.updates)
}
