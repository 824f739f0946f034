package autoscale

import (
	"fmt"
	"testing"
	"time"
)

// benchSupply is so many pools of growing machine types, each with room for max
// nodes, under one regional quota.
func benchSupply(pools, max int) Supply {
	var s Supply
	region := Limit{ID: "region/cores", Kind: LimitRegion, Unit: UnitCores, Max: 1 << 40}
	s.Limits = append(s.Limits, region)
	for i := range pools {
		cores := 4 << (i % 5)
		pool, limits := aPool("htc", fmt.Sprintf("F%d_%d", cores, i), cores, max)
		pool.GroupSize = 100
		pool.Draws = append(pool.Draws, Draw{region.ID, int64(cores)})
		s.Pools = append(s.Pools, pool)
		s.Limits = append(s.Limits, limits...)
	}
	return s
}

// benchNodes adds so many ready nodes, and what the queue runs on them.
func benchNodes(s *Supply, n int, busy bool) (map[string]HostUse, Memory) {
	use := make(map[string]HostUse)
	memory := Memory{Nodes: make(map[NodeID]NodeMemory, n)}
	for i := range n {
		node := aNode(fmt.Sprintf("n%05d", i), s.Pools[i%len(s.Pools)].ID, PhaseReady)
		s.Nodes = append(s.Nodes, node)
		memory.Nodes[node.ID] = NodeMemory{Asked: start.Add(-time.Hour), Ready: start.Add(-time.Hour), Ours: true}
		if busy {
			use["host-"+string(node.ID)] = HostUse{Jobs: []JobID{"j"}, Whole: true}
		}
	}
	return use, memory
}

// shapes makes n single-node jobs of so many shapes.
func shapes(n, distinct int) []Job {
	all := make([]Job, n)
	for i := range all {
		s := i % distinct
		shape := tasksOf(1, 1+s%4)
		shape.PerTask.Memory = Bytes(1+s/4) * MiB
		all[i] = Job{ID: JobID(fmt.Sprintf("j%07d", i)), Submitted: start.Add(time.Duration(i) * time.Second), Shape: shape}
	}
	return all
}

func benchDecide(b *testing.B, s State, p Policy) {
	b.Helper()
	b.ReportAllocs()
	var plan Plan
	var planner Planner
	for b.Loop() {
		plan = planner.Decide(s, p)
	}
	nodes, cores := 0, 0
	size := make(map[PoolID]int)
	for _, pool := range s.Supply.Pools {
		size[pool.ID] = pool.Node.Cores
	}
	for _, g := range plan.Grow {
		nodes += g.Count
		cores += g.Count * size[g.Pool]
	}
	used := 0
	for _, o := range plan.Outcomes {
		for _, served := range o.Served {
			if served.Grow < 0 {
				continue
			}
			class := &s.Demand.Classes[o.Class]
			if class.Exclusive == Shared {
				used += served.Tasks * class.PerTask.Cores
			} else {
				used += served.Count * size[served.Pool]
			}
		}
	}
	b.ReportMetric(float64(nodes), "nodes")
	if cores > 0 {
		b.ReportMetric(1-float64(used)/float64(cores), "waste")
	}
}

func BenchmarkDecide(b *testing.B) {
	policy := aPolicy("htc")
	pending := func(supply Supply, all []Job) State {
		return State{Observation: observe(start, supply, all, nil)}
	}
	b.Run("htc-10000", func(b *testing.B) {
		benchDecide(b, pending(benchSupply(10, 1000), shapes(10000, 40)), policy)
	})
	b.Run("distinct-10000", func(b *testing.B) {
		benchDecide(b, pending(benchSupply(10, 1000), shapes(10000, 10000)), policy)
	})
	b.Run("coupled-1000", func(b *testing.B) {
		var all []Job
		for i := range 1000 {
			shape := wholeNodes(2 + i*62/999)
			shape.Grouping = Coupled
			all = append(all, jobs(fmt.Sprintf("c%d-", i), 1, shape)...)
		}
		benchDecide(b, pending(benchSupply(10, 10000), all), policy)
	})
	b.Run("types-5000x400", func(b *testing.B) {
		benchDecide(b, pending(benchSupply(400, 1000), shapes(5000, 5000)), policy)
	})
	// What is wanted is more than the 10,000 idle nodes have, and less than the pools may.
	b.Run("million", func(b *testing.B) {
		supply := benchSupply(100, 10000)
		use, memory := benchNodes(&supply, 10000, false)
		benchDecide(b, State{Observation: observe(start, supply, shapes(1e6, 1000), use), Memory: memory}, policy)
	})
	// A fifth of it finds no room.
	b.Run("million-scarce", func(b *testing.B) {
		supply := benchSupply(100, 800)
		use, memory := benchNodes(&supply, 10000, false)
		benchDecide(b, State{Observation: observe(start, supply, shapes(1e6, 1000), use), Memory: memory}, policy)
	})
	b.Run("steady-10000", func(b *testing.B) {
		supply := benchSupply(10, 10000)
		use, memory := benchNodes(&supply, 10000, true)
		benchDecide(b, State{Observation: observe(start, supply, nil, use), Memory: memory}, policy)
	})
}

// How the cost of a plan grows with what it grows with: shapes, pools and nodes; and,
// slowly, with jobs.
func BenchmarkGrowth(b *testing.B) {
	run := func(what string, n, jobs, distinct, pools, nodes int) {
		b.Run(fmt.Sprintf("%s=%d", what, n), func(b *testing.B) {
			supply := benchSupply(pools, 100000)
			use, memory := benchNodes(&supply, nodes, false)
			benchDecide(b, State{Observation: observe(start, supply, shapes(jobs, distinct), use), Memory: memory}, aPolicy("htc"))
		})
	}
	for _, n := range []int{1250, 2500, 5000, 10000} {
		run("shapes", n, n, n, 10, 0)
	}
	for _, n := range []int{50, 100, 200, 400} {
		run("pools", n, 5000, 5000, n, 0)
	}
	for _, n := range []int{1250, 2500, 5000, 10000} {
		run("nodes", n, 10000, 100, 10, n)
	}
	for _, n := range []int{125000, 250000, 500000, 1000000} {
		run("jobs", n, n, 1000, 10, 0)
	}
}

// Twenty templates take turns for 5,000 slots, with 100,000 jobs in a queue of which the
// first half is for one of them.
func BenchmarkTurns(b *testing.B) {
	w := newTemplates(5000, 20)
	w.add(0, 50000, 0, 0)
	for i := range 500 {
		w.add(i%20, 100, i/20, 0)
	}
	w.Demand.Classes = Intern(w.jobs)
	benchDecide(b, w.State, w.policy)
}
