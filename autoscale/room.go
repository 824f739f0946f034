package autoscale

import (
	"cmp"
	"slices"
)

// groupRoom is the placement groups of a pool that may have more nodes, so that a gang
// finds the tightest that holds it without looking at each.
type groupRoom struct {
	size int
	// open are those with nodes and room, by room and then by name.
	open []openGroup
	// empty are those that exist and have no nodes, by name.
	empty []string
}

type openGroup struct {
	room int
	name string
}

func compareOpen(x, y openGroup) int {
	return cmp.Or(cmp.Compare(x.room, y.room), cmp.Compare(x.name, y.name))
}

func newGroupRoom(size int, active map[string]int) groupRoom {
	r := groupRoom{size: size}
	for name, n := range active {
		switch {
		case n <= 0:
			r.empty = append(r.empty, name)
		case n < size:
			r.open = append(r.open, openGroup{size - n, name})
		}
	}
	slices.Sort(r.empty)
	slices.SortFunc(r.open, compareOpen)
	return r
}

// enter tells that a group has nodes more.
func (r *groupRoom) enter(name string, before, nodes int) {
	if at, is := slices.BinarySearch(r.empty, name); is {
		r.empty = slices.Delete(r.empty, at, at+1)
	}
	if at, is := slices.BinarySearchFunc(r.open, openGroup{r.size - before, name}, compareOpen); is {
		r.open = slices.Delete(r.open, at, at+1)
	}
	if left := r.size - before - nodes; left > 0 {
		g := openGroup{left, name}
		at, _ := slices.BinarySearchFunc(r.open, g, compareOpen)
		r.open = slices.Insert(r.open, at, g)
	}
}

// tightest is the group with the least room for so many nodes more; where none has
// so much, the one with the most. ok is false if none has any.
func (r *groupRoom) tightest(nodes int) (name string, ok bool) {
	if len(r.open) == 0 {
		return "", false
	}
	at, _ := slices.BinarySearchFunc(r.open, openGroup{room: nodes}, compareOpen)
	if at == len(r.open) { // of those with the most room the first by name
		most := r.open[at-1].room
		at, _ = slices.BinarySearchFunc(r.open, openGroup{room: most}, compareOpen)
	}
	return r.open[at].name, true
}
