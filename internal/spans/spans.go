// Package spans reads lists of numbers and ranges, such as "1,3,5-9:2". Slurm, Grid Engine
// and PBS all print the tasks of arrays so, and Grid Engine numbers of slots too.
package spans

import (
	"math"
	"strconv"
	"strings"
)

// Span is every Step-th number from First to Last, which is not smaller.
type Span struct{ First, Last, Step int64 }

// Read reads a list. false: it is none, or has a number that is negative or greater than
// 2^31-1, a range that runs backwards, or the step 0.
func Read(text string) (list []Span, ok bool) {
	for part := range strings.SplitSeq(text, ",") {
		body, step, stepped := strings.Cut(strings.TrimSpace(part), ":")
		first, last, ranged := strings.Cut(body, "-")
		if !ranged {
			last = first
		}
		if !stepped {
			step = "1"
		}
		var numbers [3]int64
		for i, number := range [...]string{first, last, step} {
			n, err := strconv.ParseUint(number, 10, 31)
			if err != nil {
				return nil, false
			}
			numbers[i] = int64(n)
		}
		s := Span{numbers[0], numbers[1], numbers[2]}
		if s.Last < s.First || s.Step == 0 {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// Count is how many numbers a list has, each as often as it is there, up to 2^31-1.
func Count(list []Span) int64 {
	count := int64(0)
	for _, s := range list {
		count = min(count+(s.Last-s.First)/s.Step+1, math.MaxInt32)
	}
	return count
}
