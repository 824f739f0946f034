package project

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the module's top level, seen from this package.
const root = "../.."

// module is the module's path, the first element of every import of ours.
const module = "autoscaled"

// source is one Go file that is no test.
type source struct {
	name string // path from the top level, with slashes
	file *ast.File
}

// imports lists what the file imports.
func (s source) imports() []string {
	var paths []string
	for _, spec := range s.file.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, `"`))
	}
	return paths
}

// sources parses every Go file that is no test, by the package's path from the
// top level ("." for the top level itself).
func sources(t *testing.T) map[string][]source {
	t.Helper()
	packages := map[string][]source{}
	fset := token.NewFileSet()
	walk(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return
		}
		file, err := parser.ParseFile(fset, filepath.Join(root, name), nil, parser.ParseComments)
		require.NoError(t, err)
		dir := path.Dir(name)
		packages[dir] = append(packages[dir], source{name: name, file: file})
	})
	require.Greater(t, len(packages), 5, "hardly any package found below %s", root)
	return packages
}

// walk calls visit for every file of the project, by its path from the top
// level with slashes, leaving out what git and the build keep there.
func walk(t *testing.T, visit func(name string)) {
	t.Helper()
	left := append(ignored(t), ".git")
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case slices.ContainsFunc(left, func(pattern string) bool { return matches(pattern, name) }):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case !entry.IsDir():
			visit(name)
		}
		return nil
	}))
}

// ignored lists the patterns of .gitignore.
func ignored(t *testing.T) []string {
	t.Helper()
	var patterns []string
	for line := range strings.Lines(read(t, ".gitignore")) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			patterns = append(patterns, strings.TrimSuffix(line, "/"))
		}
	}
	return patterns
}

// matches knows the three forms of pattern that .gitignore uses here: "/name"
// at the top level, "**/a/b" at the end of a path, "*.suffix" anywhere.
func matches(pattern, name string) bool {
	if rest, ok := strings.CutPrefix(pattern, "/"); ok {
		return name == rest
	}
	if rest, ok := strings.CutPrefix(pattern, "**/"); ok {
		return name == rest || strings.HasSuffix(name, "/"+rest)
	}
	ok, _ := path.Match(pattern, path.Base(name))
	return ok
}

// read returns a file of the project by its path from the top level.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(text)
}
