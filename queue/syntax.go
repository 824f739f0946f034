package queue

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"
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
	root, err := parseJSON(string(data))
	if err != nil && !isJSON {
		if root, yamlErr := parseYAML(data); yamlErr == nil {
			return root, nil
		}
	}
	return root, err
}
