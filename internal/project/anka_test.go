package project

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ankaEndpoints are the calls of the controller's 2019 reference, and after the
// empty line those that newer controllers added. Calls that differ by their
// parameters only stand on their own.
const ankaEndpoints = `
POST /api/v1/vm
PUT /api/v1/vm?id=
DELETE /api/v1/vm
GET /api/v1/vm
GET /api/v1/vm?id=
GET /api/v1/node
GET /api/v1/node?id=
POST /api/v1/node/config
DELETE /api/v1/node
GET /api/v1/registry/vm
GET /api/v1/registry/vm?id=
DELETE /api/v1/registry/vm?id=
DELETE /api/v1/registry/revert?id=
DELETE /api/v1/registry/revert?id=&tag=
DELETE /api/v1/registry/revert?id=&version=
POST /api/v1/registry/vm/distribute
GET /api/v1/registry/vm/distribute
GET /api/v1/registry/vm/distribute?id=
POST /api/v1/image
GET /api/v1/image
GET /api/v1/image?id=
POST /api/v1/group
GET /api/v1/group
PUT /api/v1/group?id=
DELETE /api/v1/group?id=
POST /api/v1/node/group
DELETE /api/v1/node/group
GET /api/v1/usb

POST /api/v1/rpc/vm/restart
GET /api/v1/registry/vm?apiVer=v1
DELETE /api/v1/registry/vm/remove?id=
GET /api/v1/registry/disk
DELETE /api/v1/registry/vm/distribute?id=
GET /api/v1/status
GET /livez
GET /readyz
`

// TestAnkaAPI holds the table of docs/anka-api.md against the reference's calls,
// the client's methods, the simulator's handlers and the tests: each is there, and
// no call or method is without its row.
func TestAnkaAPI(t *testing.T) {
	var endpoints, methods []string
	tests, handlers := functions(t, "anka", true), functions(t, "anka/ankatest", false)
	for _, row := range tableUnder(t, "docs/anka-api.md", "The Anka controller's API") {
		require.Len(t, row, 5, "endpoint | what it does | client method | simulator | test")
		endpoints = append(endpoints, strings.Trim(row[0], "`"))
		methods = append(methods, strings.Trim(row[2], "`"))
		require.Contains(t, handlers, strings.Trim(row[3], "`"), "row %q", row)
		named := quoted.FindAllStringSubmatch(row[4], -1)
		require.NotEmpty(t, named, "no test in row %q", row)
		for _, name := range named {
			require.Contains(t, tests, name[1], "row %q", row)
		}
	}
	var want []string
	for line := range strings.Lines(ankaEndpoints) {
		if line = strings.TrimSpace(line); line != "" {
			want = append(want, line)
		}
	}
	require.ElementsMatch(t, want, endpoints)
	require.ElementsMatch(t, exported(functions(t, "anka", false)["Client"]), methods)
}

// functions maps a package's functions to their declarations, and each type to
// its methods', of its tests or of its other files.
func functions(t *testing.T, dir string, tests bool) map[string][]*ast.FuncDecl {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	require.NoError(t, err)
	found := map[string][]*ast.FuncDecl{}
	fset := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") != tests {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				key := owner(f)
				found[key] = append(found[key], f)
			}
		}
	}
	return found
}

// owner is a method's type, or a function's own name.
func owner(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

func exported(declared []*ast.FuncDecl) []string {
	var names []string
	for _, f := range declared {
		if f.Name.IsExported() {
			names = append(names, f.Name.Name)
		}
	}
	return names
}
