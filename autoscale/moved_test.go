package autoscale

import (
	"encoding/json"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// filled sets every exported field of a value to something, all times to at.
func filled(v reflect.Value, at time.Time) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(at))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				filled(v.Field(i), at)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		filled(v.Index(0), at)
		filled(v.Index(1), at)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		filled(key, at)
		filled(value, at)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("words")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Float64:
		v.SetFloat(7)
	case reflect.Bool:
		v.SetBool(true)
	}
}

// Every time of a memory and of an operation moves, and nothing else does.
func TestMovedMovesEveryTime(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	stamp := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	check := func(before, after any) {
		was, err := json.Marshal(before)
		require.NoError(t, err)
		is, err := json.Marshal(after)
		require.NoError(t, err)
		require.Regexp(t, stamp, string(was))
		require.Equal(t, stamp.ReplaceAllString(string(was), "2026-03-02T13:00:00Z"), string(is))
	}
	var m, same Memory
	filled(reflect.ValueOf(&m).Elem(), at)
	filled(reflect.ValueOf(&same).Elem(), at)
	check(m, m.Moved(5*time.Hour))
	require.Equal(t, same, m, "the one that was moved stays as it was")
	var o Operation
	filled(reflect.ValueOf(&o).Elem(), at)
	check(o, o.Moved(5*time.Hour))
	require.Equal(t, m, m.Moved(5*time.Hour).Moved(-5*time.Hour))
	require.Zero(t, Memory{}.Moved(time.Hour), "never stays never")
	require.Zero(t, Operation{}.Moved(time.Hour))
}
