package config

import "strings"

// Nearest returns the candidate that a slip of the hand turns into text, without
// regard to case, or "".
func Nearest(text string, candidates []string) string {
	lower := make([]string, len(candidates))
	for i, c := range candidates {
		lower[i] = strings.ToLower(c)
	}
	found := nearest(text, lower)
	for i := range lower {
		if found != "" && lower[i] == found {
			return candidates[i]
		}
	}
	return ""
}

// nearest returns the candidate that a slip of the hand turns into text, or "".
func nearest(text string, candidates []string) string {
	best, bestDistance := "", 0
	for _, c := range candidates {
		d := distance(strings.ToLower(text), c)
		if d > max(1, len(c)/3) || (best != "" && d >= bestDistance) {
			continue
		}
		best, bestDistance = c, d
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours (each one) that turn a into b.
func distance(a, b string) int {
	if len(a) > 2*len(b)+2 { // cannot be near, and may be as long as a file
		return len(a)
	}
	var older, old []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		older, old, row = old, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
