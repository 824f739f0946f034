package autoscale

import "time"

// A drain begins with the first mark that is sent and ends when the queue shows the
// mark and nothing runs on the node. One that has not ended at its deadline is undone:
// the mark is withdrawn, the node takes work again, and it is tried again later, ever
// more rarely. Only what goes because nobody wants it, for its age, or to make way is
// drained at all, so only that is ever undone; a mark that is not ours is never touched.

// DrainMemory is what is remembered of a node's drain. It is forgotten once nothing
// runs on the node.
type DrainMemory struct {
	// Since is when the present drain began. Zero: there is none, or it has ended.
	Since time.Time `json:"since,omitzero"`
	// Marks is how often its mark was sent that the queue does not show yet, and that was
	// not withdrawn since. Marked is when one was sent last that it has not shown.
	Marks  int       `json:"marks,omitempty"`
	Marked time.Time `json:"marked,omitzero"`
	// Shown: the queue showed the mark that was sent last, while something ran there.
	Shown bool `json:"shown,omitempty"`
	// Failed is how many drains in a row were undone, and Undone when the last one was:
	// when its mark was seen last.
	Failed int       `json:"failed,omitempty"`
	Undone time.Time `json:"undone,omitzero"`
}

// A mark that the queue does not show is sent again after firstMarkAgain, which is
// doubled each time up to lastMarkAgain. The first is long enough for a queue whose
// document is written once a minute.
const (
	firstMarkAgain = time.Minute
	lastMarkAgain  = 30 * time.Minute
)

// mostUndone bounds how often the wait before the next drain is doubled: a node that
// can't be drained is kept from work for a ninth of the time in the end.
const mostUndone = 3

// NextTry is when a node may be drained again that could not be drained within a
// timeout: after the first failure in as long, after further ones in twice, four and
// eight times as long.
func (d DrainMemory) NextTry(timeout time.Duration) time.Time {
	if d.Failed == 0 {
		return time.Time{}
	}
	return d.Undone.Add(timeout << min(d.Failed-1, mostUndone))
}

// Unseen tells whether a mark was sent more than once, and the queue does not show it.
func (d DrainMemory) Unseen() bool { return !d.Since.IsZero() && d.Marks > 1 }

// markAgain is when a mark may be sent again if the queue does not show the last by then.
func (d DrainMemory) markAgain() time.Time {
	if d.Marked.IsZero() {
		return time.Time{}
	}
	return d.Marked.Add(doubled(firstMarkAgain, d.Marks-1, lastMarkAgain))
}

// past pulls back what is yet to come, as NodeMemory.past does.
func (d *DrainMemory) past(now time.Time) {
	d.Since, d.Marked, d.Undone = past(d.Since, now), past(d.Marked, now), past(d.Undone, now)
}

// advance folds in what the queue shows of a node; known: it vouches for it. Where
// there is no deadline timeout is 0.
func (d DrainMemory) advance(phase Phase, use HostUse, known bool, at time.Time, timeout time.Duration) DrainMemory {
	marked := known && use.Drain == DrainOurs
	switch {
	case phase == PhaseDeallocated, phase == PhaseFailed, known && use.Drain == DrainDone:
		return DrainMemory{} // it takes no work, marked or not
	case known && !use.Busy() && !use.Settling && (marked || d.Shown):
		return DrainMemory{}
	case marked:
		d.Marks, d.Marked, d.Shown = 0, time.Time{}, true
		if d.Since.IsZero() && !at.Before(d.NextTry(timeout)) {
			d.Since = at
		}
	}
	switch {
	case timeout > 0 && !d.Since.IsZero() && at.Sub(d.Since) >= timeout:
		d.Since, d.Failed, d.Undone = time.Time{}, d.Failed+1, at
	case marked && d.Since.IsZero() && d.Failed > 0:
		d.Undone = at // not yet: the rest begins when the node takes work again
	}
	return d
}

// sent notes that a mark is about to be sent.
func (d DrainMemory) sent(at time.Time) DrainMemory {
	if d.Since.IsZero() {
		d.Since, d.Marks = at, 0
	}
	d.Marks++
	d.Marked, d.Shown = at, false
	return d
}

// drainRests is why a node is not drained now: it could not be in time, and it is too
// early to try again.
func (b *board) drainRests(n *nodeState) (why Reason, rests bool) {
	d := n.memory.Drain
	if d.Failed == 0 || !b.state.CanDrain || n.pool < 0 {
		return Reason{}, false
	}
	timeout := b.poolPolicy(n.pool).DrainTimeout
	left := d.NextTry(timeout).Sub(b.state.At)
	if left <= 0 {
		return Reason{}, false
	}
	return Reason{Code: ReasonDrainTimeout, Have: int64(d.Failed), For: timeout, Of: left}, true
}

// restsBefore keeps a node that could go but for the drain that it needs before, and
// that can't be tried yet.
func (b *board) restsBefore(n *nodeState, reason Reason) (why Reason, rests bool) {
	if !b.drains(leaver{nodeState: n, reason: reason}) {
		return Reason{}, false
	}
	why, rests = b.drainRests(n)
	why.Detail = reason.String()
	return why, rests
}

// markable tells whether a mark may be sent to a node that the queue does not show
// marked: a first one, or again after the queue had time to show the last.
func (b *board) markable(n *nodeState) bool { return !b.state.At.Before(n.memory.Drain.markAgain()) }

// sendMark plans to mark a node for drain.
func (b *board) sendMark(n *nodeState, reason Reason) {
	b.plan.Drain = append(b.plan.Drain, Drained{Node: *n.node, Reason: reason, Before: b.sentBefore(n)})
}

// marked tells whether there is a mark of ours to withdraw. One that was sent and that
// the queue does not show may be there all the same, and then the queue gives the node
// no work, though it looks as free as any.
func (b *board) marked(n *nodeState) bool {
	hidden := b.state.CanDrain && n.vouched && n.use.Drain == NotDraining && n.memory.Drain.Marks > 0
	return hidden || n.use.Drain == DrainOurs
}

// sentBefore is how often the mark of the present drain was sent.
func (b *board) sentBefore(n *nodeState) int {
	if n.memory.Drain.Since.IsZero() {
		return 0
	}
	return n.memory.Drain.Marks
}

// draining is why a node stays whose mark the queue does not show, or not yet. sends:
// this plan marks it.
func (b *board) draining(n *nodeState, sends bool) Reason {
	d := n.memory.Drain
	if sends {
		d = d.sent(b.state.At)
	}
	if !d.Unseen() {
		return Reason{Code: ReasonDraining}
	}
	return Reason{Code: ReasonDrainUnseen, Have: int64(d.Marks), For: b.state.At.Sub(d.Since), Of: d.markAgain().Sub(b.state.At)}
}

// rememberMarks notes which nodes a plan marks, and of which it withdraws the mark.
func rememberMarks(nodes map[NodeID]NodeMemory, p *Plan) {
	for i := range p.Undrain {
		id := p.Undrain[i].Node.ID
		if node, known := nodes[id]; known {
			node.Drain.Marks = 0
			nodes[id] = node
		}
	}
	for i := range p.Drain {
		id := p.Drain[i].Node.ID
		if node, known := nodes[id]; known {
			node.Drain = node.Drain.sent(p.At)
			nodes[id] = node
		}
	}
}
