package main

import (
	"cmp"
	"fmt"
	"slices"
)

// compact prints ids in runs: "1…500, 507, a1…a9, and 12 more". Runs are of
// neighbours in the given order whose numbers follow one another.
func compact[T ~string](ids []T, most int) string { return compactOf(ids, len(ids), most) }

// compactOf is compact where ids are only the first of count.
func compactOf[T ~string](ids []T, count, most int) string {
	runs := runsOf(ids)
	var text string
	shown := 0
	for i, run := range runs {
		if i == most && len(runs) > most+1 {
			break
		}
		if i > 0 {
			text += ", "
		}
		text += run.String()
		shown += run.n
	}
	if shown < count {
		text += fmt.Sprintf(", and %d more", count-shown)
	}
	return text
}

// run is n ids whose numbers follow one another.
type run struct {
	first, last string
	n           int
}

func (r run) String() string {
	switch r.n {
	case 1:
		return r.first
	case 2:
		return r.first + ", " + r.last
	}
	return r.first + "…" + r.last
}

func runsOf[T ~string](ids []T) []run {
	var runs []run
	for _, id := range ids {
		if last := len(runs) - 1; last >= 0 && follows(runs[last].last, string(id)) {
			runs[last].last, runs[last].n = string(id), runs[last].n+1
			continue
		}
		runs = append(runs, run{string(id), string(id), 1})
	}
	return runs
}

// follows tells whether b is a with its closing number raised by one.
func follows(a, b string) bool {
	prefixA, numberA, okA := splitNumber(a)
	prefixB, numberB, okB := splitNumber(b)
	return okA && okB && prefixA == prefixB && numberB == numberA+1 && (len(a) == len(b) || numberB%10 == 0)
}

// splitNumber cuts a closing number of at most 15 digits off.
func splitNumber(text string) (prefix string, number int64, ok bool) {
	i := len(text)
	for i > 0 && len(text)-i < 15 && text[i-1] >= '0' && text[i-1] <= '9' {
		i--
		number += int64(text[i]-'0') * pow10(len(text)-1-i)
	}
	return text[:i], number, i < len(text)
}

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// sortNatural sorts names so that node-9 stands before node-10.
func sortNatural[T ~string](names []T) {
	slices.SortFunc(names, compareNatural)
}

func compareNatural[T ~string](a, b T) int {
	prefixA, numberA, _ := splitNumber(string(a))
	prefixB, numberB, _ := splitNumber(string(b))
	return cmp.Or(cmp.Compare(prefixA, prefixB), cmp.Compare(numberA, numberB), cmp.Compare(a, b))
}
