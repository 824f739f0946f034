package main

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nodes of a pool that deallocates stay when demand goes, and are the ones that come
// back with it: nothing else is created.
func TestRunStartsDeallocatedNodes(t *testing.T) {
	s := newSite(t, nil)
	s.configure("pools", "[{name: small, nodearray: execute, machine_types: [Standard_F4s_v2], removal: deallocate}]")
	p := s.start()
	count := func(status string) (n int) {
		for _, node := range s.server.Nodes("demo") {
			if !node.Head && node.Status == status {
				n++
			}
		}
		return n
	}
	for range 2 {
		s.write("queue.yaml", "jobs: [{id: a, tasks: 3, exclusive: task}]\nrunning: []\n")
		eventually(t, "nodes", func() bool { return count("Ready") == 3 })
		p.shows(`autoscaled_jobs_served{cluster="demo",reason="on_ready"}`, "1")
		s.write("queue.yaml", "jobs: []\nrunning: []\n")
		eventually(t, "deallocated nodes", func() bool { return count("Deallocated") == 3 })
	}
	p.shows(`autoscaled_nodes{cluster="demo",phase="deallocated",pool="execute/Standard_F4s_v2"}`, "3")
	require.Zero(t, p.stop(syscall.SIGTERM))
	books := s.server.Books()
	created := 0
	for _, c := range books.Creates {
		created += c.Sets[0].Added
	}
	require.Equal(t, 3, created, "nothing was created beside the nodes that were there")
	require.Equal(t, 3, books.Starts)
	require.Equal(t, 6, books.Deallocations)
	require.Empty(t, books.Violations)
}
