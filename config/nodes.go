package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// section reads a YAML map against its description: unknown keys, keys set
// twice and wrong types become problems, what is right becomes the returned
// map. Keys that the file leaves out get their defaults where fill is set.
func (s *source) section(f *field, node *yaml.Node, path string, fill bool) map[string]any {
	out := map[string]any{}
	first := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at := join(path, shown(key.Value))
		child := f.child(key.Value)
		switch {
		case key.Kind != yaml.ScalarNode:
			s.wrong(path, key.Line, "a key must be one word", "")
		case child == nil:
			s.unknown(f, key, at)
		case first[key.Value] > 0:
			s.wrong(at, key.Line, fmt.Sprintf("is set twice; line %d has it first", first[key.Value]), "")
		default:
			first[key.Value] = key.Line
			s.lines[at] = key.Line
			if v, ok := s.value(child, value, at, fill); ok {
				out[child.key] = v
			}
		}
	}
	if fill {
		f.fill(out)
	}
	return out
}

// fill adds the defaults of the keys that are not set.
func (f *field) fill(out map[string]any) {
	for i := range f.fields {
		c := &f.fields[i]
		if _, set := out[c.key]; set || c.absent {
			continue
		}
		switch {
		case c.kind == kindSection:
			sub := map[string]any{}
			c.fill(sub)
			out[c.key] = sub
		case c.scalar() && c.def != "":
			if v, err := c.parse(c.def); err == nil {
				out[c.key] = v
			}
		}
	}
}

// value reads the value of a known key. Not ok: it is empty or was wrong.
func (s *source) value(f *field, node *yaml.Node, path string, fill bool) (any, bool) {
	switch {
	case node.Kind == yaml.AliasNode:
		s.wrong(path, node.Line, "is an alias; write it out", "")
		return nil, false
	case node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null":
		return nil, false
	}
	switch f.kind {
	case kindSection:
		if node.Kind != yaml.MappingNode {
			s.wrong(path, node.Line, "must hold keys: "+strings.Join(f.keys(), ", "), "")
			return nil, false
		}
		return s.section(f, node, path, fill), true
	case kindList, kindTexts:
		if node.Kind != yaml.SequenceNode {
			s.wrong(path, node.Line, "must be a list", "")
			return nil, false
		}
		return s.items(f, node, path), true
	}
	return s.scalar(f, node, path)
}

// items reads a list; entries that are wrong are left out. An index in a path is
// the entry's place in the file, so a wrong entry keeps its place as an empty one.
func (s *source) items(f *field, node *yaml.Node, path string) []any {
	entry := field{kind: kindText}
	if f.kind == kindList {
		entry = field{kind: kindSection, fields: f.fields}
	}
	list := []any{}
	for i, item := range node.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		s.lines[at] = item.Line
		v, ok := s.value(&entry, item, at, true)
		switch {
		case ok:
			list = append(list, v)
		case f.kind == kindTexts:
			list = append(list, "")
			s.emptyItem(item, at)
		default:
			list = append(list, map[string]any{})
			s.emptyItem(item, at)
		}
	}
	return list
}

func (s *source) emptyItem(item *yaml.Node, at string) {
	if !s.bad[at] {
		s.wrong(at, item.Line, "is empty", "")
	}
}

func (s *source) scalar(f *field, node *yaml.Node, path string) (any, bool) {
	if node.Kind != yaml.ScalarNode {
		s.wrong(path, node.Line, "must be "+f.kind.says(), "")
		return nil, false
	}
	tag := node.ShortTag()
	if !f.kind.takes(tag) {
		what := "must be " + f.kind.says()
		if f.kind == kindText {
			what += "; put it in quotes"
		} else {
			what += fmt.Sprintf(", not %q", shown(node.Value))
		}
		s.wrong(path, node.Line, what, f.meant(node.Value))
		return nil, false
	}
	v, err := f.parse(node.Value)
	if err != nil {
		s.wrong(path, node.Line, err.Error(), nearest(node.Value, f.enum))
		return nil, false
	}
	return v, true
}

func (k kind) says() string {
	switch k {
	case kindBool:
		return "true or false"
	case kindInt:
		return "a whole number"
	case kindNumber:
		return "a number"
	case kindDuration:
		return "a duration such as 90s or 5m"
	case kindSize:
		return "a size such as 1GiB"
	case kindCores:
		return "vcpu, pcpu or a whole number"
	case kindText:
		return "text"
	}
	return "a list"
}

// takes tells which YAML types a kind accepts.
func (k kind) takes(tag string) bool {
	switch k {
	case kindBool:
		return tag == "!!bool"
	case kindInt:
		return tag == "!!int"
	case kindSize, kindCores:
		return tag == "!!str" || tag == "!!int"
	case kindNumber:
		return tag == "!!int" || tag == "!!float"
	case kindDuration:
		return tag == "!!str" || tag == "!!int" || tag == "!!float"
	}
	return tag == "!!str"
}

// meant guesses what a bool in other words stands for.
func (f *field) meant(text string) string {
	if f.kind != kindBool {
		return ""
	}
	switch strings.ToLower(text) {
	case "yes", "on", "1":
		return "true"
	case "no", "off", "0":
		return "false"
	}
	return ""
}

// unknown words a key that nobody knows: with the nearest that is known here,
// or with where it does belong.
func (s *source) unknown(f *field, key *yaml.Node, at string) {
	s.lines[at] = key.Line
	switch {
	case key.Value == "<<":
		s.wrong(at, key.Line, "merging is not supported; write it out", "")
		return
	case f.child(key.Value+"_file") != nil && f.child(key.Value+"_env") != nil:
		s.wrong(at, key.Line, fmt.Sprintf("secrets don't belong in this file; use %[1]s_file or %[1]s_env", key.Value), "")
		return
	}
	if meant := nearest(key.Value, f.keys()); meant != "" {
		s.wrong(at, key.Line, "unknown key", meant)
		s.bad[strings.TrimSuffix(at, shown(key.Value))+meant] = true // not missing, just misspelt
		return
	}
	if home, ok := homeOf(key.Value, at); ok {
		s.wrong(at, key.Line, "unknown key here; it belongs "+home, "")
		return
	}
	s.wrong(at, key.Line, "unknown key; known here: "+strings.Join(f.keys(), ", "), "")
}

var listIndex = regexp.MustCompile(`\[[0-9]+\]`)

// homeOf tells where a key that is wrong at one place belongs; of several such places
// the one that has most of the way there in common.
func homeOf(name, at string) (home string, ok bool) {
	here := strings.Split(listIndex.ReplaceAllString(at, "[]"), ".")
	most := -1
	for _, parent := range root.parents(name, "") {
		common := 0
		for i, part := range strings.Split(parent, ".") {
			if i >= len(here) || part != here[i] {
				break
			}
			common++
		}
		if common > most {
			most, home = common, parent
		}
	}
	if home == "" {
		return "at the top of the file", most >= 0
	}
	return "under " + home, true
}

// parents are the paths of what has a key of that name, the field itself at path.
func (f *field) parents(name, path string) (found []string) {
	for i := range f.fields {
		c := &f.fields[i]
		if c.key == name {
			found = append(found, path)
		}
		at := join(path, c.key)
		if c.kind == kindList {
			at += "[]"
		}
		found = append(found, c.parents(name, at)...)
	}
	return found
}

// shown bounds what is repeated of a file and keeps it on one line.
func shown(text string) string {
	const most = 60
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
