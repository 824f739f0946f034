package slurm

import (
	"context"
	"errors"
	"strconv"
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
	jobs    map[int64]error // what clearing a comment answers
	cleared []int64
	refuse  error
}

func (m *marked) Nodes(context.Context) ([]Node, error)                { return m.nodes, nil }
func (m *marked) Details(context.Context) (map[int64]JobDetail, error) { return m.details, m.refuse }
func (m *marked) UpdateNodes(_ context.Context, u NodeUpdate) error {
	m.updates = append(m.updates, u)
	return nil
}

func (m *marked) UpdateJob(_ context.Context, job, comment string) error {
	id, err := strconv.ParseInt(job, 10, 64)
	if err != nil {
		return err
	}
	if comment == "" {
		m.cleared = append(m.cleared, id)
	}
	return m.jobs[id]
}

// What is ours goes, and what is an administrator's or a user's stays.
func TestClearMarks(t *testing.T) {
	m := &marked{
		nodes: []Node{
			{Name: "htc-1", State: "DOWN+CLOUD+POWERED_DOWN", Reason: Mark + "sold out"}, {Name: "htc-2", State: "IDLE+CLOUD+DRAIN", Reason: Mark + "goes"},
			{Name: "htc-3", State: "DOWN+CLOUD", Reason: "disk"}, {Name: "htc-4", State: "IDLE+CLOUD", Reason: Mark + "was"},
			{Name: "htc-5", State: "DOWN+CLOUD", Reason: "not " + Mark}, {Name: "htc-6", State: "IDLE+CLOUD+DRAIN"},
		},
		details: map[int64]JobDetail{1: {Comment: Mark + "waits"}, 2: {Comment: "mine"}, 3: {Comment: Mark + "waits"}, 4: {}},
		jobs:    map[int64]error{1: autoscale.ErrNotFound},
	}
	names, comments, err := ClearMarks(t.Context(), m)
	require.NoError(t, err, "a job that is over needs no comment cleared")
	require.Equal(t, []string{"htc-1", "htc-2"}, names)
	require.Equal(t, 2, comments)
	require.Equal(t, []NodeUpdate{{Names: []string{"htc-1", "htc-2"}, State: "RESUME"}, {Names: []string{"htc-4"}, State: "RESUME"}}, m.updates, "of one that is in service the reason goes")
	require.Equal(t, []int64{1, 3}, m.cleared)

	m.jobs[3] = autoscale.ErrUnavailable
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
