package gridengine

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// span is from first to last by step.
type span struct{ first, last, step int64 }

// spans reads "1-10:3", "7,10", "3-5,8,12-9999999".
func spans(text string) ([]span, error) {
	var list []span
	for part := range strings.SplitSeq(text, ",") {
		body, step, stepped := strings.Cut(strings.TrimSpace(part), ":")
		first, last, ranged := strings.Cut(body, "-")
		if !ranged {
			last = first
		}
		if !stepped {
			step = "1"
		}
		s := span{}
		for _, n := range []struct {
			text  string
			where *int64
		}{{first, &s.first}, {last, &s.last}, {step, &s.step}} {
			v, err := strconv.ParseInt(n.text, 10, 64)
			if err != nil || v < 0 || v > math.MaxInt32 {
				return nil, errors.New(shown(text) + " is no list of numbers and ranges")
			}
			*n.where = v
		}
		if s.last < s.first || s.step == 0 {
			return nil, errors.New(shown(text) + " is no list of numbers and ranges")
		}
		list = append(list, s)
	}
	return list, nil
}

// countTasks counts an array's tasks. No text is one task.
func countTasks(text string) (int64, error) {
	if text == "" {
		return 1, nil
	}
	list, err := spans(text)
	if err != nil {
		return 0, err
	}
	count := int64(0)
	for _, s := range list {
		count = min(count+(s.last-s.first)/s.step+1, math.MaxInt32)
	}
	return count, nil
}

// leastSlots is the smallest number of a range of slots that a host's share divides: a
// job with a range starts as soon as that many are free.
func leastSlots(text string, share int64) (int64, error) {
	list, err := spans(text)
	if err != nil {
		return 0, err
	}
	least := int64(0)
	for _, s := range list {
		n := (max(s.first, 1) + share - 1) / share * share
		if n <= s.last && (least == 0 || n < least) {
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
