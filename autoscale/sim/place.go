package sim

import (
	"cmp"
	"slices"

	"autoscaled/autoscale"
)

// placement is a number of a job's tasks on one host.
type placement struct {
	host  *host
	tasks int
}

// place finds room for all tasks of a job, or nothing. Hosts are tried in the
// job's order of preference, then in the order in which they joined, so that
// the youngest stay free where they can.
func (s *Scheduler) place(j *entry) []placement {
	candidates := s.candidates(j)
	if j.Grouping != autoscale.Coupled {
		return fill(j, candidates)
	}
	var tried []string
	for _, h := range candidates {
		if slices.Contains(tried, h.Group) {
			continue
		}
		tried = append(tried, h.Group)
		if found := fill(j, inGroup(candidates, h.Group)); found != nil {
			return found
		}
	}
	return nil
}

// candidates are the hosts that the job may use, the preferred ones first.
func (s *Scheduler) candidates(j *entry) []*host {
	type ranked struct {
		*host
		rank int
	}
	found := make([]ranked, 0, len(s.hosts))
	for _, h := range s.hosts {
		rank, match := j.Selector.Match(h.Labels)
		grouped := h.Group != ""
		if !match || j.Grouping == autoscale.Coupled && !grouped || j.Grouping == autoscale.Ungrouped && grouped {
			continue
		}
		found = append(found, ranked{h, rank})
	}
	slices.SortStableFunc(found, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	hosts := make([]*host, len(found))
	for i := range found {
		hosts[i] = found[i].host
	}
	return hosts
}

func inGroup(hosts []*host, group string) []*host {
	var in []*host
	for _, h := range hosts {
		if h.Group == group {
			in = append(in, h)
		}
	}
	return in
}

// fill puts the job's tasks on the first hosts that take them.
func fill(j *entry, hosts []*host) []placement {
	var placed []placement
	left := j.Tasks
	for _, h := range hosts {
		n := min(left, h.takes(j))
		if n == 0 {
			continue
		}
		placed = append(placed, placement{h, n})
		if left -= n; left == 0 {
			return placed
		}
	}
	return nil
}

// takes is how many tasks of the job the host has room for.
func (h *host) takes(j *entry) int {
	if h.drain != autoscale.NotDraining || h.whole || j.Exclusive != autoscale.Shared && len(h.jobs) > 0 {
		return 0
	}
	n := times(h.free, taskNeeds(j))
	switch {
	case j.Exclusive == autoscale.ExclusiveTask:
		return min(n, 1)
	case j.TasksPerNode > 0:
		return min(n, j.TasksPerNode)
	}
	return n
}

// taskNeeds is what one task takes. A task that asks nothing takes one core, as
// the planner reads it too.
func taskNeeds(j *entry) autoscale.Resources {
	if j.PerTask.IsZero() {
		return autoscale.Resources{Cores: 1}
	}
	return j.PerTask
}

// times is how often need goes into free. Need must not be zero.
func times(free, need autoscale.Resources) int {
	most := int64(-1)
	fit := func(have, want int64) {
		if want <= 0 {
			return
		}
		if n := max(0, have/want); most < 0 || n < most {
			most = n
		}
	}
	fit(int64(free.Cores), int64(need.Cores))
	fit(int64(free.Memory), int64(need.Memory))
	fit(int64(free.GPUs), int64(need.GPUs))
	for name, want := range need.Custom {
		fit(free.Custom[name], want)
	}
	return int(max(0, most))
}

// scaled is n times r; n may be negative.
func scaled(r autoscale.Resources, n int) autoscale.Resources {
	out := autoscale.Resources{Cores: r.Cores * n, Memory: r.Memory * autoscale.Bytes(n), GPUs: r.GPUs * n}
	if len(r.Custom) > 0 {
		out.Custom = make(map[string]int64, len(r.Custom))
		for name, amount := range r.Custom {
			out.Custom[name] = amount * int64(n)
		}
	}
	return out
}

// share is how much of a host n tasks take: all of it where they don't share,
// else the largest share of any one resource.
func share(h *host, j *entry, n int) float64 {
	if j.Exclusive != autoscale.Shared {
		return 1
	}
	used, all, most := scaled(taskNeeds(j), n), h.Resources, 0.0
	part := func(of, whole int64) {
		if whole > 0 {
			most = max(most, float64(of)/float64(whole))
		}
	}
	part(int64(used.Cores), int64(all.Cores))
	part(int64(used.Memory), int64(all.Memory))
	part(int64(used.GPUs), int64(all.GPUs))
	for name, amount := range used.Custom {
		part(amount, all.Custom[name])
	}
	return most
}
