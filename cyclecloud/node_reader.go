package cyclecloud

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// nodeReader reads the node records of one answer. It walks each record's top
// level once: known attributes go to their fields, everything else is passed
// over as a whole and kept raw.
type nodeReader struct {
	shared map[string]string // values that many records share, each kept once
	extra  []byte            // grows to the largest record and is used again
}

func newNodeReader() *nodeReader { return &nodeReader{shared: make(map[string]string)} }

// maxShared bounds the table of shared values: beyond it they are plain copies.
const maxShared = 4096

var errNullRecord = errors.New("null where a node's record should be")

// list reads an array of records. null is nil, which is not an empty list.
func (r *nodeReader) list(d *jsontext.Decoder, nodes *[]Node) error {
	kind, err := r.enter(d, '[')
	if err != nil || kind == 'n' {
		return err
	}
	*nodes = []Node{}
	for d.PeekKind() != ']' {
		at := len(*nodes)
		if at == maxNodes {
			return fmt.Errorf("more than %d nodes", maxNodes)
		}
		*nodes = append(*nodes, Node{})
		if err := r.one(d, &(*nodes)[at]); err != nil {
			return fmt.Errorf("node %d: %w", at, err)
		}
	}
	_, err = d.ReadToken()
	return err
}

// one reads a record. null is none: what it would have forbidden can't be known.
func (r *nodeReader) one(d *jsontext.Decoder, n *Node) error {
	*n = Node{}
	kind, err := r.enter(d, '{')
	if err != nil {
		return err
	}
	if kind == 'n' {
		return errNullRecord
	}
	r.extra = append(r.extra[:0], '{')
	for d.PeekKind() != '}' {
		if err := r.attribute(d, n); err != nil {
			return err
		}
	}
	if len(r.extra) > 1 {
		r.extra[len(r.extra)-1] = '}' // in place of the last comma
		n.extra = bytes.Clone(r.extra)
	}
	_, err = d.ReadToken()
	return err
}

// enter reads an opening bracket, or null in its place.
func (r *nodeReader) enter(d *jsontext.Decoder, want jsontext.Kind) (jsontext.Kind, error) {
	token, err := d.ReadToken()
	if err != nil {
		return 0, err
	}
	if kind := token.Kind(); kind != want && kind != 'n' {
		return 0, fmt.Errorf("%v where %v should be", kind, want)
	}
	return token.Kind(), nil
}

// attribute reads one name and its value. A name's bytes are valid only until
// the value is read, so an unknown one is put into extra at once.
func (r *nodeReader) attribute(d *jsontext.Decoder, n *Node) error {
	quoted, err := d.ReadValue()
	if err != nil {
		return err
	}
	name := unquote(quoted)
	mark := len(r.extra)
	r.extra = append(append(r.extra, quoted...), ':')
	text, shared := n.text(name)
	flag := n.flag(name)
	cores, memory := string(name) == "CoreCount", string(name) == "Memory"

	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	understood := true
	switch {
	case text != nil:
		understood = r.setText(text, value, shared)
	case flag != nil:
		understood = setFlag(flag, value)
	case cores:
		understood = setCount(&n.CoreCount, value)
	case memory:
		understood = setNumber(&n.Memory, value)
	default:
		r.extra = append(append(r.extra, value...), ',')
		return nil
	}
	if understood {
		r.extra = r.extra[:mark]
		return nil
	}
	colon := len(r.extra) - 1
	n.Odd = append(n.Odd, string(unquote(r.extra[mark:colon])))
	r.extra = append(append(r.extra, value...), ',')
	return nil
}

func (r *nodeReader) setText(field *string, value jsontext.Value, shared bool) bool {
	if value.Kind() == 'n' {
		return true
	}
	if value.Kind() != '"' {
		return false
	}
	text := unquote(value)
	if shared {
		known, ok := r.shared[string(text)]
		if !ok {
			known = string(text)
			if len(r.shared) < maxShared {
				r.shared[known] = known
			}
		}
		*field = known
		return true
	}
	*field = string(text)
	return true
}

func setFlag(field *bool, value jsontext.Value) bool {
	*field = value.Kind() == 't'
	return value.Kind() == 't' || value.Kind() == 'f' || value.Kind() == 'n'
}

func setCount(field *int, value jsontext.Value) bool {
	var f float64
	if !setNumber(&f, value) || f != math.Trunc(f) || math.Abs(f) > maxCount {
		return false
	}
	*field = int(f)
	return true
}

func setNumber(field *float64, value jsontext.Value) bool {
	if value.Kind() == 'n' {
		return true
	}
	if value.Kind() != '0' {
		return false
	}
	f, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return false
	}
	*field = f
	return true
}

// unquote gives the text of a JSON string that the decoder has read: in place
// where it stands there as it is. The string is well-formed, so all that can be
// wrong with it are bytes that aren't UTF-8, and those become U+FFFD.
func unquote(quoted []byte) []byte {
	text := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return text
	}
	text, _ = jsontext.AppendUnquote(nil, quoted)
	return text
}
