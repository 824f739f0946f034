package project

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the pages that are generated from code")

// generated holds a page against what the code says it should be, line by line.
func generated(t *testing.T, page, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join(root, filepath.FromSlash(page)), []byte(want), 0o644))
	}
	have := slices.Collect(strings.Lines(read(t, page)))
	number := 0
	for line := range strings.Lines(want) {
		require.Less(t, number, len(have), "%s ends early; go test ./internal/project -update rewrites it", page)
		require.Equal(t, line, have[number], "%s:%d; go test ./internal/project -update rewrites it", page, number+1)
		number++
	}
	require.Len(t, have, number, "%s has lines too many; go test ./internal/project -update rewrites it", page)
}
