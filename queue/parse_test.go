package queue

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

func parse(t *testing.T, text string) autoscale.Demand {
	t.Helper()
	d, err := Parse([]byte(text), "")
	require.NoError(t, err)
	return d
}

// one parses a document of one job, given as the rest of a flow mapping.
func one(t *testing.T, job string) autoscale.Shape {
	t.Helper()
	d := parse(t, "jobs: [{id: 1, "+job+"}]")
	require.Len(t, d.Classes, 1)
	return d.Classes[0].Shape
}

func TestExamplesAreRead(t *testing.T) {
	for path, data := range examples(t) {
		_, err := Parse(data, path)
		require.NoError(t, err)
	}
}

// TestEverythingIsSaid holds the example against the model: whatever a Job, a
// Selector or a HostUse can say, the document can say.
func TestEverythingIsSaid(t *testing.T) {
	const path = "../examples/queue/everything.yaml"
	d, err := Parse(examples(t)[path], path)
	require.NoError(t, err)
	said := map[string]bool{}
	for _, c := range d.Classes {
		note(said, reflect.ValueOf(c))
	}
	for _, u := range d.Use {
		note(said, reflect.ValueOf(u))
	}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[autoscale.Shape](), reflect.TypeFor[autoscale.Member](), reflect.TypeFor[autoscale.Resources](),
		reflect.TypeFor[autoscale.Selector](), reflect.TypeFor[autoscale.Draw](), reflect.TypeFor[autoscale.HostUse](),
	} {
		for i := range typ.NumField() {
			name := typ.Name() + "." + typ.Field(i).Name
			switch name {
			case "HostUse.Settling", "HostUse.Missing", "HostUse.Node", "HostUse.Outdated": // what only a source itself can know
				continue
			}
			require.True(t, said[name], "%s.%s", typ.Name(), typ.Field(i).Name)
		}
	}
	for _, value := range []any{
		autoscale.ExclusiveJob, autoscale.ExclusiveTask, autoscale.Coupled, autoscale.Ungrouped,
		autoscale.GangAll, autoscale.GangAtLeast, autoscale.GangBestEffort, autoscale.DrainOurs, autoscale.DrainForeign,
	} {
		require.True(t, said[fmt.Sprintf("%T=%v", value, value)], "%T=%v", value, value)
	}
}

// note remembers which fields and which named values are not zero.
func note(said map[string]bool, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				said[v.Type().Name()+"."+v.Type().Field(i).Name] = true
			}
			note(said, v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			note(said, v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			note(said, v.Elem())
		}
	case reflect.Int, reflect.String:
		said[fmt.Sprintf("%s=%v", v.Type(), v.Interface())] = true
	}
}

func TestWhatIsMissingIsNotEmpty(t *testing.T) {
	for text, want := range map[string]autoscale.Demand{
		"jobs: []":                 {},
		"jobs: []\nrunning: []":    {Use: map[string]autoscale.HostUse{}, Vouched: true},
		`{"jobs":[]}`:              {},
		`{"jobs":[],"running":[]}`: {Use: map[string]autoscale.HostUse{}, Vouched: true},
	} {
		require.Equal(t, want, parse(t, text), text)
	}
}

func TestTasksAndNodes(t *testing.T) {
	gib := autoscale.GiB
	for job, want := range map[string]autoscale.Shape{
		"":                               {Tasks: 1, PerTask: autoscale.Resources{Cores: 1}},
		"tasks: 3, cores: 0":             {Tasks: 3},
		"tasks: 3, memory: 2GiB":         {Tasks: 3, PerTask: autoscale.Resources{Cores: 1, Memory: 2 * gib}},
		"tasks: 3, tasks_per_node: 2":    {Tasks: 3, TasksPerNode: 2, PerTask: autoscale.Resources{Cores: 1}},
		"nodes: 4":                       {Tasks: 4, Exclusive: autoscale.ExclusiveTask},
		"nodes: 4, exclusive: task":      {Tasks: 4, Exclusive: autoscale.ExclusiveTask},
		"nodes: 4, cores: 44, gpus: 2":   {Tasks: 4, Exclusive: autoscale.ExclusiveTask, PerTask: autoscale.Resources{Cores: 44, GPUs: 2}},
		"exclusive: job":                 {Tasks: 1, Exclusive: autoscale.ExclusiveJob, PerTask: autoscale.Resources{Cores: 1}},
		"cores: 4.0":                     {Tasks: 1, PerTask: autoscale.Resources{Cores: 4}},
		"cores: 0, resources: {fpga: 2}": {Tasks: 1, PerTask: autoscale.Resources{Custom: map[string]int64{"fpga": 2}}},
		"cores: 0, resources: {}":        {Tasks: 1},
	} {
		require.Equal(t, want, one(t, job), job)
	}
}

func TestGangsAndPlaces(t *testing.T) {
	for job, want := range map[string]autoscale.Shape{
		"":                            {},
		"coupled: true":               {Grouping: autoscale.Coupled},
		"coupled: false":              {},
		"placement: coupled":          {Grouping: autoscale.Coupled},
		"placement: ungrouped":        {Grouping: autoscale.Ungrouped},
		"placement: any":              {},
		"gang: all":                   {Gang: autoscale.GangAll},
		"gang: best_effort":           {Gang: autoscale.GangBestEffort},
		"gang: at_least, at_least: 2": {Gang: autoscale.GangAtLeast, AtLeast: 2},
		"at_least: 4":                 {Gang: autoscale.GangAtLeast, AtLeast: 4},
	} {
		want.Tasks, want.PerTask.Cores = 4, 1
		require.Equal(t, want, one(t, strings.TrimSuffix("tasks: 4, "+job, ", ")), job)
	}
}

func TestSelectors(t *testing.T) {
	array := autoscale.HasLabel("nodearray", "execute")
	spot := autoscale.HasLabel("spot", "true")
	for job, want := range map[string]autoscale.Selector{
		"nodearray: execute":                                      array,
		"machine_type: [a, b]":                                    autoscale.HasLabel("machine_type", "a", "b"),
		"selector: {label: spot, in: true}":                       spot,
		"selector: {label: spot, in: [true]}":                     spot,
		"selector: {}":                                            {},
		"nodearray: execute, selector: {label: spot, in: 'true'}": {All: []autoscale.Selector{array, spot}},
		"selector: {not: {label: spot, in: true}}":                {Not: &spot},
		"selector: {prefer: [{label: spot, in: true}, {}]}":       {Prefer: []autoscale.Selector{spot, {}}},
		"selector: {any: [{label: x, in: 1_0}]}":                  {Any: []autoscale.Selector{autoscale.HasLabel("x", "1_0")}},
	} {
		require.Equal(t, want, one(t, job).Selector, job)
	}
}

func TestIDsStayAsWritten(t *testing.T) {
	for _, id := range []string{"007", "12.10", "1_2", "0x1f", "1e3", "12_[1-9]", "2026-01-31", "hello world"} {
		require.Equal(t, autoscale.JobID(id), parse(t, "jobs: [{id: '"+id+"'}]").Classes[0].Members[0].ID)
		require.Equal(t, autoscale.JobID(id), parse(t, "jobs:\n- id: "+id+"\n").Classes[0].Members[0].ID)
	}
	require.Equal(t, autoscale.JobID("12.10"), parse(t, `{"jobs":[{"id":12.10}]}`).Classes[0].Members[0].ID)
	require.Equal(t, autoscale.JobID("é\U0001F600"), parse(t, `{"jobs":[{"id":"\u00e9\ud83d\ude00"}]}`).Classes[0].Members[0].ID)
}

func TestMemory(t *testing.T) {
	for text, want := range map[string]autoscale.Bytes{
		"0": 0, "4096": 4096, "1e3": 1000, "4GiB": 4 << 30, "4 GiB": 4 << 30, "512MiB": 512 << 20, "4G": 4 << 30, "4Gi": 4 << 30,
		"4g": 4 << 30, "4gb": 4e9, "4GB": 4e9, "2.5KiB": 2560, "1.5B": 2, "7B": 7, "10K": 10240, "1T": 1 << 40, "1PiB": 1 << 50,
		"8PiB": 1 << 53, "0.1 GiB": 107374183,
	} {
		require.Equal(t, want, one(t, "memory: "+text).PerTask.Memory, text)
	}
	for _, b := range []autoscale.Bytes{5, autoscale.MiB, 3 * autoscale.GiB, autoscale.GiB * 3 / 2} {
		require.Equal(t, b, one(t, "memory: "+b.String()).PerTask.Memory, "what the daemon prints can be read")
	}
}

func TestTimes(t *testing.T) {
	want := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{
		"2026-01-31T12:00:00Z", "'2026-01-31T12:00:00Z'", "2026-01-31T13:00:00+01:00", "1769860800", "1769860800.0",
	} {
		require.Equal(t, want, one(t, "earliest_start: "+text).EarliestStart, text)
	}
	require.Equal(t, want.Add(100*time.Millisecond), one(t, "earliest_start: 1769860800.1").EarliestStart.Round(time.Microsecond))
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "1d12h": 36 * time.Hour, "5400": 90 * time.Minute, "1.5h": 90 * time.Minute, "0.5": time.Second / 2,
	} {
		require.Equal(t, want, one(t, "expected_runtime: "+text).ExpectedRuntime, text)
	}
}

func TestWaitingForOtherThings(t *testing.T) {
	s := one(t, "held: JobHeldUser, depends_on: [2, a], licences: [{name: solver, count: 8}, {name: post}]")
	require.Equal(t, "JobHeldUser", s.Held)
	require.Equal(t, []autoscale.JobID{"2", "a"}, s.DependsOn)
	require.Equal(t, []autoscale.Draw{{Limit: "licence/solver", Amount: 8}, {Limit: "licence/post", Amount: 1}}, s.Draws)
	require.Equal(t, []autoscale.JobID{"2"}, one(t, "depends_on: 2").DependsOn)
	require.Empty(t, one(t, "depends_on: []").DependsOn)
}

func TestRunning(t *testing.T) {
	for entries, want := range map[string]autoscale.HostUse{
		"{host: H1, job: 1}":                                  {Jobs: []autoscale.JobID{"1"}, Whole: true},
		"{host: h1}":                                          {Whole: true},
		"{host: h1, jobs: []}":                                {},
		"{host: h1, whole: false}":                            {},
		"{host: h1, job: 1, whole: false}":                    {Jobs: []autoscale.JobID{"1"}},
		"{host: h1, job: 1, cores: 2}":                        {Jobs: []autoscale.JobID{"1"}, Used: autoscale.Resources{Cores: 2}},
		"{host: h1, job: 1, cores: 2, whole: true}":           {Jobs: []autoscale.JobID{"1"}, Used: autoscale.Resources{Cores: 2}, Whole: true},
		"{host: h1, drain: ours}":                             {Drain: autoscale.DrainOurs},
		"{host: h1, drain: foreign, job: 1}":                  {Drain: autoscale.DrainForeign, Jobs: []autoscale.JobID{"1"}, Whole: true},
		"{host: h1, drain: foreign}, {host: H1, drain: ours}": {Drain: autoscale.DrainForeign},
		"{host: h1, drain: ours}, {host: H1, drain: foreign}": {Drain: autoscale.DrainForeign},
		"{host: h1, drain: ours}, {host: H1, jobs: []}":       {Drain: autoscale.DrainOurs},
		"{host: h1, job: 1, cores: 2, memory: 1GiB, resources: {a: 1}}, {host: H1, jobs: [2, 3], gpus: 1, resources: {a: 2}}": {
			Jobs: []autoscale.JobID{"1", "2", "3"},
			Used: autoscale.Resources{Cores: 2, GPUs: 1, Memory: autoscale.GiB, Custom: map[string]int64{"a": 3}},
		},
	} {
		d := parse(t, "jobs: []\nrunning: ["+entries+"]")
		require.True(t, d.Vouched)
		require.Equal(t, map[string]autoscale.HostUse{"h1": want}, d.Use, entries)
	}
}

func TestYAMLMayLookLikeJSON(t *testing.T) {
	require.Equal(t, 1, parse(t, "{jobs: [{id: 1}]}").Jobs())
	_, err := Parse([]byte("{jobs: [{id: 1}]}"), "queue.json")
	require.ErrorContains(t, err, "is not JSON")
	d, err := Parse([]byte("\xef\xbb\xbf{\"jobs\":\t[{\"id\":\"1\"}]}"), "queue.yaml")
	require.NoError(t, err)
	require.Equal(t, 1, d.Jobs())
}

func BenchmarkParse(b *testing.B) {
	for _, format := range []struct{ name, head, job, tail string }{
		{"json", `{"jobs": [{"id": 0}`, ",\n" + `{"id": "%d", "tasks": %d, "cores": 2, "memory": "4GiB", "nodearray": "execute", "submitted": 1769860800, "expected_runtime": 5400}`, `]}`},
		{"yaml", "jobs:\n", "- id: %d\n  tasks: %d\n  cores: 2\n  memory: 4GiB\n  nodearray: execute\n  submitted: 1769860800\n  expected_runtime: 90m\n", ""},
	} {
		var text strings.Builder
		text.WriteString(format.head)
		for i := range 10_000 {
			fmt.Fprintf(&text, format.job, i+1, i%100+1)
		}
		text.WriteString(format.tail)
		data := []byte(text.String())
		b.Run(format.name+"/jobs=10000", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(data, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestNamedNodes(t *testing.T) {
	for job, want := range map[string]autoscale.Shape{
		"node_names: execute-3":                     {Names: []string{"execute-3"}},
		"node_names: [execute-4, execute-3]":        {Names: []string{"execute-4", "execute-3"}},
		"node_names: [a1], exclusive: task":         {Names: []string{"a1"}},
		"node_names: [a1], cores: 44":               {Names: []string{"a1"}, PerTask: autoscale.Resources{Cores: 44}},
		"node_names: [a1], placement_group: pg0":    {Names: []string{"a1"}, Group: "pg0", Grouping: autoscale.Coupled},
		"node_names: [a1, a2], at_least: 1":         {Names: []string{"a1", "a2"}, Gang: autoscale.GangAtLeast, AtLeast: 1},
		"node_names: [a.b_c-1], gang: all":          {Names: []string{"a.b_c-1"}, Gang: autoscale.GangAll},
		"node_names: [7], placement_group: 'pg-0_'": {Names: []string{"7"}, Group: "pg-0_", Grouping: autoscale.Coupled},
	} {
		want.Tasks, want.Exclusive = len(want.Names), autoscale.ExclusiveTask
		require.Equal(t, want, one(t, job), job)
	}
}
