package autoscale

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// reference is the slow planner that the real one is held against. It serves jobs
// in the same strict order, and tries every way of doing so: it knows no classes,
// no lots and no shortcuts. Of all plans it keeps those that give the first job in
// order the most tasks, of these those that give the second the most, and so on;
// of what is left the cheapest is the best.
//
// It makes nodes in a placement group for coupled jobs only, as the planner does.
type reference struct {
	state  State
	policy Policy
	jobs   []Job
	pools  []refPool
	limits []Limit
	// ordered: a job takes nodes that exist before it asks for new ones, and of
	// both those of an earlier pool in its order before those of a later one.
	// Otherwise it may take any.
	ordered bool
	// price of a new node, by pool.
	price func(pool int) float64
}

// refPool is a pool with what one node of it draws, by index in limits.
type refPool struct {
	Pool
	draws map[int]int64
}

// refNode is one node, and what is left of it. Nodes have no names: those that are
// alike are one to the reference.
type refNode struct {
	pool   int
	group  string
	cores  int
	memory Bytes
	empty  bool
	// owner is the job, counted from one, that shares it with nobody.
	owner int
	made  bool
}

// refWorld is what has become of the world so far.
type refWorld struct {
	nodes []refNode
	used  []int64 // by limit
}

func (w refWorld) clone() refWorld {
	return refWorld{nodes: slices.Clone(w.nodes), used: slices.Clone(w.used)}
}

// key is equal for worlds that differ in the order of their nodes only.
func (w refWorld) key() string {
	var keys []string
	for _, n := range w.nodes {
		keys = append(keys, fmt.Sprint(n))
	}
	slices.Sort(keys)
	return strings.Join(keys, " ") + fmt.Sprint(w.used)
}

// newReference takes what it needs from the inputs of Decide. All nodes must be
// ready or starting, and managed; min, memory and operations play no part.
func newReference(s State, p Policy, waiting []Job) *reference {
	r := &reference{state: s, policy: p, jobs: slices.Clone(waiting), price: func(int) float64 { return 1 }}
	slices.SortFunc(r.jobs, func(x, y Job) int {
		return cmp.Or(cmp.Compare(y.Priority, x.Priority), x.Submitted.Compare(y.Submitted), cmp.Compare(x.ID, y.ID))
	})
	r.limits = append(slices.Clone(s.Supply.Limits), p.Limits...)
	for _, pool := range p.Pools {
		r.limits = append(r.limits, Limit{ID: LimitID("max of " + pool.Name), Max: orNone(pool.Max)})
	}
	r.limits = append(r.limits, Limit{ID: "max of all", Max: orNone(p.Max)})
	for _, pool := range s.Supply.Pools {
		own := r.policyOf(pool)
		draws := append(slices.Clone(pool.Draws), Draw{"max of all", 1}, Draw{LimitID("max of " + own.Name), 1})
		r.pools = append(r.pools, refPool{pool, r.drawn(draws)})
	}
	return r
}

func orNone(most int) int64 {
	if most == 0 {
		return 1 << 30
	}
	return int64(most)
}

func (r *reference) policyOf(pool Pool) PoolPolicy {
	i := slices.IndexFunc(r.policy.Pools, func(p PoolPolicy) bool {
		_, ok := p.Match.Match(pool.Labels)
		return ok
	})
	return r.policy.Pools[i]
}

func (r *reference) drawn(draws []Draw) map[int]int64 {
	out := make(map[int]int64)
	for _, d := range draws {
		if i := slices.IndexFunc(r.limits, func(l Limit) bool { return l.ID == d.Limit }); i >= 0 {
			out[i] += d.Amount
		}
	}
	return out
}

// first is the world as it is observed.
func (r *reference) first() refWorld {
	var w refWorld
	for _, l := range r.limits {
		w.used = append(w.used, l.Used)
	}
	for _, n := range r.state.Supply.Nodes {
		pool := slices.IndexFunc(r.pools, func(p refPool) bool { return p.ID == n.Pool })
		use := r.state.Demand.Use[n.Host]
		free := r.pools[pool].Node
		x := refNode{pool: pool, group: n.Group, cores: free.Cores - use.Used.Cores, memory: free.Memory - use.Used.Memory, empty: !use.Busy()}
		if use.Whole {
			x.cores, x.memory = 0, 0
		}
		w.nodes = append(w.nodes, x)
		for i := range r.limits {
			if id := r.limits[i].ID; id == "max of all" || id == LimitID("max of "+r.policyOf(r.pools[pool].Pool).Name) {
				w.used[i]++
			}
		}
	}
	return w
}

// best is how many tasks each job gets in the best plan, in order, and what its
// new nodes cost.
func (r *reference) best() (tasks []int, cost float64) {
	worlds := map[string]refWorld{"": r.first()}
	for j := range r.jobs {
		most, after := 0, worlds
		for _, w := range worlds {
			r.serve(w, j, func(n int, next refWorld) {
				if n > most {
					most, after = n, make(map[string]refWorld)
				}
				if n == most {
					after[next.key()] = next
				}
			})
		}
		tasks, worlds = append(tasks, most), after
	}
	first := true
	for _, w := range worlds {
		if c := r.cost(w); first || c < cost {
			first, cost = false, c
		}
	}
	return tasks, cost
}

func (r *reference) cost(w refWorld) (cost float64) {
	for _, n := range w.nodes {
		if n.made {
			cost += r.price(n.pool)
		}
	}
	return cost
}

// serve visits every world in which the job has got enough of its tasks to run.
func (r *reference) serve(w refWorld, j int, visit func(n int, next refWorld)) {
	job := &r.jobs[j]
	if job.Held != "" || len(job.DependsOn) > 0 || job.EarliestStart.After(r.state.At) {
		return
	}
	w = w.clone()
	for i, amount := range r.drawn(job.Draws) {
		if w.used[i] += amount; w.used[i] > r.limits[i].Max {
			return
		}
	}
	for _, at := range r.places(w, job) {
		s := refSearch{reference: r, job: job, number: j + 1, at: at, visit: visit}
		s.seen(w, 0, 0)
	}
}

// places are the placement groups that a coupled job could stand in; for another
// job one nameless place, which is anywhere.
func (r *reference) places(w refWorld, job *Job) (places []place) {
	if job.Grouping != Coupled {
		return []place{{pool: -1}}
	}
	for i, pool := range r.pools {
		if pool.GroupSize == 0 {
			continue
		}
		groups := map[string]bool{fmt.Sprintf("new%d", len(w.nodes)): true}
		for _, g := range pool.Groups {
			groups[g.Name] = true
		}
		for _, n := range w.nodes {
			if n.pool == i && n.group != "" {
				groups[n.group] = true
			}
		}
		for g := range groups {
			places = append(places, place{i, g})
		}
	}
	return places
}

// refSearch is the search for all placements of one job at one place.
type refSearch struct {
	*reference
	job    *Job
	number int // of the job, counted from one
	at     place
	visit  func(n int, next refWorld)
}

// seen tries every number of tasks on every node that is there, from the ith on,
// and then goes on to new nodes.
func (s *refSearch) seen(w refWorld, i, got int) {
	if i == len(w.nodes) {
		s.fresh(w, 0, got)
		return
	}
	s.seen(w, i+1, got)
	for n := 1; n <= min(s.fit(w.nodes[i]), s.job.Tasks-got); n++ {
		next := w.clone()
		s.put(&next.nodes[i], n)
		s.seen(next, i+1, got+n)
	}
}

// fresh tries every number of new nodes of every pool, from one of them on, each
// with every number of tasks.
func (s *refSearch) fresh(w refWorld, pool, got int) {
	if pool == len(s.pools) {
		if got >= max(1, s.job.Required()) && (!s.ordered || s.inOrder(w)) {
			s.visit(got, w)
		}
		return
	}
	s.fresh(w, pool+1, got)
	node, ok := s.newNode(w, pool)
	if !ok {
		return
	}
	for n := 1; n <= min(s.fit(node), s.job.Tasks-got); n++ {
		next := w.clone()
		for i, amount := range s.pools[pool].draws {
			next.used[i] += amount
		}
		next.nodes = append(next.nodes, node)
		s.put(&next.nodes[len(next.nodes)-1], n)
		s.fresh(next, pool, got+n)
	}
}

// newNode is an empty node of the pool at the search's place, if one more may be.
func (s *refSearch) newNode(w refWorld, pool int) (refNode, bool) {
	p := &s.pools[pool]
	n := refNode{pool: pool, group: s.at.group, cores: p.Node.Cores, memory: p.Node.Memory, empty: true, made: true}
	if p.Invalid != "" || s.at.group != "" && s.at.pool != pool {
		return n, false
	}
	for i, amount := range p.draws {
		if w.used[i]+amount > s.limits[i].Max {
			return n, false
		}
	}
	size := 1
	for _, other := range w.nodes {
		if other.pool == pool && other.group == n.group {
			size++
		}
	}
	return n, n.group == "" || size <= p.GroupSize
}

// fit is how many tasks of the job a node can take.
func (s *refSearch) fit(n refNode) int {
	_, allowed := s.job.Selector.Match(s.pools[n.pool].Labels)
	switch {
	case !allowed, n.owner > 0:
		return 0
	case s.job.Exclusive != Shared && !n.empty:
		return 0
	case s.job.Grouping == Ungrouped && n.group != "":
		return 0
	case s.at.group != "" && (n.pool != s.at.pool || n.group != s.at.group):
		return 0
	}
	fit := n.cores / s.job.PerTask.Cores
	if s.job.PerTask.Memory > 0 {
		fit = min(fit, int(n.memory/s.job.PerTask.Memory))
	}
	if s.job.TasksPerNode > 0 {
		fit = min(fit, s.job.TasksPerNode)
	}
	if s.job.Exclusive == ExclusiveTask {
		fit = min(fit, 1)
	}
	return fit
}

func (s *refSearch) put(n *refNode, tasks int) {
	n.empty = false
	if s.job.Exclusive != Shared {
		n.owner = s.number
	}
	n.cores -= tasks * s.job.PerTask.Cores
	n.memory -= Bytes(tasks) * s.job.PerTask.Memory
}

// inOrder tells whether the job, which must want whole nodes, has no room left in
// what comes before anything that it took.
func (s *refSearch) inOrder(w refWorld) bool {
	last := 0
	for _, n := range w.nodes {
		if n.owner == s.number {
			last = max(last, s.turn(n))
		}
	}
	for _, n := range w.nodes {
		if s.fit(n) > 0 && s.turn(n) < last {
			return false
		}
	}
	for pool := range s.pools {
		n, ok := s.newNode(w, pool)
		if ok && s.fit(n) > 0 && s.turn(n) < last {
			return false
		}
	}
	return true
}

// turn is when the job, which is not coupled, comes to a node.
func (s *refSearch) turn(n refNode) int {
	rank, _ := s.job.Selector.Match(s.pools[n.pool].Labels)
	listed := slices.IndexFunc(s.policy.Pools, func(p PoolPolicy) bool { return p.Name == s.policyOf(s.pools[n.pool].Pool).Name })
	turn := rank*100 + listed*10 + n.pool
	if s.pools[n.pool].Invalid != "" {
		turn += 1 << 29
	}
	switch {
	case n.made:
		turn += 2 << 30
	case n.group != "": // what coupled jobs could use comes after what they can't
		turn += 1 << 30
	}
	return turn
}
