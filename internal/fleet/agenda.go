package fleet

import (
	"container/heap"
	"time"
)

// agenda holds what is to happen, by time, then in the order in which it was planned.
type agenda struct {
	list    []moment
	planned int
}

type moment struct {
	at    time.Time
	order int
	do    func()
}

func (a *agenda) Len() int { return len(a.list) }
func (a *agenda) Less(i, j int) bool {
	x, y := &a.list[i], &a.list[j]
	if !x.at.Equal(y.at) {
		return x.at.Before(y.at)
	}
	return x.order < y.order
}
func (a *agenda) Swap(i, j int) { a.list[i], a.list[j] = a.list[j], a.list[i] }
func (a *agenda) Push(m any)    { a.list = append(a.list, m.(moment)) }
func (a *agenda) Pop() any {
	last := a.list[len(a.list)-1]
	a.list = a.list[:len(a.list)-1]
	return last
}

// plan lets something happen at a time, or at once where that is past.
func (a *agenda) plan(at time.Time, do func()) {
	a.planned++
	heap.Push(a, moment{at, a.planned, do})
}

// due takes what is next to happen by now; nil: nothing.
func (a *agenda) due(now time.Time) func() {
	if a.Len() == 0 || a.list[0].at.After(now) {
		return nil
	}
	return heap.Pop(a).(moment).do
}

// next is when something is to happen; false: never.
func (a *agenda) next() (time.Time, bool) {
	if a.Len() == 0 {
		return time.Time{}, false
	}
	return a.list[0].at, true
}
