package cyclecloudtest

import (
	"container/heap"
	"time"
)

// event is something that happens by itself to a node at a time.
type event struct {
	at         time.Time
	order      int // events of one moment happen in the order they were made
	node       *node
	generation int
	happen     func(*world, *node)
}

// eventQueue is a heap by time, then order.
type eventQueue struct {
	list []event
	made int
}

func (q *eventQueue) Len() int { return len(q.list) }
func (q *eventQueue) Less(i, j int) bool {
	a, b := q.list[i], q.list[j]
	if !a.at.Equal(b.at) {
		return a.at.Before(b.at)
	}
	return a.order < b.order
}
func (q *eventQueue) Swap(i, j int) { q.list[i], q.list[j] = q.list[j], q.list[i] }
func (q *eventQueue) Push(e any)    { q.list = append(q.list, e.(event)) }
func (q *eventQueue) Pop() any {
	last := q.list[len(q.list)-1]
	q.list = q.list[:len(q.list)-1]
	return last
}

// after orders an event for the node, void if the node changes its status before.
func (w *world) after(d time.Duration, n *node, happen func(*world, *node)) {
	w.events.made++
	heap.Push(&w.events, event{w.now.Add(d), w.events.made, n, n.generation, happen})
}

func (e event) void() bool { return e.generation != e.node.generation }

// advance lets everything happen that is due by now. Each event sees the world at its own time. No
// event takes more of a limit than its node already held, so one check at the end is enough.
func (w *world) advance(now time.Time) {
	if w.events.Len() > 0 && !w.events.list[0].at.After(now) {
		defer w.checkLimits()
	}
	for w.events.Len() > 0 && !w.events.list[0].at.After(now) {
		e := heap.Pop(&w.events).(event)
		if e.void() {
			continue
		}
		w.now = e.at
		e.happen(w, e.node)
	}
	if now.After(w.now) {
		w.now = now
	}
}

// next is the time of the next event that still applies.
func (w *world) next() (time.Time, bool) {
	for w.events.Len() > 0 {
		if !w.events.list[0].void() {
			return w.events.list[0].at, true
		}
		heap.Pop(&w.events)
	}
	return time.Time{}, false
}
