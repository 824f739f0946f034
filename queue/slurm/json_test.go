package slurm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

func sample(t testing.TB, name string) string {
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(text)
}

func jobsOf(t testing.TB, name string) map[int64]slurm.Job {
	list, err := slurm.ReadJobs(strings.NewReader(sample(t, name)))
	require.NoError(t, err)
	jobs := make(map[int64]slurm.Job, len(list))
	for _, j := range list {
		jobs[j.ID] = j
	}
	require.Len(t, jobs, len(list))
	return jobs
}

// TestBothGenerations: the same job, as either generation writes it, is the same.
func TestBothGenerations(t *testing.T) {
	old, young := jobsOf(t, "22.05-pending-jobs.json"), jobsOf(t, "24.11-jobs.json")
	require.Len(t, old, 36)
	require.Len(t, young, 36)
	submitted := time.Unix(1795320451, 0).UTC()
	coupled := slurm.Job{
		ID: 3, State: "PENDING", Reason: "Priority", Partition: "hpc", Priority: 4294901757, Submitted: submitted, Eligible: submitted,
		TimeLimit: 2 * time.Hour, NodeCount: 8, MaxNodes: 8, Tasks: 352, CPUs: 352, TasksPerNode: 44, MinCPUsPerNode: 44,
		Shared: "none", TRES: "cpu=352,mem=2688G,node=8,billing=352",
	}
	require.Equal(t, coupled, old[3])
	coupled.Submitted = time.Unix(1795326111, 0).UTC()
	coupled.Eligible, coupled.CPUsPerTask, coupled.Switches = coupled.Submitted, 1, 1
	require.Equal(t, coupled, young[3])

	require.Equal(t, "CONFIGURING", old[1].State)
	require.Equal(t, "RUNNING+CONFIGURING+POWER_UP_NODE", young[1].State)
	require.Equal(t, "2-9", old[9].ArrayTasks)
	require.Equal(t, int64(2), young[9].ArrayLimit)
	require.Equal(t, int64(4096), old[9].MemoryPerNode)
	require.Equal(t, int64(3500), young[5].MemoryPerCPU)
	require.Equal(t, "gres/gpu=1", young[18].TRESPerTask)
	require.Equal(t, "gres:gpu:8192", old[19].MemoryPerTRES)
	require.True(t, young[12].Hold)
	require.Zero(t, old[12].Priority)
}

func TestNodesOfBothGenerations(t *testing.T) {
	for name, want := range map[string]slurm.Node{
		"22.05-pending-nodes.json": {State: "MIXED+CLOUD+NOT_RESPONDING+POWERING_UP"},
		"24.11-nodes.json":         {State: "MIXED+CLOUD+NOT_RESPONDING+POWERING_UP+PLANNED"},
	} {
		nodes, err := slurm.ReadNodes(strings.NewReader(sample(t, name)))
		require.NoError(t, err)
		want.Name, want.Address, want.Features, want.Partitions = "gpu-1", "127.0.0.1", "cloud,Standard_NC24", "gpu"
		want.Gres, want.GresUsed, want.AllocTRES = "gpu:4", "gpu:2", "cpu=8,mem=50G"
		want.CPUs, want.AllocCPUs, want.Memory, want.AllocMemory = 24, 8, 220000, 51200
		want.Host = nodes[0].Host
		require.Equal(t, want, nodes[0], name)
		require.GreaterOrEqual(t, len(nodes), 26)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		``:               "EOF",
		`[]`:             "want an object",
		`{"errors": []}`: "it has no jobs",
		`{"jobs": null}`: "want a list, not \"null\"",
		`{"jobs": {}}`:   "want a list",
		`{"jobs": [{"job_id": 7, "job_state": "RUNNING"}`: "EOF",
		`{"jobs": []} x`:                       "invalid character",
		`{"jobs": []} {}`:                      "more follows",
		`{"jobs": [3]}`:                        "record 1 (job_id 0): want an object, not \"3\"",
		`{"jobs": [{"job_state": "PENDING"}]}`: "has no job_id",
		`{"jobs": [{"job_id": 7}]}`:            "record 1 (job_id 7): it has no job_state",
		`{"jobs": [{"cpus": "x", "job_id": 7, "job_state": "PENDING"}]}`:             `record 1 (job_id 7): cpus: want a whole number, not "\"x\""`,
		`{"jobs": [{"cpus": {"set": true}, "job_id": 7, "job_state": "PENDING"}]}`:   `cpus: want a number, not an object without one`,
		`{"jobs": [{"cpus": {"set": 1, "number": 1}, "job_id": 7}]}`:                 `cpus: want true or false, not "1"`,
		`{"jobs": [{"cpus": 1.5, "job_id": 7}]}`:                                     `not "1.5"`,
		`{"jobs": [{"job_state": [1], "job_id": 7}]}`:                                `job_state: want a text, not "1"`,
		`{"jobs": [{"job_state": 1, "job_id": 7}]}`:                                  `job_state: want a text, not "1"`,
		`{"jobs": [{"hold": 1, "job_id": 7}]}`:                                       `hold: want true or false`,
		`{"jobs": [], "errors": [{"description": "Failed while looking for jobs"}]}`: "Failed while looking for jobs",
		`{"errors": [{"description": "no"}], "jobs": 3}`:                             `{"description": "no"}`,
		sample(t, "22.05-bad-token.json"):                                            "slurm_load_jobs",
	} {
		_, err := slurm.ReadJobs(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
		require.ErrorIs(t, err, slurm.ErrAnswer)
		require.ErrorIs(t, err, autoscale.ErrUnavailable)
	}
	_, err := slurm.ReadNodes(strings.NewReader(`{"nodes": [{"name": "a"}]}`))
	require.ErrorContains(t, err, `record 1 (name "a"): it has no state`)
	_, err = slurm.ReadNodes(strings.NewReader(sample(t, "24.11-sinfo.json")))
	require.ErrorContains(t, err, "it has no nodes", "what sinfo writes there is no list of nodes")
}

func TestWhatIsNotSetIsZero(t *testing.T) {
	jobs, err := slurm.ReadJobs(strings.NewReader(`{"jobs": [{"job_id": 1, "job_state": ["PENDING"], "cpus_per_task": 65534,
		"memory_per_cpu": 4294967294, "max_nodes": {"set": false, "infinite": true, "number": 9}, "time_limit": {"set": true, "infinite": true, "number": 5},
		"node_count": null, "features": null, "shared": [], "unknown": {"a": [1, {}]}, "name": "a\ud800"}]}`))
	require.NoError(t, err)
	require.Equal(t, []slurm.Job{{ID: 1, State: "PENDING"}}, jobs)
	none, err := slurm.ReadJobs(strings.NewReader(`{"jobs": [], "errors": null}`))
	require.NoError(t, err)
	require.Empty(t, none)
}

func FuzzReadJobs(f *testing.F) {
	for _, name := range []string{"22.05-dynamic-jobs.json", "22.05-bad-token.json", "24.11-nodes.json"} {
		f.Add(sample(f, name))
	}
	head, _, _ := strings.Cut(sample(f, "24.11-jobs.json"), "\n{\"account\": \"\",\"accrue_time\": {\"set\": true,\"infinite\": false,\"number\": 0},\"admin_comment\": \"\",\"allocating_node\": \"localhost\",\"array_job_id\": {\"set\": true,\"infinite\": false,\"number\": 9")
	f.Add(head)
	f.Fuzz(func(t *testing.T, text string) {
		jobs, err := slurm.ReadJobs(strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, slurm.ErrAnswer)
			require.Empty(t, jobs)
			return
		}
		require.Contains(t, text, "jobs")
		for _, j := range jobs {
			require.Positive(t, j.ID)
			require.NotEmpty(t, j.State)
		}
	})
}

func FuzzReadNodes(f *testing.F) {
	f.Add(sample(f, "22.05-mixed-nodes.json"))
	f.Add(sample(f, "24.11-nodes.json"))
	f.Fuzz(func(t *testing.T, text string) {
		nodes, err := slurm.ReadNodes(strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, slurm.ErrAnswer)
			return
		}
		for _, n := range nodes {
			require.NotEmpty(t, n.Name)
			require.NotEmpty(t, n.State)
		}
	})
}
