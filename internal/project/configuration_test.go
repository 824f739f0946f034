package project

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/config"
	"autoscaled/queue"
)

const configurationHead = `# Configuration

One YAML file, given as ` + "`-c FILE`" + `. It is strict: a key that isn't listed here is an error that names the line and the nearest known
key, and ` + "`autoscaled check -c FILE`" + ` tells all mistakes at once. Durations are written as ` + "`90s`, `5m`, `1h30m`" + ` (a number alone is seconds; there are no days),
sizes as ` + "`512MiB`, `1GiB`" + `; paths are relative to the file's folder. "Required" holds where the section is given at all. A key outside lists is overridden by its environment variable. ` + "`autoscaled schema`" + ` prints a JSON Schema of the file for
editors.

This page is written by ` + "`go test ./internal/project -update`" + ` from package ` + "`config`" + `.

| key | default | environment | meaning |
|---|---|---|---|
`

// TestConfigurationPage keeps docs/configuration.md equal to what config reads.
func TestConfigurationPage(t *testing.T) {
	var page strings.Builder
	page.WriteString(configurationHead)
	for _, key := range config.Keys() {
		require.NotEmpty(t, key.Help, "key %s has no help", key.Path)
		def := "–"
		switch {
		case key.Required:
			def = "required"
		case key.Default != "":
			def = "`" + key.Default + "`"
		}
		env := "–"
		if key.Env != "" {
			env = "`" + key.Env + "`"
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", key.Path, def, env, strings.ReplaceAll(key.Help, "|", `\|`))
	}
	generated(t, "docs/configuration.md", page.String())
}

// TestReadmeConfiguration loads the configuration that the README shows.
func TestReadmeConfiguration(t *testing.T) {
	blocks := fences(t, "README.md", "yaml")
	require.Len(t, blocks, 2, "a configuration and a demand document")
	require.LessOrEqual(t, strings.Count(blocks[0], "\n"), 16, "the README promises a short configuration")
	loaded, err := config.Parse(filepath.Join(t.TempDir(), "autoscaled.yaml"), []byte(blocks[0]))
	require.NoError(t, err)
	require.Len(t, loaded.Clusters, 1)
	require.Equal(t, 120, loaded.Clusters[0].Scaling.Max)

	demand, err := queue.Parse([]byte(blocks[1]), "README.md")
	require.NoError(t, err)
	require.Equal(t, 2, demand.Jobs())
	require.True(t, demand.Vouched)
}
