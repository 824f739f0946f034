package config

import (
	"fmt"
	"reflect"
)

// decode puts merged values into the struct that describes them. Everything
// from the file was parsed before; the environment's values are text.
func decode(fields []field, to reflect.Value, data map[string]any) error {
	for i := range to.NumField() {
		key, ok := to.Type().Field(i).Tag.Lookup("key")
		if !ok || data[key] == nil {
			continue
		}
		f := (&field{fields: fields}).child(key)
		if err := f.set(to.Field(i), data[key]); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func (f *field) set(to reflect.Value, value any) error {
	if to.Kind() == reflect.Pointer {
		to.Set(reflect.New(to.Type().Elem()))
		to = to.Elem()
	}
	switch f.kind {
	case kindSection:
		section, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("is %T, not a section", value)
		}
		return decode(f.fields, to, section)
	case kindList, kindTexts:
		return f.setList(to, value)
	}
	if text, ok := value.(string); ok {
		parsed, err := f.parse(text)
		if err != nil {
			return err
		}
		value = parsed
	}
	v := reflect.ValueOf(value)
	if v.Type() != to.Type() {
		return fmt.Errorf("is %T, not %s", value, to.Type())
	}
	to.Set(v)
	return nil
}

func (f *field) setList(to reflect.Value, value any) error {
	items, ok := value.([]any)
	if !ok {
		return fmt.Errorf("is %T, not a list", value)
	}
	if len(items) == 0 {
		return nil
	}
	entry := field{kind: kindText}
	if f.kind == kindList {
		entry = field{kind: kindSection, fields: f.fields}
	}
	to.Set(reflect.MakeSlice(to.Type(), len(items), len(items)))
	for i, item := range items {
		if err := entry.set(to.Index(i), item); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return nil
}
