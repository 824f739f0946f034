package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale/web"
	"autoscaled/queue/githubrest"
	"autoscaled/queue/gitlab"
)

// What was not read is not counted as zero.
func TestWhatQueuesTell(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	require.Empty(t, polledJobs(githubrest.Status{Repositories: []githubrest.RepositoryStatus{{Name: "a/b", Queued: 1}}}))
	require.Equal(t, map[string]int{"queued": 3, "held": 1, "unmatched": 2}, polledJobs(githubrest.Status{Repositories: []githubrest.RepositoryStatus{
		{Name: "a/b", Read: at, Queued: 1, NotOurs: 2}, {Name: "a/c", Read: at, Queued: 2, Held: 1}}}))
	require.Equal(t, web.Allowance{}, polledCalls(githubrest.Status{}))
	require.Equal(t, web.Allowance{Known: true, Limit: 5000, Remaining: 0, Reset: at, Short: true},
		polledCalls(githubrest.Status{Limit: 5000, Reset: at, Shortage: githubrest.ErrBudget}))

	require.Empty(t, gitlabJobs(gitlab.Seen{}))
	require.Equal(t, map[string]int{"queued": 3, "held": 2, "running": 1, "unmatched": 4},
		gitlabJobs(gitlab.Seen{At: at, Pending: 5, Untaken: 2, Running: 1, Foreign: 4}))
	require.Equal(t, web.Allowance{Known: true, Limit: 300, Remaining: 290}, gitlabCalls(gitlab.Seen{Calls: 10}, 300))
	require.Zero(t, gitlabCalls(gitlab.Seen{Calls: 10}, 3).Remaining)
}
