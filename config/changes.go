package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Changes lists the keys whose values differ, or what is in the files they name,
// in the order of the file.
func Changes(old, new *Config) []string {
	return differences("", reflect.ValueOf(*old), reflect.ValueOf(*new))
}

// NeedRestart picks of changed keys those that a running daemon can't follow:
// all but the policy and the log level.
func NeedRestart(changed []string) []string {
	return slices.DeleteFunc(slices.Clone(changed), func(key string) bool {
		return key == "log.level" || strings.Contains(key, "].policy.")
	})
}

// differences compares structs key by key; lists and sections that may be left
// out are compared entry by entry where both have them.
func differences(path string, old, new reflect.Value) []string {
	switch old.Kind() {
	case reflect.Struct:
		var keys []string
		for i := range old.NumField() {
			tag := old.Type().Field(i).Tag
			if key, ok := tag.Lookup("key"); ok {
				keys = append(keys, differences(join(path, key), old.Field(i), new.Field(i))...)
			} else if key, ok := tag.Lookup("content"); ok && !slices.Contains(keys, join(path, key)) && different(old.Field(i), new.Field(i)) {
				keys = append(keys, join(path, key))
			}
		}
		return keys
	case reflect.Pointer:
		if !old.IsNil() && !new.IsNil() {
			return differences(path, old.Elem(), new.Elem())
		}
	case reflect.Slice:
		if old.Len() == new.Len() && old.Type().Elem().Kind() == reflect.Struct {
			var keys []string
			for i := range old.Len() {
				keys = append(keys, differences(fmt.Sprintf("%s[%d]", path, i), old.Index(i), new.Index(i))...)
			}
			return keys
		}
	}
	if different(old, new) {
		return []string{path}
	}
	return nil
}

func different(old, new reflect.Value) bool {
	return !reflect.DeepEqual(old.Interface(), new.Interface())
}
