package queue

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// examples are the sample documents by path.
func examples(t testing.TB) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, pattern := range []string{"*.yaml", "*.json"} {
		paths, err := filepath.Glob(filepath.Join("../examples/queue", pattern))
		require.NoError(t, err)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			found[path] = data
		}
	}
	require.Greater(t, len(found), 3)
	return found
}

// compiledSchema is the schema as an editor would apply it.
func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(Schema(), &value))
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("document.json", value))
	compiled, err := compiler.Compile("document.json")
	require.NoError(t, err)
	return compiled
}

// plain is a document in JSON's terms, for the schema. Numbers that only YAML
// can write become text.
func plain(n *node) any {
	switch n.kind {
	case kindNull:
		return nil
	case kindBool:
		return n.text == "true"
	case kindNumber:
		if json.Valid([]byte(n.text)) {
			return json.Number(n.text)
		}
		return n.text
	case kindList:
		list := []any{}
		for i := range n.items {
			list = append(list, plain(&n.items[i]))
		}
		return list
	case kindObject:
		object := map[string]any{}
		for i := range n.items {
			object[n.items[i].key] = plain(&n.items[i])
		}
		return object
	default:
		return n.text
	}
}
