package cyclecloudtest

import (
	"fmt"
	"strings"
)

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenString
	tokenNumber
	tokenWord
	tokenOperator
)

type token struct {
	kind tokenKind
	text string
	at   int // position in bytes, from 1
}

// filterOperators in the order in which they are tried: longer ones first.
var filterOperators = []string{"===", "=?=", "!==", "=!=", "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")"}

var comparisons = map[string]bool{
	"===": true, "=?=": true, "!==": true, "=!=": true, "==": true, "!=": true,
	"<": true, "<=": true, ">": true, ">=": true,
}

func lexFilter(text string) ([]token, error) {
	var tokens []token
	for i := 0; i < len(text); {
		if strings.IndexByte(" \t\r\n", text[i]) >= 0 {
			i++
			continue
		}
		t, used, err := lexOne(text[i:], i+1)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		i += used
	}
	return append(tokens, token{kind: tokenEnd, at: len(text) + 1}), nil
}

// lexOne reads the token at the start of text and tells how many bytes it took.
func lexOne(text string, at int) (token, int, error) {
	switch c := text[0]; {
	case c == '"' || c == '\'':
		return lexString(text, at)
	case c >= '0' && c <= '9' || c == '-':
		n := 1 + leading(text[1:], "0123456789.eE")
		return token{tokenNumber, text[:n], at}, n, nil
	case isWordByte(c):
		n := 1
		for n < len(text) && (isWordByte(text[n]) || text[n] == '.' || text[n] >= '0' && text[n] <= '9') {
			n++
		}
		return token{tokenWord, text[:n], at}, n, nil
	}
	for _, op := range filterOperators {
		if strings.HasPrefix(text, op) {
			return token{tokenOperator, op, at}, len(op), nil
		}
	}
	return token{}, 0, fmt.Errorf("unexpected character %q at %d", text[0], at)
}

// leading counts the leading bytes of text that are in set.
func leading(text, set string) int {
	n := 0
	for n < len(text) && strings.IndexByte(set, text[n]) >= 0 {
		n++
	}
	return n
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

// lexString reads a quoted string in which a backslash keeps the next character as it is.
func lexString(text string, at int) (token, int, error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case text[0]:
			return token{tokenString, b.String(), at}, i + 1, nil
		case '\\':
			if i+1 < len(text) {
				i++
			}
			b.WriteByte(text[i])
		default:
			b.WriteByte(text[i])
		}
	}
	return token{}, 0, fmt.Errorf("string at %d has no end", at)
}
