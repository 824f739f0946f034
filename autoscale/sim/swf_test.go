package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/examples/traces"
)

func TestParseSWFReadsTheShippedWeek(t *testing.T) {
	jobs, err := ParseSWF(strings.NewReader(traces.KTHWeek))
	require.NoError(t, err)
	require.Len(t, jobs, 839)
	require.Equal(t, TraceJob{
		ID: 17180, Submit: 20475 * time.Second, Run: 830 * time.Second, Processors: 38, Requested: 14400 * time.Second,
	}, jobs[1])
	work, widest := 0.0, 0
	for _, j := range jobs {
		require.True(t, j.Run >= 0 && j.Processors > 0, "job %d", j.ID)
		work += float64(j.Processors) * j.Run.Seconds()
		widest = max(widest, j.Processors)
	}
	require.LessOrEqual(t, widest, 100)
	load := work / (100 * (7 * 24 * time.Hour).Seconds())
	require.InDelta(t, 0.67, load, 0.005, "the offered load that the trace's description states")
}

func TestParseSWFFallsBackAndMarksTheUnknown(t *testing.T) {
	const tail = " -1 0 13 13 -1 -1 -1 -1 -1"
	jobs, err := ParseSWF(strings.NewReader("; header\n\n" +
		"1 5 0 60 -1 -1 -1 4 -1" + tail + "\n" +
		"  2\t6 0 -1 2 -1 -1 2 90" + tail + " {7,7} q_1d 1:ppn=1\r\n" +
		"3 7 0 60 -1 -1 -1 -1 90" + tail))
	require.NoError(t, err)
	require.Equal(t, []TraceJob{
		{ID: 1, Submit: 5 * time.Second, Run: time.Minute, Processors: 4},
		{ID: 2, Submit: 6 * time.Second, Run: -time.Second, Processors: 2, Requested: 90 * time.Second},
		{ID: 3, Submit: 7 * time.Second, Run: time.Minute, Requested: 90 * time.Second},
	}, jobs)
}

func TestParseSWFNamesTheLineAndTheColumn(t *testing.T) {
	const rest = " -1 0 13 13 -1 -1 -1 -1 -1\n"
	for text, want := range map[string]string{
		"; h\n1 5 0 60\n": "line 2: 4 columns where the format has 18",
		"1 5 0 60 1 -1 -1 1 9" + rest + "x 5 0 60 1 -1 -1 1 9" + rest: `line 2: column 1 (job id): "x"`,
		"1 1.5 0 60 1 -1 -1 1 9" + rest:                               "column 2 (submit time)",
		"1 -1 0 60 1 -1 -1 1 9" + rest:                                "column 2 (submit time) is not known",
		"-1 5 0 60 1 -1 -1 1 9" + rest:                                "column 1 (job id) is not known",
		"1 5 0 -2 1 -1 -1 1 9" + rest:                                 "column 4 (run time)",
		"1 5 0 99999999999 1 -1 -1 1 9" + rest:                        "column 4 (run time)",
		"1 5 0 60 9999999999 -1 -1 1 9" + rest:                        "column 5 (allocated processors)",
		"1 5 0 60 1 -1 -1 NaN 9" + rest:                               "column 8 (requested processors)",
		strings.Repeat("9", maxTraceLine+1):                           "line 1: bufio.Scanner: token too long",
	} {
		jobs, err := ParseSWF(strings.NewReader(text))
		require.ErrorContains(t, err, want)
		require.Nil(t, jobs)
	}
}

func TestWholeNodesIsAGangOfExclusiveTasks(t *testing.T) {
	start := time.Date(1997, 4, 28, 0, 0, 0, 0, time.UTC)
	node := autoscale.Resources{Cores: 4}
	job := TraceJob{ID: 7, Submit: time.Hour, Run: time.Minute, Processors: 3, Requested: time.Hour}.WholeNodes(start, node)
	require.Equal(t, time.Minute, job.Run)
	require.Equal(t, autoscale.JobID("7"), job.ID)
	require.Equal(t, start.Add(time.Hour), job.Submitted)
	require.Equal(t, 3, job.Required(), "all nodes or none")
	require.Equal(t, autoscale.ExclusiveTask, job.Exclusive)
	require.Equal(t, autoscale.AnyPlace, job.Grouping)
	require.Equal(t, node, job.PerTask)
	require.Equal(t, time.Hour, job.ExpectedRuntime)
}

func FuzzParseSWF(f *testing.F) {
	head, _, _ := strings.Cut(traces.KTHWeek, "\n17190 ")
	f.Add(head)
	f.Add("1 5 0 60 -1 -1 -1 4 -1 -1 0 13 13 -1 -1 -1 -1 -1 {7,7} q 1:ppn=1")
	f.Add("; nothing but a header\n")
	f.Add("1 2 3")
	f.Fuzz(func(t *testing.T, text string) {
		jobs, err := ParseSWF(strings.NewReader(text))
		if err != nil {
			require.Nil(t, jobs)
			require.ErrorContains(t, err, "read trace, line ")
			return
		}
		for _, j := range jobs {
			require.GreaterOrEqual(t, j.ID, int64(0))
			require.GreaterOrEqual(t, j.Submit, time.Duration(0))
			require.GreaterOrEqual(t, j.Processors, 0)
			require.GreaterOrEqual(t, j.Requested, time.Duration(0))
			require.GreaterOrEqual(t, j.Submit+j.Run+j.Requested, -time.Second, "no sum of its times overflows")
		}
	})
}
