package rest

import (
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// headSize is how much of an answer is remembered to show it in an error.
	headSize = 4 << 10
	// maxWords bounds the server's words in an error, in bytes.
	maxWords = 300
)

// bodyReader passes an answer on, bounds it, remembers its beginning and
// whether reading failed, so that a cut connection isn't taken for bad JSON.
type bodyReader struct {
	r    io.Reader
	left int64 // bytes still allowed
	max  int64
	head []byte
	err  error // first error that isn't io.EOF
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more than allowed tells "full" from "too large"
	}
	n, err := b.r.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), sizeError{b.max}
	}
	b.left -= int64(n)
	if room := headSize - len(b.head); room > 0 {
		b.head = append(b.head, p[:min(room, n)]...)
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// sizeError: the answer is longer than max bytes.
type sizeError struct{ max int64 }

func (e sizeError) Error() string { return fmt.Sprintf("more than %d bytes", e.max) }

var (
	htmlTitle  = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	htmlHidden = regexp.MustCompile(`(?is)<head\b.*?</head\s*>|<script\b.*?</script\s*>|<style\b.*?</style\s*>`)
	htmlTag    = regexp.MustCompile(`(?s)<[^>]*>`)
)

// excerpt makes one short line of an answer's beginning: the text of an HTML
// page, everything else as it is. Secrets are removed before and after what
// could uncover one, and before the line is cut.
func excerpt(head []byte, hide func(string) string) string {
	text := hide(strings.ToValidUTF8(string(head), "\uFFFD"))
	if page := strings.ToLower(text); strings.Contains(page, "<html") || strings.Contains(page, "<!doctype html") {
		text = "HTML page: " + pageText(text)
	}
	return shorten(hide(fold(text)))
}

func pageText(page string) string {
	title := ""
	if m := htmlTitle.FindStringSubmatch(page); m != nil {
		title = m[1] + " "
	}
	text := htmlTag.ReplaceAllString(htmlHidden.ReplaceAllString(page, " "), " ")
	return html.UnescapeString(title + text)
}

// fold makes one line: white space and control characters become single
// spaces, what can't be printed is dropped.
func fold(text string) string {
	var b strings.Builder
	space := false
	for _, r := range text {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = b.Len() > 0
			continue
		case !unicode.IsPrint(r):
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// shorten cuts a line to maxWords bytes, between characters.
func shorten(line string) string {
	if len(line) <= maxWords {
		return line
	}
	cut := maxWords
	for !utf8.RuneStart(line[cut]) {
		cut--
	}
	return line[:cut] + "…"
}
