package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake.
type Problem struct {
	// File is where it is, as the user named it; Line counts from 1, 0 where
	// no line is to blame.
	File string
	Line int
	// Env is the environment variable to blame instead of the file.
	Env string
	// Key is the path of the key, such as clusters[0].policy.max. Empty: the
	// file as a whole.
	Key string
	// What is wrong.
	What string
	// Meant is the nearest thing that would have been right. Empty: none is near.
	Meant string
}

// String is one line: file:line: key: what; did you mean "x"?
func (p Problem) String() string {
	var b strings.Builder
	switch {
	case p.Env != "":
		b.WriteString("environment variable " + p.Env)
	case p.Line > 0:
		fmt.Fprintf(&b, "%s:%d", p.File, p.Line)
	default:
		b.WriteString(p.File)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	b.WriteString(": " + p.What)
	if p.Meant != "" {
		fmt.Fprintf(&b, "; did you mean %q?", p.Meant)
	}
	return b.String()
}

// Problems are all mistakes of a config, in the order of their lines, and after
// them those of its price files.
type Problems []Problem

// Error lists them, one a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// err is nil where there are none.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	first := p[0].File // the price files' follow
	slices.SortStableFunc(p, func(a, b Problem) int {
		switch {
		case a.File == b.File:
			return cmp.Compare(a.Line, b.Line)
		case a.File == first:
			return -1
		case b.File == first:
			return 1
		}
		return cmp.Compare(a.File, b.File)
	})
	return p
}

// source is where a config came from, and what was found wrong with it so far.
type source struct {
	file string
	// lines holds the line of each key that the file sets.
	lines map[string]int
	// env holds the variable of each key that the environment overrides.
	env map[string]string
	// bad holds the keys that were set wrongly. They have their default, and
	// nothing more is to be said of them.
	bad      map[string]bool
	problems Problems
}

// add notes a mistake at a key: on its line, or its nearest parent's, or in the
// environment if its value is from there.
func (s *source) add(key, what string) { s.addMeant(key, what, "") }

func (s *source) addMeant(key, what, meant string) {
	for k := range s.bad {
		if key == k || strings.HasPrefix(key, k+".") || strings.HasPrefix(key, k+"[") {
			return
		}
	}
	p := Problem{File: s.file, Line: s.line(key), Env: s.env[key], Key: key, What: what, Meant: meant}
	if p.Env != "" {
		p.Line = 0 // whatever the file says there
	}
	s.problems = append(s.problems, p)
}

// wrong notes a mistake at a line and that the key has no value.
func (s *source) wrong(key string, line int, what, meant string) {
	s.problems = append(s.problems, Problem{File: s.file, Line: line, Key: key, What: what, Meant: meant})
	s.bad[key] = true
}

func (s *source) line(key string) int {
	for key != "" {
		if n := s.lines[key]; n > 0 {
			return n
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 0
}
