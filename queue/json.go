package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// jsonScanner builds nodes from JSON. Unlike encoding/json it knows lines and
// keeps keys in order and numbers as they are written, and nodes share the
// document's text, so that a million jobs cost little more than their nodes.
type jsonScanner struct {
	text string
	at   int // next byte
	line int // of that byte
	// items of the lists and mappings that are open, the innermost last.
	items []node
}

// parseJSON reads valid UTF-8.
func parseJSON(text string) (node, error) {
	s := &jsonScanner{text: text, line: 1}
	root, err := s.value(0)
	if err == nil && s.peek() != 0 {
		err = errors.New("there is more after the document's end")
	}
	if err == nil {
		return root, nil
	}
	if s.at >= len(s.text) {
		err = io.ErrUnexpectedEOF
	}
	return node{}, &syntaxError{line: s.line, text: "is not JSON: " + err.Error()}
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *jsonScanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case '\n':
			s.line++
		case ' ', '\t', '\r':
		case 0:
			return 1 // no byte of JSON either
		default:
			return c
		}
	}
	return 0
}

func (s *jsonScanner) value(depth int) (node, error) {
	c := s.peek()
	n := node{line: s.line}
	var err error
	switch {
	case c == '{' || c == '[':
		return s.container(c, depth)
	case c == '"':
		n.kind = kindText
		n.text, err = s.string()
	case c == '-' || c >= '0' && c <= '9':
		n.kind = kindNumber
		n.text, err = s.number()
	default:
		n.kind, n.text, err = s.word()
	}
	return n, err
}

func (s *jsonScanner) container(open byte, depth int) (node, error) {
	n := node{kind: kindList, line: s.line}
	closing := byte(']')
	if open == '{' {
		n.kind, closing = kindObject, '}'
	}
	if depth == maxDepth {
		return n, errors.New(tooDeep(0).text)
	}
	s.at++
	first := len(s.items)
	for s.peek() != closing {
		if len(s.items) > first {
			if s.peek() != ',' {
				return n, s.unexpected("a comma or " + string(closing))
			}
			s.at++
		}
		item, err := s.item(n.kind, depth+1)
		if err != nil {
			return n, err
		}
		s.items = append(s.items, item)
	}
	s.at++
	n.items = slices.Clone(s.items[first:])
	s.items = s.items[:first]
	return n, nil
}

// item reads a value, with its key in a mapping.
func (s *jsonScanner) item(in kind, depth int) (node, error) {
	if in == kindList {
		return s.value(depth)
	}
	if s.peek() != '"' {
		return node{}, s.unexpected("a key in quotes")
	}
	line := s.line
	key, err := s.string()
	if err != nil {
		return node{}, err
	}
	if s.peek() != ':' {
		return node{}, s.unexpected("a colon after the key")
	}
	s.at++
	n, err := s.value(depth)
	n.key, n.line = key, line
	return n, err
}

// string reads text in quotes. Escapes are left to encoding/json.
func (s *jsonScanner) string() (string, error) {
	escaped := false
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			quoted := s.text[s.at : i+1]
			s.at = i + 1
			if !escaped {
				return quoted[1 : len(quoted)-1], nil
			}
			var text string
			err := json.Unmarshal([]byte(quoted), &text)
			return text, err
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			s.at = i
			return "", errors.New("a text has a line end or control character in it")
		}
	}
	s.at = len(s.text)
	return "", io.ErrUnexpectedEOF
}

func (s *jsonScanner) number() (string, error) {
	begin := s.at
	for s.at < len(s.text) && strings.IndexByte("0123456789+-.eE", s.text[s.at]) >= 0 {
		s.at++
	}
	text := s.text[begin:s.at]
	if !isNumber(text) {
		return "", fmt.Errorf("%s is not a number", quoteShort(text))
	}
	return text, nil
}

func (s *jsonScanner) word() (kind, string, error) {
	for word, k := range map[string]kind{"true": kindBool, "false": kindBool, "null": kindNull} {
		if strings.HasPrefix(s.text[s.at:], word) {
			s.at += len(word)
			if k == kindNull {
				word = ""
			}
			return k, word, nil
		}
	}
	return kindBad, "", s.unexpected("a value")
}

func (s *jsonScanner) unexpected(want string) error {
	if s.at >= len(s.text) {
		return io.ErrUnexpectedEOF
	}
	end := min(len(s.text), s.at+20)
	return fmt.Errorf("want %s, not %s", want, quoteShort(strings.ToValidUTF8(s.text[s.at:end], "")))
}
