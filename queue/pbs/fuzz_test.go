package pbs

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// check holds what was read of anything against what the planner takes for granted.
func check(t *testing.T, s *snapshot) {
	t.Helper()
	for _, c := range s.demand(mapping()).Classes {
		require.Positive(t, c.Tasks)
		require.False(t, c.PerTask.Cores < 0 || c.PerTask.Memory < 0 || c.PerTask.GPUs < 0)
		for _, n := range c.PerTask.Custom {
			require.GreaterOrEqual(t, n, int64(0))
		}
	}
}

func FuzzJobs(f *testing.F) {
	f.Add(sample(f, "jobs.json"), false)
	f.Add(sample(f, "jobs.txt"), true)
	f.Add([]byte(`{"timestamp":1,"Jobs":{"1[].s":{"job_state":"Q","array":"True","array_indices_remaining":"1-9:2","schedselect":"2:ncpus=4+1"}}}`), false)
	f.Fuzz(func(t *testing.T, text []byte, asText bool) {
		form := jsonForm
		if asText {
			form = textForm
		}
		jobs, err := readJobs(bytes.NewReader(text), form, time.UTC)
		if err != nil {
			require.ErrorIs(t, err, autoscale.ErrMalformed)
			return
		}
		check(t, &snapshot{jobs: jobs})
	})
}

func FuzzNodes(f *testing.F) {
	f.Add(sample(f, "nodes.json"), false)
	f.Add(sample(f, "nodes.txt"), true)
	f.Fuzz(func(t *testing.T, text []byte, asText bool) {
		form := jsonForm
		if asText {
			form = textForm
		}
		nodes, err := readNodes(bytes.NewReader(text), form)
		if err == nil {
			check(t, &snapshot{nodes: nodes})
		}
	})
}

func FuzzQueues(f *testing.F) {
	f.Add(sample(f, "queues.json"), false)
	f.Add(sample(f, "server.json"), true)
	f.Fuzz(func(t *testing.T, text []byte, servers bool) {
		queues, err := readQueues(bytes.NewReader(text), jsonForm, servers)
		if err == nil {
			s := &snapshot{jobs: sampleJobs(t), queues: queues}
			check(t, s)
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add("2:ncpus=4:mem=8gb+1:ngpus=1", "scatter:excl:group=group_id", "0-99:3%5", "[u:PBS_GENERIC=5]")
	f.Add(`1:host="a:b"+3`, "pack", "-", "12")
	f.Fuzz(func(t *testing.T, spec, place, indices, limit string) {
		limits, _ := parseLimits(limit, "ncpus")
		j := Job{ID: "1[].s", State: "Q", Queue: "q", User: "u", SchedSelect: spec, Place: place, Array: true, Remaining: indices, Totals: []Amount{{"ncpus", "4"}}}
		k := j
		k.ID, k.Array = "2.s", false
		check(t, &snapshot{jobs: []Job{j, k}, queues: []Queue{{Name: "q", Limits: limits}}})
	})
}
