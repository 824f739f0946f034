package slurm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDetails(t *testing.T) {
	const mark = "|m|"
	got, err := readDetails("1|m|1|m|autoscaled: why|m|\n2|m|0|m|a\nb | |m |m|\n3|m|1|m|(null)|m|\n", mark)
	require.NoError(t, err)
	require.Equal(t, map[int64]JobDetail{1: {Requeue: true, Comment: "autoscaled: why"}, 2: {Comment: "a\nb | |m "}, 3: {Requeue: true}}, got)
	got, err = readDetails("", mark)
	require.NoError(t, err)
	require.Empty(t, got)
}

func FuzzDetails(f *testing.F) {
	f.Add("1|m|1|m|autoscaled: why|m|\n2|m|0|m|(null)|m|\n")
	for _, wrong := range []string{"x|m|1|m||m|", "1|m|yes|m||m|", "1|m|1|m|", "1|m|1|m||m|slurm_load_jobs error", "no mark"} {
		f.Add(wrong)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readDetails(text, "|m|")
		if err != nil {
			require.ErrorIs(t, err, ErrAnswer)
			require.Nil(t, got)
		}
	})
}
