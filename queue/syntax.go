package queue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// syntaxError is a text that is neither YAML nor JSON.
type syntaxError struct {
	line int // 0: not known
	text string
}

func (e *syntaxError) Error() string { return e.text }

// parseSyntax reads the text into nodes. JSON is tried where the text begins
// like it, YAML elsewhere and where JSON fails, unless the name says .json: a
// YAML text may begin with a brace, and YAML's readers stumble over some JSON.
func parseSyntax(data []byte, name string) (node, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return node{}, &syntaxError{text: "is not UTF-8 text"}
	}
	start := bytes.TrimSpace(data)
	if len(start) == 0 {
		return node{}, &syntaxError{text: "is empty; an empty queue is written jobs: []"}
	}
	isJSON := strings.EqualFold(path.Ext(name), ".json")
	if !isJSON && start[0] != '{' && start[0] != '[' {
		return parseYAML(data)
	}
	root, err := parseJSON(data)
	if err != nil && !isJSON {
		if root, yamlErr := parseYAML(data); yamlErr == nil {
			return root, nil
		}
	}
	return root, err
}

// jsonTree builds nodes from JSON tokens and counts lines on its way.
type jsonTree struct {
	data    []byte
	decoder *json.Decoder
	counted int // bytes whose line ends are in line
	line    int
}

func parseJSON(data []byte) (node, error) {
	t := &jsonTree{data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1}
	t.decoder.UseNumber()
	root, err := t.value(0)
	if err == nil {
		_, err = t.decoder.Token()
		switch {
		case err == io.EOF:
			return root, nil
		case err == nil:
			err = errors.New("there is more after the document's end")
		}
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	offset := t.decoder.InputOffset()
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = min(syntax.Offset, int64(len(data)))
	}
	t.count(offset)
	return node{}, &syntaxError{line: t.line, text: "is not JSON: " + err.Error()}
}

// count advances line to an offset.
func (t *jsonTree) count(offset int64) {
	if int(offset) > t.counted {
		t.line += bytes.Count(t.data[t.counted:offset], []byte{'\n'})
		t.counted = int(offset)
	}
}

func (t *jsonTree) token() (json.Token, error) {
	token, err := t.decoder.Token()
	if err == nil {
		t.count(t.decoder.InputOffset())
	}
	return token, err
}

func (t *jsonTree) value(depth int) (node, error) {
	token, err := t.token()
	if err != nil {
		return node{}, err
	}
	n := node{line: t.line}
	switch v := token.(type) {
	case nil:
		n.kind = kindNull
	case bool:
		n.kind, n.text = kindBool, strconv.FormatBool(v)
	case json.Number:
		n.kind, n.text = kindNumber, string(v)
	case string:
		n.kind, n.text = kindText, v
	case json.Delim:
		if depth == maxDepth {
			return node{}, &syntaxError{line: n.line, text: tooDeep(0).text}
		}
		n.kind = kindList
		if v == '{' {
			n.kind = kindObject
		}
		n.items, err = t.items(n.kind, depth+1)
	}
	return n, err
}

// items reads up to the closing delimiter.
func (t *jsonTree) items(in kind, depth int) ([]node, error) {
	var items []node
	for t.decoder.More() {
		var key string
		line := 0
		if in == kindObject {
			token, err := t.token()
			if err != nil {
				return nil, err
			}
			key, line = token.(string), t.line // the decoder lets nothing else pass
		}
		item, err := t.value(depth)
		if err != nil {
			return nil, err
		}
		if line > 0 {
			item.key, item.line = key, line
		}
		items = append(items, item)
	}
	_, err := t.token()
	return items, err
}

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
