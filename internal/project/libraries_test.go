package project

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLibraries: each library that a file of ours imports, and each tool of
// go.mod, has a row with its reason in docs/architecture.md, and nothing else has.
func TestLibraries(t *testing.T) {
	var documented []string
	for _, row := range tableUnder(t, "docs/architecture.md", "Libraries") {
		require.Len(t, row, 2, "library | why")
		require.Greater(t, len(row[1]), 30, "no reason for %s", row[0])
		documented = append(documented, strings.Trim(row[0], "`"))
	}
	required, tools := goMod(t)
	used := map[string]bool{}
	for _, tool := range tools {
		used[tool] = true
	}
	for imported, file := range imported(t) {
		if module := moduleOf(imported, required); module != "" {
			used[module] = true
		} else {
			first, _, _ := strings.Cut(imported, "/")
			require.False(t, strings.Contains(first, "."), "%s imports %s, which go.mod does not require", file, imported)
		}
	}
	var want []string
	for module := range used {
		want = append(want, module)
	}
	require.ElementsMatch(t, want, documented)
}

// imported lists what any file of ours imports, tests included, and one file
// that does.
func imported(t *testing.T) map[string]string {
	t.Helper()
	paths := map[string]string{}
	fset := token.NewFileSet()
	walk(t, func(name string) {
		if !strings.HasSuffix(name, ".go") {
			return
		}
		file, err := parser.ParseFile(fset, filepath.Join(root, name), nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imported := range (source{file: file}).imports() {
			paths[imported] = name
		}
	})
	return paths
}

// moduleOf is the module with the longest path that holds the package; empty:
// none of them does.
func moduleOf(imported string, modules []string) string {
	best := ""
	for _, m := range modules {
		if (imported == m || strings.HasPrefix(imported, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

// goMod reads the modules that go.mod requires, and its tools.
func goMod(t *testing.T) (required, tools []string) {
	t.Helper()
	block := ""
	for line := range strings.Lines(read(t, "go.mod")) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == ")":
			block = ""
		case len(words) == 2 && words[1] == "(":
			block = words[0]
		case block == "require":
			required = append(required, words[0])
		case words[0] == "require":
			required = append(required, words[1])
		case words[0] == "tool":
			tools = append(tools, words[1])
		case block == "tool":
			tools = append(tools, words[0])
		}
	}
	require.NotEmpty(t, required)
	return required, tools
}
