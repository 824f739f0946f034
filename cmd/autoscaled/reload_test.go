package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A log file beside a config that is missing must not make the daemon log the
// same refusal with each of its own lines.
func TestLookSeesEachChangeOnce(t *testing.T) {
	r := &reloader{path: filepath.Join(t.TempDir(), "config.yaml")}
	write := func(text string) { require.NoError(t, os.WriteFile(r.path, []byte(text), 0o600)) }
	write("a")
	for _, step := range []struct {
		what   string
		change func()
	}{
		{"first look", func() {}},
		{"other text", func() { write("b") }},
		{"gone", func() { require.NoError(t, os.Remove(r.path)) }},
		{"back as it was", func() { write("b") }},
		{"empty", func() { write("") }},
		{"gone again", func() { require.NoError(t, os.Remove(r.path)) }},
		{"a folder instead", func() { require.NoError(t, os.Mkdir(r.path, 0o700)) }},
	} {
		step.change()
		require.True(t, r.look(), step.what)
		require.False(t, r.look(), step.what)
	}
}
