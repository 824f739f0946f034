package anka

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Metadata is what is saved with an instance under names of one's own.
type Metadata map[string]Value

// Value is what metadata may hold: a string, an integer or a boolean. What else
// a controller may tell is kept as JSON. Values can be compared with ==; the zero
// Value is null and can't be sent.
type Value struct {
	kind   byte   // s, i, b, or 0 for JSON in text
	text   string // kind s, and 0
	number int64
	flag   bool
}

// Text is a string value.
func Text(s string) Value { return Value{kind: 's', text: s} }

// Number is an integer value.
func Number(n int64) Value { return Value{kind: 'i', number: n} }

// Flag is a boolean value.
func Flag(b bool) Value { return Value{kind: 'b', flag: b} }

// Text gives the value if it is a string.
func (v Value) Text() (string, bool) { return v.text, v.kind == 's' }

// Number gives the value if it is an integer.
func (v Value) Number() (int64, bool) { return v.number, v.kind == 'i' }

// Flag gives the value if it is a boolean.
func (v Value) Flag() (value, ok bool) { return v.flag, v.kind == 'b' }

// String is the value as text: a string as it is, all else as JSON.
func (v Value) String() string {
	switch v.kind {
	case 's':
		return v.text
	case 'i':
		return strconv.FormatInt(v.number, 10)
	case 'b':
		return strconv.FormatBool(v.flag)
	}
	if v.text == "" {
		return "null"
	}
	return v.text
}

// MarshalJSON writes the value; one that is no string, integer or boolean is an
// error.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case 's':
		return json.Marshal(v.text)
	case 'i', 'b':
		return []byte(v.String()), nil
	}
	return nil, fmt.Errorf("metadata holds %.40s: only strings, integers and booleans can be sent", v.String())
}

// UnmarshalJSON reads any JSON value.
func (v *Value) UnmarshalJSON(raw []byte) error {
	*v = Value{}
	switch {
	case string(raw) == "true", string(raw) == "false":
		*v = Flag(raw[0] == 't')
	case len(raw) > 0 && raw[0] == '"':
		v.kind = 's'
		return json.Unmarshal(raw, &v.text)
	default:
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			*v = Number(n)
			return nil
		}
		v.text = string(raw)
	}
	return nil
}
