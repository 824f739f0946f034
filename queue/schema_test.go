package queue

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/queue-document.md from the schema")

func TestExamplesFollowTheSchema(t *testing.T) {
	compiled := compiledSchema(t)
	for path, data := range examples(t) {
		root, err := parseSyntax(data, path)
		require.NoError(t, err)
		require.NoError(t, compiled.Validate(plain(&root)), path)
	}
}

// TestSchemaNamesTheParsersFields: what one knows the other knows.
func TestSchemaNamesTheParsersFields(t *testing.T) {
	root := schemaTree(t)
	require.ElementsMatch(t, documentFields.names(), keysOf(root.find("properties")))
	for name, fields := range map[string][]string{
		"job": jobFields.names(), "licence": licenceFields.names(), "host": hostFields.names(), "selector": selectorFields().names(),
	} {
		require.ElementsMatch(t, fields, keysOf(root.find("$defs").find(name).find("properties")), name)
	}
	for path, words := range map[string][]string{
		"job.exclusive": slices.Sorted(maps.Keys(exclusives)), "job.placement": slices.Sorted(maps.Keys(placements)),
		"job.gang": slices.Sorted(maps.Keys(gangs)), "host.drain": slices.Sorted(maps.Keys(drains)),
	} {
		def, field, _ := strings.Cut(path, ".")
		var enum []string
		for _, item := range root.find("$defs").find(def).find("properties").find(field).find("enum").items {
			enum = append(enum, item.text)
		}
		require.ElementsMatch(t, words, enum, path)
	}
	for name, form := range map[string]string{"nodeName": nodeNameForm.String(), "groupName": groupNameForm.String()} {
		require.Equal(t, form, root.find("$defs").find(name).find("oneOf").items[0].find("pattern").text)
	}
	for name, form := range map[string]string{"duration": runtimeForm.String(), "time": timeForm.String()} {
		require.Equal(t, form, root.find("$defs").find(name).find("oneOf").items[1].find("pattern").text)
	}
}

const documentPage = "../docs/queue-document.md"

// TestPageFollowsTheSchema holds every table of the page against the schema:
// field, type, default and meaning.
func TestPageFollowsTheSchema(t *testing.T) {
	data, err := os.ReadFile(documentPage)
	require.NoError(t, err)
	page := string(data)
	root := schemaTree(t)
	for _, name := range []string{"document", "job", "licence", "selector", "host"} {
		object := &root
		if name != "document" {
			object = root.find("$defs").find(name)
		}
		begin, end := "<!-- fields of "+name+" -->\n", "<!-- end -->"
		before, rest, found := strings.Cut(page, begin)
		require.True(t, found, "%s has no table of %s", documentPage, name)
		table, after, found := strings.Cut(rest, end)
		require.True(t, found)
		want := fieldTable(t, &root, object)
		if *update {
			page = before + begin + want + end + after
			continue
		}
		require.Equal(t, want, table, "the table of %s; go test ./queue -update writes it", name)
	}
	if *update {
		require.NoError(t, os.WriteFile(documentPage, []byte(page), 0o644))
	}
}

// TestPageIsRead reads every document that the page shows.
func TestPageIsRead(t *testing.T) {
	data, err := os.ReadFile(documentPage)
	require.NoError(t, err)
	blocks := strings.Split(string(data), "```yaml\n")[1:]
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		_, err := Parse([]byte(text), documentPage)
		require.NoError(t, err, text)
	}
}

func schemaTree(t *testing.T) node {
	t.Helper()
	root, err := parseJSON(string(Schema()))
	require.NoError(t, err)
	return root
}

func keysOf(n *node) []string {
	var keys []string
	for i := range n.items {
		keys = append(keys, n.items[i].key)
	}
	return keys
}

func fieldTable(t *testing.T, root, object *node) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| field | is | default | meaning |\n|---|---|---|---|\n")
	properties := object.find("properties")
	for i := range properties.items {
		field := &properties.items[i]
		def := "–"
		if d := field.find("default"); d != nil {
			def = "`" + d.text + "`"
		}
		if required := object.find("required"); required != nil &&
			slices.ContainsFunc(required.items, func(n node) bool { return n.text == field.key }) {
			def = "required"
		}
		require.True(t, field.has("description"), field.key)
		b.WriteString("| `" + field.key + "` | " + typeOf(t, root, field) + " | " + def + " | " + field.find("description").text + " |\n")
	}
	return b.String()
}

// typeOf is the title of what a field is, or its words, or its plain type.
func typeOf(t *testing.T, root, field *node) string {
	t.Helper()
	if title := field.find("title"); title != nil {
		return title.text
	}
	if ref := field.find("$ref"); ref != nil {
		return typeOf(t, root, root.find("$defs").find(strings.TrimPrefix(ref.text, "#/$defs/")))
	}
	if enum := field.find("enum"); enum != nil {
		var words []string
		for _, item := range enum.items {
			words = append(words, "`"+item.text+"`")
		}
		return strings.Join(words, ", ")
	}
	plain := map[string]string{"string": "text", "boolean": "`true`, `false`", "integer": "whole number"}
	require.Contains(t, plain, field.find("type").text, field.key)
	return plain[field.find("type").text]
}
