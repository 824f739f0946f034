package slurm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// decoder reads values of either generation.
type decoder struct {
	*scanner
	words words
	// numbers are objects that were read as numbers, by how they are written.
	numbers map[string]int64
	// seen is what the member that is being read was in another record; nil: not kept.
	seen *seen
}

// seen is a value that was read, and how it was written: an equal one need only be
// compared.
type seen struct {
	raw    []byte
	isText bool
	text   string
	number int64
}

func (s *seen) keep(raw []byte) {
	if s.raw = s.raw[:0]; len(raw) <= maxRest {
		s.raw = append(s.raw, raw...)
	}
}

func newDecoder(r io.Reader) *decoder {
	return &decoder{scanner: newScanner(r), words: make(words), numbers: make(map[string]int64)}
}

// valueError is a value of another type than the one expected. It was read to its end.
type valueError struct{ text string }

func (e *valueError) Error() string { return e.text }

func unexpected(want string, got []byte) error {
	return &valueError{fmt.Sprintf("want %s, not %s", want, short(string(got)))}
}

// end makes sure that nothing follows.
func (d *decoder) end() error {
	switch d.peek() {
	case 0:
		return d.err
	case '{', '[', '"':
		return errors.New("more follows after its end")
	}
	return d.unexpected()
}

// more goes past the comma between two values, or past what closes their list.
func (d *decoder) more(closing byte) (bool, error) {
	switch d.peek() {
	case ',':
		d.pos++
		return true, nil
	case closing:
		d.pos++
		return false, nil
	}
	return false, d.unexpected()
}

// members calls read for each member of an object.
func (d *decoder) members(read func(name string) error) error {
	if d.peek() != '{' {
		return d.wrong("an object")
	}
	d.pos++
	if d.peek() == '}' {
		d.pos++
		return nil
	}
	for more := true; more; {
		if d.peek() != '"' {
			return d.unexpected()
		}
		raw, err := d.value()
		if err != nil {
			return err
		}
		name := d.unquote(raw)
		if err := d.take(':'); err != nil {
			return err
		}
		if err := read(name); err != nil {
			return err
		}
		if more, err = d.more('}'); err != nil {
			return err
		}
	}
	return nil
}

// elements calls read for each element of a list.
func (d *decoder) elements(want string, read func() error) error {
	if d.peek() != '[' {
		return d.wrong(want)
	}
	d.pos++
	if d.peek() == ']' {
		d.pos++
		return nil
	}
	for {
		if err := read(); err != nil {
			return err
		}
		if more, err := d.more(']'); !more {
			return err
		}
	}
}

// wrong reads a value that isn't what was wanted.
func (d *decoder) wrong(want string) error {
	raw, err := d.value()
	if err != nil {
		return err
	}
	return unexpected(want, raw)
}

// errors reads what the service says went wrong; told is nil where that is nothing.
func (d *decoder) errors() (told, err error) {
	raw, err := d.value()
	if err != nil {
		return nil, err
	}
	switch text := string(bytes.Join(bytes.Fields(raw), []byte(" "))); text {
	case "null", "[]", "[ ]":
		return nil, nil
	default:
		return fmt.Errorf("it tells of errors: %.300s", text), nil
	}
}

// unquote reads a text; equal ones share their memory.
func (d *decoder) unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return d.words.share(raw[1 : len(raw)-1])
	}
	plain, _ := jsontext.AppendUnquote(nil, raw) // it can only be no UTF-8, and is made so
	return d.words.share(plain)
}

// text reads a text. null is the empty one, and a list is its texts with separator
// between, which is always the same for a member.
func (d *decoder) text(separator string) (string, error) {
	first, known := d.peek(), d.seen
	if known != nil && known.isText && d.same(known.raw) {
		return known.text, nil
	}
	from := d.base + int64(d.pos)
	text, err := d.newText(first, separator)
	if known != nil && err == nil && from >= d.base {
		known.isText, known.text = true, text
		known.keep(d.buf[from-d.base : d.pos])
	}
	return text, err
}

func (d *decoder) newText(first byte, separator string) (string, error) {
	if first == '[' {
		return d.texts(separator)
	}
	raw, err := d.value()
	switch {
	case err != nil:
		return "", err
	case raw[0] == 'n':
		return "", nil
	case raw[0] != '"':
		return "", unexpected("a text", raw)
	}
	return d.unquote(raw), nil
}

func (d *decoder) texts(separator string) (string, error) {
	var (
		few   [8]string
		list  = few[:0]
		wrong error
	)
	err := d.elements("a list of texts", func() error {
		raw, err := d.value()
		if err != nil {
			return err
		}
		if raw[0] != '"' {
			wrong = unexpected("a text", raw)
			return nil
		}
		list = append(list, d.unquote(raw))
		return nil
	})
	if err != nil || wrong != nil || len(list) == 0 {
		return "", errors.Join(err, wrong)
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return d.words.share([]byte(strings.Join(list, separator))), nil
}

// number reads a whole number: plain, null, or {set, infinite, number}. One that is
// not set, or infinite, is 0.
func (d *decoder) number() (n int64, err error) {
	known := d.seen
	if d.peek(); known != nil && !known.isText && d.same(known.raw) {
		return known.number, nil
	}
	raw, err := d.value()
	switch {
	case err != nil:
		return 0, err
	case raw[0] == 'n':
	case raw[0] == '{':
		n, err = d.numberObject(raw)
	default:
		n, err = wholeNumber(raw)
	}
	if known != nil && err == nil {
		known.isText, known.number = false, n
		known.keep(raw)
	}
	return n, err
}

// numberObject reads {set, infinite, number}.
func (d *decoder) numberObject(raw []byte) (n int64, err error) {
	if n, known := d.numbers[string(raw)]; known {
		return n, nil
	}
	var (
		set, infinite, given bool
		wrong                error
	)
	object := decoder{scanner: &scanner{buf: raw, ended: true}, words: d.words}
	err = object.members(func(name string) error {
		raw, err := object.value()
		if err != nil {
			return err
		}
		var bad error
		switch name {
		case "set":
			set, bad = truth(raw)
		case "infinite":
			infinite, bad = truth(raw)
		case "number":
			given = true
			n, bad = wholeNumber(raw)
		}
		if wrong == nil {
			wrong = bad
		}
		return nil
	})
	switch {
	case err != nil:
		return 0, err
	case wrong != nil:
		return 0, wrong
	case infinite || !set && given:
		n = 0
	case !given:
		return 0, &valueError{"want a number, not an object without one"}
	}
	if len(d.numbers) < maxWords {
		d.numbers[string(raw)] = n
	}
	return n, nil
}

func truth(raw []byte) (bool, error) {
	if raw[0] != 't' && raw[0] != 'f' {
		return false, unexpected("true or false", raw)
	}
	return raw[0] == 't', nil
}

func wholeNumber(raw []byte) (int64, error) {
	n, ok := decimal(raw)
	if !ok {
		return 0, unexpected("a whole number", raw)
	}
	return n, nil
}

// flag reads true or false; null is false.
func (d *decoder) flag() (bool, error) {
	raw, err := d.value()
	if err != nil || raw[0] == 'n' {
		return false, err
	}
	return truth(raw)
}
