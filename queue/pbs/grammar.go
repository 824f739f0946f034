package pbs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"autoscaled/autoscale"
	"autoscaled/internal/spans"
)

// maxCount bounds numbers of chunks, cores and the like: products of two don't overflow.
const maxCount = 1_000_000_000

// Chunk is one kind of chunk in a select statement.
type Chunk struct {
	// Count is how many of them are asked for, at least 1.
	Count int64
	// Resources are what each asks for, in their order.
	Resources []Amount
}

// Amount is a resource with its value as PBS writes it.
type Amount struct{ Name, Value string }

// parseSelect reads a select statement: chunks with a plus between, each a number, which
// may be left out, and resources with colons between, as in "2:ncpus=4:mem=8gb+ncpus=1".
func parseSelect(spec string) ([]Chunk, error) {
	var chunks []Chunk
	for part := range unquoted(spec, '+') {
		c := Chunk{Count: 1}
		first := true
		for field := range unquoted(part, ':') {
			name, value, ok := strings.Cut(field, "=")
			if n, err := strconv.ParseInt(field, 10, 64); err == nil && first {
				if n < 1 || n > maxCount {
					return nil, fmt.Errorf("select %s asks for %d chunks", quoted([]byte(spec)), n)
				}
				c.Count, first = n, false
				continue
			}
			if first = false; !ok || name == "" {
				return nil, fmt.Errorf("select %s can't be read at %s", quoted([]byte(spec)), quoted([]byte(field)))
			}
			c.Resources = append(c.Resources, Amount{name, strings.Trim(value, `"'`)})
		}
		chunks = append(chunks, c)
	}
	return chunks, nil
}

// unquoted splits a text at a separator that stands in no quotes.
func unquoted(text string, separator byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		var quote byte
		start := 0
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case c == separator:
				if !yield(text[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(text[start:])
	}
}

// Place is a place statement.
type Place struct {
	// Arrangement is free, pack, scatter or vscatter.
	Arrangement string
	// Sharing is excl, exclhost, shared, or empty: as the vnodes say.
	Sharing string
	// Group is the resource of which all hosts must have the same value. Empty: none.
	Group string
}

// parsePlace reads a place statement, as in "scatter:excl:group=group_id". An empty one
// is free.
func parsePlace(spec string) (Place, error) {
	p := Place{Arrangement: "free"}
	if spec == "" {
		return p, nil
	}
	for word := range strings.SplitSeq(spec, ":") {
		group, grouped := strings.CutPrefix(word, "group=")
		switch {
		case grouped && group != "":
			p.Group = group
		case word == "free" || word == "pack" || word == "scatter" || word == "vscatter":
			p.Arrangement = word
		case word == "excl" || word == "exclhost" || word == "shared":
			p.Sharing = word
		default:
			return p, fmt.Errorf("place %s can't be read at %s", quoted([]byte(spec)), quoted([]byte(word)))
		}
	}
	return p, nil
}

// parseSize reads a size in bytes: a number and b, kb, mb, gb, tb or pb, or w to pw for
// words of eight bytes. The prefixes are powers of 1024, and a number alone is of bytes.
func parseSize(text string) (autoscale.Bytes, error) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	unit := strings.ToLower(text[digits:])
	scale := int64(1)
	if unit != "" {
		last := len(unit) - 1
		if unit[last] == 'w' {
			scale = 8
		}
		if unit[last] == 'w' || unit[last] == 'b' {
			unit = unit[:last]
		}
	}
	power := strings.Index("kmgtp", unit)
	if err != nil || len(unit) > 1 || power < 0 {
		return 0, fmt.Errorf("%s is no size such as 4gb", quoted([]byte(text)))
	}
	if unit != "" {
		scale <<= 10 * (power + 1)
	}
	const most = 1 << 53
	if n > most/scale {
		return most, nil
	}
	return autoscale.Bytes(n * scale), nil
}

// parseCount reads a whole number; PBS prints some with a fraction, which counts as one more.
func parseCount(text string) (int64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || f < 0 {
		return 0, fmt.Errorf("%s is no number", quoted([]byte(text)))
	}
	return int64(min(math.Ceil(f), maxCount)), nil
}

// parseDuration reads seconds or [[hours:]minutes:]seconds, with or without a fraction.
func parseDuration(text string) (time.Duration, error) {
	var seconds float64
	parts := strings.Split(text, ":")
	for _, part := range parts {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil || n < 0 || math.IsNaN(n) || len(parts) > 3 {
			return 0, fmt.Errorf("%s is no duration such as 01:30:00", quoted([]byte(text)))
		}
		seconds = seconds*60 + n
	}
	const century = 36500 * 24 * 3600
	return time.Duration(min(seconds, century) * float64(time.Second)), nil
}

// parseTime reads a time as PBS prints it, in the server's zone and without naming it, or
// seconds since 1970. What is neither is the zero time: no job is lost for it.
func parseTime(text string, zone *time.Location) time.Time {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && seconds > 0 && seconds < 1<<40 {
		return time.Unix(seconds, 0).UTC()
	}
	at, err := time.ParseInLocation(time.ANSIC, text, zone)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// countIndices counts the subjobs of "2-1000", "0-10:2" or "1,3,5-7"; "-" and nothing are
// none.
func countIndices(text string) (int64, error) {
	if text = strings.TrimSpace(text); text == "" || text == "-" {
		return 0, nil
	}
	indices, _, _ := strings.Cut(text, "%")
	list, ok := spans.Read(indices)
	if !ok {
		return 0, fmt.Errorf("array indices %s can't be read", quoted([]byte(text)))
	}
	return min(spans.Count(list), maxCount), nil
}

// execVnodes adds up, by vnode, what a job has there: "(n1:ncpus=2:mem=4kb+n2:ncpus=1)+(n1:ncpus=2)".
func execVnodes(text string, visit func(vnode string, amounts string)) {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '+' || r == '(' || r == ')' }) {
		vnode, amounts, _ := strings.Cut(part, ":")
		if vnode != "" {
			visit(vnode, amounts)
		}
	}
}
