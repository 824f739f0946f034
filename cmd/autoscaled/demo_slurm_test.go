package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

func TestSlurmDemoRefusesFlagsThatDoNotFit(t *testing.T) {
	for want, args := range map[string][]string{
		"--speed does not go with --queue slurm":  {"--queue", "slurm", "--speed", "10"},
		"--for does not go with --queue slurm":    {"--queue", "slurm", "--for", "10s"},
		"--listen does not go with --queue slurm": {"--queue", "slurm", "--listen", ""},
		"--faults does not go with --queue slurm": {"--queue", "slurm", "--faults"},
		"needs --cloud cyclecloud":                {"--queue", "slurm", "--cloud", "anka"},
		"--jobs is from 0 to 40, not 41":          {"--queue", "slurm", "--jobs", "41"},
		"--jobs goes with --queue slurm only":     {"--jobs", "4"},
		`--queue is slurm, not "pbs"`:             {"--queue", "pbs"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, exitUsage, execute(context.Background(), append([]string{"demo"}, args...), &out, &errs), want)
		require.Contains(t, errs.String(), want)
		require.Empty(t, out.String())
	}
}

func TestSlurmDemoTellsWhatIsMissing(t *testing.T) {
	require.NoError(t, slurmDemoNeeds(0, nil))
	require.ErrorContains(t, slurmDemoNeeds(1000, nil), "root")
	err := slurmDemoNeeds(0, []string{"slurmd", "munge"})
	require.ErrorContains(t, err, "missing: slurmd munge")
	require.ErrorContains(t, err, "apt-get install --no-install-recommends slurmd munge")
}

func TestSlurmJobsDependOnTheSeed(t *testing.T) {
	require.Equal(t, slurmJobs(1, 12), slurmJobs(1, 12))
	require.NotEqual(t, slurmJobs(1, 12), slurmJobs(2, 12))
	require.Len(t, slurmJobs(1, 12), 15)
}

func TestSlurmDemoReadsSqueueAndSinfo(t *testing.T) {
	tasks, err := parseSlurmTasks("1_12|array|PENDING|2026-11-22T20:00:00|N/A|JobArrayTaskLimit\n2|wide|RUNNING|2026-11-22T20:00:00|2026-11-22T20:00:20|None\n")
	require.NoError(t, err)
	require.Equal(t, "12", tasks[0].task)
	require.True(t, tasks[0].started.IsZero())
	require.Equal(t, 20*time.Second, tasks[1].started.Sub(tasks[1].submitted))
	for _, text := range []string{"slurm_load_jobs error\n", "1|a|RUNNING|soon|N/A|None\n"} {
		_, err := parseSlurmTasks(text)
		require.ErrorContains(t, err, "read squeue")
	}
	n, err := parseSlurmNodes("idle~ 100\nallocated# 2\nmixed# 1\nidle 3\nmixed 4\nidle% 5\ndown* 6\n")
	require.NoError(t, err)
	require.Equal(t, slurmStates{Waking: 3, Busy: 4, Idle: 3, Going: 5, Asleep: 100, Other: 6}, n)
	for _, text := range []string{"idle\n", "idle many\n"} {
		_, err := parseSlurmNodes(text)
		require.ErrorContains(t, err, "read sinfo")
	}
}

// slurmRun is a run in which all went well.
func slurmRun() ([]slurmTask, map[string]int, cyclecloudtest.Books, map[string]int) {
	tasks := []slurmTask{{name: "single-1", task: "0", state: "COMPLETED"}, {name: slurmWide, task: "0", state: "RUNNING"}, {name: slurmNothing, task: "0", state: "PENDING"}}
	at := func(s int) time.Time { return demoEpoch.Add(time.Duration(s) * time.Second) }
	hpc := cyclecloudtest.BucketKey{Nodearray: "hpc"}
	books := cyclecloudtest.Books{Nodes: []cyclecloudtest.NodeRecord{
		{Name: "scheduler", Head: true}, {Name: "htc-1", Created: at(0), Gone: at(9)}, {Name: "htc-1", Created: at(10), Gone: at(20)},
		{Name: "hpc-1", Bucket: hpc, PlacementGroup: "pg0", Created: at(5), Gone: at(20)},
	}}
	return tasks, map[string]int{"single-1.0": 1, "wide.0": 1}, books, map[string]int{"htc-1": 2, "hpc-1": 1}
}

func TestSlurmDemoFindsWhatIsWrong(t *testing.T) {
	tasks, starts, books, resumed := slurmRun()
	require.Empty(t, broken(slurmChecks(tasks, starts, books, resumed)))
	require.Equal(t, 2, mostVMs(slurmVMs(books.Nodes, false)))
	require.Empty(t, missingVMs(slurmVMs(books.Nodes, false), resumed))
	require.Empty(t, left(books.Nodes))
	for name, spoil := range map[string]func(){
		"every job that ended has completed, started once":  func() { starts["single-1.0"] = 2 },
		"the job that fits nothing waits":                   func() { tasks[2].state = "RUNNING" },
		"the wide job has its nodes in one placement group": func() { books.Nodes[3].PlacementGroup = "" },
		"every VM was asked for by Slurm, and created once": func() { books.Nodes[2].Created = demoEpoch },
	} {
		tasks, starts, books, resumed = slurmRun()
		spoil()
		require.Equal(t, []string{name}, keysOf(broken(slurmChecks(tasks, starts, books, resumed))))
	}
	tasks, starts, books, resumed = slurmRun()
	resumed["htc-1"]--
	require.Len(t, unasked(slurmVMs(books.Nodes, false), resumed), 1)
	resumed["htc-2"] = 1
	require.Len(t, missingVMs(slurmVMs(books.Nodes, false), resumed), 1)
	tasks[0].state = "FAILED"
	require.Len(t, badEnds(tasks, starts), 1)
	require.Equal(t, []string{"wide.0: running ()"}, unended(tasks))
	books.Nodes[1].Gone = time.Time{}
	require.Len(t, left(books.Nodes), 1)
}

func keysOf(m map[string][]string) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}
