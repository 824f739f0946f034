package pbs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// maxLine bounds a line of output, in bytes: the environment of a job may hold much.
const maxLine = 16 << 20

// maxDepth bounds how deep objects and arrays may lie in one another. PBS's lie four deep.
const maxDepth = 32

// errNoDocument tells that an output holds no JSON at all.
var errNoDocument = errors.New("holds no JSON")

// readDocument reads a JSON document as PBS prints it, and tells each value with the keys
// that lead to it, all as text. Elements of an array come one by one under the array's
// keys, and of two equal keys each comes. Both arguments of visit are good until it returns.
//
// PBS's JSON is often none: values that look like numbers stand without quotes (inf, 005,
// .123), quotes and backslashes in a text are escaped wrongly or not at all, and keys come
// twice. But it prints each value on a line of its own, and no text holds a line break. So
// a text ends where its line does, whatever is in it. A document that is not laid out so
// must be right. Text before the document is passed over.
func readDocument(r io.Reader, visit func(path [][]byte, value []byte)) error {
	d := &document{in: bufio.NewReaderSize(r, 64<<10), visit: visit}
	for {
		line, err := d.next()
		switch {
		case errors.Is(err, io.EOF):
			return errNoDocument
		case err != nil:
			return err
		case len(line) == 0 || line[0] != '{':
			continue
		case len(line) == 1:
			return d.lines()
		}
		return d.whole(line)
	}
}

// document is one that is being read.
type document struct {
	in     *bufio.Reader
	visit  func(path [][]byte, value []byte)
	buffer []byte // holds a line that is longer than the reader's own buffer
	number int    // of the line
	// path are the keys that lead to here, with room kept for others; array tells
	// which of them lead to an array.
	path  [][]byte
	array []bool
	text  []byte // holds a text without its escapes
}

// next reads a line without the space around it.
func (d *document) next() ([]byte, error) {
	d.number++
	line, err := d.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		d.buffer = d.buffer[:0]
		for errors.Is(err, bufio.ErrBufferFull) && len(d.buffer) < maxLine {
			d.buffer = append(d.buffer, line...)
			line, err = d.in.ReadSlice('\n')
		}
		d.buffer = append(d.buffer, line...)
		line = d.buffer
	}
	switch {
	case len(line) > maxLine:
		return nil, fmt.Errorf("line %d is longer than %d bytes", d.number, maxLine)
	case err != nil && (!errors.Is(err, io.EOF) || len(line) == 0):
		return nil, err
	}
	return bytes.Trim(line, " \t\r\n"), nil
}

// lines reads a document of one value a line, after its opening brace.
func (d *document) lines() error {
	for {
		line, err := d.next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("ends early, after line %d", d.number-1)
		}
		if err != nil {
			return err
		}
		line, _ = bytes.CutSuffix(line, []byte{','})
		line = bytes.TrimRight(line, " \t")
		switch {
		case len(line) == 0:
		case len(line) == 1 && (line[0] == '}' || line[0] == ']'):
			if len(d.path) == 0 {
				return nil
			}
			d.pop()
		case len(d.path) > 0 && d.array[len(d.path)-1]:
			if err := d.value(line); err != nil {
				return d.wrong(line, err)
			}
		default:
			if err := d.member(line); err != nil {
				return d.wrong(line, err)
			}
		}
	}
}

var (
	errNoMember = errors.New("is no key with a value")
	errText     = errors.New("holds a text that does not end")
	errDeep     = errors.New("lies too deep")
)

// member reads a line such as "ncpus":4.
func (d *document) member(line []byte) error {
	end := bytes.Index(line, []byte(`":`))
	if line[0] != '"' || end < 1 {
		return errNoMember
	}
	if err := d.push(line[1:end], false); err != nil {
		return err
	}
	value := bytes.TrimLeft(line[end+2:], " \t")
	switch {
	case len(value) == 1 && value[0] == '{':
		return nil
	case len(value) == 1 && value[0] == '[':
		d.array[len(d.path)-1] = true
		return nil
	}
	err := d.value(value)
	d.pop()
	return err
}

// value reads what a line holds after the key.
func (d *document) value(value []byte) error {
	switch {
	case len(value) == 0 || value[0] != '"' && value[0] != '{' && value[0] != '[':
		d.visit(d.path, value)
	case value[0] == '"':
		last := len(value) - 1
		if last < 1 || value[last] != '"' {
			return errText
		}
		d.visit(d.path, d.unescape(value[1:last]))
	default:
		rest, err := d.scan(value, 0)
		if err == nil && len(rest) > 0 {
			err = errNoMember
		}
		return err
	}
	return nil
}

func (d *document) push(key []byte, array bool) error {
	n := len(d.path)
	if n >= maxDepth {
		return errDeep
	}
	if n == cap(d.path) {
		d.path, d.array = append(d.path, nil), append(d.array, array)
	} else {
		d.path, d.array = d.path[:n+1], append(d.array, array)
	}
	d.path[n] = append(d.path[n][:0], key...)
	return nil
}

func (d *document) pop() {
	d.path, d.array = d.path[:len(d.path)-1], d.array[:len(d.array)-1]
}

// secretive are the attributes of which no error shows the value: what users pass to
// their jobs may be secret.
var secretive = [...]string{"Variable_List", "Submit_arguments", "argument_list"}

// wrong tells which line can't be read, and why.
func (d *document) wrong(line []byte, why error) error {
	for _, name := range secretive {
		inside := bytes.Contains(line, []byte(name))
		for _, key := range d.path {
			inside = inside || string(key) == name
		}
		if inside {
			return fmt.Errorf("line %d, of %s, %w", d.number, name, why)
		}
	}
	return fmt.Errorf("line %d %w: %s", d.number, why, quoted(line))
}

// quoted shows the beginning of what was read.
func quoted(text []byte) string {
	const most = 100
	if len(text) > most {
		return strconv.Quote(string(text[:most])) + "…"
	}
	return strconv.Quote(string(text))
}

// unescape resolves what JSON escapes, and keeps a backslash that stands before anything
// else.
func (d *document) unescape(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	d.text = d.text[:0]
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '\\' || i+1 == len(text) {
			d.text = append(d.text, c)
			continue
		}
		i++
		switch text[i] {
		case 'n':
			d.text = append(d.text, '\n')
		case 't':
			d.text = append(d.text, '\t')
		case 'r':
			d.text = append(d.text, '\r')
		case 'b':
			d.text = append(d.text, '\b')
		case 'f':
			d.text = append(d.text, '\f')
		case '"', '\\', '/':
			d.text = append(d.text, text[i])
		case 'u':
			if code, err := strconv.ParseUint(string(text[i+1:min(i+5, len(text))]), 16, 16); err == nil && i+5 <= len(text) {
				d.text, i = utf8.AppendRune(d.text, rune(code)), i+4
				break
			}
			d.text = append(d.text, '\\', 'u')
		default:
			d.text = append(d.text, '\\', text[i])
		}
	}
	return d.text
}
