package slurm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/queue/slurm"
)

func TestExpand(t *testing.T) {
	for list, want := range map[string]string{
		"":                      "",
		"login":                 "login",
		"htc-[1-3,10]":          "htc-1 htc-2 htc-3 htc-10",
		"n[08-10],gpu-1":        "n08 n09 n10 gpu-1",
		"r[1-2]n[09-10]-ib":     "r1n09-ib r1n10-ib r2n09-ib r2n10-ib",
		"a[1][2],b":             "a12 b",
		"n[1,1]":                "n1 n1",
		"n[999999999999999999]": "n999999999999999999",
	} {
		names, err := slurm.Expand(list)
		require.NoError(t, err, list)
		require.Equal(t, want, strings.Join(names, " "), list)
	}
}

func TestExpandRefuses(t *testing.T) {
	for list, want := range map[string]string{
		",":                        "a name is empty",
		"a,":                       "a name is empty",
		"a[1-2":                    "brackets do not match",
		"a]":                       "brackets do not match",
		"a[[1]]":                   "brackets do not match",
		"a[]":                      `"" is no number`,
		"a[1-]":                    `"" is no number`,
		"a[1-2-3]":                 `"2-3" is no number`,
		"a[x]":                     `"x" is no number`,
		"a[3-1]":                   "runs backwards",
		"a[1-010]":                 "two widths",
		"a[1-1000000]":             "more than 131072",
		"a[1-1000]b[1-1000]":       "more than 131072",
		"a[1-131072],b":            "more than 131072",
		"a[1-9999999999999999999]": "is no number",
		"a b":                      "space or control",
		"a\nb":                     "space or control",
		strings.Repeat("a", 300):   "longer than 256",
	} {
		_, err := slurm.Expand(list)
		require.ErrorContains(t, err, want, list)
		require.ErrorContains(t, err, "expand host list ", list)
	}
}

func TestCompress(t *testing.T) {
	for want, names := range map[string]string{
		"":                    "",
		"htc-[1-3,10]":        "htc-10 htc-2 htc-1 htc-3 htc-2",
		"n[08-11]":            "n08 n09 n10 n11",
		"n[08-09,8-11]":       "n08 n09 n8 n9 n10 n11",
		"a,b1,b1x,c[1-2]-ib":  "c1-ib c2-ib a b1 b1x",
		"n[9-10]":             "n10 n9",
		"x[1,01,001]":         "x01 x001 x1",
		"n1-a[1-2],n2-a[1-2]": "n1-a1 n1-a2 n2-a1 n2-a2",
	} {
		list, err := slurm.Compress(strings.Fields(names))
		require.NoError(t, err)
		got, err := slurm.Expand(list)
		require.NoError(t, err)
		require.ElementsMatch(t, slices.Compact(slices.Sorted(slices.Values(strings.Fields(names)))), got, list)
		if want != "n[08-09,8-11]" {
			require.Equal(t, want, list)
		}
	}
	for _, bad := range []string{"", "a,b", "a[1]", "a b", "a\n"} {
		_, err := slurm.Compress([]string{"n1", bad})
		require.ErrorContains(t, err, "is no node name")
	}
}

// TestCompressRoundTrip: the list of any names has these names, each once, and is not
// changed by reading and writing it.
func TestCompressRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOf(rapid.StringMatching(`[ab-]{0,2}[0-9]{1,3}(x|-[0-9]{1,2})?`)).Draw(t, "names")
		list, err := slurm.Compress(names)
		require.NoError(t, err)
		got, err := slurm.Expand(list)
		require.NoError(t, err, list)
		require.ElementsMatch(t, slices.Compact(slices.Sorted(slices.Values(names))), got, list)
		again, err := slurm.Compress(got)
		require.NoError(t, err)
		require.Equal(t, list, again)
	})
}

func FuzzExpand(f *testing.F) {
	for _, list := range []string{"", "htc-[1-8,10]", "r[1-2]n[09-10]-ib", "a[1", "a[1-010]", "hpc-[1-16],gpu-[1-2],static-1", "a,,b"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		names, err := slurm.Expand(list)
		if err != nil {
			return
		}
		short, err := slurm.Compress(names)
		require.NoError(t, err)
		again, err := slurm.Expand(short)
		require.NoError(t, err)
		slices.Sort(names)
		slices.Sort(again)
		require.Equal(t, slices.Compact(names), again)
	})
}
