package pbs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// readText reads the other form in which PBS prints the same, and tells each attribute
// with the object's name, its own, and the resource's where it has one:
//
//	Job Id: 1.server
//	    Job_Name = sleep
//	    Resource_List.ncpus = 2
//	    schedselect = 1:ncpus=2:mem=
//		4gb
//
// A line that begins with a tab goes on with the one before. header is what stands before
// an object's name ("Job Id: "); it is empty for the list of nodes, where the name stands
// alone.
func readText(r io.Reader, header string, visit func(object, attribute, resource, value []byte)) error {
	d := &document{in: bufio.NewReaderSize(r, 64<<10)}
	t := &textReader{header: []byte(header), visit: visit}
	for {
		line, err := d.rawLine()
		if errors.Is(err, io.EOF) {
			return t.flush()
		}
		if err != nil {
			return err
		}
		if err := t.line(line, d.number); err != nil {
			return err
		}
	}
}

// rawLine is next with the space before the line.
func (d *document) rawLine() ([]byte, error) {
	d.number++
	line, err := d.in.ReadBytes('\n')
	switch {
	case len(line) > maxLine:
		return nil, fmt.Errorf("line %d is longer than %d bytes", d.number, maxLine)
	case err != nil && (!errors.Is(err, io.EOF) || len(line) == 0):
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

type textReader struct {
	header []byte
	visit  func(object, attribute, resource, value []byte)
	object []byte
	// pending is an attribute that the next line may go on with, and at its line.
	pending []byte
	at      int
}

func (t *textReader) line(line []byte, number int) error {
	trimmed := bytes.TrimSpace(line)
	switch {
	case len(trimmed) == 0:
		return t.flush()
	case line[0] == '\t' && len(t.pending) > 0:
		if len(t.pending) > maxLine {
			return fmt.Errorf("the value in line %d is longer than %d bytes", t.at, maxLine)
		}
		t.pending = append(t.pending, line[1:]...)
		return nil
	case line[0] == ' ' || line[0] == '\t':
		if err := t.flush(); err != nil {
			return err
		}
		if t.object == nil {
			return fmt.Errorf("line %d is an attribute of nothing: %s", number, quoted(trimmed))
		}
		t.pending, t.at = append(t.pending[:0], trimmed...), number
		return nil
	}
	if err := t.flush(); err != nil {
		return err
	}
	name, ok := bytes.CutPrefix(trimmed, t.header)
	if !ok || bytes.ContainsAny(name, " =") {
		return fmt.Errorf("line %d is neither an object nor an attribute: %s", number, quoted(trimmed))
	}
	t.object = append(t.object[:0], name...)
	t.visit(t.object, nil, nil, nil)
	return nil
}

// flush tells the attribute that is complete now.
func (t *textReader) flush() error {
	if len(t.pending) == 0 {
		return nil
	}
	name, value, ok := bytes.Cut(t.pending, []byte(" = "))
	if !ok {
		if name, ok = bytes.CutSuffix(t.pending, []byte(" =")); !ok {
			return fmt.Errorf("line %d is no attribute: %s", t.at, quoted(t.pending))
		}
	}
	attribute, resource, _ := bytes.Cut(name, []byte{'.'})
	t.visit(t.object, attribute, resource, value)
	t.pending = t.pending[:0]
	return nil
}
