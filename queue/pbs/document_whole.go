package pbs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxWhole bounds a document that is not laid out in lines, in bytes.
const maxWhole = 1 << 30

// whole reads a document that begins with this line and has several values on one.
func (d *document) whole(first []byte) error {
	all := bytes.Clone(first)
	rest, err := io.ReadAll(io.LimitReader(d.in, maxWhole))
	if err != nil {
		return err
	}
	all = append(append(all, '\n'), rest...)
	left, err := d.scan(all, 0)
	if err != nil {
		return fmt.Errorf("byte %d %w: %s", len(all)-len(left), err, quoted(left))
	}
	if len(left) > 0 {
		return fmt.Errorf("goes on after its end: %s", quoted(left))
	}
	return nil
}

var (
	errEnds  = errors.New("ends early")
	errComma = errors.New("lacks a comma")
)

// scan reads one value and returns what follows it; with an error, what it stands before.
func (d *document) scan(in []byte, depth int) ([]byte, error) {
	in = trimSpace(in)
	switch {
	case len(in) == 0:
		return in, errEnds
	case depth > maxDepth:
		return in, errDeep
	case in[0] == '{':
		return d.scanList(in, '}', depth, d.scanMember)
	case in[0] == '[':
		return d.scanList(in, ']', depth, d.scan)
	case in[0] == '"':
		text, rest, err := scanText(in)
		if err == nil {
			d.visit(d.path, d.unescape(text))
		}
		return rest, err
	}
	end := bytes.IndexAny(in, ",}] \t\r\n")
	if end < 0 {
		end = len(in)
	}
	d.visit(d.path, in[:end])
	return trimSpace(in[end:]), nil
}

// scanList reads what stands between brackets, with commas between.
func (d *document) scanList(in []byte, closing byte, depth int, one func([]byte, int) ([]byte, error)) ([]byte, error) {
	in = trimSpace(in[1:])
	if len(in) > 0 && in[0] == closing {
		return trimSpace(in[1:]), nil
	}
	for {
		rest, err := one(in, depth+1)
		switch {
		case err != nil:
			return rest, err
		case len(rest) == 0:
			return rest, errEnds
		case rest[0] == closing:
			return trimSpace(rest[1:]), nil
		case rest[0] != ',':
			return rest, errComma
		}
		in = trimSpace(rest[1:])
	}
}

func (d *document) scanMember(in []byte, depth int) ([]byte, error) {
	key, rest, err := scanText(in)
	if err != nil {
		return rest, err
	}
	if len(rest) == 0 || rest[0] != ':' {
		return rest, errNoMember
	}
	if err := d.push(key, false); err != nil {
		return in, err
	}
	defer d.pop()
	return d.scan(rest[1:], depth)
}

// scanText reads a text in quotes and returns it with its escapes, and what follows.
func scanText(in []byte) (text, rest []byte, err error) {
	if len(in) == 0 || in[0] != '"' {
		return nil, in, errNoMember
	}
	for i := 1; i < len(in); i++ {
		switch in[i] {
		case '\\':
			i++
		case '"':
			return in[1:i], trimSpace(in[i+1:]), nil
		}
	}
	return nil, in, errText
}

func trimSpace(in []byte) []byte { return bytes.TrimLeft(in, " \t\r\n") }
