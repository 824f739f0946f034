package autoscale

import (
	"reflect"
	"time"
)

// Moved is the memory with all of its times so much later, or earlier where that is
// negative. After the clock was set by so much all that is counted goes on from where it was.
func (m Memory) Moved(by time.Duration) Memory { return moved(m, by) }

// Moved is the operation with all of its times so much later.
func (o Operation) Moved(by time.Duration) Operation { return moved(o, by) }

// moved is a copy of a value in which each time that is set has moved. It looks for
// them by type, so that none is forgotten when one is added.
func moved[T any](value T, by time.Duration) T {
	return movedValue(reflect.ValueOf(&value).Elem(), by).Interface().(T)
}

func movedValue(v reflect.Value, by time.Duration) reflect.Value {
	if t, ok := v.Interface().(time.Time); ok {
		if !t.IsZero() {
			t = t.Add(by)
		}
		return reflect.ValueOf(t)
	}
	next := reflect.New(v.Type()).Elem()
	next.Set(v)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				next.Field(i).Set(movedValue(v.Field(i), by))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			break
		}
		next.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			next.Index(i).Set(movedValue(v.Index(i), by))
		}
	case reflect.Map:
		if v.IsNil() {
			break
		}
		next.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for at := v.MapRange(); at.Next(); {
			next.SetMapIndex(at.Key(), movedValue(at.Value(), by))
		}
	}
	return next
}
