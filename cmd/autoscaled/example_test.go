package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue"
)

const (
	mixedConfig = "../../examples/mixed.yaml"
	mixedQueue  = "../../examples/mixed-queue.json"
	mixedJobs   = 1000
)

// mixedKind is a kind of job and how many of a hundred jobs are of it.
type mixedKind struct {
	share  int
	fields func(r *rand.Rand, job int) string
}

// mixedKinds are the kinds of jobs of the example, nearly every way in which a job
// can ask for something, and to be refused it.
var mixedKinds = []mixedKind{
	{24, func(r *rand.Rand, _ int) string {
		return fmt.Sprintf(`"cores":%d,"memory":"%dGiB"`, 1+r.IntN(4), 1+r.IntN(6))
	}},
	{12, func(r *rand.Rand, _ int) string {
		return fmt.Sprintf(`"tasks":%d,"cores":2,"tasks_per_node":4,"expected_runtime":"90m"`, 10*(1+r.IntN(10)))
	}},
	{10, func(r *rand.Rand, _ int) string {
		return fmt.Sprintf(`"nodes":%d,"coupled":true,"nodearray":"ondemand","machine_type":"Standard_HC44rs"`, 1<<r.IntN(4))
	}},
	{8, func(r *rand.Rand, _ int) string {
		return fmt.Sprintf(`"nodes":%d,"machine_type":["Standard_F4s_v2","Standard_F16s_v2"],"placement":"ungrouped"`, 1+r.IntN(3))
	}},
	{8, func(r *rand.Rand, _ int) string {
		return `"cores":4,"selector":{"prefer":[{"label":"machine_type","in":"Standard_F16s_v2"},{"label":"nodearray","in":"execute"}]}`
	}},
	{6, func(r *rand.Rand, _ int) string {
		return fmt.Sprintf(`"tasks":%d,"cores":8,"gang":"all","exclusive":"job"`, 2+r.IntN(7))
	}},
	{5, func(r *rand.Rand, _ int) string { return `"tasks":40,"cores":4,"at_least":10` }},
	{5, func(r *rand.Rand, _ int) string {
		return fmt.Sprintf(`"cores":2,"licences":[{"name":"solver","count":%d}]`, 1+r.IntN(16))
	}},
	{5, func(_ *rand.Rand, job int) string {
		return fmt.Sprintf(`"node_names":["named-%d","named-%d"],"gang":"all","nodearray":"execute","machine_type":"Standard_F4s_v2"`, 2*job, 2*job+1)
	}},
	{4, func(*rand.Rand, int) string { return `"held":"JobHeldUser"` }},
	{4, func(_ *rand.Rand, job int) string { return fmt.Sprintf(`"depends_on":[%d]`, max(1, job-1)+mixedJobs) }},
	{2, func(*rand.Rand, int) string { return `"earliest_start":"2200-01-01T00:00:00Z"` }},
	{2, func(*rand.Rand, int) string { return `"cores":64` }},
	{2, func(*rand.Rand, int) string { return `"gpus":4` }},
	{1, func(*rand.Rand, int) string { return `"nodearray":"viz"` }},
	{1, func(*rand.Rand, int) string { return `"nodes":101,"coupled":true,"nodearray":"ondemand"` }},
	{1, func(*rand.Rand, int) string { return `"cores":16,"memory":"100GiB","machine_type":"Standard_F16s_v2"` }},
}

// mixedDocument is the example's queue: the same in every run.
func mixedDocument() string {
	r := rand.New(rand.NewPCG(1, 2))
	lines := make([]string, mixedJobs)
	for i := range lines {
		pick := r.IntN(100)
		kind := 0
		for pick >= mixedKinds[kind].share {
			pick -= mixedKinds[kind].share
			kind++
		}
		lines[i] = fmt.Sprintf(`{"id":%d,"priority":%d,"submitted":%d,%s}`, i+1, r.IntN(3), 1769860800+i, mixedKinds[kind].fields(r, i+1))
	}
	return "{\"jobs\":[\n" + strings.Join(lines, ",\n") + "\n],\"running\":[]}\n"
}

// The queue of the example is what it is said to be made of.
func TestMixedExampleIsUpToDate(t *testing.T) {
	if *updateGolden {
		require.NoError(t, os.WriteFile(mixedQueue, []byte(mixedDocument()), 0o644))
	}
	text, err := os.ReadFile(mixedQueue)
	require.NoError(t, err)
	require.Equal(t, mixedDocument(), string(text), "go test ./cmd/autoscaled -run %s -update rewrites it", t.Name())
	sum := 0
	for _, k := range mixedKinds {
		sum += k.share
	}
	require.Equal(t, 100, sum)
}

// mixedSite is a place with the example's configuration and queue, and the
// simulator that the example is for.
func mixedSite(t *testing.T) *site {
	t.Helper()
	s := newSiteAt(t, 1, nil)
	text, err := os.ReadFile(mixedConfig)
	require.NoError(t, err)
	config := strings.NewReplacer("http://127.0.0.1:8080", s.url, "simulator-password", "password", "../state-mixed", "state").Replace(string(text))
	s.write("config.yaml", config)
	jobs, err := os.ReadFile(mixedQueue)
	require.NoError(t, err)
	s.write("mixed-queue.json", string(jobs))
	return s
}

// Every one of a thousand jobs of all kinds is served by nodes, or told why not,
// and what the plan says in one place agrees with what it says in others.
func TestPlanExplainsAThousandJobs(t *testing.T) {
	s := mixedSite(t)
	d := s.planOf()
	served, waiting := checkJobs(t, d)
	checkSums(t, d)

	r := s.command("plan")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, fmt.Sprintf("%d jobs pending: %d with nodes or nodes to come, %d waiting.", mixedJobs, served, waiting))
	r = s.command("plan", "--jobs")
	require.Zero(t, r.code, r.err)
	require.Len(t, regexp.MustCompile(`(?m)^  \d+ +(served|waits) `).FindAllString(r.out, -1), mixedJobs)

	require.Equal(t, timeless(t, s), timeless(t, s), "the same twice")
}

// checkJobs holds the jobs against the document, and returns how many are served
// and how many wait.
func checkJobs(t *testing.T, d planDocument) (served, waiting int) {
	t.Helper()
	text, err := os.ReadFile(mixedQueue)
	require.NoError(t, err)
	demand, err := queue.Parse(text, mixedQueue)
	require.NoError(t, err)
	asked := map[autoscale.JobID]bool{}
	for _, c := range demand.Classes {
		for _, m := range c.Members {
			asked[m.ID] = true
		}
	}
	require.Len(t, asked, mixedJobs)
	reasons := map[autoscale.ReasonCode]int{}
	for _, j := range d.Jobs {
		require.True(t, asked[j.ID], "job %s is told twice, or nobody asked", j.ID)
		delete(asked, j.ID)
		if j.Reason != nil {
			require.NotEmpty(t, j.Reason.Says)
			reasons[j.Reason.Code]++
		}
		if len(j.ServedBy) > 0 {
			served++
			continue
		}
		require.NotNil(t, j.Reason, "job %s has neither nodes nor a reason", j.ID)
		waiting++
	}
	require.Empty(t, asked, "jobs that are not told")
	for _, code := range []autoscale.ReasonCode{
		autoscale.ReasonHeld, autoscale.ReasonDependency, autoscale.ReasonNotYet, autoscale.ReasonNoPool, autoscale.ReasonTooLarge,
		autoscale.ReasonGroupTooSmall, autoscale.ReasonLimit, autoscale.ReasonPart,
	} {
		require.Positive(t, reasons[code], "no job shows reason %s", code)
	}
	return served, waiting
}

// checkSums holds sets, jobs and pools against each other.
func checkSums(t *testing.T, d planDocument) {
	t.Helper()
	grown, jobsOf := map[autoscale.PoolID]int{}, map[autoscale.PoolID]int{}
	total := 0
	for _, g := range d.Grow {
		grown[g.Pool] += g.Count
		total += g.Count
		require.True(t, g.Names == nil || len(g.Names) == g.Count)
	}
	require.LessOrEqual(t, total, 150, "max of the policy")
	for _, j := range d.Jobs {
		for _, by := range j.ServedBy {
			require.Equal(t, autoscale.ReasonOnNew, by.How, "there are no nodes yet")
			require.Positive(t, by.Count)
			require.LessOrEqual(t, by.Count, grown[by.Pool])
			jobsOf[by.Pool]++
		}
	}
	require.Len(t, d.Pools, 4, "every pool of the cloud")
	for _, p := range d.Pools {
		require.Equal(t, grown[p.ID], p.Grow)
		require.Equal(t, p.Grow > 0, jobsOf[p.ID] > 0)
		require.NotNil(t, p.Reason)
	}
}

// timeless is the plan without what the time alone changes.
func timeless(t *testing.T, s *site) planDocument {
	t.Helper()
	d := s.planOf()
	d.At = time.Time{}
	for i := range d.Jobs {
		if r := d.Jobs[i].Reason; r != nil && r.Code == autoscale.ReasonNotYet {
			r.For, r.Says = 0, ""
		}
	}
	return d
}
