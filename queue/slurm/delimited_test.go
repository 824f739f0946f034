package slurm_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/slurm"
)

// TestDelimitedIsAsJSON: what squeue printed of one moment in both forms reads as the
// same jobs, but for what only one of them has.
func TestDelimitedIsAsJSON(t *testing.T) {
	want := jobsOf(t, "22.05-jobs.json")
	list, err := slurm.ReadDelimitedJobs(strings.NewReader(sample(t, "22.05-jobs.delimited")))
	require.NoError(t, err)
	require.Len(t, list, len(want))
	switches := map[int64]bool{}
	for _, got := range list {
		w := want[got.ID]
		if got.Switches > 0 {
			switches[got.ID] = true
		}
		require.Equal(t, w.MaxNodes, min(w.MaxNodes, got.MaxNodes), "the JSON has none where the text has the least")
		w.MaxNodes, w.CPUsPerTask, w.Switches = got.MaxNodes, got.CPUsPerTask, got.Switches
		w.ExcludedNodes = ""
		if !w.Is("PENDING") {
			w.ArrayLimit = got.ArrayLimit
			w.TRES, w.MemoryPerNode, w.MemoryPerCPU = got.TRES, got.MemoryPerNode, got.MemoryPerCPU
		}
		if w.MemoryPerTRES == "" && w.CPUs == w.NodeCount { // then there is no telling, and no difference
			require.Equal(t, w.MemoryPerNode+w.MemoryPerCPU, got.MemoryPerNode+got.MemoryPerCPU)
			w.MemoryPerNode, w.MemoryPerCPU = got.MemoryPerNode, got.MemoryPerCPU
		}
		w.Description = got.Description
		require.Equal(t, w, got)
	}
	require.NotEmpty(t, switches)
}

func line(change map[int]string) string {
	fields := slices.Repeat([]string{"N/A"}, strings.Count(slurm.JobsFormat(), ","))
	fields = append(fields, "N/A")
	for i, v := range map[int]string{0: "7", 1: "7", 4: "htc", 5: "PENDING", 7: "3", 8: "1795365158"} {
		fields[i] = v
	}
	for i, v := range change {
		fields[i] = v
	}
	return strings.Join(fields, "\x1f") + "\x1f\n"
}

func TestDelimitedLine(t *testing.T) {
	jobs, err := slurm.ReadDelimitedJobs(strings.NewReader(line(map[int]string{
		2: "1-99:7%3", 6: "ReqNodeNotAvail, UnavailableNodes:a|b", 10: "1-02:03:04", 20: "NO", 21: `a|"b"`,
	})))
	require.NoError(t, err)
	require.Equal(t, []slurm.Job{{
		ID: 7, ArrayID: 7, ArrayTasks: "1-99:7", ArrayLimit: 3, State: "PENDING", Partition: "htc", Priority: 3,
		Submitted: time.Unix(1795365158, 0).UTC(), TimeLimit: 26*time.Hour + 3*time.Minute + 4*time.Second,
		Reason: "ReqNodeNotAvail", Description: "ReqNodeNotAvail, UnavailableNodes:a|b", Shared: "none", Features: `a|"b"`,
	}}, jobs)
	down := "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions"
	jobs, err = slurm.ReadDelimitedJobs(strings.NewReader(line(map[int]string{6: down})))
	require.NoError(t, err)
	require.Equal(t, "Resources", jobs[0].Reason, "as the JSON tells")
	require.Equal(t, down, jobs[0].Description)
	none, err := slurm.ReadDelimitedJobs(strings.NewReader(""))
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestDelimitedRefuses(t *testing.T) {
	good := line(nil)
	for text, want := range map[string]string{
		good + "slurm_load_jobs error: Unable to contact slurm controller\n": `line 2, "slurm_load_jobs error: Unable to contact slurm controller": want 34 fields`,
		good[:20]:                                   "line 1,",
		good[:len(good)-2] + "x\n":                  "want 34 fields",
		good + "\n":                                 "line 2, \"\": want 34 fields",
		"\x1f" + good:                               "not 35",
		line(map[int]string{0: "x"}):                `JobID is "x": want a whole number`,
		line(map[int]string{0: "0"}):                "no job_id",
		line(map[int]string{5: ""}):                 "no job_state",
		line(map[int]string{7: "0.5"}):              `PriorityLong is "0.5"`,
		line(map[int]string{8: "2026-11-22T04:07"}): "SLURM_TIME_FORMAT=%s is not set",
		line(map[int]string{10: "12"}):              "want a time such as 1-02:03:04",
		line(map[int]string{10: "1-12:00"}):         "want a time such as 1-02:03:04",
		line(map[int]string{10: "a:b"}):             "want a time such as 1-02:03:04",
		line(map[int]string{19: "3X"}):              `MinMemory is "3X"`,
		line(map[int]string{2: "1-9%x"}):            "a number after %",
	} {
		jobs, err := slurm.ReadDelimitedJobs(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
		require.ErrorIs(t, err, slurm.ErrAnswer)
		require.Nil(t, jobs)
	}
}

func TestNodeLines(t *testing.T) {
	nodes, err := slurm.ReadNodeLines(strings.NewReader(sample(t, "22.05-nodes.lines")))
	require.NoError(t, err)
	require.Len(t, nodes, 27)
	require.Equal(t, slurm.Node{
		Name: "gpu-1", Host: "host-1", Address: "127.0.0.1", State: "MIXED+CLOUD+NOT_RESPONDING+POWERING_UP",
		Features: "cloud,Standard_NC24", Partitions: "gpu", Gres: "gpu:4", GresUsed: "gpu:4", AllocTRES: "cpu=16,mem=100G",
		CPUs: 24, AllocCPUs: 16, Memory: 220000, AllocMemory: 102400,
	}, nodes[slices.IndexFunc(nodes, func(n slurm.Node) bool { return n.Name == "gpu-1" })])
	drained := nodes[slices.IndexFunc(nodes, func(n slurm.Node) bool { return n.Name == "htc-8" })]
	require.Equal(t, "bad disk (operator)", drained.Reason)
	require.True(t, drained.Is("DRAIN"))

	forged := "NodeName=a CPUTot=4 State=IDLE Reason=State=DOWN CPUTot=9 x [root@1]\nmore of it\nNodeName=b State=DOWN*\n\n"
	nodes, err = slurm.ReadNodeLines(strings.NewReader(forged))
	require.NoError(t, err)
	require.Equal(t, []slurm.Node{{Name: "a", CPUs: 4, State: "IDLE", Reason: "State=DOWN CPUTot=9 x"}, {Name: "b", State: "DOWN"}}, nodes)

	reserved := "NodeName=a State=DOWN Reason=ResumeTimeout reached [root@1795375643] ReservationName=maint\n" +
		"NodeName=b State=IDLE ReservationName=maint Comment=autoscaled: x Extra=y\nNodeName=c State=DOWN Reason=r [root@1] Comment=d e InstanceId=7\n"
	nodes, err = slurm.ReadNodeLines(strings.NewReader(reserved))
	require.NoError(t, err)
	require.Equal(t, []slurm.Node{
		{Name: "a", State: "DOWN", Reason: "ResumeTimeout reached"}, {Name: "b", State: "IDLE", Comment: "autoscaled: x"}, {Name: "c", State: "DOWN", Reason: "r", Comment: "d e"},
	}, nodes, "as 24.11 prints them")

	for text, want := range map[string]string{
		"":                               "it has no nodes",
		"Node x not found":               `line 1, "Node x not found": want NodeName=`,
		"NodeName=a CPUTot=4":            "it has no state",
		"NodeName= State=IDLE":           "it has no name",
		"NodeName=a State=IDLE CPUTot=x": `CPUTot is "x"`,
	} {
		_, err := slurm.ReadNodeLines(strings.NewReader(text))
		require.ErrorContains(t, err, want)
		require.ErrorIs(t, err, slurm.ErrAnswer)
	}
}

func TestPartitionLines(t *testing.T) {
	list, err := slurm.ReadPartitionLines(strings.NewReader(sample(t, "22.05-partitions.lines")))
	require.NoError(t, err)
	require.Contains(t, list, slurm.Partition{Name: "hpc", State: "UP", Nodes: "hpc-[1-16]", OverSubscribe: "EXCLUSIVE", MaxTime: 24 * time.Hour, Tier: 1})
	require.Len(t, list, 4)
	for text, want := range map[string]string{
		"":                                   "it has no partitions",
		"State=UP":                           "it has no PartitionName",
		"PartitionName=a":                    "it has no State",
		"PartitionName=a State=UP MaxTime=x": `MaxTime is "x"`,
	} {
		_, err := slurm.ReadPartitionLines(strings.NewReader(text))
		require.ErrorContains(t, err, want)
	}
}

func FuzzReadDelimitedJobs(f *testing.F) {
	f.Add(sample(f, "22.05-jobs.delimited"))
	f.Add(line(nil) + line(map[int]string{2: "1-9%2"}))
	f.Fuzz(func(t *testing.T, text string) {
		jobs, err := slurm.ReadDelimitedJobs(strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, slurm.ErrAnswer)
			return
		}
		for _, j := range jobs {
			require.Positive(t, j.ID)
			require.NotEmpty(t, j.State)
		}
	})
}

func FuzzReadNodeLines(f *testing.F) {
	f.Add(sample(f, "22.05-nodes.lines"))
	f.Add(sample(f, "24.11-nodes.lines"))
	f.Fuzz(func(t *testing.T, text string) {
		nodes, err := slurm.ReadNodeLines(strings.NewReader(text))
		require.Equal(t, err == nil, len(nodes) > 0)
	})
}

func FuzzReadPartitionLines(f *testing.F) {
	f.Add(sample(f, "22.05-partitions.lines"))
	f.Fuzz(func(t *testing.T, text string) {
		partitions, err := slurm.ReadPartitionLines(strings.NewReader(text))
		require.Equal(t, err == nil, len(partitions) > 0)
	})
}
