package queue

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"autoscaled/autoscale"
)

// reader walks a document and gathers what is wrong with it.
type reader struct {
	name     string
	mistakes []Mistake
	more     int
	path     []step
	job      *node // the job that is being read, for its id
	ids      map[autoscale.JobID]int
	// selector's fields, here since they refer to themselves.
	selectorFields fields[autoscale.Selector]
}

// step is one level of a path: a member's key, or an item's index where the
// key is empty.
type step struct {
	key   string
	index int
}

// fields are the members that a mapping may have, each with what reads it.
type fields[T any] map[string]func(r *reader, n *node, into *T)

func (f fields[T]) names() []string { return slices.Sorted(maps.Keys(f)) }

// readObject reads a mapping's members into a value.
func readObject[T any](r *reader, n *node, known fields[T], into *T) bool {
	if !r.is(n, kindObject) {
		return false
	}
	r.checkKeys(n)
	for i := range n.items {
		member := &n.items[i]
		set, ok := known[member.key]
		if !ok {
			r.unknown(member, known.names())
			continue
		}
		r.path = append(r.path, step{key: member.key})
		set(r, member, into)
		r.path = r.path[:len(r.path)-1]
	}
	return true
}

// each reads the items of a list.
func (r *reader) each(n *node, read func(item *node)) {
	for i := range n.items {
		r.path = append(r.path, step{index: i})
		read(&n.items[i])
		r.path = r.path[:len(r.path)-1]
	}
}

// checkKeys finds keys that are given twice.
func (r *reader) checkKeys(n *node) {
	var seen map[string]bool
	if len(n.items) > 32 {
		seen = make(map[string]bool, len(n.items))
	}
	for i := range n.items {
		key := n.items[i].key
		twice := false
		if seen != nil {
			twice = seen[key]
			seen[key] = true
		} else {
			twice = slices.ContainsFunc(n.items[:i], func(m node) bool { return m.key == key })
		}
		if twice {
			r.failf(&n.items[i], "the key %s is given twice", quoteShort(key))
		}
	}
}

func (r *reader) unknown(member *node, known []string) {
	if near := nearest(member.key, known); near != "" {
		r.failf(member, "unknown key %s; did you mean %q?", quoteShort(member.key), near)
		return
	}
	r.failf(member, "unknown key %s; known are %s", quoteShort(member.key), strings.Join(known, ", "))
}

// is checks a node's kind. Null is never a way to leave something out: it is
// what a broken script writes.
func (r *reader) is(n *node, want kind) bool {
	if n.kind == want {
		return true
	}
	r.mustBe(n, want.String())
	return false
}

func (r *reader) mustBe(n *node, want string) {
	switch n.kind {
	case kindBad:
		r.failf(n, "%s", n.text)
	case kindNull:
		r.failf(n, "must be %s, not null; leave the key out where there is nothing to say", want)
	default:
		r.failf(n, "must be %s, not %s", want, n.describe())
	}
}

// failf records a mistake at the present place.
func (r *reader) failf(n *node, format string, args ...any) {
	if len(r.mistakes) == maxMistakes {
		r.more++
		return
	}
	r.mistakes = append(r.mistakes, Mistake{Line: n.line, Where: r.where(), What: fmt.Sprintf(format, args...)})
}

// failAt records a mistake about a member of the present mapping.
func (r *reader) failAt(n *node, key, format string, args ...any) {
	r.path = append(r.path, step{key: key})
	r.failf(n, format, args...)
	r.path = r.path[:len(r.path)-1]
}

func (r *reader) where() string {
	var b strings.Builder
	for i, s := range r.path {
		switch {
		case s.key == "":
			fmt.Fprintf(&b, "[%d]", s.index)
		case i > 0:
			b.WriteString("." + s.key)
		default:
			b.WriteString(s.key)
		}
	}
	if r.job != nil {
		if id := r.job.find("id"); id != nil && id.text != "" {
			fmt.Fprintf(&b, " (job %s)", strings.Trim(quoteShort(id.text), `"`))
		}
	}
	return b.String()
}

// err is what was found, nil if nothing was.
func (r *reader) err() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	slices.SortStableFunc(r.mistakes, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
	return &DocumentError{Name: r.name, Mistakes: r.mistakes, More: r.more}
}

// maxName bounds ids and names, in bytes.
const maxName = 256

// label reads an id or a name: text, or a number as it is written.
func (r *reader) label(n *node) string {
	if n.kind != kindText && n.kind != kindNumber {
		r.mustBe(n, "text")
		return ""
	}
	switch {
	case strings.TrimSpace(n.text) == "":
		r.failf(n, "must not be empty")
	case len(n.text) > maxName:
		r.failf(n, "must not be longer than %d bytes", maxName)
	case strings.TrimSpace(n.text) != n.text || strings.ContainsFunc(n.text, unicode.IsControl):
		r.failf(n, "must not begin or end with white space or hold control characters: %s", quoteShort(n.text))
	default:
		return n.text
	}
	return ""
}

// labels reads one name or a list of them, none twice.
func (r *reader) labels(n *node) []string {
	if n.kind != kindList {
		if name := r.label(n); name != "" {
			return []string{name}
		}
		return nil
	}
	if len(n.items) == 0 {
		r.failf(n, "must name at least one; leave the key out to name none")
	}
	names := make([]string, 0, len(n.items))
	seen := make(map[string]bool, len(n.items))
	r.each(n, func(item *node) {
		name := r.label(item)
		switch {
		case name == "":
		case seen[name]:
			r.failf(item, "names %s twice", quoteShort(name))
		default:
			seen[name] = true
			names = append(names, name)
		}
	})
	return names
}

// word reads one of a few words.
func word[T any](r *reader, n *node, words map[string]T) T {
	var none T
	known := slices.Sorted(maps.Keys(words))
	value, ok := words[n.text]
	switch {
	case n.kind != kindText:
		r.mustBe(n, "one of "+strings.Join(known, ", "))
		return none
	case !ok:
		r.failf(n, "must be one of %s, not %s", strings.Join(known, ", "), quoteShort(n.text))
	}
	return value
}

func (r *reader) flag(n *node) bool { return r.is(n, kindBool) && n.text == "true" }
