package gridengine_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
	"autoscaled/queue/gridengine"
)

var update = flag.Bool("update", false, "rewrite the table of reasons in the documentation")

func mapping() *gridengine.Mapping {
	return &gridengine.Mapping{
		Rules: []gridengine.Rule{
			{Name: "gpu", Queue: "gpu.q", Pools: []string{"gpu"}},
			{Name: "tight", PE: "mpi2|mpi44", Pools: []string{"hpc", "htc"}, Coupled: true},
			{Name: "parallel", PE: "*", Pools: []string{"hpc"}},
			{Name: "array", Resource: "nodearray", Value: "beta", Pools: []string{"gpu"}},
			{Name: "rest", Pools: []string{"htc"}},
		},
		Kinds: map[string]gridengine.Kind{
			"h_vmem": gridengine.Memory, "gpu": gridengine.GPUs, "gpujob": gridengine.Custom, "license": gridengine.Licence,
		},
		Pool: func(name string) (autoscale.Selector, bool) {
			return autoscale.HasLabel("nodearray", name), name == "gpu" || name == "hpc" || name == "htc"
		},
	}
}

func complexes(t testing.TB) map[string]gridengine.Complex {
	all, err := gridengine.ReadComplexes(sample(t, "complexes-consumable.txt"))
	require.NoError(t, err)
	return all
}

func environments(t testing.TB) map[string]gridengine.PE {
	all := make(map[string]gridengine.PE)
	for _, name := range []string{"mpi", "mpi2", "mpi44", "rr", "smp"} {
		pe, err := gridengine.ReadPE(sample(t, "pe-"+name+".txt"))
		require.NoError(t, err)
		all[name] = pe
	}
	return all
}

func reading(t testing.TB, jobs, details, hosts string) *gridengine.Reading {
	r := &gridengine.Reading{PEs: environments(t), Complexes: complexes(t)}
	var err error
	r.Jobs, err = gridengine.ReadJobs(sample(t, jobs))
	require.NoError(t, err)
	if details != "" {
		r.Details, err = gridengine.ReadDetails(sample(t, details))
		require.NoError(t, err)
	}
	if hosts != "" {
		r.Hosts, err = gridengine.ReadHosts(sample(t, hosts))
		require.NoError(t, err)
	}
	return r
}

func shapes(d autoscale.Demand) map[autoscale.JobID]autoscale.Shape {
	all := make(map[autoscale.JobID]autoscale.Shape)
	for _, c := range d.Classes {
		for _, m := range c.Members {
			all[m.ID] = c.Shape
		}
	}
	return all
}

// TestDemandOfSample: what each job of a busy Grid Engine becomes.
func TestDemandOfSample(t *testing.T) {
	r := reading(t, "qstat-mixed.xml", "details-mixed.xml", "qhost-mixed.xml")
	r.Marked = map[string]bool{"ge-1": true}
	d := gridengine.Demand(r, mapping())
	require.True(t, d.Vouched)
	got := shapes(d)
	for id, reason := range map[autoscale.JobID]string{
		"15": "state h:", "17": "message 50:", "23": "state h, jobs:", "21": "message 50:", "24": "message 50:", "26": "message 50:", "22": "message 50:", "27": "message 50:",
	} {
		require.True(t, strings.HasPrefix(got[id].Held, reason), "%s: %s", id, got[id].Held)
	}
	require.Equal(t, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), got["19"].EarliestStart)
	require.Empty(t, got["19"].Held)

	require.Equal(t, autoscale.HostUse{
		Jobs: []autoscale.JobID{"18", "22.1"}, Drain: autoscale.DrainOurs,
		Used: autoscale.Resources{Cores: 3, Memory: 2*autoscale.GiB + 100*autoscale.MiB},
	}, d.Use["ge-1"])
	require.Equal(t, 4, d.Use["ge-2"].Used.Cores)
	require.Equal(t, 1, d.Use["gemaster"].Used.Cores)
}

func pendingJob() gridengine.Job {
	return gridengine.Job{ID: 7, State: "qw", Pending: true, Priority: 5, Slots: 1}
}

// demandOf is what one pending job becomes.
func demandOf(t testing.TB, j gridengine.Job, detail gridengine.Detail, others ...gridengine.Job) map[autoscale.JobID]autoscale.Shape {
	r := &gridengine.Reading{Jobs: append(others, j), Details: map[int64]gridengine.Detail{7: detail}, PEs: environments(t), Complexes: complexes(t)}
	return shapes(gridengine.Demand(r, mapping()))
}

func hard(pairs ...string) (list []gridengine.Request) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, gridengine.Request{Name: pairs[i], Value: pairs[i+1]})
	}
	return list
}

func TestShapes(t *testing.T) {
	pool := func(names ...string) (s autoscale.Selector) {
		if len(names) == 1 {
			return autoscale.HasLabel("nodearray", names[0])
		}
		for _, name := range names {
			s.Prefer = append(s.Prefer, autoscale.HasLabel("nodearray", name))
		}
		return s
	}
	cores := func(n int) autoscale.Resources { return autoscale.Resources{Cores: n} }
	for name, c := range map[string]struct {
		change func(*gridengine.Job)
		want   autoscale.Shape
	}{
		"serial":      {func(*gridengine.Job) {}, autoscale.Shape{Tasks: 1, PerTask: cores(1), Selector: pool("htc")}},
		"of a queue":  {func(j *gridengine.Job) { j.Queues = []string{"gpu.q@*"} }, autoscale.Shape{Tasks: 1, PerTask: cores(1), Selector: pool("gpu")}},
		"of a group":  {func(j *gridengine.Job) { j.Queues = []string{"all.q@@x"} }, autoscale.Shape{Tasks: 1, PerTask: cores(1), Selector: pool("htc")}},
		"$pe_slots":   {func(j *gridengine.Job) { j.PE, j.Range = "smp", "4" }, autoscale.Shape{Tasks: 1, PerTask: cores(4), Selector: pool("hpc")}},
		"$fill_up":    {func(j *gridengine.Job) { j.PE, j.Range = "mpi", "88" }, autoscale.Shape{Tasks: 88, PerTask: cores(1), Gang: autoscale.GangAll, Selector: pool("hpc")}},
		"$fill_up 1":  {func(j *gridengine.Job) { j.PE, j.Range = "mpi", "1" }, autoscale.Shape{Tasks: 1, PerTask: cores(1), Selector: pool("hpc")}},
		"round robin": {func(j *gridengine.Job) { j.PE, j.Range = "rr", "3-9999999" }, autoscale.Shape{Tasks: 3, PerTask: cores(1), Gang: autoscale.GangAll, Selector: pool("hpc")}},
		"a number": {func(j *gridengine.Job) { j.PE, j.Range = "mpi44", "88" }, autoscale.Shape{
			Tasks: 2, PerTask: cores(44), TasksPerNode: 1, Gang: autoscale.GangAll, Grouping: autoscale.Coupled, Selector: pool("hpc", "htc")}},
		"a number in a range": {func(j *gridengine.Job) { j.PE, j.Range = "mpi2", "3-5,8" }, autoscale.Shape{
			Tasks: 2, PerTask: cores(2), TasksPerNode: 1, Gang: autoscale.GangAll, Grouping: autoscale.Coupled, Selector: pool("hpc", "htc")}},
		"a pattern":    {func(j *gridengine.Job) { j.PE, j.Range = "m*4|smp*", "44" }, autoscale.Shape{Tasks: 1, PerTask: cores(44), TasksPerNode: 1, Selector: pool("hpc", "htc")}},
		"second of PE": {func(j *gridengine.Job) { j.PE, j.Range = "mpi44|smp", "3" }, autoscale.Shape{Tasks: 1, PerTask: cores(3), Selector: pool("hpc")}},
		"memory of each slot": {func(j *gridengine.Job) { j.PE, j.Range, j.Hard = "smp", "4", hard("h_vmem", "1.5G", "h_rt", "1:30:00") }, autoscale.Shape{
			Tasks: 1, PerTask: autoscale.Resources{Cores: 4, Memory: 6 * autoscale.GiB}, ExpectedRuntime: 90 * time.Minute, Selector: pool("hpc")}},
		"a job's own": {func(j *gridengine.Job) { j.PE, j.Range, j.Hard = "mpi2", "4", hard("gpujob", "3", "gpu", "1") }, autoscale.Shape{
			Tasks: 2, PerTask: autoscale.Resources{Cores: 2, GPUs: 2, Custom: map[string]int64{"gpujob": 2}}, TasksPerNode: 1, Gang: autoscale.GangAll, Grouping: autoscale.Coupled, Selector: pool("hpc", "htc")}},
		"licences": {func(j *gridengine.Job) { j.PE, j.Range, j.Hard = "mpi2", "4", hard("license", "2") }, autoscale.Shape{
			Tasks: 2, PerTask: cores(2), TasksPerNode: 1, Gang: autoscale.GangAll, Grouping: autoscale.Coupled, Draws: []autoscale.Draw{{Limit: "licence/license", Amount: 8}}, Selector: pool("hpc", "htc")}},
		"exclusive":          {func(j *gridengine.Job) { j.Hard = hard("exclusive", "true") }, autoscale.Shape{Tasks: 1, PerTask: cores(1), Exclusive: autoscale.ExclusiveTask, Selector: pool("htc")}},
		"not exclusive":      {func(j *gridengine.Job) { j.Hard = hard("exclusive", "false") }, autoscale.Shape{Tasks: 1, PerTask: cores(1), Selector: pool("htc")}},
		"exclusive parallel": {func(j *gridengine.Job) { j.PE, j.Range, j.Hard = "mpi", "8", hard("exclusive", "1") }, autoscale.Shape{Tasks: 8, PerTask: cores(1), Exclusive: autoscale.ExclusiveJob, Gang: autoscale.GangAll, Selector: pool("hpc")}},
		"a rule's resource":  {func(j *gridengine.Job) { j.Hard = hard("nodearray", "a|b*") }, autoscale.Shape{Tasks: 1, PerTask: cores(1), Selector: pool("gpu")}},
		"what all have":      {func(j *gridengine.Job) { j.Hard = hard("arch", "lx-amd64", "mem_free", "500M", "hostname", "ge-*") }, autoscale.Shape{Tasks: 1, PerTask: cores(1), Selector: pool("htc")}},
		"an array":           {func(j *gridengine.Job) { j.Tasks = "1-10:3" }, autoscale.Shape{Tasks: 4, PerTask: cores(1), Gang: autoscale.GangBestEffort, Selector: pool("htc")}},
	} {
		t.Run(name, func(t *testing.T) {
			j := pendingJob()
			c.change(&j)
			got := demandOf(t, j, gridengine.Detail{})
			require.Equal(t, c.want, got["7"])
		})
	}
}

func TestNoDemand(t *testing.T) {
	message := func(number int, text string) gridengine.Detail {
		return gridengine.Detail{Messages: []gridengine.Message{{Number: 37, Text: "it is full"}, {Number: number, Text: text}}}
	}
	for reason, c := range map[string]struct {
		change func(*gridengine.Job)
		detail gridengine.Detail
	}{
		"state h":             {func(j *gridengine.Job) { j.State = "hqw" }, gridengine.Detail{}},
		"state h, jobs":       {func(j *gridengine.Job) { j.State, j.Predecessors = "hqw", []string{"3", "4"} }, gridengine.Detail{}},
		"state E":             {func(j *gridengine.Job) { j.State = "Eqw" }, gridengine.Detail{}},
		"state d":             {func(j *gridengine.Job) { j.State = "dqw" }, gridengine.Detail{}},
		"state s":             {func(j *gridengine.Job) { j.State = "sqw" }, gridengine.Detail{}},
		"reservation":         {func(*gridengine.Job) {}, gridengine.Detail{Reservation: 4}},
		"host":                {func(j *gridengine.Job) { j.Queues = []string{"all.q@ge-1", "gpu.q@ge-2"} }, gridengine.Detail{}},
		"PE":                  {func(j *gridengine.Job) { j.PE, j.Range = "nope", "4" }, gridengine.Detail{}},
		"PE: no parallel":     {func(j *gridengine.Job) { j.PE, j.Range = "mpi44", "45-87" }, gridengine.Detail{}},
		"PE: no parallel env": {func(j *gridengine.Job) { j.PE, j.Range = "smp", "1000" }, gridengine.Detail{}},
		"resource":            {func(j *gridengine.Job) { j.Hard = hard("fpga", "1") }, gridengine.Detail{}},
		"unreadable":          {func(j *gridengine.Job) { j.Hard = hard("h_vmem", "lots") }, gridengine.Detail{}},
		"unreadable: what":    {func(j *gridengine.Job) { j.Tasks = "1-x" }, gridengine.Detail{}},
		"message 20":          {func(*gridengine.Job) {}, message(20, "cannot run globally because it offers only gc:license=0")},
		"message 50":          {func(*gridengine.Job) {}, message(50, `cannot run because it exceeds limit "nobody/////" in rule "lim/1"`)},
		"array limit":         {func(j *gridengine.Job) { j.Tasks = "3-9" }, gridengine.Detail{Concurrent: 1}},
	} {
		t.Run(reason, func(t *testing.T) {
			j := pendingJob()
			c.change(&j)
			got := demandOf(t, j, c.detail, gridengine.Job{ID: 7, State: "r", Tasks: "1", Slots: 1})["7"]
			require.True(t, strings.HasPrefix(got.Held, reason+":") || strings.HasPrefix(got.Held, reason), got.Held)
		})
	}
	hosts := demandOf(t, pendingJob(), message(50, `cannot run because it exceeds limit "////all.q/ge-1" in rule "lim/1"`))["7"]
	require.Empty(t, hosts.Held, "a limit of one host is no limit of others")

	gone := gridengine.Demand(&gridengine.Reading{Jobs: []gridengine.Job{pendingJob()}, Asked: map[int64]bool{7: true}}, mapping())
	require.Empty(t, gone.Classes, "it ended between two questions")

	nobody := mapping()
	nobody.Rules = nobody.Rules[:1]
	d := gridengine.Demand(&gridengine.Reading{Jobs: []gridengine.Job{pendingJob()}}, nobody)
	require.Contains(t, d.Classes[0].Held, "rule:")
	nobody.Rules = []gridengine.Rule{{Name: "x", Pools: []string{"lost"}}}
	d = gridengine.Demand(&gridengine.Reading{Jobs: []gridengine.Job{pendingJob()}}, nobody)
	require.Contains(t, d.Classes[0].Held, "pools:")
}

// TestArrays: an array's tasks in several states, its limit, and tasks of several hosts.
func TestArrays(t *testing.T) {
	failed, rest := pendingJob(), pendingJob()
	failed.Tasks, failed.State, rest.Tasks = "1,4", "Eqw", "7,10-20:2"
	runs := gridengine.Job{ID: 7, State: "r", Tasks: "2", Slots: 1}
	got := demandOf(t, rest, gridengine.Detail{Concurrent: 5}, failed, runs, runs)
	require.Contains(t, got["7"].Held, "state E")
	require.Equal(t, 3, got["7/2"].Tasks)

	rest.PE, rest.Range, rest.Tasks = "mpi2", "4", "1-5000"
	got = demandOf(t, rest, gridengine.Detail{})
	require.Len(t, got, 1000)
	require.Equal(t, 2, got["7_1000"].Tasks)

	rest = pendingJob()
	rest.Tasks, rest.Hard = "1-3", hard("license", "1")
	require.Len(t, demandOf(t, rest, gridengine.Detail{}), 3)
}

// TestStartedMeanwhile: what was listed as pending and runs on a host a moment later is no
// demand, and takes there what it asked for.
func TestStartedMeanwhile(t *testing.T) {
	serial, array := pendingJob(), pendingJob()
	serial.ID, array.Tasks, array.Hard = 9, "1-5", hard("h_vmem", "1G")
	r := &gridengine.Reading{
		Jobs: []gridengine.Job{serial, array}, Complexes: complexes(t), Details: map[int64]gridengine.Detail{7: {Concurrent: 3}},
		Hosts: []gridengine.Host{{Name: "a", Heard: true, Instances: []gridengine.Instance{{Queue: "q", Slots: 4, Used: 3}}, Jobs: []gridengine.HostJob{
			{ID: 9, Master: true}, {ID: 7, Task: "1", Master: true}, {ID: 7, Task: "2", Master: true},
		}}},
	}
	d := gridengine.Demand(r, mapping())
	got := shapes(d)
	require.Len(t, got, 1)
	require.Equal(t, 1, got["7"].Tasks, "three at a time, and two run")
	require.Equal(t, autoscale.HostUse{Jobs: []autoscale.JobID{"9", "7.1", "7.2"}, Used: autoscale.Resources{Cores: 3, Memory: 2 * autoscale.GiB}}, d.Use["a"])
	r.Jobs[1].Tasks = "1-2"
	require.Empty(t, gridengine.Demand(r, mapping()).Classes)
}

// TestDefaults: a job takes of consumable resources what it does not ask for.
func TestDefaults(t *testing.T) {
	all := complexes(t)
	c := all["h_vmem"]
	c.Default = "2G"
	all["h_vmem"] = c
	r := &gridengine.Reading{Jobs: []gridengine.Job{pendingJob()}, Complexes: all}
	require.Equal(t, 2*autoscale.GiB, gridengine.Demand(r, mapping()).Classes[0].PerTask.Memory)
}

func TestDrainStates(t *testing.T) {
	instance := func(state string) gridengine.Instance {
		return gridengine.Instance{Queue: "q" + state, State: state, Slots: 4}
	}
	for name, c := range map[string]struct {
		states  []string
		ours    bool
		drain   autoscale.Drain
		missing bool
	}{
		"in service":           {[]string{"", ""}, false, autoscale.NotDraining, false},
		"loaded, by calendar":  {[]string{"a", "D"}, false, autoscale.NotDraining, false},
		"an administrator's":   {[]string{"", "d"}, false, autoscale.DrainForeign, false},
		"suspended":            {[]string{"s"}, false, autoscale.DrainForeign, false},
		"in error":             {[]string{"E"}, false, autoscale.DrainForeign, false},
		"ours":                 {[]string{"d", "ad"}, true, autoscale.DrainOurs, false},
		"silent":               {[]string{"au"}, false, autoscale.NotDraining, true},
		"silent and ours":      {[]string{"dau"}, true, autoscale.DrainOurs, true},
		"ours half-way":        {[]string{"", "d"}, true, autoscale.NotDraining, false},
		"marked, not disabled": {[]string{""}, true, autoscale.NotDraining, false},
		"without queues":       {nil, false, autoscale.NotDraining, true},
		"ours without queues":  {nil, true, autoscale.DrainOurs, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := gridengine.Host{Name: "GE-1", Heard: true}
			for _, s := range c.states {
				h.Instances = append(h.Instances, instance(s))
			}
			d := gridengine.Demand(&gridengine.Reading{Hosts: []gridengine.Host{h}, Marked: map[string]bool{"ge-1": c.ours}}, mapping())
			require.Equal(t, autoscale.HostUse{Drain: c.drain, Missing: c.missing}, d.Use["ge-1"])
		})
	}
}

// TestUse: jobs that started after the list was read, whole hosts, and full ones.
func TestUse(t *testing.T) {
	h := gridengine.Host{Name: "a", Heard: true, Instances: []gridengine.Instance{{Queue: "q", Slots: 4, Used: 1}}, Jobs: []gridengine.HostJob{{ID: 9, Master: true}}}
	r := &gridengine.Reading{Hosts: []gridengine.Host{h}, Complexes: complexes(t)}
	require.True(t, gridengine.Demand(r, mapping()).Use["a"].Whole)
	r.Jobs = []gridengine.Job{{ID: 9, State: "r", Slots: 1, Hard: hard("gpu", "1", "gpujob", "2")}}
	require.Equal(t, autoscale.HostUse{Jobs: []autoscale.JobID{"9"}, Used: autoscale.Resources{Cores: 1, GPUs: 1, Custom: map[string]int64{"gpujob": 2}}}, gridengine.Demand(r, mapping()).Use["a"])
	for value, whole := range map[string]bool{"true": true, "TRUE": true, "1": true, "false": false, "0": false} {
		r.Jobs[0].Hard = hard("exclusive", value)
		require.Equal(t, whole, gridengine.Demand(r, mapping()).Use["a"].Whole, value)
	}
	r.Jobs[0].Hard, r.Hosts[0].Instances[0].Slots = nil, 1
	require.True(t, gridengine.Demand(r, mapping()).Use["a"].Whole)
}

func TestReasonsInDocumentation(t *testing.T) {
	var b strings.Builder
	b.WriteString("| reason | demand | because |\n|---|---|---|\n")
	names := map[string]bool{}
	for _, w := range gridengine.Reasons {
		demand := "no"
		if w.Demand {
			demand = "yes"
		}
		require.False(t, names[w.Reason], w.Reason)
		names[w.Reason] = true
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", w.Reason, demand, w.Words)
	}
	path := filepath.Join("..", "..", "docs", "gridengine-jobs.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	const begin, end = "<!-- reasons -->\n", "<!-- end of reasons -->"
	before, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok)
	table, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(before+begin+b.String()+end+after), 0o644))
		return
	}
	require.Equal(t, b.String(), table, "go test ./queue/gridengine -run Documentation -update")
}

// TestTasksLaw: no array makes more demand than it has tasks, nor than its limit leaves.
func TestTasksLaw(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		first, length, step := rapid.Int64Range(1, 50).Draw(rt, "first"), rapid.Int64Range(0, 100).Draw(rt, "length"), rapid.Int64Range(1, 7).Draw(rt, "step")
		limit, running := rapid.Int64Range(0, 20).Draw(rt, "limit"), rapid.IntRange(0, 20).Draw(rt, "running")
		tasks := int64(0)
		for n := first; n <= first+length; n += step {
			tasks++
		}
		j := pendingJob()
		j.Tasks = fmt.Sprintf("%d-%d:%d", first, first+length, step)
		r := &gridengine.Reading{Details: map[int64]gridengine.Detail{7: {Concurrent: limit}}}
		for range running {
			r.Jobs = append(r.Jobs, gridengine.Job{ID: 7, State: "r", Tasks: "1", Slots: 1})
		}
		r.Jobs = append(r.Jobs, j)
		got := gridengine.Demand(r, mapping()).Classes[0].Shape
		want := tasks
		if limit > 0 {
			want = min(want, limit-int64(running))
		}
		if want <= 0 {
			require.Contains(rt, got.Held, "array limit")
			return
		}
		require.Equal(rt, want, int64(got.Tasks))
	})
}
