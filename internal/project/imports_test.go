package project

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const zap = "go.uber.org/zap"

// rule is one row of the table "Who imports whom" in docs/architecture.md.
type rule struct {
	all bool     // may import every package of ours
	of  []string // packages of ours, by path from the top level
	zap bool     // may log
}

// allows tells whether the rule lets a package import that one of ours. Like
// "internal/rest", a room is meant without its sub-packages.
func (r rule) allows(dir string) bool { return r.all || slices.Contains(r.of, dir) }

var quoted = regexp.MustCompile("`([^`]+)`")

// importRules reads the table, so that page and rule can't differ.
func importRules(t *testing.T) map[string]rule {
	t.Helper()
	rules := map[string]rule{}
	for _, row := range tableUnder(t, "docs/architecture.md", "Who imports whom") {
		require.Len(t, row, 3, "package | of ours it may import | logs")
		name := quoted.FindStringSubmatch(row[0])
		require.NotNil(t, name, "no package in row %q", row)
		require.NotContains(t, rules, name[1], "two rows")
		r := rule{all: row[1] == "everything", zap: row[2] == "yes"}
		for _, other := range quoted.FindAllStringSubmatch(row[1], -1) {
			r.of = append(r.of, other[1])
		}
		require.True(t, r.all || len(r.of) > 0 || row[1] == "nothing", "row %q", row)
		require.Contains(t, []string{"yes", "no"}, row[2], "row %q", row)
		rules[name[1]] = r
	}
	return rules
}

// TestImports holds every package that is no test against its row, and the rows
// against the packages there are.
func TestImports(t *testing.T) {
	rules := importRules(t)
	packages := sources(t)
	for dir := range rules {
		require.Contains(t, packages, dir, "docs/architecture.md has a row for a package that isn't there")
	}
	for dir, files := range packages {
		r, ok := rules[dir]
		require.True(t, ok, "docs/architecture.md has no row for package %s", dir)
		for _, file := range files {
			for _, imported := range file.imports() {
				if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
					require.True(t, r.allows(ours), "%s imports %s", file.name, imported)
				}
				if imported == zap || strings.HasPrefix(imported, zap+"/") {
					require.True(t, r.zap, "%s logs", file.name)
				}
			}
		}
	}
}

// impure are standard packages through which the domain could see or touch the
// world, each with its sub-packages.
var impure = []string{"context", "crypto/rand", "io/fs", "log", "math/rand", "net", "os", "plugin", "runtime", "syscall", "unsafe"}

// clocks are the names of package time that read a clock or wait for one.
var clocks = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Ticker", "Timer", "Until", "Local"}

// TestDomainIsPure: package autoscale imports the standard library only, and of
// it nothing that does I/O, draws random numbers or reads a clock.
func TestDomainIsPure(t *testing.T) {
	for _, file := range sources(t)["autoscale"] {
		for _, imported := range file.imports() {
			require.NotContains(t, strings.Split(imported, "/")[0], ".", "%s imports %s: not the standard library", file.name, imported)
			require.False(t, isImpure(imported), "%s imports %s", file.name, imported)
		}
		require.Empty(t, clockUses(file), "%s uses a clock", file.name)
	}
}

func isImpure(imported string) bool {
	return slices.ContainsFunc(impure, func(p string) bool {
		return imported == p || strings.HasPrefix(imported, p+"/") || imported == p+"/v2"
	})
}

// clockUses finds uses of package time's clocks, whatever name it is imported
// under; a dot import counts as a use.
func clockUses(file source) []string {
	name := ""
	for _, spec := range file.file.Imports {
		if imported, _ := strconv.Unquote(spec.Path.Value); imported == "time" {
			name = path.Base(imported)
			if spec.Name != nil {
				name = spec.Name.Name
			}
		}
	}
	if name == "." {
		return []string{"import . \"time\""}
	}
	var uses []string
	ast.Inspect(file.file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if of, ok := selector.X.(*ast.Ident); ok && of.Name == name && slices.Contains(clocks, selector.Sel.Name) {
			uses = append(uses, name+"."+selector.Sel.Name)
		}
		return true
	})
	return uses
}
