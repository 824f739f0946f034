package spans_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/internal/spans"
)

func TestRead(t *testing.T) {
	for text, count := range map[string]int64{
		"7": 1, "0": 1, "1-10": 10, "1-10:3": 4, "1,3,36-99:7": 12, "3-5, 8, 12-13": 6, "5,5": 2, "2-2:9": 1, "0-2147483647": math.MaxInt32, "0-2147483647,1-5": math.MaxInt32,
	} {
		list, ok := spans.Read(text)
		require.True(t, ok, text)
		require.Equal(t, count, spans.Count(list), text)
	}
	for _, text := range []string{"", ",", "1,", "a", "-1", "1-", "3-1", "1-5:0", "1-5:", "1-5:-1", "+1", "1.5", "2147483648", "1-2-3", "0x1"} {
		_, ok := spans.Read(text)
		require.False(t, ok, text)
	}
}

// A list that is written is read as it was, and counted as a loop counts it.
func TestWrittenListsAreRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []spans.Span
		var parts []string
		count := int64(0)
		for range rapid.IntRange(1, 5).Draw(t, "parts") {
			s := spans.Span{First: rapid.Int64Range(0, 100).Draw(t, "first"), Step: rapid.Int64Range(1, 9).Draw(t, "step")}
			s.Last = s.First + rapid.Int64Range(0, 100).Draw(t, "more")
			want = append(want, s)
			parts = append(parts, fmt.Sprintf("%d-%d:%d", s.First, s.Last, s.Step))
			for n := s.First; n <= s.Last; n += s.Step {
				count++
			}
		}
		list, ok := spans.Read(strings.Join(parts, ","))
		require.True(t, ok)
		require.Equal(t, want, list)
		require.Equal(t, count, spans.Count(list))
	})
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{"7", "1-10:3", "1,3,36-99:7", "3-1", "0-2147483647,0-2147483647", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, ok := spans.Read(text)
		require.Equal(t, ok, len(list) > 0)
		if ok {
			require.Positive(t, spans.Count(list))
			require.LessOrEqual(t, spans.Count(list), int64(math.MaxInt32))
		}
	})
}
