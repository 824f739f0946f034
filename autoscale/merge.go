package autoscale

import "sort"

// merge walks the members of all classes in their strict order of service. It
// hands them out as runs: as many members of one class as come before the next
// member of any other.
type merge struct {
	classes []classState
	heap    []int // indices of classes, the one whose next member comes first on top
}

func newMerge(classes []classState) *merge {
	m := &merge{classes: classes, heap: make([]int, len(classes))}
	for i := range m.heap {
		m.heap[i] = i
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m
}

// next returns the next run: members from up to to of the class. ok is false
// when all are handed out. The caller either places the run or drops the class.
func (m *merge) next() (c *classState, to int, ok bool) {
	if len(m.heap) == 0 {
		return nil, 0, false
	}
	c = &m.classes[m.heap[0]]
	second, any := m.second()
	if !any {
		return c, len(c.Members), true
	}
	limit := m.head(second)
	run := sort.Search(len(c.Members)-c.next-1, func(i int) bool {
		return serveOrder(c.Members[c.next+1+i], limit) > 0
	})
	return c, c.next + 1 + run, true
}

// advance tells that the run handed out last was placed up to to.
func (m *merge) advance(c *classState, to int) {
	c.next = to
	if c.next >= len(c.Members) {
		m.drop()
		return
	}
	m.sink(0)
}

// drop takes the class handed out last off: nothing more of it can be placed.
func (m *merge) drop() {
	last := len(m.heap) - 1
	m.heap[0] = m.heap[last]
	m.heap = m.heap[:last]
	m.sink(0)
}

// second is the class whose head comes right after the top's.
func (m *merge) second() (class int, ok bool) {
	switch len(m.heap) {
	case 1:
		return 0, false
	case 2:
		return m.heap[1], true
	}
	if m.less(m.heap[1], m.heap[2]) {
		return m.heap[1], true
	}
	return m.heap[2], true
}

func (m *merge) head(class int) Member { return m.classes[class].Members[m.classes[class].next] }

func (m *merge) less(x, y int) bool { return serveOrder(m.head(x), m.head(y)) < 0 }

func (m *merge) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(m.heap) {
			return
		}
		if right := child + 1; right < len(m.heap) && m.less(m.heap[right], m.heap[child]) {
			child = right
		}
		if !m.less(m.heap[child], m.heap[i]) {
			return
		}
		m.heap[i], m.heap[child] = m.heap[child], m.heap[i]
		i = child
	}
}
