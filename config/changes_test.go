package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChanges(t *testing.T) {
	old, err := parse(t, full)
	require.NoError(t, err)
	require.Empty(t, Changes(old, old))

	text := strings.NewReplacer(
		"level: debug", "level: info", "listen: :9000", "listen: :9001", "user: scaler", "user: other",
		"max: 50", "max: 60", "spot: false, min: 2", "min: 2", "idle_time: 60s", "idle_time: 61s", "tokens: 50", "tokens: 51",
	).Replace(full)
	text = strings.Replace(text, "exec: {command: [./jobs, --all], timeout: 5s}", "file: {path: x}", 1)
	new, err := parse(t, text)
	require.NoError(t, err)
	changed := Changes(old, new)
	require.Equal(t, []string{
		"listen", "log.level", "clusters[0].cyclecloud.user", "clusters[0].queue.file", "clusters[0].queue.exec",
		"clusters[0].policy.licences[0].tokens",
		"clusters[0].policy.pools[0].max", "clusters[0].policy.pools[0].idle_time", "clusters[0].policy.pools[1].spot",
	}, changed)
	require.Equal(t, []string{"listen", "clusters[0].cyclecloud.user", "clusters[0].queue.file", "clusters[0].queue.exec"}, NeedRestart(changed))
	require.Len(t, changed, 9, "NeedRestart leaves its argument alone")

	more, err := parse(t, full+"        - {name: third, nodearray: x}\n")
	require.NoError(t, err)
	require.Equal(t, []string{"clusters[0].policy.pools"}, Changes(old, more))
	require.Empty(t, NeedRestart(Changes(old, more)))
}
