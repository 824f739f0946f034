package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/config"
)

const wireConfig = `interval: 20s
dry_run: true
clusters:
  - name: demo
    cyclecloud: {url: "https://cc.example.com", user: u, password_env: P, timeout: 12s}
    queue: {`

const wirePolicy = `}
    policy: {max: 7, absent_for: 3m, pools: [{name: a, nodearray: b}]}
`

// A loop's bounds leave each part the time to tell of its own.
func TestLoopOptions(t *testing.T) {
	for queue, timeout := range map[string]time.Duration{
		"file: {path: x}":                              30 * time.Second,
		"exec: {command: [x], timeout: 100s}":          105 * time.Second,
		"http: {url: 'http://q.example', timeout: 8s}": 16 * time.Second,
	} {
		c, err := config.Parse("/etc/c.yaml", []byte(wireConfig+queue+wirePolicy))
		require.NoError(t, err)
		p, err := assemble(c, nil, fittings{})
		require.NoError(t, err)
		o := p.options(c, record{})
		require.Equal(t, timeout, o.QueueTimeout, queue)
		require.Equal(t, 24*time.Second, o.CloudTimeout)
		require.Equal(t, 24*time.Second, o.CallTimeout)
		require.Equal(t, 20*time.Second, o.Interval)
		require.True(t, o.DryRun)
		require.Equal(t, "demo", o.Cluster)
		require.Equal(t, 7, o.Policy.Max)
		require.Equal(t, 3*time.Minute, o.Policy.AbsentFor)
		require.Less(t, time.Until(o.Now()).Abs(), time.Hour, "a clock that runs")
		require.Equal(t, queue[:4] == "file", p.watch != nil, queue)
	}
}

// What plan takes for a journal refuses every change.
func TestRecordIsReadOnly(t *testing.T) {
	require.ErrorIs(t, record{}.Put(t.Context(), autoscale.Operation{}), errReadOnly)
	require.ErrorIs(t, record{}.Save(t.Context(), autoscale.Memory{}), errReadOnly)
}

// What a demand document lacks is not said of a CI service.
func TestMissingFrom(t *testing.T) {
	require.Equal(t, " (running: is missing)", missingFrom(config.Queue{File: &config.FileQueue{}}))
	require.Empty(t, missingFrom(config.Queue{GitLab: &config.GitLabQueue{}}))
}
