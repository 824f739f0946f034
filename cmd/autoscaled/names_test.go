package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestCompact(t *testing.T) {
	for want, ids := range map[string][]string{
		"":                       {},
		"7":                      {"7"},
		"7, 8":                   {"7", "8"},
		"1…4":                    {"1", "2", "3", "4"},
		"1…3, 5, 7…9":            {"1", "2", "3", "5", "7", "8", "9"},
		"node-8…node-11":         {"node-8", "node-9", "node-10", "node-11"},
		"a1, b2":                 {"a1", "b2"},
		"a01…a03":                {"a01", "a02", "a03"},
		"a9, a010":               {"a9", "a010"},
		"1, 3, 5, 7, 9":          {"1", "3", "5", "7", "9"},
		"1, 3, 5, 7, and 5 more": {"1", "3", "5", "7", "9", "10", "11", "13", "15"},
		"x, y":                   {"x", "y"},
		"1[3], 1[4]":             {"1[3]", "1[4]"},
		"9999999999999999999998": {"9999999999999999999998"},
	} {
		require.Equal(t, want, compact(ids, 4), ids)
	}
}

func TestCompactOfTheFirstIDs(t *testing.T) {
	require.Equal(t, "1…3, and 92 more", compactOf([]string{"1", "2", "3"}, 95, 4))
	require.Equal(t, "1, 3, 5, 7, and 15 more", compactOf([]string{"1", "3", "5", "7", "9", "11", "13", "15"}, 19, 4))
	require.Equal(t, "1, 3, 5, 7, 9", compactOf([]string{"1", "3", "5", "7", "9"}, 5, 4))
}

func TestSortNatural(t *testing.T) {
	names := []string{"n10", "n9", "b", "a2", "n1", "a10", "2", "10"}
	sortNatural(names)
	require.Equal(t, []string{"2", "10", "a2", "a10", "b", "n1", "n9", "n10"}, names)
}

// Whatever is named, every id is counted once, in order.
func TestRunsAccountForEveryID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"", "a", "node-"}).Draw(t, "prefix") + fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "n"))
		})).Draw(t, "ids")
		var back []string
		for _, r := range runsOf(ids) {
			prefix, first, _ := splitNumber(r.first)
			if r.n == 1 {
				require.Equal(t, r.first, r.last)
			}
			for i := range r.n {
				back = append(back, fmt.Sprint(prefix, first+int64(i)))
			}
			require.Equal(t, r.last, back[len(back)-1])
		}
		require.Equal(t, strings.Join(ids, " "), strings.Join(back, " "))
	})
}
