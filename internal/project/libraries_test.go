package project

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLibraries: each library and tool that go.mod names for us, and no other,
// has a row with its reason in docs/architecture.md.
func TestLibraries(t *testing.T) {
	var documented []string
	for _, row := range tableUnder(t, "docs/architecture.md", "Libraries") {
		require.Len(t, row, 2, "library | why")
		require.Greater(t, len(row[1]), 30, "no reason for %s", row[0])
		documented = append(documented, strings.Trim(row[0], "`"))
	}
	require.ElementsMatch(t, directDependencies(t), documented)
}

// directDependencies lists what go.mod requires for code of ours, and its tools.
func directDependencies(t *testing.T) []string {
	t.Helper()
	var list []string
	block := ""
	for line := range strings.Lines(read(t, "go.mod")) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == ")":
			block = ""
		case len(words) == 2 && words[1] == "(":
			block = words[0]
		case block == "require" && !strings.Contains(line, "// indirect"):
			list = append(list, words[0])
		case words[0] == "require" && !strings.Contains(line, "// indirect"):
			list = append(list, words[1])
		case words[0] == "tool":
			list = append(list, words[1])
		case block == "tool":
			list = append(list, words[0])
		}
	}
	require.NotEmpty(t, list)
	return list
}
