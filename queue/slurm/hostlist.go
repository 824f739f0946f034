package slurm

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxHosts bounds how many names a host list may stand for: above Slurm's largest
	// clusters, and small enough that no list can exhaust memory.
	maxHosts = 1 << 17
	// maxHostDigits bounds a number in a name, so that it fits any integer.
	maxHostDigits = 18
	// maxHostName bounds one name, in bytes: names of many digits times many hosts
	// would also exhaust memory. A DNS name has 253.
	maxHostName = 256
)

// Expand lists the names of a Slurm host list such as "htc-[1-8,10],gpu-1", in its
// order. Several brackets in one name are counted through with the last one fastest,
// and zeros before a number are kept: "n[08-10]" is n08, n09, n10. The empty list has
// no names. A list that is not well formed, or that names more than 131,072 hosts, is
// an error that shows it.
func Expand(list string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	var names []string
	for rest := list; ; {
		end, err := hostEnd(rest)
		if err == nil {
			names, err = expandOne(names, rest[:end])
		}
		if err != nil {
			return nil, fmt.Errorf("expand host list %s: %w", short(list), err)
		}
		if end == len(rest) {
			return names, nil
		}
		rest = rest[end+1:]
	}
}

// hostEnd finds the comma after the first entry: those in brackets are of the entry.
func hostEnd(list string) (int, error) {
	open := false
	for i := range len(list) {
		switch c := list[i]; {
		case c == '[' && open, c == ']' && !open:
			return 0, errors.New("its brackets do not match")
		case c == '[' || c == ']':
			open = !open
		case c == ',' && !open:
			return i, nil
		case c <= ' ' || c == 0x7f:
			return 0, errors.New("it has a space or control character")
		}
	}
	if open {
		return 0, errors.New("its brackets do not match")
	}
	return len(list), nil
}

// expandOne appends the names of one entry.
func expandOne(names []string, entry string) ([]string, error) {
	if entry == "" {
		return nil, errors.New("a name is empty")
	}
	heads := []string{""}
	for entry != "" {
		before, after, more := strings.Cut(entry, "[")
		tails := []string{before}
		if more {
			ranges, rest, _ := strings.Cut(after, "]") // hostEnd saw it
			numbers, err := expandRanges(ranges)
			if err != nil {
				return nil, err
			}
			tails, entry = prefixed(before, numbers), rest
		} else {
			entry = ""
		}
		if len(names)+len(heads)*len(tails) > maxHosts {
			return nil, tooManyHosts()
		}
		if longest(heads)+longest(tails) > maxHostName {
			return nil, fmt.Errorf("a name is longer than %d bytes", maxHostName)
		}
		heads = product(heads, tails)
	}
	return append(names, heads...), nil
}

func longest(names []string) int {
	n := 0
	for _, name := range names {
		n = max(n, len(name))
	}
	return n
}

func tooManyHosts() error { return fmt.Errorf("it names more than %d hosts", maxHosts) }

func prefixed(head string, tails []string) []string {
	for i := range tails {
		tails[i] = head + tails[i]
	}
	return tails
}

func product(heads, tails []string) []string {
	if len(heads) == 1 && heads[0] == "" {
		return tails
	}
	all := make([]string, 0, len(heads)*len(tails))
	for _, h := range heads {
		for _, t := range tails {
			all = append(all, h+t)
		}
	}
	return all
}

// expandRanges lists the numbers between brackets as they are written in names.
func expandRanges(text string) ([]string, error) {
	var numbers []string
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := hostNumber(first)
		if err != nil {
			return nil, err
		}
		to, err := hostNumber(last)
		switch {
		case err != nil:
			return nil, err
		case to < from:
			return nil, fmt.Errorf("the range %s runs backwards", short(part))
		case last[0] == '0' && len(last) != len(first):
			return nil, fmt.Errorf("the range %s has two widths", short(part))
		case to-from >= int64(maxHosts-len(numbers)):
			return nil, tooManyHosts()
		}
		for n := from; n <= to; n++ {
			numbers = append(numbers, padded(n, len(first)))
		}
	}
	return numbers, nil
}

func hostNumber(digits string) (int64, error) {
	if digits == "" || len(digits) > maxHostDigits || strings.Trim(digits, "0123456789") != "" {
		return 0, fmt.Errorf("%s is no number of at most %d digits", short(digits), maxHostDigits)
	}
	return strconv.ParseInt(digits, 10, 64)
}

// padded writes a number with zeros before it, to a width.
func padded(n int64, width int) string {
	digits := strconv.FormatInt(n, 10)
	if len(digits) >= width {
		return digits
	}
	return strings.Repeat("0", width-len(digits)) + digits
}

// hostParts is a name around its last number.
type hostParts struct {
	name, head, tail string
	number           int64 // -1: none
	width            int   // digits of the number
}

func splitHost(name string) hostParts {
	end := strings.LastIndexAny(name, "0123456789") + 1
	begin := end
	for begin > 0 && end-begin < maxHostDigits && name[begin-1] >= '0' && name[begin-1] <= '9' {
		begin--
	}
	p := hostParts{name: name, head: name[:begin], tail: name[end:], number: -1, width: end - begin}
	if begin < end {
		p.number, _ = strconv.ParseInt(name[begin:end], 10, 64) // nothing but digits, and few
	}
	return p
}

// follows tells whether a range that began at first and has come to last goes on with p.
func (p hostParts) follows(first, last hostParts) bool {
	return p.head == first.head && p.tail == first.tail && last.number >= 0 && p.number == last.number+1 &&
		p.width == len(padded(p.number, first.width))
}

// Compress writes names as a host list, each once and ranges of numbers in brackets.
// It is what [Expand] reads, and what Slurm's commands take. A name that a host list
// can't hold is an error: the list would name other hosts.
func Compress(names []string) (string, error) {
	parts := make([]hostParts, len(names))
	for i, name := range names {
		if name == "" || len(name) > maxHostName || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || strings.ContainsRune(",[]\x7f", r) }) {
			return "", fmt.Errorf("compress host list: %s is no node name", short(name))
		}
		parts[i] = splitHost(name)
	}
	slices.SortFunc(parts, func(a, b hostParts) int {
		return cmp.Or(strings.Compare(a.head, b.head), strings.Compare(a.tail, b.tail),
			cmp.Compare(a.number, b.number), cmp.Compare(a.width, b.width), strings.Compare(a.name, b.name))
	})
	parts = slices.CompactFunc(parts, func(a, b hostParts) bool { return a.name == b.name })
	var out []string
	for len(parts) > 0 {
		n := 1
		for n < len(parts) && parts[n].head == parts[0].head && parts[n].tail == parts[0].tail && parts[0].number >= 0 {
			n++
		}
		out = append(out, bracketed(parts[:n]))
		parts = parts[n:]
	}
	return strings.Join(out, ","), nil
}

// bracketed writes names that differ in their last number only.
func bracketed(parts []hostParts) string {
	if len(parts) == 1 {
		return parts[0].name
	}
	var ranges []string
	for i := 0; i < len(parts); {
		last := i
		for last+1 < len(parts) && parts[last+1].follows(parts[i], parts[last]) {
			last++
		}
		text := padded(parts[i].number, parts[i].width)
		if last > i {
			text += "-" + padded(parts[last].number, parts[last].width)
		}
		ranges = append(ranges, text)
		i = last + 1
	}
	return parts[0].head + "[" + strings.Join(ranges, ",") + "]" + parts[0].tail
}

// maxShown is more than is ever shown of what was read, in bytes.
const maxShown = 1 << 10

// short quotes the beginning of a text for an error.
func short(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%q…", text[:most])
	}
	return fmt.Sprintf("%q", text)
}
