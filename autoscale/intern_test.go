package autoscale_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
)

var internEpoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestInternOrdersMembersAndClasses(t *testing.T) {
	small := autoscale.Shape{Tasks: 1, PerTask: autoscale.Resources{Cores: 1}}
	large := autoscale.Shape{Tasks: 1, PerTask: autoscale.Resources{Cores: 8}}
	classes := autoscale.Intern([]autoscale.Job{
		{ID: "late", Submitted: internEpoch.Add(time.Hour), Shape: small},
		{ID: "b", Submitted: internEpoch, Shape: small},
		{ID: "urgent", Priority: 5, Submitted: internEpoch.Add(time.Hour), Shape: large},
		{ID: "a", Submitted: internEpoch, Shape: small},
		{ID: "never", Priority: -1, Submitted: internEpoch, Shape: large},
	})
	require.Len(t, classes, 2)
	require.Equal(t, large, classes[0].Shape)
	require.Equal(t, []autoscale.JobID{"urgent", "never"}, memberIDs(classes[0]))
	require.Equal(t, small, classes[1].Shape)
	require.Equal(t, []autoscale.JobID{"a", "b", "late"}, memberIDs(classes[1]))
	require.Equal(t, 5, autoscale.Demand{Classes: classes}.Jobs())
	require.Empty(t, autoscale.Intern(nil))
}

func TestInternTellsEveryFieldApart(t *testing.T) {
	base := autoscale.Shape{Tasks: 4}
	for name, change := range map[string]func(*autoscale.Shape){
		"Tasks":           func(s *autoscale.Shape) { s.Tasks = 5 },
		"PerTask":         func(s *autoscale.Shape) { s.PerTask.Custom = map[string]int64{"fpga": 1} },
		"TasksPerNode":    func(s *autoscale.Shape) { s.TasksPerNode = 2 },
		"Exclusive":       func(s *autoscale.Shape) { s.Exclusive = autoscale.ExclusiveTask },
		"Selector":        func(s *autoscale.Shape) { s.Selector = autoscale.HasLabel("a", "b") },
		"Grouping":        func(s *autoscale.Shape) { s.Grouping = autoscale.Coupled },
		"Gang":            func(s *autoscale.Shape) { s.Gang = autoscale.GangAll },
		"AtLeast":         func(s *autoscale.Shape) { s.AtLeast = 3 },
		"Names":           func(s *autoscale.Shape) { s.Names = []string{"a-1"} },
		"Group":           func(s *autoscale.Shape) { s.Group = "pg0" },
		"EarliestStart":   func(s *autoscale.Shape) { s.EarliestStart = internEpoch },
		"ExpectedRuntime": func(s *autoscale.Shape) { s.ExpectedRuntime = time.Second },
		"Held":            func(s *autoscale.Shape) { s.Held = "why" },
		"DependsOn":       func(s *autoscale.Shape) { s.DependsOn = []autoscale.JobID{"1"} },
		"Draws":           func(s *autoscale.Shape) { s.Draws = []autoscale.Draw{{Limit: "l", Amount: 1}} },
	} {
		t.Run(name, func(t *testing.T) {
			other := base
			change(&other)
			require.Len(t, intern(base, other), 2)
			require.Len(t, intern(other, other), 1)
		})
	}
	require.Equal(t, 15, reflect.TypeFor[autoscale.Shape]().NumField(), "a new field of Shape belongs into its key")
	require.Equal(t, 4, reflect.TypeFor[autoscale.Resources]().NumField(), "a new field of Resources belongs into its key")
	require.Equal(t, 6, reflect.TypeFor[autoscale.Selector]().NumField(), "a new field of Selector belongs into its key")
}

func TestInternTellsSelectorsAndResourcesApart(t *testing.T) {
	a, b := autoscale.HasLabel("l", "a"), autoscale.HasLabel("l", "b")
	selectors := []autoscale.Selector{
		{}, a, b, autoscale.HasLabel("m", "a"), autoscale.HasLabel("l", "a", "b"), autoscale.HasLabel("la"),
		{All: []autoscale.Selector{a}}, {Any: []autoscale.Selector{a}}, {Prefer: []autoscale.Selector{a}}, {Not: &a},
		{All: []autoscale.Selector{a, b}}, {All: []autoscale.Selector{b, a}},
		{Prefer: []autoscale.Selector{a, b}}, {Prefer: []autoscale.Selector{b, a}}, {Any: []autoscale.Selector{a, b}},
		{Prefer: []autoscale.Selector{a}, All: []autoscale.Selector{b}},
	}
	resources := []autoscale.Resources{
		{Cores: 1}, {Memory: 1}, {GPUs: 1}, {Custom: map[string]int64{"a": 1}}, {Custom: map[string]int64{"b": 1}},
		{Custom: map[string]int64{"a": 2}}, {Custom: map[string]int64{"a": 1, "b": 1}},
	}
	var shapes []autoscale.Shape
	for _, s := range selectors {
		shapes = append(shapes, autoscale.Shape{Tasks: 1, Selector: s})
	}
	for _, r := range resources {
		shapes = append(shapes, autoscale.Shape{Tasks: 1, PerTask: r})
	}
	require.Len(t, intern(shapes...), len(shapes))
}

func TestInternJoinsWhatMeansTheSame(t *testing.T) {
	zone := time.FixedZone("elsewhere", 3600)
	a, b := autoscale.HasLabel("l", "a"), autoscale.HasLabel("l", "b")
	left := autoscale.Shape{
		Tasks:         2,
		PerTask:       autoscale.Resources{Custom: map[string]int64{"a": 1, "b": 2, "none": 0}},
		Selector:      autoscale.Selector{Any: []autoscale.Selector{a, b}, Label: "machine_type", In: []string{"Standard_F4s_v2", "x"}},
		EarliestStart: internEpoch,
		DependsOn:     []autoscale.JobID{"1", "2"},
		Names:         []string{"a-1", "a-2"},
		Draws:         []autoscale.Draw{{Limit: "x", Amount: 1}, {Limit: "y", Amount: 2}},
	}
	right := autoscale.Shape{
		Tasks:         2,
		PerTask:       autoscale.Resources{Custom: map[string]int64{"b": 2, "a": 1}},
		Selector:      autoscale.Selector{Any: []autoscale.Selector{b, a}, Label: "machine_type", In: []string{"X", "standard_f4s_v2"}},
		EarliestStart: internEpoch.In(zone),
		DependsOn:     []autoscale.JobID{"2", "1"},
		Names:         []string{"a-2", "a-1"},
		Draws:         []autoscale.Draw{{Limit: "y", Amount: 2}, {Limit: "x", Amount: 1}},
	}
	require.Len(t, intern(left, right), 1)
	require.Len(t, left.Selector.In[0], len("Standard_F4s_v2"))
	require.Equal(t, "Standard_F4s_v2", left.Selector.In[0], "Intern must not touch its input")
	require.Equal(t, autoscale.JobID("2"), right.DependsOn[0])
	require.Equal(t, "a-2", right.Names[0])
	require.Equal(t, autoscale.LimitID("y"), right.Draws[0].Limit)
}

func TestInternDoesNotDependOnInputOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "jobs")
		jobs := make([]autoscale.Job, n)
		for i := range jobs {
			jobs[i] = autoscale.Job{
				ID:        autoscale.JobID(fmt.Sprint("j", i)),
				Priority:  rapid.Int64Range(-1, 1).Draw(t, "priority"),
				Submitted: internEpoch.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "submitted")) * time.Second),
				Shape: autoscale.Shape{
					Tasks:    rapid.IntRange(1, 3).Draw(t, "tasks"),
					Selector: autoscale.HasLabel("l", rapid.SampledFrom([]string{"a", "A", "b"}).Draw(t, "in")),
				},
			}
		}
		want := autoscale.Intern(jobs)
		require.Equal(t, want, autoscale.Intern(rapid.Permutation(jobs).Draw(t, "order")))
		require.Equal(t, n, autoscale.Demand{Classes: want}.Jobs(), "no job is lost")
		for _, c := range want {
			for _, m := range c.Members {
				i := slices.IndexFunc(jobs, func(j autoscale.Job) bool { return j.ID == m.ID })
				require.Equal(t, jobs[i].Tasks, c.Tasks, "a member is in the class of its shape")
			}
		}
	})
}

func BenchmarkIntern(b *testing.B) {
	for _, size := range []struct{ jobs, shapes int }{{10_000, 100}, {1_000_000, 1_000}} {
		b.Run(fmt.Sprintf("jobs=%d/shapes=%d", size.jobs, size.shapes), func(b *testing.B) {
			jobs := manyJobs(size.jobs, size.shapes)
			b.ReportAllocs()
			for b.Loop() {
				if got := len(autoscale.Intern(jobs)); got != size.shapes {
					b.Fatalf("%d classes, not %d", got, size.shapes)
				}
			}
		})
	}
}

func manyJobs(n, shapes int) []autoscale.Job {
	random := rand.New(rand.NewPCG(1, 2))
	jobs := make([]autoscale.Job, n)
	for i := range jobs {
		k := i % shapes
		jobs[i] = autoscale.Job{
			ID: autoscale.JobID(fmt.Sprint(i)), Priority: random.Int64N(100),
			Submitted: internEpoch.Add(time.Duration(random.IntN(1_000_000)) * time.Second),
			Shape: autoscale.Shape{
				Tasks:           1 + k,
				PerTask:         autoscale.Resources{Cores: 1 + k%64, Memory: autoscale.GiB, Custom: map[string]int64{"slots": 1, "fpga": 2}},
				Selector:        autoscale.HasLabel(autoscale.LabelNodearray, "execute"),
				ExpectedRuntime: time.Hour,
				Draws:           []autoscale.Draw{{Limit: "licence/solver", Amount: 1}},
			},
		}
	}
	return jobs
}

func intern(shapes ...autoscale.Shape) []autoscale.Class {
	jobs := make([]autoscale.Job, len(shapes))
	for i, s := range shapes {
		jobs[i] = autoscale.Job{ID: autoscale.JobID(fmt.Sprint(i)), Shape: s}
	}
	return autoscale.Intern(jobs)
}

func memberIDs(c autoscale.Class) []autoscale.JobID {
	var ids []autoscale.JobID
	for _, m := range c.Members {
		ids = append(ids, m.ID)
	}
	return ids
}
