package gridengine

import (
	"errors"
	"strconv"
	"strings"

	"autoscaled/internal/spans"
)

// readSpans reads "1-10:3", "7,10", "3-5,8,12-9999999".
func readSpans(text string) ([]spans.Span, error) {
	list, ok := spans.Read(text)
	if !ok {
		return nil, errors.New(shown(text) + " is no list of numbers and ranges")
	}
	return list, nil
}

// countTasks counts an array's tasks. No text is one task.
func countTasks(text string) (int64, error) {
	if text == "" {
		return 1, nil
	}
	list, err := readSpans(text)
	return spans.Count(list), err
}

// leastSlots is the smallest number of a range of slots that a host's share divides: a
// job with a range starts as soon as that many are free.
func leastSlots(text string, share int64) (int64, error) {
	list, err := readSpans(text)
	if err != nil {
		return 0, err
	}
	least := int64(0)
	for _, s := range list {
		n := (max(s.First, 1) + share - 1) / share * share
		if n <= s.Last && (least == 0 || n < least) {
			least = n
		}
	}
	if least == 0 {
		return 0, errors.New("no number of slots in " + text + " is a multiple of " + strconv.FormatInt(share, 10))
	}
	return least, nil
}

// matches tells whether a name meets one of Grid Engine's patterns: * any text, ? any
// letter, | either. Brackets, & and ! are not known here and meet nothing but themselves.
func matches(pattern, name string) bool {
	for alternative := range strings.SplitSeq(pattern, "|") {
		if wildcard(alternative, name) {
			return true
		}
	}
	return false
}

func wildcard(pattern, name string) bool {
	p, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
