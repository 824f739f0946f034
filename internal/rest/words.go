package rest

import (
	"bytes"
	"encoding/json"
	"strings"
)

// serverWords finds the sentence in a refusal: the message of a JSON object, or
// else the beginning of whatever it is.
func serverWords(head []byte, hide func(string) string) string {
	head = bytes.TrimPrefix(head, []byte("\uFEFF")) // some servers mark their UTF-8
	var object map[string]any
	if json.Unmarshal(head, &object) != nil {
		return excerpt(head, hide)
	}
	var found []string
	for _, name := range []string{"error", "message", "detail", "reason", "errors"} {
		for key, value := range object {
			text, ok := value.(string)
			if ok && text != "" && strings.EqualFold(key, name) {
				found = append(found, text)
			}
		}
	}
	if len(found) == 0 {
		return excerpt(head, hide)
	}
	return shorten(hide(fold(strings.Join(found, ": "))))
}
