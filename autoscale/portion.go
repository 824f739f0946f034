package autoscale

import (
	"slices"
	"sort"
)

// portions are how the queue is placed: one part of it after the other, each as if
// there were plenty for all of it, which costs by shapes, or, where that proved
// wrong, in strict order, which costs by jobs. It is one part at first. If that
// finds something scarce, a long queue is cut in many, of which few will.
type portions struct {
	// ends are the members before which a portion ends; the last has no end.
	ends []Member
	// strict are the portions that are placed in strict order.
	strict []bool
	// voids counts the placements that were given up.
	voids int
}

const (
	portionsAtMost = 32
	// portionAtLeast is how many jobs are worth a portion of their own.
	portionAtLeast = 1024
	// voidsAtMost bounds what scarcity costs: what comes after the last is strict.
	voidsAtMost = 4
	// samples are how many members each end is chosen from.
	samples = 32
)

func newPortions() *portions { return &portions{strict: make([]bool, 1)} }

// void notes that a portion found something scarce, for the next try. A queue whose
// groups take turns is not cut: who comes before whom is known only as it is placed.
func (p *portions) void(portion int, classes []classState, fair bool) {
	p.voids++
	if p.voids == 1 {
		if !fair {
			p.ends = cutQueue(classes)
		}
		p.strict = make([]bool, len(p.ends)+1)
		p.strict[0] = len(p.ends) == 0
		return
	}
	p.strict[portion] = true
	for later := portion; p.voids >= voidsAtMost && later < len(p.strict); later++ {
		p.strict[later] = true
	}
}

// cutQueue finds members that cut the queue into about equal portions, by a sample of all.
func cutQueue(classes []classState) []Member {
	jobs := 0
	for i := range classes {
		jobs += len(classes[i].Members)
	}
	count := min(portionsAtMost, ceilDiv(jobs, portionAtLeast))
	step := ceilDiv(jobs, count*samples)
	var sample []Member
	at := 0 // of the next sample, counted through all classes
	for i := range classes {
		members := classes[i].Members
		for ; at < len(members); at += step {
			sample = append(sample, members[at])
		}
		at -= len(members)
	}
	slices.SortFunc(sample, serveOrder)
	var ends []Member
	for i := 1; i < count; i++ {
		end := sample[i*len(sample)/count]
		if len(ends) == 0 || serveOrder(ends[len(ends)-1], end) < 0 {
			ends = append(ends, end)
		}
	}
	return ends
}

// until marks in each class how far a portion reaches.
func (p *portions) until(portion int, classes []classState) {
	for i := range classes {
		c := &classes[i]
		c.until = len(c.Members)
		if portion < len(p.ends) {
			left := c.Members[c.next:]
			c.until = c.next + sort.Search(len(left), func(m int) bool { return serveOrder(left[m], p.ends[portion]) >= 0 })
		}
	}
}
