package queue

import (
	"math"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"time"

	"autoscaled/autoscale"
)

const (
	// maxCount bounds numbers of tasks, cores and GPUs: far above any queue,
	// and low enough that products of two don't overflow.
	maxCount = 1_000_000_000
	// maxAmount bounds memory in bytes and custom amounts: the largest whole
	// number that every JSON reader and writer keeps exactly.
	maxAmount = 1 << 53
	// maxUnixSeconds is the end of the year 9999.
	maxUnixSeconds = 253402300799
	// maxRuntime is a hundred years.
	maxRuntime = 36500 * 24 * time.Hour
)

// count reads a whole number within bounds.
func (r *reader) count(n *node, least, most int64) int64 {
	if n.kind != kindNumber {
		r.mustBe(n, "a whole number")
		return least
	}
	value, ok := wholeNumber(n.text)
	switch {
	case !ok:
		r.failf(n, "must be a whole decimal number, not %s", n.text)
	case value < least && least == 0:
		r.failf(n, "must not be negative: %s", n.text)
	case value < least:
		r.failf(n, "must be at least %d, not %s", least, n.text)
	case value > most:
		r.failf(n, "must be at most %d, not %s", most, n.text)
	default:
		return value
	}
	return least
}

// wholeNumber takes what JSON Schema calls an integer: 4, 4.0 and 4e3 alike.
// What YAML reads as octal, hexadecimal or with underscores is refused: people
// don't agree on what it means.
func wholeNumber(text string) (int64, bool) {
	if !isNumber(text) {
		return 0, false
	}
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		return v, true
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || f != math.Trunc(f):
		return 0, false
	case f >= math.MaxInt64:
		return math.MaxInt64, true // out of any bounds
	case f <= math.MinInt64:
		return math.MinInt64, true
	}
	return int64(f), true
}

// isNumber tells what JSON calls a number.
func isNumber(text string) bool {
	rest := strings.TrimPrefix(text, "-")
	whole := len(rest) - len(trimDigits(rest))
	if whole == 0 || whole > 1 && rest[0] == '0' {
		return false
	}
	rest = rest[whole:]
	if part, ok := strings.CutPrefix(rest, "."); ok {
		if rest = trimDigits(part); len(rest) == len(part) {
			return false
		}
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		part := rest[1:]
		if part != "" && (part[0] == '+' || part[0] == '-') {
			part = part[1:]
		}
		if rest = trimDigits(part); len(rest) == len(part) {
			return false
		}
	}
	return rest == ""
}

func trimDigits(text string) string { return strings.TrimLeft(text, "0123456789") }

var (
	// timeForm and runtimeForm stand in the schema too; a test compares. Go's
	// own parser lets hours of one digit pass.
	timeForm    = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`)
	memoryForm  = regexp.MustCompile(`^([0-9]{1,16})(\.[0-9]{1,9})? ?([KkMmGgTtPp]?)([Ii]?[Bb]?)$`)
	runtimeForm = regexp.MustCompile(`^([0-9]{1,9}(\.[0-9]{1,9})?[dhms])+$`)
	runtimePart = regexp.MustCompile(`[0-9.]+[dhms]`)
)

// memory reads bytes as a number, or text with a unit: KiB, MiB, GiB, TiB and
// PiB, or K to P alone, are powers of 1024, as schedulers have it; KB to PB
// powers of 1000. Parts of a byte are rounded up.
func (r *reader) memory(n *node) autoscale.Bytes {
	if n.kind == kindNumber {
		return autoscale.Bytes(r.count(n, 0, maxAmount))
	}
	if n.kind != kindText {
		r.mustBe(n, "bytes as a number or text such as 4GiB")
		return 0
	}
	value, ok := parseMemory(n.text)
	switch {
	case !ok && strings.HasPrefix(n.text, "-"):
		r.failf(n, "must not be negative: %s", quoteShort(n.text))
	case !ok:
		r.failf(n, "must be bytes as a number or text such as 512MiB, 4GiB or 4GB, not %s", quoteShort(n.text))
	case value > maxAmount:
		r.failf(n, "must be at most %d bytes, not %s", int64(maxAmount), quoteShort(n.text))
	default:
		return autoscale.Bytes(value)
	}
	return 0
}

// parseMemory returns bytes; more than maxAmount if it is too much.
func parseMemory(text string) (int64, bool) {
	m := memoryForm.FindStringSubmatch(text)
	if m == nil || m[3] == "" && !strings.EqualFold(m[4], "b") {
		return 0, false
	}
	unit := uint64(1)
	base := uint64(1024)
	if strings.EqualFold(m[4], "b") {
		base = 1000
	}
	for range strings.Index("KMGTP", strings.ToUpper(m[3])) + min(1, len(m[3])) {
		unit *= base
	}
	whole, err := strconv.ParseUint(m[1], 10, 64)
	if err != nil {
		return 0, false
	}
	high, low := bits.Mul64(whole, unit)
	if high > 0 || low > maxAmount {
		return math.MaxInt64, true
	}
	if m[2] != "" {
		fraction, _ := strconv.ParseFloat("0"+m[2], 64)
		low += uint64(math.Ceil(fraction * float64(unit)))
	}
	return int64(low), true
}

// time reads RFC 3339 text, or seconds since 1970 in UTC.
func (r *reader) time(n *node) time.Time {
	const want = "a time such as 2026-01-31T12:00:00Z, or seconds since 1970"
	switch n.kind {
	case kindNumber:
		seconds, err := strconv.ParseFloat(n.text, 64)
		if err == nil && isNumber(n.text) && seconds >= 0 && seconds <= maxUnixSeconds {
			whole, part := math.Modf(seconds)
			return time.Unix(int64(whole), int64(math.Round(part*1e9))).UTC()
		}
		r.failf(n, "must be %s, not %s", want, n.text)
	case kindText:
		at, err := time.Parse(time.RFC3339, n.text)
		if err == nil && timeForm.MatchString(n.text) && at.Unix() >= 0 && at.Unix() <= maxUnixSeconds {
			return at.UTC()
		}
		r.failf(n, "must be %s, not %s", want, quoteShort(n.text))
	default:
		r.mustBe(n, want)
	}
	return time.Time{}
}

// runtime reads text such as 90m or 1d12h, or seconds.
func (r *reader) runtime(n *node) time.Duration {
	const want = "a duration such as 90m or 1d12h, or seconds"
	var seconds float64
	switch n.kind {
	case kindNumber:
		var err error
		if seconds, err = strconv.ParseFloat(n.text, 64); err != nil || !isNumber(n.text) {
			r.failf(n, "must be %s, not %s", want, n.text)
			return 0
		}
	case kindText:
		if !runtimeForm.MatchString(n.text) {
			r.failf(n, "must be %s, not %s", want, quoteShort(n.text))
			return 0
		}
		seconds = runtimeSeconds(n.text)
	default:
		r.mustBe(n, want)
		return 0
	}
	switch {
	case seconds < 1e-9:
		r.failf(n, "must be more than 0; leave the key out where it is not known")
	case seconds > maxRuntime.Seconds():
		r.failf(n, "must be at most 36500 days")
	default:
		return time.Duration(seconds * float64(time.Second))
	}
	return 0
}

func runtimeSeconds(text string) float64 {
	unit := map[byte]float64{'d': 86400, 'h': 3600, 'm': 60, 's': 1}
	sum := 0.0
	for _, part := range runtimePart.FindAllString(text, -1) {
		last := len(part) - 1
		v, _ := strconv.ParseFloat(part[:last], 64)
		sum += v * unit[part[last]]
	}
	return sum
}
