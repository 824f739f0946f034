package cyclecloud

import (
	"cmp"
	jsonv1 "encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// syntax is what we forgive: names given twice (the last one counts) and bytes
// that aren't UTF-8 (they become U+FFFD), since checking them is dear and a
// strange word in one node's record must not hide all the others.
var syntax = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// into decodes an answer into *out while it arrives, from scratch each time it
// is called, and then checks that what the API promises is there.
func into[T any](out *T, check func(*T) error) func(io.Reader) error {
	return func(r io.Reader) error {
		var fresh T
		if err := decode(r, &fresh); err != nil {
			return err
		}
		if check != nil {
			if err := check(&fresh); err != nil {
				return err
			}
		}
		*out = fresh
		return nil
	}
}

// encode writes a request's body. The same request gives the same bytes.
func encode(body any) (jsonv1.RawMessage, error) {
	encoded, err := json.Marshal(body, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidInput, err)
	}
	return encoded, nil
}

func decode(r io.Reader, out any) error {
	nodes := newNodeReader()
	window := &window{r: r}
	decoder := jsontext.NewDecoder(window, syntax)
	window.decoded = decoder.InputOffset
	err := json.UnmarshalDecode(decoder, out, json.WithUnmarshalers(json.JoinUnmarshalers(
		json.UnmarshalFromFunc(nodes.list),
		json.UnmarshalFromFunc(nodes.one),
		json.UnmarshalFromFunc(readCount),
		json.UnmarshalFromFunc(readTime),
	)))
	if err != nil {
		return err
	}
	if _, err := decoder.ReadToken(); err != io.EOF {
		return cmp.Or(err, errors.New("more follows after the answer's end"))
	}
	return nil
}

// Bounds of what is kept of an answer while it is read. Real ones are far below;
// an answer as large as one may be, made of little but noise, must not fill the
// memory.
const (
	maxWindow = 16 << 20 // bytes that were read and not yet understood: one value, or white space
	maxNodes  = 200_000
)

// window bounds how far reading runs ahead of decoding.
type window struct {
	r       io.Reader
	read    int64
	decoded func() int64
}

func (w *window) Read(p []byte) (int, error) {
	if w.read-w.decoded() > maxWindow {
		return 0, fmt.Errorf("one value of more than %d bytes", maxWindow)
	}
	n, err := w.r.Read(p)
	w.read += int64(n)
	return n, err
}

// readCount takes a whole number however it is written: 4, 4.0, 4e0. null is 0.
func readCount(d *jsontext.Decoder, n *int) error {
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	if raw.Kind() == 'n' {
		*n = 0
		return nil
	}
	var f float64
	if err := json.Unmarshal(raw, &f); err != nil {
		return fmt.Errorf("%.40s where a number should be", raw)
	}
	if f != math.Trunc(f) || math.Abs(f) > maxCount {
		return fmt.Errorf("%.40s where a count should be", raw)
	}
	*n = int(f)
	return nil
}

// maxCount is the largest integer that a JSON number holds exactly.
const maxCount = 1 << 53

// timeLayouts are the ISO 8601 forms met; without a zone it is UTC.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02",
}

// readTime takes a time in any of the layouts; null and "" are the zero time.
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
	text := unquote(raw)
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, string(text)); err == nil {
			*t = at
			return nil
		}
	}
	return fmt.Errorf("%.60q where a time should be", text)
}
