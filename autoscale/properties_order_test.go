package autoscale

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// tasksServed is how many tasks each job gets.
func tasksServed(p Plan, d Demand) map[JobID]int {
	got := make(map[JobID]int)
	for r := range p.Jobs(d) {
		got[r.ID] = r.Tasks
	}
	return got
}

// Order is strict: were there no jobs after it, a job would get no more. Only nodes
// that a later job names are kept for that one, as the queue has given them away.
func TestPropertyLaterJobsTakeNothingFromEarlierOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		p.FairShare = false // by turns a later job of another group may well be first
		all := drawJobs(t)
		slices.SortFunc(all, func(x, y Job) int { return serveOrder(memberOf(&x), memberOf(&y)) })
		n := rapid.IntRange(0, len(all)).Draw(t, "first")
		first, later := slices.Clone(all[:n]), slices.Clone(all[n:])
		later = slices.DeleteFunc(later, func(j Job) bool { return len(j.Names) > 0 })
		s.Demand.Classes = Intern(slices.Concat(first, later))
		got := tasksServed(Decide(s, p), s.Demand)
		s.Demand.Classes = Intern(first)
		for id, alone := range tasksServed(Decide(s, p), s.Demand) {
			require.GreaterOrEqual(t, got[id], alone, "job %s gets less because of jobs after it", id)
		}
	})
}

// A job that gets less than it asks for is told so, with both numbers, and no other
// job is.
func TestPropertyNoDowngradeIsSilent(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		for _, o := range w.plan.Outcomes {
			asked := w.Demand.Classes[o.Class].Tasks
			part := len(o.Served) > 0 && o.Tasks < asked
			require.Equal(t, part, o.Reason.Code == ReasonPart)
			if part {
				require.Equal(t, int64(o.Tasks), o.Reason.Have)
				require.Equal(t, int64(asked), o.Reason.Want)
				require.NotEmpty(t, o.Reason.Detail, "what kept the others from it")
			}
			tasks := 0
			for _, s := range o.Served {
				tasks += s.Tasks
			}
			require.Equal(t, o.Tasks*(o.To-o.From), tasks, "what serves them is not what they get")
		}
	})
}

// More room of any kind: a bucket, a quota, a max, or one more pool, for jobs of one
// task and one shape on machines of one size. Where sizes or prices differ, a pool
// that grows may well serve fewer, if it is preferred and its nodes take more of a
// quota or a budget each; and of jobs with several tasks the first may take more.
func TestPropertyMoreRoomServesNoFewer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		ofOneSize(&s, &p)
		shape := drawShape(t)
		shape.Tasks = 1
		s.Demand.Classes = Intern(jobs("s", rapid.IntRange(1, 12).Draw(t, "n"), shape))
		before := served(Decide(s, p))
		grow(t, &s, &p)
		require.GreaterOrEqual(t, served(Decide(s, p)), before)
	})
}

// ofOneSize makes all pools' nodes alike in size and price.
func ofOneSize(s *State, p *Policy) {
	for i := range s.Supply.Pools {
		pool := &s.Supply.Pools[i]
		pool.Node = Resources{Cores: 8, Memory: 32 * GiB}
		for d := range pool.Draws {
			if pool.Draws[d].Limit == "family/F/cores" {
				pool.Draws[d].Amount = 8
			}
		}
	}
	for i := range p.Pools {
		p.Pools[i].PricePerHour = 1
	}
}

func grow(t *rapid.T, s *State, p *Policy) {
	more := rapid.IntRange(1, 16).Draw(t, "more")
	s.Supply.Limits = slices.Clone(s.Supply.Limits)
	switch rapid.IntRange(0, 3).Draw(t, "what") {
	case 0:
		i := rapid.IntRange(0, len(s.Supply.Limits)-1).Draw(t, "limit")
		s.Supply.Limits[i].Max += int64(more)
	case 1:
		if p.Max > 0 {
			p.Max += more
		}
	case 2:
		i := rapid.IntRange(0, len(p.Pools)-1).Draw(t, "policy")
		if p.Pools[i].Max > 0 {
			p.Pools[i].Max += more
		}
	default:
		like := rapid.SampledFrom(s.Supply.Pools).Draw(t, "like")
		pool, limits := aPool("d", fmt.Sprint("F", like.Node.Cores), like.Node.Cores, more)
		pool.Draws = append(pool.Draws, Draw{"family/F/cores", int64(like.Node.Cores)})
		s.Supply.Pools = append(slices.Clone(s.Supply.Pools), pool)
		s.Supply.Limits = append(s.Supply.Limits, limits...)
		p.Pools = append(slices.Clone(p.Pools), aPolicy("d").Pools...)
	}
}

// A coupled job that names no nodes gets new ones only where no group has enough idle ones for all of it,
// those marked for drain by us included, those kept for a gang or by name not.
func TestPropertyIdleGroupsComeBeforeNewNodes(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		given := w.given()
		if w.plan.Blocked != "" {
			return // nodes may be kept for a gang
		}
		for _, o := range w.plan.Outcomes {
			class := w.Demand.Classes[o.Class]
			fromNew := slices.ContainsFunc(o.Served, func(s Serving) bool { return s.Grow >= 0 })
			if !fromNew || class.Grouping != Coupled || len(class.Names) > 0 || class.PerTask.Cores == 0 {
				continue
			}
			room := make(map[Node]int)
			for _, v := range w.plan.Nodes {
				n := w.nodes[v.Node]
				pool := w.pools[n.Pool]
				use, _ := w.use(n)
				if v.Reason.Code == ReasonGangHeld || w.named()[lower(n.Name)] {
					continue
				}
				if _, ok := class.Selector.Match(pool.Labels); !ok || n.Group == "" || pool.GroupSize == 0 || w.managed(n.Pool) == nil || !w.standing(n) || use.Busy() || given[n.ID] > 0 {
					continue
				}
				if fit := tasksOn(class, pool); fit > 0 && ceilDiv(class.Required(), fit) <= pool.GroupSize {
					room[Node{Pool: n.Pool, Group: n.Group}] += fit
				}
			}
			for at, tasks := range room {
				require.Less(t, tasks, class.Tasks, "group %s of %s stands idle", at.Group, at.Pool)
			}
		}
	})
}

// tasksOn is how many tasks of one job an empty node of the pool takes.
func tasksOn(class Class, pool Pool) int {
	fit := min(class.Tasks, pool.Node.Cores/class.PerTask.Cores)
	if class.PerTask.Memory > 0 {
		fit = min(fit, int(pool.Node.Memory/class.PerTask.Memory))
	}
	if class.TasksPerNode > 0 {
		fit = min(fit, class.TasksPerNode)
	}
	if class.Exclusive == ExclusiveTask {
		fit = min(fit, 1)
	}
	return fit
}
