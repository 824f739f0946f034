package config

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("config.json", doc))
	s, err := c.Compile("config.json")
	require.NoError(t, err)
	return s
}

// instance is a YAML text as JSON sees it.
func instance(t *testing.T, text string) any {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal([]byte(text), &v))
	encoded, err := json.Marshal(v)
	require.NoError(t, err)
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	require.NoError(t, err)
	return out
}

func TestSchemaTakesWhatTheLoaderTakes(t *testing.T) {
	s := compiled(t)
	require.NoError(t, s.Validate(instance(t, minimal)))
	require.NoError(t, s.Validate(instance(t, full)))
	for _, text := range []string{
		"intervall: 5s\n" + minimal,
		"dry_run: 'yes'\n" + minimal,
		"interval: soon\n" + minimal,
		"interval: -5\n" + minimal,
		"log: {level: loud}\n" + minimal,
		strings.Replace(minimal, "nodearray: execute", "min: 1", 1),
		strings.Replace(minimal, "nodearray: execute", "nodearray: execute\n          max: -1", 1),
		"dry_run: true\n",
	} {
		require.Error(t, s.Validate(instance(t, text)), text)
	}
}

func TestSchemaDescribesEveryKey(t *testing.T) {
	var schema map[string]any
	require.NoError(t, json.Unmarshal(Schema(), &schema))
	for _, k := range Keys() {
		at := any(schema)
		for key := range strings.SplitSeq(k.Path, ".") {
			name, list := strings.CutSuffix(key, "[]")
			at = at.(map[string]any)["properties"].(map[string]any)[name]
			require.NotNil(t, at, k.Path)
			if list {
				at = at.(map[string]any)["items"]
			}
		}
		require.Equal(t, k.Help, at.(map[string]any)["description"], k.Path)
	}
}
