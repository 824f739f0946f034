package config

import (
	"encoding/json"
	"strconv"
)

type object = map[string]any

// Schema is a JSON Schema (2020-12) of the file, for editors, made from the
// same description as the loader.
func Schema() []byte {
	s := root.schema()
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "autoscaled configuration"
	s["required"] = []string{"clusters"}
	s["$defs"] = object{"duration": object{
		"description": "Text such as 90s, 5m or 1h30m, or a number of seconds.",
		"anyOf": []object{
			{"type": "string", "pattern": `^\s*[0-9.]+(ns|us|µs|μs|ms|s|m|h)?([0-9.]+(ns|us|µs|μs|ms|s|m|h))*\s*$`},
			{"type": "number", "minimum": 0},
		},
	}}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // maps of strings and numbers can't fail
	}
	return append(text, '\n')
}

func (f *field) schema() object {
	s := object{}
	if f.help != "" {
		s["description"] = f.help
	}
	switch f.kind {
	case kindSection:
		f.sectionSchema(s)
		return s
	case kindList:
		item := object{}
		(&field{kind: kindSection, fields: f.fields}).sectionSchema(item)
		for _, key := range f.oneOf {
			alternatives, _ := item["oneOf"].([]object)
			item["oneOf"] = append(alternatives, object{"required": []string{key}})
		}
		s["type"], s["items"] = "array", item
		return s
	case kindTexts:
		s["type"], s["items"] = "array", object{"type": "string"}
		return s
	case kindDuration:
		s["$ref"] = "#/$defs/duration"
	case kindSize:
		s["anyOf"] = []object{{"type": "string", "pattern": `^\s*[0-9]{1,12}(\.[0-9]{1,9})? ?[KMGT](i?B)?\s*$`}, {"type": "integer", "minimum": 0}}
	case kindCores:
		s["anyOf"] = []object{{"enum": []string{"vcpu", "pcpu"}}, {"type": "integer", "minimum": 1}}
	case kindBool:
		s["type"] = "boolean"
	case kindInt:
		s["type"] = "integer"
	case kindNumber:
		s["type"] = "number"
	case kindText:
		s["type"] = "string"
	}
	f.bounds(s)
	return s
}

func (f *field) bounds(s object) {
	if f.enum != nil {
		s["enum"] = f.enum
	}
	if least, err := strconv.Atoi(f.least); err == nil {
		s["minimum"] = least
	}
	if f.absent || f.required {
		return
	}
	if f.kind == kindDuration {
		s["default"] = f.def
	} else if v, err := f.parse(f.def); err == nil {
		s["default"] = v
	}
}

func (f *field) sectionSchema(s object) {
	properties := object{}
	var required []string
	for i := range f.fields {
		properties[f.fields[i].key] = f.fields[i].schema()
		if f.fields[i].required {
			required = append(required, f.fields[i].key)
		}
	}
	s["type"], s["properties"], s["additionalProperties"] = "object", properties, false
	if required != nil {
		s["required"] = required
	}
}
