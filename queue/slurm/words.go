package slurm

import (
	"bytes"
	"errors"
	"strconv"
)

// textReader reads text. Most records have the same words, so these are kept.
type textReader struct {
	words         words
	limit, memory memo
	// tres are those that were looked at last, and tresMemory what memory they have.
	tres, tresMemory string
}

func newTextReader() *textReader { return &textReader{words: make(words)} }

func (t *textReader) share(text []byte) string { return t.words.share(text) }

// words are texts that were read before.
type words map[string]string

// maxWords bounds the texts that are kept to be shared.
const maxWords = 1 << 16

// share makes equal texts share their memory, and not that of what was read.
func (w words) share(text []byte) string {
	if word, known := w[string(text)]; known {
		return word
	}
	word := string(bytes.ToValidUTF8(text, []byte("\uFFFD")))
	if len(w) < maxWords {
		w[word] = word
	}
	return word
}

// memo keeps what a text meant, for the next that is equal.
type memo struct {
	text  string
	value int64
}

func (m *memo) of(text []byte, read func(string) (int64, error)) (int64, error) {
	if m.text == string(text) {
		return m.value, nil
	}
	own := string(text)
	n, err := read(own)
	if err == nil {
		m.text, m.value = own, n
	}
	return n, err
}

var errNumber = errors.New("want a whole number")

// decimal reads a whole number as strconv.ParseInt does.
func decimal(text []byte) (int64, bool) {
	if len(text) == 0 || len(text) > 18 { // more may not fit
		return slowDecimal(text)
	}
	n := int64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			return slowDecimal(text)
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func slowDecimal(text []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil
}
