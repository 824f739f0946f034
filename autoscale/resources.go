package autoscale

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bytes is an amount of memory in bytes.
type Bytes int64

// Binary multiples of a byte. CycleCloud's "GB" are GiB.
const (
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
)

// String prints the amount in the largest binary unit that keeps it readable.
func (b Bytes) String() string {
	switch {
	case b >= GiB && b%GiB == 0:
		return fmt.Sprintf("%d GiB", b/GiB)
	case b >= GiB:
		return fmt.Sprintf("%.1f GiB", float64(b)/float64(GiB))
	case b >= MiB:
		return fmt.Sprintf("%.0f MiB", float64(b)/float64(MiB))
	}
	return fmt.Sprintf("%d B", int64(b))
}

// Resources is what one task needs or one node has. All amounts are countable
// and never negative; a zero amount needs, or offers, nothing of the kind.
type Resources struct {
	Cores  int
	Memory Bytes
	GPUs   int
	// Custom holds countable resources that the config or the queue names,
	// such as "fpga" or "slots".
	Custom map[string]int64
}

// IsZero tells whether nothing is asked or offered.
func (r Resources) IsZero() bool {
	if r.Cores != 0 || r.Memory != 0 || r.GPUs != 0 {
		return false
	}
	for _, n := range r.Custom {
		if n != 0 {
			return false
		}
	}
	return true
}

// Plus returns the sum of both.
func (r Resources) Plus(o Resources) Resources {
	sum := Resources{Cores: r.Cores + o.Cores, Memory: r.Memory + o.Memory, GPUs: r.GPUs + o.GPUs}
	if len(r.Custom)+len(o.Custom) > 0 {
		sum.Custom = maps.Clone(r.Custom)
		if sum.Custom == nil {
			sum.Custom = make(map[string]int64, len(o.Custom))
		}
		for name, n := range o.Custom {
			sum.Custom[name] += n
		}
	}
	return sum
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// String lists what is not zero, for people: "4 cores, 16 GiB, 1 gpu".
func (r Resources) String() string {
	var parts []string
	if r.Cores != 0 {
		parts = append(parts, count(r.Cores, "core"))
	}
	if r.Memory != 0 {
		parts = append(parts, r.Memory.String())
	}
	if r.GPUs != 0 {
		parts = append(parts, count(r.GPUs, "gpu"))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Custom)) {
		if n := r.Custom[name]; n != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, name))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
