package labels

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// names are the captures of a rule: those that have one by name, and how many.
type names struct {
	count int
	named map[string]bool
}

func (n *names) add(e *regexp.Regexp) error {
	n.count += e.NumSubexp()
	for _, name := range e.SubexpNames() {
		switch {
		case name == "":
		case n.named[name]:
			return fmt.Errorf("the rule has two captures called %q", name)
		default:
			if n.named == nil {
				n.named = make(map[string]bool)
			}
			n.named[name] = true
		}
	}
	return nil
}

// part is a piece of a value: text, or a capture by number or by name.
type part struct {
	text   string
	number int
	name   string
}

// compileSelect checks a rule's values, each against the captures there are. Where the
// patterns are wrong already, which there are is not known.
func compileSelect(from map[string]string, have names, unknown bool) (list []value, err error) {
	var wrong []error
	for _, label := range slices.Sorted(maps.Keys(from)) {
		parts, err := parse(from[label])
		for _, p := range parts {
			if err == nil && !unknown {
				err = have.check(p)
			}
		}
		switch {
		case label == "":
			err = errors.New("the label has no name")
		case from[label] == "":
			err = errors.New("the value is empty")
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("select %s: %q: %w", label, from[label], err))
		}
		list = append(list, value{label: label, parts: parts})
	}
	return list, errors.Join(wrong...)
}

func (n *names) check(p part) error {
	switch {
	case p.name != "" && !n.named[p.name]:
		return fmt.Errorf("no pattern has a capture called %q", p.name)
	case p.number > n.count:
		return fmt.Errorf("there is no capture $%d: the patterns have %d", p.number, n.count)
	}
	return nil
}

// reference is what may follow a dollar sign.
var reference = regexp.MustCompile(`\A(?:(\$)|(\d+)|\{(\d+)\}|\{([A-Za-z_][A-Za-z0-9_]*)\})`)

// parse cuts a value into text and captures.
func parse(text string) (parts []part, err error) {
	for {
		before, after, more := strings.Cut(text, "$")
		if before != "" {
			parts = append(parts, part{text: before})
		}
		if !more {
			return parts, nil
		}
		m := reference.FindStringSubmatch(after)
		if m == nil {
			return nil, errors.New("after a dollar sign comes a number, {name}, or another one")
		}
		p := part{text: m[1], name: m[4]}
		if digits := m[2] + m[3]; digits != "" {
			if p.number, err = strconv.Atoi(digits); err != nil || p.number == 0 {
				return nil, fmt.Errorf("captures are numbered from 1, $%s is none", digits)
			}
		}
		parts, text = append(parts, p), after[len(m[0]):]
	}
}

// captures are what the patterns of a rule found, in order.
type captures struct {
	numbered []string
	named    map[string]string
}

func (c *captures) add(e *regexp.Regexp, found []string) {
	c.numbered = append(c.numbered, found[1:]...)
	for i, name := range e.SubexpNames() {
		if name == "" {
			continue
		}
		if c.named == nil {
			c.named = make(map[string]string)
		}
		c.named[name] = found[i]
	}
}

func (c *captures) fill(parts []part) string {
	var b strings.Builder
	for _, p := range parts {
		switch {
		case p.number > 0:
			b.WriteString(c.numbered[p.number-1])
		case p.name != "":
			b.WriteString(c.named[p.name])
		default:
			b.WriteString(p.text)
		}
	}
	return b.String()
}
