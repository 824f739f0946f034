package github

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 32 << 20

// decode reads one JSON value and nothing after it. Members we don't know are
// ignored: the protocol grows.
func decode(text []byte, v any) error {
	text = trimBOM(text)
	if len(bytes.TrimSpace(text)) == 0 {
		return errors.New("the answer is empty")
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("not what was expected: %w", err)
	}
	return nil
}

// into decodes an answer to v, set afresh, and checks it; check may be nil.
func into[T any](v *T, check func(*T) error) func(io.Reader) error {
	return func(r io.Reader) error {
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		var fresh T
		if err := decode(text, &fresh); err != nil {
			return err
		}
		if check != nil {
			if err := check(&fresh); err != nil {
				return err
			}
		}
		*v = fresh
		return nil
	}
}

// list is how the service wraps several things.
type list[T any] struct {
	Count *int `json:"count"`
	Value []T  `json:"value"`
}

// whole refuses a list that isn't all there: what is missing from it must not be
// taken for gone. Whether the service ever pages is nowhere documented.
func (l *list[T]) whole() error {
	switch {
	case l.Count == nil && l.Value == nil:
		return errors.New("neither count nor value")
	case l.Count != nil && *l.Count != len(l.Value):
		return fmt.Errorf("count says %d, value has %d", *l.Count, len(l.Value))
	}
	return nil
}

// intoList decodes a whole list.
func intoList[T any](v *[]T, check func(*T) error) func(io.Reader) error {
	return func(r io.Reader) error {
		var l list[T]
		err := into(&l, func(l *list[T]) error {
			if err := l.whole(); err != nil {
				return err
			}
			for i := range l.Value {
				if check == nil {
					break
				}
				if err := check(&l.Value[i]); err != nil {
					return fmt.Errorf("value %d: %w", i, err)
				}
			}
			return nil
		})(r)
		*v = l.Value
		return err
	}
}

// named finds the one element of that name; names differ by more than case.
func named[T any](all []T, name string, of func(T) string) (found T, n int) {
	for _, one := range all {
		if strings.EqualFold(of(one), name) {
			found = one
			n++
		}
	}
	return found, n
}
