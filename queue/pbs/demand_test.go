package pbs

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

func mapping() *Mapping { return &Mapping{} }

// of is the demand of jobs alone.
func of(t *testing.T, m *Mapping, s *snapshot) map[autoscale.JobID]autoscale.Shape {
	t.Helper()
	shapes := map[autoscale.JobID]autoscale.Shape{}
	d := s.demand(m)
	require.True(t, d.Vouched)
	for _, c := range d.Classes {
		for _, member := range c.Members {
			require.NotContains(t, shapes, member.ID)
			shapes[member.ID] = c.Shape
		}
	}
	return shapes
}

// queued is a waiting job of so many chunks.
func queued(id, selects, place string) Job {
	return Job{ID: id + ".s", State: "Q", Queue: "workq", User: "alice", SchedSelect: selects, Place: place}
}

// one is the shape of a job alone.
func one(t *testing.T, selects, place string) autoscale.Shape {
	t.Helper()
	shapes := of(t, mapping(), &snapshot{jobs: []Job{queued("1", selects, place)}})
	require.Len(t, shapes, 1)
	return shapes["1"]
}

func TestDemandOfTheSample(t *testing.T) {
	nodes, err := readNodes(bytes.NewReader(sample(t, "nodes.json")), jsonForm)
	require.NoError(t, err)
	queues, err := readQueues(bytes.NewReader(sample(t, "queues.json")), jsonForm, false)
	require.NoError(t, err)
	s := &snapshot{jobs: sampleJobs(t), nodes: nodes, queues: queues}
	shapes := of(t, mapping(), s)
	require.Len(t, shapes, 4)

	require.Equal(t, autoscale.Shape{
		Tasks: 1, PerTask: autoscale.Resources{Cores: 4, Memory: 8 << 30}, Grouping: autoscale.Ungrouped, ExpectedRuntime: 90 * time.Minute,
	}, shapes["101"])
	require.Equal(t, autoscale.Shape{
		Tasks: 4, PerTask: autoscale.Resources{Cores: 8}, Exclusive: autoscale.ExclusiveTask, Grouping: autoscale.Coupled, Gang: autoscale.GangAll,
	}, shapes["102"])
	require.Equal(t, 3, shapes["103[]"].Tasks, "five may run, and two do")
	require.Equal(t, autoscale.GangBestEffort, shapes["103[]"].Gang)
	require.Equal(t, []autoscale.JobID{"101", "102"}, shapes["104"].DependsOn)

	use := s.demand(mapping()).Use
	require.Equal(t, autoscale.HostUse{Jobs: []autoscale.JobID{"103[1]", "105"}, Used: autoscale.Resources{Cores: 4, Memory: 4 << 30}, Whole: true, Node: "5f1c0a"}, use["exec-1"])
	require.Equal(t, autoscale.DrainOurs, use["exec-2"].Drain)
	require.Equal(t, []autoscale.JobID{"105"}, use["exec-2"].Jobs)
	require.Equal(t, autoscale.HostUse{Drain: autoscale.DrainForeign, Node: "5f1c0c"}, use["exec-3"])
	require.Equal(t, autoscale.HostUse{Missing: true}, use["exec-4"])
	require.Equal(t, autoscale.HostUse{Node: "5f1c0d"}, use["exec-5"])
}

func TestShapesOfPlaces(t *testing.T) {
	r := func(cores int) autoscale.Resources { return autoscale.Resources{Cores: cores} }
	for place, want := range map[string]autoscale.Shape{
		"":                        {Tasks: 3, PerTask: r(2), Gang: autoscale.GangAll},
		"free:shared":             {Tasks: 3, PerTask: r(2), Gang: autoscale.GangAll},
		"pack":                    {Tasks: 1, PerTask: r(6)},
		"free:group=host":         {Tasks: 1, PerTask: r(6)},
		"scatter":                 {Tasks: 3, PerTask: r(2), Gang: autoscale.GangAll, TasksPerNode: 1},
		"vscatter":                {Tasks: 3, PerTask: r(2), Gang: autoscale.GangAll, TasksPerNode: 1},
		"excl":                    {Tasks: 3, PerTask: r(2), Gang: autoscale.GangAll, Exclusive: autoscale.ExclusiveJob},
		"scatter:exclhost":        {Tasks: 3, PerTask: r(2), Gang: autoscale.GangAll, Exclusive: autoscale.ExclusiveTask},
		"scatter:group=group_id":  {Tasks: 3, PerTask: r(2), Gang: autoscale.GangAll, TasksPerNode: 1, Grouping: autoscale.Coupled},
		"pack:excl:group=switch":  {Tasks: 1, PerTask: r(6), Exclusive: autoscale.ExclusiveJob},
		"free:excl:group=vm_size": {Tasks: 3, PerTask: r(2), Gang: autoscale.GangAll, Exclusive: autoscale.ExclusiveJob, Grouping: autoscale.Coupled},
	} {
		require.Equal(t, want, one(t, "3:ncpus=2", place), place)
	}
	require.Equal(t, autoscale.AnyPlace, one(t, "1:ncpus=2", "scatter:group=group_id").Grouping, "one chunk needs no group")
	require.Equal(t, autoscale.Ungrouped, one(t, "2:ncpus=2:ungrouped=true", "free").Grouping)
	require.Equal(t, autoscale.Resources{Cores: 1}, one(t, "2:mpiprocs=4", "").PerTask, "a chunk takes a place")
	require.Equal(t, "place \"sideways\" can't be read at \"sideways\"", one(t, "1:ncpus=1", "sideways").Held)
}

func TestShapesOfSeveralKindsOfChunks(t *testing.T) {
	const spec = "1:ncpus=2:mem=32gb+3:ncpus=4:mem=4gb"
	require.Equal(t, autoscale.Resources{Cores: 14, Memory: 44 << 30}, one(t, spec, "pack").PerTask)
	scattered := one(t, spec, "scatter:group=group_id")
	require.Equal(t, autoscale.Resources{Cores: 4, Memory: 32 << 30}, scattered.PerTask)
	require.Equal(t, 4, scattered.Tasks)

	parts := of(t, mapping(), &snapshot{jobs: []Job{queued("1", spec, "free")}})
	require.Equal(t, autoscale.Resources{Cores: 2, Memory: 32 << 30}, parts["1"].PerTask)
	require.Equal(t, 3, parts["1+2"].Tasks)
	require.Equal(t, autoscale.GangAll, parts["1+2"].Gang)

	const apart = "1:ncpus=2:nodearray=a+3:ncpus=4:nodearray=b"
	parts = of(t, mapping(), &snapshot{jobs: []Job{queued("1", apart, "scatter")}})
	require.Equal(t, autoscale.HasLabel("nodearray", "b"), parts["1+2"].Selector)
	require.Contains(t, one(t, apart, "scatter:group=group_id").Held, "must be in one placement group")
	require.Contains(t, one(t, apart, "pack").Held, "must be on one host")
}

func TestResourcesOfChunks(t *testing.T) {
	m := mapping()
	m.Resources = []Resource{{"fpga", Count, ""}, {"class", Label, "tier"}, {"matlab", Licence, ""}, {"disk", Count, "scratch"}}
	m.Queue = func(name string) (autoscale.Selector, bool) {
		return autoscale.HasLabel("nodearray", name), name != "none"
	}
	j := queued("1", "2:ngpus=4:fpga=1:disk=2gb:class=gold:vm_size=Standard_ND", "")
	j.Totals = []Amount{{"matlab", "3"}, {"slot_type", "nd"}, {"walltime", "x"}}
	got := of(t, m, &snapshot{jobs: []Job{j}})["1"]
	require.Equal(t, autoscale.Resources{GPUs: 4, Custom: map[string]int64{"fpga": 1, "scratch": 2 << 30}}, got.PerTask)
	require.Equal(t, []autoscale.Draw{{Limit: "licence/matlab", Amount: 3}}, got.Draws)
	require.Equal(t, autoscale.Selector{All: []autoscale.Selector{
		autoscale.HasLabel("nodearray", "workq"), autoscale.HasLabel("tier", "gold"), autoscale.HasLabel("machine_type", "Standard_ND"), autoscale.HasLabel("nodearray", "nd"),
	}}, got.Selector)

	j.SchedSelect = "1:ncpus=1:slot_type=chunk"
	got = of(t, m, &snapshot{jobs: []Job{j}})["1"]
	require.Equal(t, autoscale.Selector{All: []autoscale.Selector{autoscale.HasLabel("nodearray", "workq"), autoscale.HasLabel("nodearray", "chunk")}}, got.Selector, "the chunk's word counts")
	j.Queue = "none"
	require.Equal(t, "no pool serves queue none", of(t, m, &snapshot{jobs: []Job{j}})["1"].Held)
	for spec, says := range map[string]string{
		"1:ncpus=1:host=n1": "names its host (n1)", "1:ncpus=1:quantum=1": "the resource quantum", "1:ncpus=many": "ncpus=many", "1:mem=lots": "is no size",
		"1:group_id=pg1": "names its placement group", "2:": "can't be read",
	} {
		require.Contains(t, one(t, spec, "").Held, says, spec)
	}
}

func TestOfferedResources(t *testing.T) {
	m := mapping()
	m.Resources = []Resource{{"fpga", Count, "cards"}, {"disk", Label, "disk"}, {"slot_type", Ignored, ""}}
	offer := Offered{autoscale.Resources{Cores: 4, Memory: 8 << 30, Custom: map[string]int64{"cards": 2}}, map[string]string{"nodearray": "execute", "machine_type": "F4"}}
	require.Equal(t, []Amount{
		{"ncpus", "4"}, {"mem", "8388608kb"}, {"ngpus", "0"}, {"nodearray", "execute"}, {"vm_size", "F4"}, {"group_id", "_none_"}, {"ungrouped", "true"}, {"fpga", "2"},
	}, m.offered(offer, ""))
	grouped := m.offered(offer, "pg1")
	require.Contains(t, grouped, Amount{"group_id", "pg1"})
	require.Contains(t, grouped, Amount{"ungrouped", "false"})
}

// What PBS says of jobs in each state, and what follows.
func TestHeldJobs(t *testing.T) {
	base := func(change func(*Job)) *snapshot {
		j := queued("1", "1:ncpus=1", "free")
		change(&j)
		return &snapshot{jobs: []Job{j}, queues: []Queue{{Name: "workq"}, {Name: "routeq", Route: true}, {Name: "closed", Stopped: true}}}
	}
	for says, change := range map[string]func(*Job){
		"its user holds it":               func(j *Job) { j.State, j.HoldTypes = "H", "u" },
		"an operator holds it":            func(j *Job) { j.State, j.HoldTypes, j.Depend = "H", "so", "afterok:2.s" },
		"handed on by queue routeq":       func(j *Job) { j.Queue = "routeq" },
		"queue closed is stopped":         func(j *Job) { j.Queue = "closed" },
		"on its way":                      func(j *Job) { j.State = "T" },
		"waits for reservation R7, which": func(j *Job) { j.Queue, j.Reservation = "R7", "R7.s" },
		"resource fluent":                 func(j *Job) { j.Comment = "Not Running: Insufficient amount of resource: fluent (R: 1 A: 0 T: 0)" },
		"runs as many jobs as he may":     func(j *Job) { j.Comment = "Not Running: User has reached server running job limit." },
		"array indices \"x\"":             func(j *Job) { j.Array, j.Remaining = true, "x" },
		"as many of its subjobs run as m": func(j *Job) { j.Array, j.Remaining, j.MaxRunning, j.Running = true, "5-9", 2, 2 },
	} {
		require.Contains(t, of(t, mapping(), base(change))["1"].Held, says)
	}
	for name, change := range map[string]func(*Job){
		"never":  func(j *Job) { j.Comment = "Can Never Run: Insufficient amount of resource: ncpus (R: 4 A: 0 T: 0)" },
		"hook's": func(j *Job) { j.Comment = "estimated start tomorrow" },
		"other":  func(j *Job) { j.Comment = "Not Running: Something new" },
	} {
		require.Empty(t, of(t, mapping(), base(change))["1"].Held, name)
	}
	s := base(func(*Job) {})
	s.servers = []Queue{{Name: "s", Stopped: true}}
	require.Contains(t, of(t, mapping(), s)["1"].Held, "scheduling is off")

	later := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, later, of(t, mapping(), base(func(j *Job) { j.State, j.Executes = "W", later }))["1"].EarliestStart)
	require.Empty(t, of(t, mapping(), base(func(j *Job) { j.Array, j.Remaining, j.State = true, "-", "B" })))
	for _, over := range []string{"R", "E", "S", "U", "M", "F", "X"} {
		require.Empty(t, of(t, mapping(), base(func(j *Job) { j.State = over })), over)
	}
}

func TestLimits(t *testing.T) {
	limits, err := parseLimits("[u:PBS_GENERIC=2],[u:root=9],[o:PBS_ALL=4]", "")
	require.NoError(t, err)
	cores, err := parseLimits("[p:big=6]", "ncpus")
	require.NoError(t, err)
	s := &snapshot{queues: []Queue{{Name: "workq", Limits: append(limits, cores...)}}}
	add := func(id, user, project string, ncpus, priority int64) {
		j := queued(id, fmt.Sprintf("1:ncpus=%d", ncpus), "")
		j.User, j.Project, j.Priority, j.Totals = user, project, priority, []Amount{{"ncpus", number(ncpus)}}
		s.jobs = append(s.jobs, j)
	}
	running := queued("9", "", "")
	running.State = "R"
	s.jobs = append(s.jobs, running) // alice's
	add("1", "alice", "", 1, 0)
	add("2", "alice", "", 1, 5) // goes first
	add("3", "root", "big", 4, 3)
	add("4", "root", "big", 4, 2)
	add("5", "root", "", 1, 1)
	add("6", "root", "", 1, 0)
	shapes := of(t, mapping(), s)
	require.Empty(t, shapes["2"].Held)
	require.Contains(t, shapes["1"].Held, "max_run [u:PBS_GENERIC=2] of queue workq")
	require.Empty(t, shapes["3"].Held)
	require.Contains(t, shapes["4"].Held, "max_run_res.ncpus [p:big=6]")
	require.Empty(t, shapes["5"].Held)
	require.Contains(t, shapes["6"].Held, "[o:PBS_ALL=4]")

	array := queued("7[]", "1:ncpus=1", "")
	array.Array, array.Remaining, array.Running, array.User = true, "1-100", 1, "zoe"
	s.jobs = []Job{array}
	require.Equal(t, 1, of(t, mapping(), s)["7[]"].Tasks, "two may run, and one does")
}

// Jobs that wait for something else take no room from those that may start.
func TestLimitsOfJobsThatWait(t *testing.T) {
	s := &snapshot{queues: []Queue{{Name: "workq", Priority: 10, Limits: []Limit{{'o', "PBS_ALL", "", 2}}}, {Name: "highq", Priority: 11}}}
	add := func(id, state string) *Job {
		s.jobs = append(s.jobs, queued(id, "1:ncpus=1", ""))
		j := &s.jobs[len(s.jobs)-1]
		j.State, j.Priority = state, 5
		return j
	}
	add("1", "H").Depend = "afterok:9.s"
	add("2", "W").Executes = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	add("3", "Q")
	add("4", "Q").Priority = -1024
	high := add("5", "Q")
	high.Queue, high.Priority = "highq", -1024
	shapes := of(t, mapping(), s)
	require.Empty(t, shapes["3"].Held)
	require.Empty(t, shapes["4"].Held, "jobs 1 and 2 take no room")
	require.Equal(t, autoscale.JobID("5"), s.demand(mapping()).Classes[0].Members[0].ID, "its queue goes first")

	array := queued("6[]", "1:ncpus=1", "")
	array.Array, array.Remaining, array.Running = true, "3-9", runningOf("Queued:7 Running:0 Exiting:1 Expired:2 ")
	waiting, running := queued("6[3]", "1:ncpus=1", ""), queued("6[2]", "1:ncpus=1", "")
	running.State = "R"
	s.jobs = []Job{array, waiting, running}
	shapes = of(t, mapping(), s)
	require.Len(t, shapes, 1, "its subjobs are not told twice")
	require.Equal(t, 1, shapes["6[]"].Tasks, "two may run, and one does")
	require.Empty(t, shapes["6[]"].Held)
}

func TestArraysOfSeveralChunks(t *testing.T) {
	array := queued("7[]", "2:ncpus=1", "scatter")
	array.Array, array.Remaining = true, "1-3"
	shapes := of(t, mapping(), &snapshot{jobs: []Job{array}})
	require.Len(t, shapes, 3)
	require.Equal(t, 2, shapes["7[]_3"].Tasks)
	array.SchedSelect, array.Place = "1:ncpus=1", "excl"
	got := of(t, mapping(), &snapshot{jobs: []Job{array}})["7[]"]
	require.Equal(t, 3, got.Tasks)
	require.Equal(t, autoscale.ExclusiveTask, got.Exclusive, "subjobs are jobs of their own")
	array.SchedSelect, array.Remaining = "2:ncpus=1", "1-5000"
	require.Len(t, of(t, mapping(), &snapshot{jobs: []Job{array}}), maxElements)
}

// Jobs that started after the vnodes were read are known where they run.
func TestUseByJobs(t *testing.T) {
	j := queued("1", "", "")
	j.State, j.ExecVnode = "R", "(n1[0]:ncpus=1+n1[1]:ncpus=1)+(n2:ncpus=1)"
	nodes := []Node{
		{Name: "n1[0]", Host: "N1", NodeID: "a", State: "free", Assigned: []Amount{{"ncpus", "1"}}},
		{Name: "n1[1]", Host: "N1", NodeID: "a", State: "offline", Comment: "autoscaled: drains, idle"},
	}
	use := (&snapshot{jobs: []Job{j}, nodes: nodes}).demand(mapping()).Use
	require.Equal(t, autoscale.HostUse{Jobs: []autoscale.JobID{"1"}, Used: autoscale.Resources{Cores: 1}, Drain: autoscale.DrainOurs, Node: "a"}, use["n1"])
	require.True(t, use["n2"].Busy())
	nodes[0].State, nodes[1].State = "job-busy", "free"
	require.False(t, (&snapshot{nodes: nodes}).demand(mapping()).Use["n1"].Whole, "one of its vnodes has room")
}

func TestUseOfVnodes(t *testing.T) {
	for name, c := range map[string]struct {
		node Node
		want autoscale.HostUse
	}{
		"joining":       {Node{State: "offline", Comment: "autoscaled: joins"}, autoscale.HostUse{Missing: true}},
		"not joined":    {Node{State: "free"}, autoscale.HostUse{Missing: true}},
		"lost":          {Node{State: "down", NodeID: "a"}, autoscale.HostUse{Missing: true}},
		"no state":      {Node{NodeID: "a"}, autoscale.HostUse{Missing: true}},
		"lost, drained": {Node{State: "down,offline", NodeID: "a", Comment: "autoscaled: drains, silent"}, autoscale.HostUse{Missing: true, Drain: autoscale.DrainOurs}},
		"lost, admin's": {Node{State: "down,offline", NodeID: "a"}, autoscale.HostUse{Drain: autoscale.DrainForeign}},
		"cycle's mark":  {Node{State: "offline", NodeID: "a", Comment: "cyclecloud offline"}, autoscale.HostUse{Drain: autoscale.DrainOurs}},
		"admin's":       {Node{State: "offline", NodeID: "a"}, autoscale.HostUse{Drain: autoscale.DrainForeign}},
		"full":          {Node{State: "job-exclusive", NodeID: "a"}, autoscale.HostUse{Whole: true}},
		"for a booking": {Node{State: "resv-exclusive", NodeID: "a"}, autoscale.HostUse{Whole: true}},
	} {
		c.want.Node = autoscale.NodeID(c.node.NodeID)
		require.Equal(t, c.want, vnodeUse(&c.node, newPacker(mapping())), name)
	}
}

// TestReasonsAreDocumented holds the documentation's tables against the code's.
func TestReasonsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/pbs.md")
	require.NoError(t, err)
	for _, why := range append(append([]Why(nil), States...), Comments...) {
		verdict := "no"
		if why.Demand {
			verdict = "yes"
		}
		require.Contains(t, string(page), fmt.Sprintf("| `%s` | %s | %s |\n", why.Says, verdict, why.Words))
	}
	require.Equal(t, len(States)+len(Comments), strings.Count(string(page), "| yes |")+strings.Count(string(page), "| no |"))
	for _, r := range standard {
		require.Contains(t, string(page), fmt.Sprintf("| `%s` | `%s` |", r.Name, r.Kind))
	}
}

// Each comment of the table is told apart from the others.
func TestCommentsAreTold(t *testing.T) {
	for _, c := range Comments {
		says := strings.ReplaceAll(c.Says, "…", "ncpus")
		require.Equal(t, Why{says, c.Demand, c.Words}, explain("Not Running: "+says, func(string) bool { return true }))
	}
}
