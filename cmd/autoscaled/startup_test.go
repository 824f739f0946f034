package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The program in the VM has to end after as many jobs as the queue counts on.
func TestGitLabScriptEndsAfterItsJobs(t *testing.T) {
	for jobs, flag := range map[int]string{1: "--max-builds 1 ", 5: "--max-builds 5 "} {
		script := gitlabScript(jobs).Fill("it's secret", "ios-1", "https://gitlab.example.com")
		require.Contains(t, script, flag)
		require.Contains(t, script, `CI_SERVER_TOKEN='it'\''s secret' RUNNER_NAME='ios-1'`)
		require.NotContains(t, script, "%!")
	}
}
