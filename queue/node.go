package queue

import "fmt"

// kind is what a node of the document is.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindText
	kindList
	kindObject
	// kindBad is something the document may not hold, such as a YAML alias;
	// the node's text says what.
	kindBad
)

func (k kind) String() string {
	switch k {
	case kindNull:
		return "null"
	case kindBool:
		return "true or false"
	case kindNumber:
		return "a number"
	case kindText:
		return "text"
	case kindList:
		return "a list"
	case kindObject:
		return "a mapping"
	default:
		return "unreadable"
	}
}

// maxDepth bounds how deep lists and mappings may nest, so that no document
// can exhaust the stack. Only selectors nest at all.
const maxDepth = 50

// node is one value of a document, the same for YAML and JSON.
type node struct {
	kind kind
	line int    // where it begins, or its key does, from 1
	key  string // for members of a mapping
	// text is a scalar as it is written, so that an id such as 007, 12.10 or
	// 1_2 stays what it is.
	text  string
	items []node // of a list, or members of a mapping in their order
}

// find returns the first member of that name, nil if there is none.
func (n *node) find(key string) *node {
	for i := range n.items {
		if n.items[i].key == key {
			return &n.items[i]
		}
	}
	return nil
}

func (n *node) has(key string) bool { return n.find(key) != nil }

// describe names the node for a mistake: its kind, and a scalar's beginning.
func (n *node) describe() string {
	switch n.kind {
	case kindNumber, kindBool:
		return quoteShort(n.text)
	case kindText:
		return "text " + quoteShort(n.text)
	default:
		return n.kind.String()
	}
}

func tooDeep(line int) node {
	return node{kind: kindBad, line: line, text: fmt.Sprintf("is nested deeper than %d levels", maxDepth)}
}

// quoteShort quotes at most 60 bytes of a text.
func quoteShort(text string) string {
	const most = 60
	if len(text) > most {
		return fmt.Sprintf("%q…", text[:most])
	}
	return fmt.Sprintf("%q", text)
}
