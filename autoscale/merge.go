package autoscale

import (
	"cmp"
	"sort"
)

// merge walks the members of a portion in their strict order of service. It
// hands them out as runs: as many members of one class as come before the next
// member of any other.
type merge struct {
	classes []classState
	// heap holds each class's next member, the one that comes first on top.
	heap []head
}

// head is a class's next member, with what mostly tells its place in the order.
type head struct {
	priority    int64
	seconds     int64 // when it was submitted, with the nanoseconds
	nanoseconds int32
	class       int32
	member      *Member
}

func (m *merge) headOf(class int) head {
	c := &m.classes[class]
	next := &c.Members[c.next]
	return head{
		priority: next.Priority, seconds: next.Submitted.Unix(), nanoseconds: int32(next.Submitted.Nanosecond()),
		class: int32(class), member: next,
	}
}

// compareHeads is serveOrder, quicker.
func compareHeads(x, y *head) int {
	if x.priority != y.priority {
		return cmp.Compare(y.priority, x.priority)
	}
	if x.seconds != y.seconds {
		return cmp.Compare(x.seconds, y.seconds)
	}
	if x.nanoseconds != y.nanoseconds {
		return cmp.Compare(x.nanoseconds, y.nanoseconds)
	}
	return compareIDs(x.member.ID, y.member.ID)
}

// newMerge takes the classes of one group, or of every group.
func newMerge(classes []classState, group int) *merge {
	m := &merge{classes: classes, heap: make([]head, 0, len(classes))}
	for i := range classes {
		if classes[i].next < classes[i].until && (group == everyGroup || classes[i].group == group) {
			m.heap = append(m.heap, m.headOf(i))
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m
}

// next returns the next run: members from the class's next up to to. ok is false
// when all are handed out. The caller either places the run or drops the class.
func (m *merge) next() (c *classState, to int, ok bool) {
	if len(m.heap) == 0 {
		return nil, 0, false
	}
	c = &m.classes[m.heap[0].class]
	second := m.second()
	if second == nil {
		return c, c.until, true
	}
	return c, c.next + runBefore(c.Members[c.next:c.until], *second.member), true
}

// runBefore counts the members, at least one, that come before a limit. Runs are
// mostly short, so it looks near first.
func runBefore(members []Member, limit Member) int {
	after := func(i int) bool { return serveOrder(members[i], limit) > 0 }
	reach := 1
	for reach < len(members) && !after(reach) {
		reach *= 2
	}
	least := max(1, reach/2)
	return least + sort.Search(min(reach, len(members))-least, func(i int) bool { return after(least + i) })
}

// advance tells that the run handed out last was placed up to to.
func (m *merge) advance(c *classState, to int) {
	c.next = to
	if c.next >= c.until {
		m.drop()
		return
	}
	m.heap[0] = m.headOf(int(m.heap[0].class))
	m.sink(0)
}

// drop takes the class handed out last off: nothing more of it can be placed.
func (m *merge) drop() {
	last := len(m.heap) - 1
	m.heap[0] = m.heap[last]
	m.heap = m.heap[:last]
	m.sink(0)
}

// second is the head that comes right after the top; nil: there is none.
func (m *merge) second() *head {
	switch {
	case len(m.heap) == 1:
		return nil
	case len(m.heap) == 2 || compareHeads(&m.heap[1], &m.heap[2]) < 0:
		return &m.heap[1]
	}
	return &m.heap[2]
}

func (m *merge) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(m.heap) {
			return
		}
		if right := child + 1; right < len(m.heap) && compareHeads(&m.heap[right], &m.heap[child]) < 0 {
			child = right
		}
		if compareHeads(&m.heap[child], &m.heap[i]) >= 0 {
			return
		}
		m.heap[i], m.heap[child] = m.heap[child], m.heap[i]
		i = child
	}
}
