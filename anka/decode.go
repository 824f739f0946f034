package anka

import (
	jsonv1 "encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// forgiven is what we put up with: names given twice (the last one counts) and
// bytes that aren't UTF-8 (they become U+FFFD), since a strange word in one
// record must not hide all the others.
var forgiven = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

var readers = json.WithUnmarshalers(json.JoinUnmarshalers(
	json.UnmarshalFromFunc(readNumber[int]),
	json.UnmarshalFromFunc(readNumber[int64]),
	json.UnmarshalFromFunc(readTime),
	json.UnmarshalFromFunc(readForwarding),
	json.UnmarshalFromFunc(readInstance),
	json.UnmarshalFromFunc(readImageError),
	json.UnmarshalFromFunc(readScript),
))

func decode(text []byte, out any) error { return json.Unmarshal(text, out, forgiven, readers) }

// encode writes a request's body. The same request gives the same bytes.
func encode(body any) (jsonv1.RawMessage, error) {
	encoded, err := json.Marshal(body, json.Deterministic(true), jsontext.AllowInvalidUTF8(false))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidInput, err)
	}
	return encoded, nil
}

// maxExact is the largest integer that a JSON number holds exactly everywhere.
const maxExact = 1 << 53

// readNumber takes a whole number however it is written: 4, 4.0, 4e0. null is 0.
func readNumber[N int | int64](d *jsontext.Decoder, n *N) error {
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	if raw.Kind() == 'n' {
		*n = 0
		return nil
	}
	var f float64
	if raw.Kind() != '0' || json.Unmarshal(raw, &f) != nil || f != math.Trunc(f) || math.Abs(f) > maxExact {
		return fmt.Errorf("%.40s where a whole number should be", raw)
	}
	*n = N(f)
	return nil
}

// readTime takes RFC 3339; null, "" and the year 1 are the zero time.
func readTime(d *jsontext.Decoder, t *time.Time) error {
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	*t = time.Time{}
	if raw.Kind() == 'n' || string(raw) == `""` {
		return nil
	}
	if raw.Kind() != '"' {
		return fmt.Errorf("%.40s where a time should be", raw)
	}
	at, err := time.Parse(time.RFC3339Nano, text(raw))
	if err != nil {
		return fmt.Errorf("%.60s where a time should be", raw)
	}
	if at.UTC().Year() > 1 {
		*t = at
	}
	return nil
}

// list wants an array: null is not an empty one. The reference's lists are
// arrays even where they are empty.
func list[T any](l *[]T) error {
	if *l == nil {
		return errors.New("null where a list should be")
	}
	return nil
}

// distinct refuses a list that tells of one thing twice, or of one without an
// id: what would be made of it can't be right.
func distinct[T any](l []T, what string, id func(T) string) error {
	seen := make(map[string]bool, len(l))
	for i, item := range l {
		key := id(item)
		if key == "" {
			return fmt.Errorf("%s %d has no id", what, i)
		}
		if seen[key] {
			return fmt.Errorf("%s %.60q is listed twice", what, key)
		}
		seen[key] = true
	}
	return nil
}
