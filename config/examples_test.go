package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExamples: every configuration in examples loads, and the schema agrees.
func TestExamples(t *testing.T) {
	paths, err := filepath.Glob("../examples/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(paths), 5)
	schema := compiled(t)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, err := Load(path)
			require.NoError(t, err)
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, schema.Validate(instance(t, string(text))))
		})
	}
}

// TestSimulatorExample: what the example needs is beside it.
func TestSimulatorExample(t *testing.T) {
	c, err := Check("../examples/simulator.yaml")
	require.NoError(t, err)
	password, err := c.Clusters[0].CycleCloud.Password().Read()
	require.NoError(t, err)
	require.Equal(t, "demo-password", password.Reveal())
	require.FileExists(t, c.Clusters[0].Queue.File.Path)
}
