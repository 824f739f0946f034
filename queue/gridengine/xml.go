package gridengine

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"autoscaled/autoscale"
)

// ErrAnswer is output of Grid Engine's programs that can't be used. It is never taken for
// an empty list.
var ErrAnswer = fmt.Errorf("grid engine's answer can't be used: %w", autoscale.ErrMalformed)

// maxShown bounds how much of an answer an error shows, in bytes.
const maxShown = 160

// shown is the beginning of an answer, on one line.
func shown(text string) string {
	cut := len(text) > 4*maxShown
	if cut {
		text = text[:4*maxShown]
	}
	line := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	for i := range line {
		if i >= maxShown {
			line, cut = line[:i], true
			break
		}
	}
	switch {
	case line == "":
		return "nothing"
	case cut:
		return fmt.Sprintf("%q…", line)
	}
	return fmt.Sprintf("%q", line)
}

// answerError tells what was read of an answer that is wrong.
func answerError(what string, text []byte, err error) error {
	return fmt.Errorf("read %s: %w: %w; it begins with %s", what, ErrAnswer, err, shown(string(text)))
}

// readable replaces what XML forbids. Grid Engine writes the names that users give as
// they are, and one user must not make the whole queue unreadable.
func readable(text []byte) []byte {
	forbidden := func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF }
	if utf8.Valid(text) && bytes.IndexFunc(text, forbidden) < 0 {
		return text
	}
	return bytes.Map(func(r rune) rune {
		if forbidden(r) {
			return utf8.RuneError
		}
		return r
	}, text)
}

// document goes through an XML document whose outermost element is root. element is
// called for each element in it and tells whether it has read it to its end.
func document(text []byte, root string, element func(d *xml.Decoder, start xml.StartElement) (bool, error)) error {
	d := xml.NewDecoder(bytes.NewReader(readable(text)))
	depth, seen := 0, false
	for {
		token, err := d.Token()
		switch {
		case err == io.EOF && !seen:
			return errors.New("it is no XML document")
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			if depth == 1 {
				if seen || t.Name.Local != root {
					return fmt.Errorf("want the element %s, not %s", root, shown(t.Name.Local))
				}
				seen = true
				continue
			}
			whole, err := element(d, t)
			if err != nil {
				return err
			}
			if whole {
				depth--
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return fmt.Errorf("there is text outside of the document: %s", shown(string(t)))
			}
		}
	}
}
