package slurm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// leastRead is how much is read at a time at the least, in bytes.
	leastRead = 64 << 10
	// maxValue bounds a value that is not read member by member, in bytes.
	maxValue = 256 << 20
	// maxDepth bounds how values may be nested.
	maxDepth = 10_000
)

// scanner reads JSON (RFC 8259) as it comes. It takes bytes that aren't UTF-8, since
// users name jobs as they like. What is skipped is held to the grammar like all else.
//
// A value is first sought in the text that is in view. Where it goes on behind that,
// more is read and it is sought again, so that the code which looks at each byte knows
// of no reading.
type scanner struct {
	r     io.Reader
	buf   []byte
	pos   int   // of what is read next
	base  int64 // bytes before buf
	ended bool  // there is no more than buf has
	err   error // why reading failed
}

func newScanner(r io.Reader) *scanner { return &scanner{r: r} }

// fill reads more; all before pos may be dropped. false: there is no more. At least as
// much is read as there is in view, so that a long value is sought anew a few times only.
func (s *scanner) fill() bool {
	if s.ended {
		return false
	}
	least := max(leastRead, len(s.buf)-s.pos)
	if cap(s.buf)-len(s.buf) < least {
		s.base += int64(s.pos)
		kept := s.buf[s.pos:]
		if cap(s.buf) < len(kept)+4*least {
			s.buf = make([]byte, len(kept)+8*least)
		}
		s.buf = s.buf[:copy(s.buf[:cap(s.buf)], kept)]
		s.pos = 0
	}
	read, idle := 0, 0
	for read < least && !s.ended {
		n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		read += n
		if idle++; n > 0 {
			idle = 0
		}
		switch {
		case err == io.EOF:
			s.ended = true
		case err == nil && idle == 100: // a reader that gives nothing for ever is broken
			err = io.ErrNoProgress
			fallthrough
		case err != nil:
			s.ended, s.err = true, err
		}
	}
	return read > 0
}

// peek is the next byte that is not white space; 0: there is none.
func (s *scanner) peek() byte {
	for {
		s.pos = afterSpace(s.buf, s.pos)
		if s.pos < len(s.buf) {
			return s.buf[s.pos]
		}
		if !s.fill() {
			return 0
		}
	}
}

func afterSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// take goes past c, which must come next.
func (s *scanner) take(c byte) error {
	if s.peek() != c {
		return s.unexpected()
	}
	s.pos++
	return nil
}

// unexpected is the error of what comes next.
func (s *scanner) unexpected() error {
	switch {
	case s.pos < len(s.buf):
		return fmt.Errorf("invalid character %q after byte %d", s.buf[s.pos], s.base+int64(s.pos))
	case s.err != nil:
		return s.err
	}
	return io.ErrUnexpectedEOF
}

var errTooLarge = errors.New("a value in it is too large")

// value goes past the next value and gives it as it is written. It is good until the
// next call.
func (s *scanner) value() ([]byte, error) {
	s.peek()
	for {
		switch end, found := valueEnd(s.buf, s.pos, maxDepth, s.ended); {
		case found == whole:
			raw := s.buf[s.pos:end]
			s.pos = end
			return raw, nil
		case found == wrong:
			s.pos = end
			return nil, s.unexpected()
		case len(s.buf)-s.pos > maxValue:
			return nil, errTooLarge
		case !s.fill():
			s.pos = len(s.buf)
			return nil, s.unexpected()
		}
	}
}

// same goes past what comes next if that is text, a colon and a value, and nothing that
// goes on.
func (s *scanner) same(text []byte) bool {
	end := s.pos + len(text)
	if len(text) == 0 || end >= len(s.buf) || !bytes.Equal(s.buf[s.pos:end], text) {
		return false
	}
	switch s.buf[end] {
	case ',', '}', ']', ' ', '\n', '\r', '\t':
		s.pos = end
		return true
	}
	return false
}

// outcome is what became of looking for the end of something.
type outcome int

const (
	whole outcome = iota // it ends in view
	open                 // it goes on behind what is in view
	wrong                // it is no JSON
)

// valueEnd finds the end of the value that begins at i, or the byte that is wrong.
// Nothing follows b where it is final.
func valueEnd(b []byte, i, depth int, final bool) (int, outcome) {
	if i >= len(b) {
		return i, open
	}
	switch c := b[i]; {
	case c == '"':
		return textEnd(b, i)
	case c == '{' || c == '[':
		return listEnd(b, i, depth, final)
	case c == '-' || c >= '0' && c <= '9':
		return numberEnd(b, i, final)
	case c == 't':
		return wordEnd(b, i, "true")
	case c == 'f':
		return wordEnd(b, i, "false")
	case c == 'n':
		return wordEnd(b, i, "null")
	}
	return i, wrong
}

func wordEnd(b []byte, i int, word string) (int, outcome) {
	for j := range len(word) {
		if i+j == len(b) {
			return i + j, open
		}
		if b[i+j] != word[j] {
			return i + j, wrong
		}
	}
	return i + len(word), whole
}

// plainText are the bytes that texts are written of, but for those that mean something.
var plainText = func() (plain [256]bool) {
	for c := range plain {
		plain[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return plain
}()

func textEnd(b []byte, i int) (int, outcome) {
	for i++; i < len(b); i++ {
		if plainText[b[i]] {
			continue
		}
		switch b[i] {
		case '"':
			return i + 1, whole
		case '\\':
			end, found := escapeEnd(b, i)
			if found != whole {
				return end, found
			}
			i = end - 1
		default:
			return i, wrong
		}
	}
	return i, open
}

func escapeEnd(b []byte, i int) (int, outcome) {
	if i++; i == len(b) {
		return i, open
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1, whole
	case 'u':
	default:
		return i, wrong
	}
	for range 4 {
		if i++; i == len(b) {
			return i, open
		}
		if c := b[i] | 0x20; (b[i] < '0' || b[i] > '9') && (c < 'a' || c > 'f') {
			return i, wrong
		}
	}
	return i + 1, whole
}

func numberEnd(b []byte, i int, final bool) (int, outcome) {
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	is := func(one, other byte) bool { return i < len(b) && (b[i] == one || b[i] == other) }
	lacking := func() (int, outcome) {
		if i == len(b) {
			return i, open
		}
		return i, wrong
	}
	if b[i] == '-' {
		i++
	}
	if is('0', '0') {
		i++
	} else if !digits() {
		return lacking()
	}
	if is('.', '.') {
		if i++; !digits() {
			return lacking()
		}
	}
	if is('e', 'E') {
		if i++; is('+', '-') {
			i++
		}
		if !digits() {
			return lacking()
		}
	}
	if i == len(b) && !final {
		return i, open
	}
	return i, whole
}

// listEnd finds the end of an object or of a list.
func listEnd(b []byte, i, depth int, final bool) (int, outcome) {
	if depth == 0 {
		return i, wrong
	}
	object, closing := b[i] == '{', b[i]+2 // ] and } come two after [ and {
	i = afterSpace(b, i+1)
	if i < len(b) && b[i] == closing {
		return i + 1, whole
	}
	for {
		var found outcome
		if object {
			if i, found = nameEnd(b, i); found != whole {
				return i, found
			}
		}
		if i, found = valueEnd(b, afterSpace(b, i), depth-1, final); found != whole {
			return i, found
		}
		if i = afterSpace(b, i); i == len(b) {
			return i, open
		}
		switch b[i] {
		case closing:
			return i + 1, whole
		case ',':
			i = afterSpace(b, i+1)
		default:
			return i, wrong
		}
	}
}

// nameEnd finds the end of a member's name and of the colon after it.
func nameEnd(b []byte, i int) (int, outcome) {
	if i == len(b) {
		return i, open
	}
	if b[i] != '"' {
		return i, wrong
	}
	i, found := textEnd(b, i)
	if found != whole {
		return i, found
	}
	if i = afterSpace(b, i); i == len(b) {
		return i, open
	}
	if b[i] != ':' {
		return i, wrong
	}
	return i + 1, whole
}
