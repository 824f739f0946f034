package pbs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return text
}

func sampleJobs(t testing.TB) []Job {
	t.Helper()
	jobs, err := readJobs(bytes.NewReader(sample(t, "jobs.json")), jsonForm, time.UTC)
	require.NoError(t, err)
	return jobs
}

// What PBS prints as JSON is read though it is none.
func TestJobsFromBrokenJSON(t *testing.T) {
	jobs := sampleJobs(t)
	require.Len(t, jobs, 6)
	first := jobs[0]
	require.Equal(t, "Q", first.State, "no text of the user's becomes an attribute")
	require.Equal(t, "alice", first.User)
	require.Equal(t, 90*time.Minute, first.Walltime)
	require.Equal(t, "1:ncpus=4:mem=8gb:ungrouped=true", first.SchedSelect)
	require.Equal(t, "Not Running: Insufficient amount of resource: ncpus (R: 4 A: 0 T: 0)", first.Comment)
	require.Equal(t, time.Date(2022, 11, 21, 10, 0, 0, 0, time.UTC), first.Created)
	require.Equal(t, []Amount{{"mem", "8gb"}, {"ncpus", "4"}, {"nodect", "1"}, {"ungrouped", "true"}}, first.Totals)
	array := jobs[2]
	require.True(t, array.Array)
	require.False(t, array.Subjob())
	require.Equal(t, "3-9", array.Remaining)
	require.EqualValues(t, 2, array.Running)
	require.EqualValues(t, 5, array.MaxRunning)
	require.True(t, jobs[3].Subjob())
	require.Equal(t, "103[1]", jobs[3].ShortID())
}

// A job of a reservation says so, whatever its queue is called.
func TestReservationOfJob(t *testing.T) {
	const text = "Job Id: 7.s\n    job_state = Q\n    queue = R7\n    reserve_ID = R7.s\n\n"
	jobs, err := readJobs(strings.NewReader(text), textForm, time.UTC)
	require.NoError(t, err)
	require.Equal(t, []Job{{ID: "7.s", State: "Q", Queue: "R7", Reservation: "R7.s"}}, jobs)
}

func TestJobsFromText(t *testing.T) {
	jobs, err := readJobs(bytes.NewReader(sample(t, "jobs.txt")), textForm, time.UTC)
	require.NoError(t, err)
	fromJSON := sampleJobs(t)
	require.Len(t, jobs, 2)
	require.Equal(t, fromJSON[0], jobs[0])
	want := fromJSON[1]
	want.Project, want.HoldTypes = "", ""
	require.Equal(t, want, jobs[1])
}

func TestJobsFromOneLine(t *testing.T) {
	jobs, err := readJobs(strings.NewReader(`{"timestamp":1,"Jobs":{"1.s":{"job_state":"Q","Resource_List":{"ncpus":4,"x":inf},"schedselect":"1:ncpus=4","A":["b",2]}}}`), jsonForm, time.UTC)
	require.NoError(t, err)
	require.Equal(t, []Job{{ID: "1.s", State: "Q", SchedSelect: "1:ncpus=4", Totals: []Amount{{"ncpus", "4"}, {"x", "inf"}}}}, jobs)
}

func TestNoJobs(t *testing.T) {
	jobs, err := readJobs(strings.NewReader("{\n    \"timestamp\":1669000000,\n    \"pbs_version\":\"22.05.11\",\n    \"pbs_server\":\"pbs1\"\n}\n"), jsonForm, time.UTC)
	require.NoError(t, err)
	require.Empty(t, jobs)
}

// An output that is cut off, or is something else, is an error and never an empty queue.
func TestMalformedOutputs(t *testing.T) {
	whole := string(sample(t, "jobs.json"))
	for name, c := range map[string]struct{ text, says string }{
		"nothing":   {"", "holds no JSON"},
		"a word":    {"qstat: busy\n", "holds no JSON"},
		"cut off":   {whole[:strings.Index(whole, "\"102.pbs1\"")], "ends early, after line"},
		"mid-line":  {whole[:len(whole)/2], "line 58 is no key with a value"},
		"cut late":  {whole[:len(whole)-3], "ends early, after line"},
		"no head":   {"{\n}\n", "is no document of PBS's"},
		"garbage":   {"{\n    timestamp 5\n}\n", `line 2 is no key with a value: "timestamp 5"`},
		"open text": {"{\n    \"timestamp\":\"5\n}\n", "line 2 holds a text that does not end"},
		"secret":    {"{\n \"Jobs\":{\n \"1.s\":{\n \"Variable_List\":{\n PASSWORD=hunter2\n", "line 5, of Variable_List, is no key with a value"},
		"one line":  {`{"timestamp":1,"Jobs":{`, "is no key with a value"},
		"trailing":  {`{"timestamp":1} x`, "goes on after its end"},
		"deep":      {"{\n" + strings.Repeat("\"a\":{\n", 40), "lies too deep"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readJobs(strings.NewReader(c.text), jsonForm, time.UTC)
			require.ErrorIs(t, err, autoscale.ErrMalformed)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	_, err := readJobs(strings.NewReader("Job Id: 1.s\n    job_state\n"), textForm, time.UTC)
	require.ErrorContains(t, err, `line 2 is no attribute: "job_state"`)
	_, err = readJobs(strings.NewReader("    job_state = Q\n"), textForm, time.UTC)
	require.ErrorContains(t, err, "is an attribute of nothing")
	_, err = readJobs(strings.NewReader("cannot connect to server\n"), textForm, time.UTC)
	require.ErrorIs(t, err, autoscale.ErrMalformed)
}

func TestNodes(t *testing.T) {
	nodes, err := readNodes(bytes.NewReader(sample(t, "nodes.json")), jsonForm)
	require.NoError(t, err)
	require.Len(t, nodes, 6)
	require.Equal(t, []string{"103[1].pbs1", "105.pbs1"}, nodes[0].Jobs)
	require.Equal(t, "5f1c0a", nodes[0].NodeID)
	require.Equal(t, []string{"105.pbs1"}, nodes[1].Jobs)
	require.Equal(t, `broken "fan"`, nodes[2].Comment)
	require.True(t, nodes[2].Is("offline") && nodes[2].Is("down"))

	text, err := readNodes(bytes.NewReader(sample(t, "nodes.txt")), textForm)
	require.NoError(t, err)
	require.Len(t, text, 2)
	require.Equal(t, nodes[0].Jobs, text[0].Jobs)
	require.Equal(t, nodes[0].Assigned, text[0].Assigned)
	require.Equal(t, nodes[3], text[1])
}

func TestQueues(t *testing.T) {
	queues, err := readQueues(bytes.NewReader(sample(t, "queues.json")), jsonForm, false)
	require.NoError(t, err)
	require.Len(t, queues, 4)
	require.Equal(t, Queue{Name: "workq", Priority: 150, Limits: []Limit{
		{'u', "PBS_GENERIC", "", 5}, {'u', "bob", "", 2}, {'o', "PBS_ALL", "ncpus", 40}, {'g', "staff", "mem", 64 << 30},
	}}, queues[0])
	require.True(t, queues[2].Route)
	require.True(t, queues[3].Stopped)
	servers, err := readQueues(bytes.NewReader(sample(t, "server.json")), jsonForm, true)
	require.NoError(t, err)
	require.Equal(t, []Queue{{Name: "pbs1", Limits: []Limit{{'o', "PBS_ALL", "", 1000}}}}, servers)

	_, err = readQueues(strings.NewReader("Queue: q\n    max_run = [z:x=5]\n"), textForm, false)
	require.ErrorIs(t, err, autoscale.ErrMalformed)
	require.ErrorContains(t, err, "of q: limit")
}

func TestGrammar(t *testing.T) {
	chunks, err := parseSelect(`2:ncpus=4:mem=8gb+ncpus=1:a="x+y:z"+3`)
	require.NoError(t, err)
	require.Equal(t, []Chunk{
		{2, []Amount{{"ncpus", "4"}, {"mem", "8gb"}}}, {1, []Amount{{"ncpus", "1"}, {"a", "x+y:z"}}}, {3, nil},
	}, chunks)
	for _, wrong := range []string{"", "0:ncpus=1", "ncpus", "1:ncpus", "1:2", "=4", "1:ncpus=1+", "-1:ncpus=1"} {
		_, err := parseSelect(wrong)
		require.Error(t, err, wrong)
	}
	place, err := parsePlace("scatter:excl:group=group_id")
	require.NoError(t, err)
	require.Equal(t, Place{"scatter", "excl", "group_id"}, place)
	_, err = parsePlace("sideways")
	require.Error(t, err)

	for text, want := range map[string]autoscale.Bytes{"8gb": 8 << 30, "5008kb": 5008 << 10, "100": 100, "7b": 7, "1tb": 1 << 40, "2kw": 16 << 10, "3G": 3 << 30, "9999999999gb": 1 << 53} {
		got, err := parseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, wrong := range []string{"", "gb", "4xb", "4kkb", "-4gb", "4.5gb"} {
		_, err := parseSize(wrong)
		require.Error(t, err, wrong)
	}
	for text, want := range map[string]time.Duration{"01:30:00": 90 * time.Minute, "200:00:00": 200 * time.Hour, "90": 90 * time.Second, "2:30": 150 * time.Second} {
		got, err := parseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, want := range map[string]int64{"2-1000": 999, "0-10:2": 6, "1,3,5-7": 5, "-": 0, "": 0, "1-20%5": 20} {
		got, err := countIndices(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, wrong := range []string{"a", "5-1", "1-5:0", "1--5"} {
		_, err := countIndices(wrong)
		require.Error(t, err, wrong)
	}
}
