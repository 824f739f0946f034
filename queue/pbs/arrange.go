package pbs

import (
	"errors"
	"slices"

	"autoscaled/autoscale"
)

// arrange is what chunks are to the planner, which knows jobs of equal tasks only.
//
//   - All on one host (pack, or group=host): one task of all chunks' sum. That is exact.
//   - Chunks of one kind: as many tasks, all or none. That is exact too.
//   - Several kinds, on hosts of their own (scatter) or in one placement group, for the same
//     pools: as many tasks as there are chunks, each of the most that any asks for. It may
//     be more than is needed, and never less.
//   - Several kinds that are for different pools: they can't be in one placement group,
//     which is an error. Otherwise, and where chunks may share hosts, each kind is a job of
//     its own, all or none by itself: one may have its nodes while another waits.
func arrange(place Place, chunks []Chunk, needs []need) ([]autoscale.Shape, error) {
	total := int64(0)
	for i := range chunks {
		total = min(total+chunks[i].Count, maxCount)
	}
	alike := !slices.ContainsFunc(needs, func(n need) bool { return !equalSelectors(n.selector, needs[0].selector) })
	together := place.Group != "" && place.Group != "host"
	scattered := place.Arrangement == "scatter" || place.Arrangement == "vscatter"
	switch {
	case place.Arrangement == "pack" || place.Group == "host":
		if !alike {
			return nil, errors.New("its chunks are for different pools and must be on one host")
		}
		return []autoscale.Shape{shape(place, 1, sum(chunks, needs), together)}, nil
	case len(chunks) == 1:
		return []autoscale.Shape{shape(place, chunks[0].Count, needs[0], together)}, nil
	case together && !alike:
		return nil, errors.New("its chunks are for different pools and must be in one placement group")
	case alike && (together || scattered):
		return []autoscale.Shape{shape(place, total, most(needs), together)}, nil
	}
	shapes := make([]autoscale.Shape, len(chunks))
	for i := range chunks {
		shapes[i] = shape(place, chunks[i].Count, needs[i], false)
	}
	return shapes, nil
}

// shape is a number of equal tasks.
func shape(place Place, tasks int64, n need, together bool) autoscale.Shape {
	s := autoscale.Shape{Tasks: int(tasks), PerTask: n.Resources, Selector: n.selector}
	if tasks > 1 {
		s.Gang = autoscale.GangAll
	}
	scattered := place.Arrangement == "scatter" || place.Arrangement == "vscatter"
	switch exclusive := place.Sharing == "excl" || place.Sharing == "exclhost"; {
	case exclusive && scattered:
		s.Exclusive = autoscale.ExclusiveTask
	case exclusive:
		s.Exclusive = autoscale.ExclusiveJob
	case scattered && tasks > 1:
		s.TasksPerNode = 1
	}
	switch {
	case n.ungrouped:
		s.Grouping = autoscale.Ungrouped
	case together && tasks > 1:
		s.Grouping = autoscale.Coupled
	}
	return s
}

// sum is what all chunks ask for together.
func sum(chunks []Chunk, needs []need) need {
	all := need{selector: needs[0].selector}
	for i := range chunks {
		n, of := chunks[i].Count, &needs[i]
		all.Cores = int(bounded(int64(all.Cores) + n*int64(of.Cores)))
		all.GPUs = int(bounded(int64(all.GPUs) + n*int64(of.GPUs)))
		all.Memory += times(of.Memory, n)
		all.Memory = min(all.Memory, maxMemory)
		all.ungrouped = all.ungrouped || of.ungrouped
		for name, count := range of.Custom {
			all.grow(name, min(all.Custom[name]+int64(times(autoscale.Bytes(count), n)), int64(maxMemory)))
		}
	}
	return all
}

// maxMemory bounds memory in bytes.
const maxMemory autoscale.Bytes = 1 << 53

func times(b autoscale.Bytes, n int64) autoscale.Bytes {
	if b > maxMemory/autoscale.Bytes(n) {
		return maxMemory
	}
	return b * autoscale.Bytes(n)
}

func bounded(n int64) int64 { return min(n, maxCount) }

// most is the most of each resource that any of the chunks asks for.
func most(needs []need) need {
	all := need{selector: needs[0].selector}
	for i := range needs {
		of := &needs[i]
		all.Cores, all.GPUs, all.Memory = max(all.Cores, of.Cores), max(all.GPUs, of.GPUs), max(all.Memory, of.Memory)
		all.ungrouped = all.ungrouped || of.ungrouped
		for name, count := range of.Custom {
			all.grow(name, max(all.Custom[name], count))
		}
	}
	return all
}

func (n *need) grow(name string, count int64) {
	if n.Custom == nil {
		n.Custom = make(map[string]int64)
	}
	n.Custom[name] = count
}

// equalSelectors compares selectors of the form that requests have.
func equalSelectors(a, b autoscale.Selector) bool {
	same := func(x, y []autoscale.Selector) bool { return slices.EqualFunc(x, y, equalSelectors) }
	if (a.Not == nil) != (b.Not == nil) || a.Not != nil && !equalSelectors(*a.Not, *b.Not) {
		return false
	}
	return a.Label == b.Label && slices.Equal(a.In, b.In) && same(a.All, b.All) && same(a.Any, b.Any) && same(a.Prefer, b.Prefer)
}
