package slurm_test

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
	"autoscaled/queue/slurm"
)

var update = flag.Bool("update", false, "rewrite the table of reasons in the documentation")

// mapping is of a cluster whose partitions htc, hpc and gpu come and go; hpc's nodes
// are in groups of eight.
func mapping() *slurm.Mapping {
	return &slurm.Mapping{
		Partition: func(name string) (autoscale.Selector, bool) {
			return autoscale.HasLabel("nodearray", name), name != "static"
		},
		Feature: func(name string) autoscale.Selector { return autoscale.HasLabel("feature", name) },
		Node: func(n *slurm.Node) (autoscale.Selector, string, bool) {
			array, number, _ := strings.Cut(n.Name, "-")
			group := ""
			if array == "hpc" {
				group = "pg1"
				if len(number) > 1 || number == "9" {
					group = "pg2"
				}
			}
			return autoscale.HasLabel("nodearray", array), group, array != "static"
		},
		OurMark: "autoscaled:",
	}
}

func jobsIn(d autoscale.Demand) map[autoscale.JobID]autoscale.Shape {
	all := make(map[autoscale.JobID]autoscale.Shape)
	for _, c := range d.Classes {
		for _, m := range c.Members {
			all[m.ID] = c.Shape
		}
	}
	return all
}

// pendingCluster is the recorded cluster of the sample jobs.
func pendingCluster(t testing.TB, jobs, nodes string) autoscale.Demand {
	j, err := slurm.ReadJobs(strings.NewReader(sample(t, jobs)))
	require.NoError(t, err)
	n, err := slurm.ReadNodes(strings.NewReader(sample(t, nodes)))
	require.NoError(t, err)
	return slurm.Demand(j, n, mapping())
}

func TestDemandOfEitherGeneration(t *testing.T) {
	htc, hpc, gpu := autoscale.HasLabel("nodearray", "htc"), autoscale.HasLabel("nodearray", "hpc"), autoscale.HasLabel("nodearray", "gpu")
	for _, c := range []struct {
		jobs, nodes string
		younger     bool
		// ids of the jobs below
		gpu8, gputask, gpujob, lic, het, feature, multi autoscale.JobID
	}{
		{"22.05-pending-jobs.json", "22.05-pending-nodes.json", false, "18", "19", "20", "22", "23", "14", "16"},
		{"24.11-jobs.json", "24.11-nodes.json", true, "17", "18", "19", "21", "22", "14", "15"},
	} {
		d := pendingCluster(t, c.jobs, c.nodes)
		jobs := jobsIn(d)
		require.True(t, d.Vouched)

		coupled := jobs["3"]
		require.Equal(t, autoscale.Shape{
			Tasks: 8, PerTask: autoscale.Resources{Cores: 44}, Exclusive: autoscale.ExclusiveTask, Gang: autoscale.GangAll,
			ExpectedRuntime: 2 * time.Hour, Selector: hpc, Grouping: map[bool]autoscale.Grouping{true: autoscale.Coupled}[c.younger],
		}, coupled)
		require.Equal(t, "JobArrayTaskLimit: "+slurm.Explain("JobArrayTaskLimit").Words, jobs["9"].Held)
		require.Equal(t, 10, jobs["10"].Tasks, "36-99:7")
		require.Equal(t, autoscale.GangBestEffort, jobs["10"].Gang)
		require.Equal(t, autoscale.Resources{Cores: 4, Memory: 8 * autoscale.GiB}, jobs["10"].PerTask)
		require.Equal(t, []autoscale.JobID{"1", "2"}, jobs["5"].DependsOn)
		require.Equal(t, []autoscale.JobID{"1", "3"}, jobs["6"].DependsOn)
		require.Contains(t, jobs["8"].Held, "Dependency: ", "singleton names no job")
		require.Equal(t, time.Unix(map[bool]int64{false: 1795324051, true: 1795329711}[c.younger], 0).UTC(), jobs["11"].EarliestStart)
		require.Contains(t, jobs["12"].Held, "JobHeldUser")
		require.Contains(t, jobs["13"].Held, "must run on htc-8 (-w)")
		require.Equal(t, autoscale.Selector{All: []autoscale.Selector{htc, autoscale.HasLabel("feature", "Standard_D4s_v5")}}, jobs[c.feature].Selector)
		require.Equal(t, autoscale.Selector{Prefer: []autoscale.Selector{htc, hpc}}, jobs[c.multi].Selector)
		require.Equal(t, autoscale.Resources{Cores: 24, Memory: 220000 * autoscale.MiB, GPUs: 4}, jobs[c.gpu8].PerTask)
		require.Equal(t, 2, jobs[c.gpu8].Tasks)
		require.Equal(t, gpu, jobs[c.gpu8].Selector)
		require.Equal(t, autoscale.Resources{Cores: 3, Memory: 24 * autoscale.GiB, GPUs: 3}, jobs[c.gputask].PerTask)
		require.Equal(t, autoscale.Resources{Cores: 3, Memory: 8 * autoscale.GiB, GPUs: 3}, jobs[c.gpujob].PerTask)
		require.Contains(t, jobs[c.lic].Held, "Licenses")
		require.Equal(t, autoscale.Resources{Cores: 1, Memory: 2 * autoscale.GiB}, jobs[c.het].PerTask)

		require.Equal(t, 8, jobs["1"].Tasks)
		require.Equal(t, "pg1", jobs["1"].Group)
		require.Equal(t, []string{"hpc-10", "hpc-11", "hpc-12", "hpc-9"}, jobs["1/2"].Names)
		require.Equal(t, []string{"htc-1"}, jobs["7"].Names)
		require.Equal(t, autoscale.HostUse{Drain: autoscale.DrainForeign}, d.Use["htc-8"])
		require.Equal(t, autoscale.HostUse{Missing: true}, d.Use["hpc-1"])
		require.NotContains(t, d.Use, "gpu-2")
	}
}

// TestDelimitedDemandIsAsJSON: either form of one moment is the same demand, where both
// know as much.
func TestDelimitedDemandIsAsJSON(t *testing.T) {
	nodes, err := slurm.ReadNodeLines(strings.NewReader(sample(t, "22.05-nodes.lines")))
	require.NoError(t, err)
	fromText, err := slurm.ReadDelimitedJobs(strings.NewReader(sample(t, "22.05-jobs.delimited")))
	require.NoError(t, err)
	fromJSON, err := slurm.ReadJobs(strings.NewReader(sample(t, "22.05-jobs.json")))
	require.NoError(t, err)
	text, json := jobsIn(slurm.Demand(fromText, nodes, mapping())), jobsIn(slurm.Demand(fromJSON, nodes, mapping()))
	require.Len(t, text, len(json))
	switched := 0
	for id, want := range json {
		got := text[id]
		if got.Grouping == autoscale.Coupled && len(got.Names) == 0 {
			switched++
			want.Grouping = autoscale.Coupled // 22.05 has no switches in its JSON
		}
		require.Equal(t, want, got, id)
	}
	require.Positive(t, switched)
}

func TestReasonsInDocumentation(t *testing.T) {
	var b strings.Builder
	b.WriteString("| Slurm's reason | demand | because |\n|---|---|---|\n")
	for _, w := range slurm.Reasons {
		demand := "no"
		if w.Demand {
			demand = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", w.Reason, demand, w.Words)
	}
	path := filepath.Join("..", "..", "docs", "slurm-jobs.md")
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
	require.Equal(t, b.String(), table, "go test ./queue/slurm -run Documentation -update")
}

// TestReasonsOfSamples: no reason that was seen is unknown.
func TestReasonsOfSamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*-jobs.json"))
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, path := range files {
		for _, j := range jobsOf(t, filepath.Base(path)) {
			seen[j.Reason] = true
			require.NotContains(t, slurm.Explain(j.Reason).Words, "not known here", j.Reason)
		}
	}
	require.GreaterOrEqual(t, len(seen), 14)
	names := map[string]bool{}
	for _, w := range slurm.Reasons {
		require.False(t, names[w.Reason], w.Reason)
		names[w.Reason] = true
		require.NotEmpty(t, w.Words)
	}
	require.False(t, slurm.Explain("AssocGrpCpuLimit").Demand)
	require.False(t, slurm.Explain("FluxCapacitor").Demand)
	require.True(t, slurm.Explain("").Demand)
}

func pendingJob() slurm.Job {
	return slurm.Job{ID: 7, State: "PENDING", Reason: "Resources", Partition: "htc", Priority: 9, NodeCount: 1, Tasks: 1, CPUs: 1}
}

// shape is what one pending job becomes.
func shape(t require.TestingT, change func(*slurm.Job)) autoscale.Shape {
	j := pendingJob()
	change(&j)
	d := slurm.Demand([]slurm.Job{j}, nil, mapping())
	require.Len(t, d.Classes, 1)
	require.Equal(t, autoscale.JobID("7"), d.Classes[0].Members[0].ID)
	require.Equal(t, j.Priority, d.Classes[0].Members[0].Priority)
	return d.Classes[0].Shape
}

func TestResources(t *testing.T) {
	for name, c := range map[string]struct {
		job  func(*slurm.Job)
		want string
		n    int
	}{
		"a core":            {func(*slurm.Job) {}, "1 core", 1},
		"tasks of one node": {func(j *slurm.Job) { j.Tasks, j.CPUs, j.MemoryPerCPU = 4, 8, 1024 }, "8 cores, 8 GiB", 1},
		"memory of a node":  {func(j *slurm.Job) { j.NodeCount, j.CPUs, j.MemoryPerNode = 2, 8, 2048 }, "4 cores, 2 GiB", 2},
		"memory not said":   {func(j *slurm.Job) { j.NodeCount, j.CPUs, j.TRES = 2, 8, "cpu=8,mem=7G,node=2" }, "4 cores, 3.5 GiB", 2},
		"whole nodes":       {func(j *slurm.Job) { j.NodeCount, j.CPUs, j.Shared, j.TRES = 2, 8, "none", "mem=7G,node=2" }, "4 cores", 2},
		"GPUs per node":     {func(j *slurm.Job) { j.NodeCount, j.TRESPerNode, j.CPUsPerTRES = 2, "gres:gpu:4", "gres:gpu:6" }, "24 cores, 4 gpus", 2},
		"GPUs per task": {func(j *slurm.Job) {
			j.Tasks, j.CPUs, j.TRESPerTask, j.MemoryPerTRES = 3, 3, "cpu=1,gres/gpu=1", "gres/gpu:8192"
		}, "3 cores, 24 GiB, 3 gpus", 1},
		"GPUs per job":        {func(j *slurm.Job) { j.NodeCount, j.Tasks, j.CPUs, j.TRESPerJob = 2, 5, 5, "gres:gpu:5" }, "3 cores, 3 gpus", 2},
		"GPUs per socket":     {func(j *slurm.Job) { j.TRESPerSocket, j.SocketsPerNode = "gres:gpu:a100:2", 2 }, "1 core, 4 gpus", 1},
		"another resource":    {func(j *slurm.Job) { j.TRESPerNode = "gres/fpga:2,gres/gpu" }, "1 core, 1 gpu, 2 fpga", 1},
		"least cores of each": {func(j *slurm.Job) { j.MinCPUsPerNode = 44 }, "44 cores", 1},
	} {
		s := shape(t, c.job)
		require.Equal(t, c.want, s.PerTask.String(), name)
		require.Equal(t, c.n, s.Tasks, name)
		require.Empty(t, s.Held, name)
		if c.n > 1 {
			require.Equal(t, c.n, s.Required(), name)
		}
	}
}

func TestKindsOfJobs(t *testing.T) {
	s := shape(t, func(j *slurm.Job) { j.NodeCount, j.TRES, j.CPUs = 4, "cpu=8,node=2", 8 })
	require.Equal(t, []int{4, 2, 1}, []int{s.Tasks, s.Required(), s.TasksPerNode}, "-N 2-4")
	s = shape(t, func(j *slurm.Job) { j.Switches, j.NodeCount = 1, 2 })
	require.Equal(t, autoscale.Coupled, s.Grouping)
	require.Equal(t, autoscale.AnyPlace, shape(t, func(j *slurm.Job) { j.Switches, j.NodeCount = 2, 4 }).Grouping)
	require.Equal(t, autoscale.ExclusiveTask, shape(t, func(j *slurm.Job) { j.Shared = "user" }).Exclusive)
	require.Equal(t, autoscale.Shared, shape(t, func(*slurm.Job) {}).Exclusive)
	s = shape(t, func(j *slurm.Job) { j.Licenses = "matlab:3,abaqus@flex:2|x,old" })
	require.Equal(t, []autoscale.Draw{{Limit: "licence/matlab", Amount: 3}, {Limit: "licence/abaqus", Amount: 2}, {Limit: "licence/old", Amount: 1}}, s.Draws)
	begin := time.Unix(1795365158, 0)
	s = shape(t, func(j *slurm.Job) { j.Reason, j.Eligible = "BeginTime", begin })
	require.Equal(t, begin, s.EarliestStart)
	require.Zero(t, shape(t, func(j *slurm.Job) { j.Eligible = begin }).EarliestStart)
	for held, change := range map[string]func(*slurm.Job){
		"JobHeldUser: ":              func(j *slurm.Job) { j.Priority = 0 },
		"JobHeldUser: its":           func(j *slurm.Job) { j.Hold = true },
		"JobHeldAdmin: an admin":     func(j *slurm.Job) { j.Hold, j.Reason = true, "JobHeldAdmin" },
		"Licenses: waits":            func(j *slurm.Job) { j.Reason = "Licenses" },
		"must run on htc-8 (-w)":     func(j *slurm.Job) { j.Reason, j.RequiredNodes = "ReqNodeNotAvail", "htc-8" },
		"no pool is for partition":   func(j *slurm.Job) { j.Partition = "static" },
		"constraint \"a|\" can't":    func(j *slurm.Job) { j.Features = "a|" },
		"array tasks \"x\" can't":    func(j *slurm.Job) { j.ArrayID, j.ArrayTasks = 7, "x" },
		"SPECIAL_EXIT: was requeued": func(j *slurm.Job) { j.State = "PENDING+SPECIAL_EXIT" },
	} {
		require.Contains(t, shape(t, change).Held, held)
	}
}

func TestFeatures(t *testing.T) {
	f := func(name string) autoscale.Selector { return autoscale.HasLabel("feature", name) }
	anyOf := func(list ...autoscale.Selector) autoscale.Selector { return autoscale.Selector{Any: list} }
	allOf := func(list ...autoscale.Selector) autoscale.Selector { return autoscale.Selector{All: list} }
	for text, want := range map[string]autoscale.Selector{
		"a":           f("a"),
		"a&b":         allOf(f("a"), f("b")),
		"a,b":         allOf(f("a"), f("b")),
		"a|b&c":       anyOf(f("a"), allOf(f("b"), f("c"))),
		"(a|b)&c":     allOf(anyOf(f("a"), f("b")), f("c")),
		"[a|b]":       anyOf(f("a"), f("b")),
		"a*2&b*1":     anyOf(f("a"), f("b")),
		"[(a&b)|c*2]": anyOf(allOf(f("a"), f("b")), f("c")),
	} {
		got := shape(t, func(j *slurm.Job) { j.Features = text })
		require.Equal(t, allOf(autoscale.HasLabel("nodearray", "htc"), want), got.Selector, text)
	}
	for _, bad := range []string{"a&", "(a", "a)", "[a|b", "a b]", "&", strings.Repeat("(", 100)} {
		require.Contains(t, shape(t, func(j *slurm.Job) { j.Features = bad }).Held, "can't be read", bad)
	}
	several := shape(t, func(j *slurm.Job) { j.Partition = "hpc,static,htc" }).Selector
	require.Equal(t, autoscale.Selector{Prefer: []autoscale.Selector{autoscale.HasLabel("nodearray", "hpc"), autoscale.HasLabel("nodearray", "htc")}}, several)
}

func TestArrays(t *testing.T) {
	parent := pendingJob()
	parent.ArrayID, parent.ArrayTasks, parent.ArrayLimit = 7, "0,2-9", 4
	started := slurm.Job{ID: 8, ArrayID: 7, ArrayTask: 1, State: "RUNNING", Nodes: "htc-1"}
	d := slurm.Demand([]slurm.Job{parent, started}, nil, mapping())
	require.Equal(t, map[autoscale.JobID]string{"7": "7_[0,2-9%4]", "8": "7_1"}, d.Names)
	require.Equal(t, d.Names, slurm.PowerDemand([]slurm.Job{parent, started}, nil, mapping()).Names)
	require.Nil(t, slurm.Demand([]slurm.Job{pendingJob()}, nil, mapping()).Names)
	jobs := jobsIn(d)
	require.Equal(t, 3, jobs["7"].Tasks, "four may run, and one does")
	hidden := parent
	hidden.ArrayLimit, hidden.Reason = 0, "JobArrayTaskLimit"
	require.Contains(t, jobsIn(slurm.Demand([]slurm.Job{hidden}, nil, mapping()))["7"].Held, "JobArrayTaskLimit", "a limit that is not told is reached")
	parent.NodeCount, parent.ArrayLimit = 2, 0
	jobs = jobsIn(slurm.Demand([]slurm.Job{parent, started}, nil, mapping()))
	require.Len(t, jobs, 9)
	require.NotContains(t, jobs, autoscale.JobID("7_1"), "the one that started")
	require.Equal(t, 2, jobs["7_9"].Required())
	parent.NodeCount, parent.ArrayTasks = 1, "1,3,5,2..."
	require.Equal(t, 4, jobsIn(slurm.Demand([]slurm.Job{parent}, nil, mapping()))["7"].Tasks)
}

func TestHeterogeneousJobsWaitTogether(t *testing.T) {
	one, two := pendingJob(), pendingJob()
	one.HetID, two.ID, two.HetID, two.Reason = 7, 8, 7, "Licenses"
	jobs := jobsIn(slurm.Demand([]slurm.Job{one, two}, nil, mapping()))
	require.Contains(t, jobs["7"].Held, "Licenses")
	require.Contains(t, jobs["8"].Held, "Licenses")
}

func TestUse(t *testing.T) {
	nodes := []slurm.Node{
		{Name: "htc-1", State: "MIXED+CLOUD", CPUs: 4, AllocCPUs: 3, AllocMemory: 1024, GresUsed: "gpu:a100:2(IDX:0-1)"},
		{Name: "htc-2", State: "IDLE+CLOUD+DRAIN", Reason: "autoscaled: idle"},
		{Name: "htc-3", State: "IDLE+CLOUD+DRAIN+POWERED_DOWN", Reason: "bad disk"},
		{Name: "htc-4", State: "IDLE+CLOUD+POWERED_DOWN"},
		{Name: "htc-5", State: "ALLOCATED+CLOUD+NOT_RESPONDING+POWERING_UP", CPUs: 4, AllocCPUs: 4},
		{Name: "htc-6", State: "DOWN+CLOUD+NOT_RESPONDING", Reason: "Not responding"},
		{Name: "htc-7", State: "DOWN+CLOUD", Reason: "to be repaired"},
		{Name: "htc-8", State: "IDLE+CLOUD+COMPLETING"},
		{Name: "HTC-9", State: "IDLE+CLOUD"},
	}
	jobs := []slurm.Job{
		{ID: 1, State: "RUNNING", Nodes: "htc-[1,5]"}, {ID: 2, State: "COMPLETED", Nodes: "htc-2"},
		{ID: 3, State: "RUNNING", Nodes: "htc-1", Shared: "none"}, {ID: 4, State: "RUNNING", Nodes: "htc-["},
		{ID: 5, State: "RUNNING", Nodes: "gone-1"},
	}
	d := slurm.Demand(jobs, nodes, mapping())
	require.Empty(t, d.Classes)
	require.Equal(t, map[string]autoscale.HostUse{
		"htc-1":  {Jobs: []autoscale.JobID{"1", "3"}, Whole: true, Used: autoscale.Resources{Cores: 3, Memory: autoscale.GiB, GPUs: 2}},
		"htc-2":  {Drain: autoscale.DrainOurs},
		"htc-3":  {Drain: autoscale.DrainForeign},
		"htc-5":  {Missing: true},
		"htc-6":  {Missing: true},
		"htc-7":  {Drain: autoscale.DrainForeign},
		"htc-8":  {Whole: true},
		"htc-9":  {},
		"gone-1": {Jobs: []autoscale.JobID{"5"}, Whole: true},
	}, d.Use)
}

func TestConfiguringJobsNameTheirNodes(t *testing.T) {
	waking := func(name string) slurm.Node { return slurm.Node{Name: name, State: "ALLOCATED+CLOUD+POWERING_UP"} }
	nodes := []slurm.Node{waking("hpc-7"), {Name: "hpc-8", State: "ALLOCATED+CLOUD"}, waking("hpc-9"), {Name: "static-1", State: "IDLE"}}
	job := slurm.Job{ID: 3, State: "RUNNING+CONFIGURING+POWER_UP_NODE", Priority: 5, Nodes: "hpc-[7-9],static-1", TimeLimit: time.Hour}
	d := slurm.Demand([]slurm.Job{job}, nodes, mapping())
	jobs := jobsIn(d)
	want := autoscale.Shape{
		Tasks: 2, Names: []string{"hpc-7", "hpc-8"}, Group: "pg1", Grouping: autoscale.Coupled, Exclusive: autoscale.ExclusiveTask,
		Gang: autoscale.GangAll, Selector: autoscale.HasLabel("nodearray", "hpc"), ExpectedRuntime: time.Hour,
	}
	require.Equal(t, want, jobs["3"])
	want.Tasks, want.Names, want.Group = 1, []string{"hpc-9"}, "pg2"
	require.Equal(t, want, jobs["3/2"])
	require.Len(t, jobs, 2)
	require.Equal(t, []autoscale.JobID{"3"}, d.Use["hpc-8"].Jobs)
	require.Empty(t, d.Use["hpc-7"].Jobs, "nothing runs there yet")

	nodes[0].State, nodes[2].State = "ALLOCATED+CLOUD", "ALLOCATED+CLOUD"
	require.Empty(t, slurm.Demand([]slurm.Job{job}, nodes, mapping()).Classes, "all its nodes are up")
}

// TestDemandIsWhole: every pending job is told of, whatever it is, and nothing it asks
// for is negative.
func TestDemandIsWhole(t *testing.T) {
	amounts := rapid.OneOf(rapid.Int64Range(0, 5), rapid.Int64())
	texts := rapid.OneOf(rapid.SampledFrom([]string{"", "gres:gpu:4", "gres/gpu=9999999999999", "cpu=4,mem=8G,node=2", "a|b", "[", "afterok:1", "2-9:3"}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		j := slurm.Job{
			ID: rapid.Int64Range(1, 1<<40).Draw(t, "id"), State: "PENDING", Reason: rapid.SampledFrom(slurm.Reasons).Draw(t, "reason").Reason,
			Partition: "htc", Priority: 1, NodeCount: amounts.Draw(t, "nodes"), Tasks: amounts.Draw(t, "tasks"), CPUs: amounts.Draw(t, "cpus"),
			MinCPUsPerNode: amounts.Draw(t, "least"), MemoryPerNode: amounts.Draw(t, "memory"), MemoryPerCPU: amounts.Draw(t, "each"), TRES: texts.Draw(t, "tres"),
			TRESPerNode: texts.Draw(t, "node"), TRESPerJob: texts.Draw(t, "job"), TRESPerTask: texts.Draw(t, "task"), TRESPerSocket: texts.Draw(t, "socket"),
			CPUsPerTRES: texts.Draw(t, "cpr"), MemoryPerTRES: texts.Draw(t, "mpr"), Features: texts.Draw(t, "features"), Dependency: texts.Draw(t, "dependency"),
			ArrayTasks: texts.Draw(t, "array"), ArrayID: 1, Licenses: texts.Draw(t, "licences"),
		}
		d := slurm.Demand([]slurm.Job{j}, nil, mapping())
		require.NotEmpty(t, d.Classes)
		for _, c := range d.Classes {
			require.Positive(t, c.Tasks)
			require.LessOrEqual(t, c.Required(), c.Tasks)
			require.GreaterOrEqual(t, c.PerTask.Cores, 1)
			require.GreaterOrEqual(t, int64(c.PerTask.Memory), int64(0))
			require.GreaterOrEqual(t, c.PerTask.GPUs, 0)
			require.True(t, slurm.Explain(j.Reason).Demand || c.Held != "" || len(c.DependsOn) > 0)
		}
	})
}

// Tasks of arrays are called as squeue calls them, whether Slurm tells a list or a number.
func TestNamesOfArrays(t *testing.T) {
	waits := func(id int64, tasks string, limit, task int64) slurm.Job {
		return slurm.Job{ID: id, ArrayID: 7, ArrayTasks: tasks, ArrayLimit: limit, ArrayTask: task, State: "PENDING", Partition: "htc", CPUs: 1, NodeCount: 1, Priority: 1}
	}
	d := slurm.PowerDemand([]slurm.Job{waits(7, "1,4-9:2", 0, 0), waits(8, "3", 0, 0), waits(9, "", 0, 2), waits(10, "11-12", 2, 0)}, nil, mapping())
	require.Equal(t, map[autoscale.JobID]string{"7": "7_[1,4-9:2]", "8": "7_3", "9": "7_2", "10": "7_[11-12%2]"}, d.Names)
	for task, within := range map[string]bool{"7_1": true, "7_4": true, "7_8": true, "7_9": false, "7_2": false, "8_1": false, "7_": false, "7": false} {
		require.Equal(t, within, slurm.HasTask(d.Names["7"], task), task)
	}
	require.True(t, slurm.HasTask(d.Names["10"], "7_12"))
	require.False(t, slurm.HasTask("7_3", "7_3"))
}
