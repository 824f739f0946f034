package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// kind is how a key's value is written.
type kind int

const (
	kindText kind = iota
	kindBool
	kindInt
	kindNumber
	kindDuration
	kindSize
	kindCores
	kindTexts   // a list of texts
	kindSection // a map of known keys
	kindList    // a list of sections
)

// field is one key, as its struct tags describe it.
type field struct {
	key  string
	kind kind
	// absent: there is a difference between not set and zero.
	absent   bool
	def      string // as it would stand in a file
	help     string
	enum     []string
	least    string // smallest value, as it would stand in a file; empty: any
	required bool
	path     bool
	cloud    string   // the cloud that the key is for; empty: all
	without  []string // names of queue modes with which it has no effect
	oneOf    []string // keys of each section of a list of which it has exactly one
	fields   []field  // of a section or of each section of a list
}

// root is the whole file as one section.
var root = field{kind: kindSection, fields: describe(reflect.TypeFor[Config]())}

// cloudNames are the clouds as people call them, by their keys.
var cloudNames = map[string]string{"cyclecloud": "CycleCloud", "anka": "Anka"}

// describe reads the fields of a struct that carry a key.
func describe(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		key, ok := tag.Lookup("key")
		if !ok {
			continue
		}
		f := field{
			key: key, def: tag.Get("default"), help: tag.Get("help"), least: tag.Get("least"),
			required: tag.Get("required") != "", path: tag.Get("path") != "",
		}
		if enum := tag.Get("enum"); enum != "" {
			f.enum = strings.Split(enum, ",")
		}
		if keys := tag.Get("oneof"); keys != "" {
			f.oneOf = strings.Split(keys, ",")
		}
		if modes := tag.Get("without"); modes != "" {
			f.without = strings.Split(modes, ",")
		}
		if f.cloud = tag.Get("cloud"); f.cloud != "" {
			f.help += " " + cloudNames[f.cloud] + " only."
		}
		f.setType(t.Field(i).Type)
		fields = append(fields, f)
	}
	return fields
}

func (f *field) setType(t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		f.absent = true
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[Duration]():
		f.kind = kindDuration
	case t == reflect.TypeFor[Size]():
		f.kind = kindSize
	case t == reflect.TypeFor[Cores]():
		f.kind = kindCores
	case t == reflect.TypeFor[[]string]():
		f.kind = kindTexts
	case t.Kind() == reflect.String:
		f.kind = kindText
	case t.Kind() == reflect.Bool:
		f.kind = kindBool
	case t.Kind() == reflect.Int:
		f.kind = kindInt
	case t.Kind() == reflect.Float64:
		f.kind = kindNumber
	case t.Kind() == reflect.Struct:
		f.kind, f.fields = kindSection, describe(t)
	case t.Kind() == reflect.Slice:
		f.kind, f.fields = kindList, describe(t.Elem())
	default:
		panic(fmt.Sprintf("config: key %s has a type that no file can hold: %s", f.key, t))
	}
}

// scalar tells keys that hold one value.
func (f *field) scalar() bool {
	return f.kind != kindTexts && f.kind != kindSection && f.kind != kindList
}

// parse reads a scalar as it is written in a file or in the environment.
func (f *field) parse(text string) (any, error) {
	var (
		value any
		err   error
	)
	switch f.kind {
	case kindBool:
		if text != "true" && text != "false" {
			return nil, fmt.Errorf("%q is neither true nor false", text)
		}
		value = text == "true"
	case kindInt:
		var n int64
		if n, err = strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 0, 32); err != nil {
			return nil, fmt.Errorf("%q is not a whole number of at most 2147483647", text)
		}
		value = int(n)
	case kindNumber:
		value, err = parseNumber(text)
	case kindDuration:
		value, err = parseDuration(text)
	case kindSize:
		value, err = parseSize(text)
	case kindCores:
		value, err = parseCores(text)
	default:
		value, err = text, f.known(text)
	}
	if err != nil {
		return nil, err
	}
	return value, f.tooSmall(text, value)
}

func parseNumber(text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || x != x || x > 1e15 || x < -1e15 {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return x, nil
}

func (f *field) known(text string) error {
	if f.enum == nil {
		return nil
	}
	for _, e := range f.enum {
		if e == text {
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", text, strings.Join(f.enum, ", "))
}

// tooSmall compares with the tag least, which is known to parse.
func (f *field) tooSmall(text string, value any) error {
	if f.least == "" {
		return nil
	}
	small := false
	switch v := value.(type) {
	case int:
		least, _ := strconv.Atoi(f.least)
		small = v < least
	case float64:
		least, _ := strconv.ParseFloat(f.least, 64)
		small = v < least
	case Duration:
		least, _ := parseDuration(f.least)
		small = v < least
	}
	text = strings.TrimSpace(text)
	switch {
	case small && f.least == "0":
		return fmt.Errorf("%s is negative", text)
	case small:
		return fmt.Errorf("%s is less than %s", text, f.least)
	}
	return nil
}

// keys lists the keys of a section.
func (f *field) keys() []string {
	keys := make([]string, len(f.fields))
	for i := range f.fields {
		keys[i] = f.fields[i].key
	}
	return keys
}

func (f *field) child(key string) *field {
	for i := range f.fields {
		if f.fields[i].key == key {
			return &f.fields[i]
		}
	}
	return nil
}

// Key describes one key for documentation.
type Key struct {
	// Path as in clusters[].policy.max.
	Path string
	// Env is the variable that overrides it; empty inside lists.
	Env string
	// Default as it would stand in the file.
	Default  string
	Required bool
	Help     string
	// Cloud is the only one that it is for; empty: any. Without are the queue modes, by
	// name, with which it has no effect.
	Cloud   string
	Without []string
}

// Keys lists every key that holds a value, in the order of the file.
func Keys() []Key { return root.list("", false, nil) }

func (f *field) list(path string, inList bool, without []string) []Key {
	var keys []Key
	for i := range f.fields {
		c := &f.fields[i]
		at, modes := join(path, c.key), slices.Concat(without, c.without)
		switch c.kind {
		case kindSection:
			keys = append(keys, c.list(at, inList, modes)...)
		case kindList:
			keys = append(keys, c.list(at+"[]", true, modes)...)
		default:
			k := Key{Path: at, Default: c.def, Required: c.required, Help: c.help, Cloud: c.cloud, Without: modes}
			if !inList {
				k.Env = EnvName(at)
			}
			keys = append(keys, k)
		}
	}
	return keys
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
