package queue

import (
	"slices"
	"strings"
)

// selectorsOf finds what a PromQL expression reads: its vector selectors, as in
// up{job="x"}, each once and without range, offset and @. It only tells tokens apart;
// what is no PromQL the server refuses.
func selectorsOf(query string) []string {
	var found []string
	add := func(selector string) {
		if !slices.Contains(found, selector) {
			found = append(found, selector)
		}
	}
	tokens := promTokens(query)
	for i := 0; i < len(tokens); i++ {
		token, next := tokens[i], ""
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		switch {
		case listWords[strings.ToLower(token)] && next == "(":
			for i < len(tokens) && tokens[i] != ")" { // label names
				i++
			}
		case token[0] == '{':
			add(token)
		case !nameByte(token[0], false) || next == "(" || promWord(token, next):
		case next != "" && next[0] == '{':
			add(token + next)
			i++
		default:
			add(token)
		}
	}
	return found
}

// listWords are followed by label names in parentheses.
var listWords = map[string]bool{
	"by": true, "without": true, "on": true, "ignoring": true, "group_left": true, "group_right": true,
}

// plainWords are no metrics wherever they stand.
var plainWords = map[string]bool{
	"and": true, "or": true, "unless": true, "atan2": true, "bool": true, "offset": true, "inf": true, "nan": true,
	"group_left": true, "group_right": true,
}

// promWord tells the language's own words from names of metrics. An aggregation
// that comes before its by or without is known by that.
func promWord(token, next string) bool {
	next = strings.ToLower(next)
	return plainWords[strings.ToLower(token)] || next == "by" || next == "without"
}

// promTokens cuts an expression into names, braces with what is in them, and single
// other characters; numbers, texts, ranges, comments and white space are left out.
func promTokens(query string) []string {
	var tokens []string
	for i := 0; i < len(query); {
		begin := i
		switch c := query[i]; {
		case c == '#':
			for i < len(query) && query[i] != '\n' {
				i++
			}
		case c == '"' || c == '\'' || c == '`':
			i = quoteEnd(query, i)
		case c == '[':
			i = closing(query, i, ']')
		case c == '{':
			i = closing(query, i, '}')
			tokens = append(tokens, query[begin:i])
		case nameByte(c, false):
			for i < len(query) && nameByte(query[i], true) {
				i++
			}
			tokens = append(tokens, query[begin:i])
		case c >= '0' && c <= '9':
			for i < len(query) && (nameByte(query[i], true) || query[i] == '.') {
				i++
			}
		default:
			i++
			if c > ' ' {
				tokens = append(tokens, query[begin:i])
			}
		}
	}
	return tokens
}

func nameByte(c byte, later bool) bool {
	return c == '_' || c == ':' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || later && c >= '0' && c <= '9'
}

// closing is where a brace or bracket ends, texts in it left aside.
func closing(query string, i int, end byte) int {
	for i < len(query) && query[i] != end {
		if c := query[i]; c == '"' || c == '\'' || c == '`' {
			i = quoteEnd(query, i)
			continue
		}
		i++
	}
	return min(i+1, len(query))
}

// quoteEnd is where a text ends. Backquotes know no escapes.
func quoteEnd(query string, i int) int {
	quote := query[i]
	for i++; i < len(query) && query[i] != quote; i++ {
		if query[i] == '\\' && quote != '`' {
			i++
		}
	}
	return min(i+1, len(query))
}
