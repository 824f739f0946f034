package queue

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func parseYAML(data []byte) (node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case err == io.EOF:
		return node{}, &syntaxError{text: "holds nothing but comments; an empty queue is written jobs: []"}
	case err != nil:
		return node{}, yamlSyntaxError(err)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return node{}, &syntaxError{line: second.Line, text: "holds a second YAML document; only one is read"}
	case err != io.EOF:
		return node{}, yamlSyntaxError(err)
	}
	return fromYAML(&document, 0), nil
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

func yamlSyntaxError(err error) error {
	text := err.Error()
	e := &syntaxError{text: "is not YAML: " + strings.TrimPrefix(text, "yaml: ")}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		e.line, _ = strconv.Atoi(m[1])
		e.text = "is not YAML: " + text[len(m[0]):]
	}
	return e
}

// fromYAML takes the plain part of YAML, which is what JSON can say. Aliases
// are refused: a few lines of them unfold to gigabytes.
func fromYAML(y *yaml.Node, depth int) node {
	n := node{line: y.Line}
	switch y.Kind {
	case yaml.DocumentNode:
		return fromYAML(y.Content[0], depth)
	case yaml.AliasNode:
		n.kind, n.text = kindBad, "is a YAML alias; aliases are not read"
	case yaml.SequenceNode, yaml.MappingNode:
		if depth == maxDepth {
			return tooDeep(y.Line)
		}
		if tag := y.ShortTag(); tag != "!!seq" && tag != "!!map" {
			n.kind, n.text = kindBad, fmt.Sprintf("has the YAML tag %s, which is not read", tag)
			return n
		}
		n.kind = kindList
		n.items = make([]node, 0, len(y.Content))
		if y.Kind == yaml.MappingNode {
			n.kind = kindObject
			n.items = membersFromYAML(y, n.items, depth+1)
			return n
		}
		for _, item := range y.Content {
			n.items = append(n.items, fromYAML(item, depth+1))
		}
	default:
		n.kind, n.text = scalarFromYAML(y)
	}
	return n
}

func membersFromYAML(y *yaml.Node, items []node, depth int) []node {
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		item := fromYAML(y.Content[i+1], depth)
		item.line = key.Line
		item.key = key.Value
		if key.Kind != yaml.ScalarNode {
			item.key = "?" // no key of ours: reported as unknown
		}
		items = append(items, item)
	}
	return items
}

func scalarFromYAML(y *yaml.Node) (kind, string) {
	switch tag := y.ShortTag(); tag {
	case "!!null":
		return kindNull, ""
	case "!!bool":
		return kindBool, strings.ToLower(y.Value)
	case "!!int", "!!float":
		return kindNumber, y.Value
	case "!!str", "!!timestamp":
		return kindText, y.Value
	default:
		return kindBad, fmt.Sprintf("has the YAML tag %s, which is not read", tag)
	}
}
