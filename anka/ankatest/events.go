package ankatest

import (
	"container/heap"
	"time"
)

// event is something that happens by itself at a time, unless it is void by then.
type event struct {
	at     time.Time
	order  int // events of one moment happen in the order they were made
	void   func() bool
	happen func()
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

// after orders an event. A negative d means now.
func (w *world) after(d time.Duration, void func() bool, happen func()) {
	w.events.made++
	heap.Push(&w.events, event{w.now.Add(max(0, d)), w.events.made, void, happen})
}

// later orders an event for an instance, void if the instance changes its state before.
func (w *world) later(d time.Duration, i *instance, happen func()) {
	w.after(d, i.unlessChanged(), happen)
}

// onMac is later for what a Mac does: while the Mac is silent nothing is heard of it, and the event
// waits until it speaks again.
func (w *world) onMac(d time.Duration, i *instance, happen func()) {
	void := i.unlessChanged()
	w.after(d, void, func() { w.heard(i.node, void, happen) })
}

// heard does what a Mac reports, at once or when the Mac is heard again.
func (w *world) heard(n *node, void func() bool, happen func()) {
	if n != nil && n.silent() {
		n.unheard = append(n.unheard, event{void: void, happen: happen})
		return
	}
	happen()
}

// advance lets everything happen that is due by now. Each event sees the world at its own time.
func (w *world) advance(now time.Time) {
	for w.events.Len() > 0 && !w.events.list[0].at.After(now) {
		e := heap.Pop(&w.events).(event)
		if e.void() {
			continue
		}
		w.now = e.at
		e.happen()
		w.checkLimits()
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
