package autoscale

import (
	"maps"
	"slices"
)

// dims are the kinds of resources that a plan deals with, in a fixed order, so
// that resources become short vectors.
type dims struct {
	custom []string
}

// The positions of the resources that every plan deals with.
const (
	dimCores = iota
	dimMemory
	dimGPUs
	dimCustom
)

// vector is an amount of each kind of resource.
type vector []int64

// newDims finds the custom resources that any pool offers or any class asks.
func newDims(offers []Resources, classes []Class) dims {
	names := make(map[string]bool)
	for i := range offers {
		for name := range offers[i].Custom {
			names[name] = true
		}
	}
	for i := range classes {
		for name := range classes[i].PerTask.Custom {
			names[name] = true
		}
	}
	return dims{custom: slices.Sorted(maps.Keys(names))}
}

func (d dims) vector(r Resources) vector {
	v := make(vector, dimCustom+len(d.custom))
	v[dimCores], v[dimMemory], v[dimGPUs] = int64(r.Cores), int64(r.Memory), int64(r.GPUs)
	for i, name := range d.custom {
		v[dimCustom+i] = r.Custom[name]
	}
	return v
}

// name is what an operator calls the dimension, for a Reason's unit.
func (d dims) name(dim int) Unit {
	switch dim {
	case dimCores:
		return UnitCores
	case dimMemory:
		return "MiB of memory"
	case dimGPUs:
		return "gpus"
	}
	return Unit(d.custom[dim-dimCustom])
}

// need is what one task asks of one dimension.
type need struct {
	dim    int
	amount int64
}

// needs appends the dimensions that are asked for. A task that asks nothing asks
// one core, or a node could hold any number of them.
func (d dims) needs(out []need, r Resources) []need {
	add := func(dim int, amount int64) {
		if amount > 0 {
			out = append(out, need{dim, amount})
		}
	}
	add(dimCores, int64(r.Cores))
	add(dimMemory, int64(r.Memory))
	add(dimGPUs, int64(r.GPUs))
	for i, name := range d.custom {
		add(dimCustom+i, r.Custom[name])
	}
	if len(out) == 0 {
		out = append(out, need{dimCores, 1})
	}
	return out
}

// fits is how many tasks with these needs go into v.
func (v vector) fits(needs []need) int {
	n := v[needs[0].dim] / needs[0].amount
	for _, x := range needs[1:] {
		n = min(n, v[x.dim]/x.amount)
	}
	return int(max(0, n))
}

// take takes n tasks off v.
func (v vector) take(needs []need, n int) {
	for _, x := range needs {
		v[x.dim] -= x.amount * int64(n)
	}
}
