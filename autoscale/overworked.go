package autoscale

import (
	"slices"
	"time"
)

// A node that works is left alone, whatever happens, but for one thing: a pool may say
// for how long a node of it can run something without a break. What runs for longer is
// taken to hang, and the node goes with it.

// overlong tells whether a node in use has been so for longer than it may be.
func (p *PoolPolicy) overlong(m *NodeMemory, at time.Time) bool {
	return p != nil && p.MaxBusy > 0 && !m.BusySince.IsZero() && at.Sub(m.BusySince) > p.MaxBusy
}

// isOverworked tells whether a node goes although it works. One that is protected,
// foreign, kept alive, drained by an administrator, or of a paused pool never does.
func (b *board) isOverworked(n *nodeState) bool {
	switch {
	case n.pool < 0, !b.timed(), !n.use.Busy(), !b.poolPolicy(n.pool).overlong(&n.memory, b.state.At):
		return false
	case n.node.Protected != "", n.node.KeepAlive, n.use.Drain == DrainForeign, !b.ours(n):
		return false
	}
	return b.pauseOf(b.pools[n.pool].policy).Code == ""
}

// busyVerdict judges a node that works.
func (b *board) busyVerdict(n *nodeState) (reason Reason, goes bool) {
	switch {
	case !n.overworked && n.memory.Unjoined:
		return Reason{Code: ReasonSilent, Subject: b.jobOn(n), For: b.state.At.Sub(n.memory.silentSince()), Of: b.poolPolicy(n.pool).JoinTimeout}, false
	case !n.overworked:
		return Reason{Code: ReasonBusy, Subject: b.jobOn(n)}, false
	}
	return Reason{Code: ReasonMaxBusy, Subject: b.jobOn(n), For: b.state.At.Sub(n.memory.BusySince), Of: b.poolPolicy(n.pool).MaxBusy}, true
}

// used folds in what the queue shows of a node; known: it vouches for it. A break that
// nobody could see is none. A removal in vain is forgotten once the node runs something,
// unless it goes for that.
func (m *NodeMemory) used(use HostUse, known bool, at time.Time, p *PoolPolicy) {
	switch {
	case !known:
		return
	case !use.Busy():
		m.BusySince = time.Time{}
		return
	case m.BusySince.IsZero():
		m.BusySince = at
	}
	if !p.overlong(m, at) {
		m.Vain = m.Vain.over()
	}
}

// sameWork tells whether a node that ran something still runs some of it, as far as the
// queue says what that is.
func sameWork(before, now HostUse) bool {
	if !before.Busy() || !now.Busy() {
		return false
	}
	if len(before.Jobs) == 0 || len(now.Jobs) == 0 {
		return len(before.Jobs) == len(now.Jobs)
	}
	return slices.ContainsFunc(now.Jobs, func(j JobID) bool { return slices.Contains(before.Jobs, j) })
}
